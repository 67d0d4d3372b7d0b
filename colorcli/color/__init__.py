"""Colour science on tensors: no files, no networks."""
