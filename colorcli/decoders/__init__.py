"""Decoders turn a distribution over ab bins into ab, one file each (colorcli.registry.DECODERS)."""
