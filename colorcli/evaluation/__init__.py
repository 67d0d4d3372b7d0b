"""Measuring colorizers: from folders of results, or from models and photos, to scores that state their protocol."""
