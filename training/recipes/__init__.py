"""Recipes: one TOML file per experiment."""
