"""From a network's logits to the distribution a decoder works on: what all decoders do first."""

from __future__ import annotations

import torch
from torch import Tensor

from colorcli.color import bins
from colorcli.decoders import _hints
from colorcli.decoders._options import DecodeOptions

# Far beyond any real logit, yet small enough that dividing by a temperature of 1e-6 and subtracting stay finite in
# fp32. Impossible bins (minus infinity: a palette that lacks a colour) become merely unthinkable, so that a pixel all
# of whose bins are impossible falls back to the uniform distribution instead of NaN.
_LIMIT = 1e30


def scores(logits: Tensor, L_small: Tensor, options: DecodeOptions) -> Tensor:
    """Check the inputs of a decoder, add the log weights, and mix in the hints.

    Args:
        logits: ``(B, 313, h, w)``; minus infinity is allowed, NaN passes through.
        L_small: ``(B, 1, h, w)``, L in 0..100, at the resolution of the logits.
        options: ``log_weights`` are added to the logits of every pixel; ``hints`` are for one picture, B = 1.

    Returns:
        Finite float32 logits ``(B, 313, h, w)``, not normalised.

    Raises:
        ValueError: a shape is not as stated.
    """
    if logits.ndim != 4 or logits.shape[1] != bins.Q:
        raise ValueError(f"logits must be (B, {bins.Q}, h, w), got {tuple(logits.shape)}")
    if L_small.shape != (logits.shape[0], 1, *logits.shape[2:]):
        raise ValueError(f"L_small must be (B, 1, h, w) like logits {tuple(logits.shape)}, got {tuple(L_small.shape)}")
    logits = logits.float()
    weights = options.log_weights
    if weights is not None:
        if weights.shape != (bins.Q,):
            raise ValueError(f"log_weights must be ({bins.Q},), got {tuple(weights.shape)}")
        logits = logits + weights.to(logits)[:, None, None]
    logits = logits.clamp(-_LIMIT, _LIMIT)
    return logits if options.hints is None else _hints.mixed(logits, options.hints, L_small)


def temperature(options: DecodeOptions, default: float) -> float:
    """Return the temperature asked for, or ``default``.

    Raises:
        ValueError: it is not a finite number above 0.
    """
    value = default if options.temperature is None else options.temperature
    if not 1e-6 <= value < float("inf"):
        raise ValueError(f"temperature must be above 0, got {value}")
    return value


def probabilities(logits: Tensor, L_small: Tensor, options: DecodeOptions, *, default_temperature: float) -> Tensor:
    """Return the distribution over bins, weighted and at a temperature: float32 ``(B, 313, h, w)``, sum 1 over bins.

    Raises:
        ValueError: a shape or the temperature is not as stated in :func:`scores` and :func:`temperature`.
    """
    T = temperature(options, default_temperature)
    weighted = scores(logits, L_small, options)
    return torch.softmax(weighted if T == 1.0 else weighted / T, 1)
