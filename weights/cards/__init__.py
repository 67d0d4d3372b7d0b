"""Model cards, one TOML file per model."""
