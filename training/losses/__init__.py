"""Losses, one file each (colorcli.registry.LOSSES)."""
