"""Model cards and the weights they name. Installed as colorcli.weights.

    >>> from colorcli.weights.resolve import resolve          # cheap: no torch
    >>> model = resolve("mrf")
    >>> from colorcli.weights.load import load
    >>> network = load(model)                                  # doctest: +SKIP
"""
