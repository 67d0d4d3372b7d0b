"""Upsamplers bring small ab to full size, one file each (colorcli.registry.UPSAMPLERS)."""
