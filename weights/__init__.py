"""Model cards and the weights they name. Installed as colorcli.weights.

``resolve`` finds a model without importing torch, ``load`` builds its network, ``save`` writes one.
"""
