"""Classifiers' bodies that networks are built on, with the field's key names, so that published weights load as is.

They are parts, not models: they do not take L, have no ``INFO``, and the registry does not list them.
"""
