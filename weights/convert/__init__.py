"""Published checkpoints to the state dicts of our networks: one file per network, ``convert(state) -> state``."""
