"""Model cards and the weights they name. Installed as colorcli.weights."""
