"""Metrics: update / compute / reset, one file each."""
