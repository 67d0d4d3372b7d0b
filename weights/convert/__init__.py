"""Published checkpoints to the state dicts of our networks: one file per origin, ``convert(state) -> state``.

``NETWORKS`` names the architectures that :mod:`colorcli.weights.start` may fill with them; a converter whose result
depends on the network has ``fit(state, expected)`` besides. One that makes whole models has ``detect(state)``, which
:mod:`colorcli.weights.recognize` asks: it must not refuse a file of its origin.
"""
