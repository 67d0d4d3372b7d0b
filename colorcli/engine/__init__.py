"""Runs networks on pictures: one batch, or folders of them."""
