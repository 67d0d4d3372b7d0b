"""How often each ab bin occurs: measured on the pictures of a run, or taken from where it was measured before.

The ImageNet prior of Zhang et al. 2016 is not among what colorcli ships: what is published of it in numbers fit to
print (its six heaviest bins, entropy and extremes) does not determine the other 307 bins. Who has the authors'
``prior_probs.npy`` can name it. The stored prior of the model ``default`` is that of the photographs it was trained on.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from colorcli.color import bins
from colorcli.color.prior import histogram, smooth
from colorcli.errors import UsageError
from colorcli.training.batches import to_lab
from colorcli.training.data import Pictures
from colorcli.weights.load import state_of
from colorcli.weights.resolve import resolve


def measure_prior(pictures: Pictures, *, most: int = 20_000, seed: int = 0) -> Tensor:
    """Return how often each ab bin occurs at 1/4 of the resolution, smoothed: ``(Q,)``, summing to 1.

    At most ``most`` pictures, drawn with ``seed``, each with the same say.
    """
    order = np.random.default_rng((seed, 3)).permutation(len(pictures))[:most]
    total = torch.zeros(bins.Q)
    for index in order:
        small = cv2.resize(pictures[index], None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
        _, ab = to_lab(torch.from_numpy(small).movedim(-1, 0)[None])
        total += histogram(ab)
    return smooth(total / total.sum())


def choose(source: str, pictures: Pictures, *, seed: int = 0) -> Tensor:
    """Return the prior a recipe asks for, ``(Q,)`` float32, summing to 1.

    Args:
        source: ``data.prior``: "" measures it on ``pictures``; else a ``.npy`` file of 313 numbers in the order of
            Zhang's ``pts_in_hull`` (as published, not yet smoothed), or a model whose network has a prior, which is
            smoothed already.
        pictures: to train on.
        seed: of the draw of pictures.

    Raises:
        UsageError: the file or model cannot be read, or is no prior.
        WeightsError: the model's weights cannot be read.
    """
    if not source:
        return measure_prior(pictures, seed=seed)
    if source.endswith(".npy"):
        try:
            values = np.load(Path(source), allow_pickle=False)
        except (OSError, ValueError) as error:
            raise UsageError(f"data.prior: {source}: cannot be read: {error}") from error
        if values.dtype.kind not in "fiu" or not _sound(torch.from_numpy(np.float64(values))):
            raise UsageError(f"data.prior: {source}: not a prior", hint=f"{bins.Q} numbers, none below 0")
        prior = torch.from_numpy(values.astype(np.float64)).float()
        return smooth(prior / prior.sum())
    found = state_of(resolve(source)).get("prior")
    if found is None or not _sound(found):
        raise UsageError(f"data.prior: the model {source!r} has no prior", hint="'default' has one")
    return found.float() / found.float().sum()


def _sound(prior: Tensor) -> bool:
    return prior.shape == (bins.Q,) and bool(prior.isfinite().all() and (prior >= 0).all() and prior.sum() > 0)
