"""Training: from a folder of pictures to a model that colorizes. Installed as colorcli.training."""
