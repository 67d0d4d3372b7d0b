"""Networks: one file per architecture, found by its name (colorcli.registry.NETWORKS)."""
