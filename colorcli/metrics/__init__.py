"""Metrics: update / compute / reset / merge, one file each."""
