"""A Markov random field over the pixels: neighbours of like lightness agree on a colour (after L. Melas-Kyriazi).

The distribution of each pixel is its unary term, pairs of neighbours gain by agreeing, and mean field
(:mod:`colorcli.decoders._fields`) finds what all of them settle on. Two forms:

``form="joint"`` (default) is one field over the ab bins. A pair of neighbours gains by the closeness of its two
colours, a parabola of their distance that is truncated where colours have nothing to do with each other; the gain
falls with the difference in lightness; the result is an expectation. Neighbours are the eight around a pixel, and
eight more at distances 3 and 9: with near ones alone, a flat region falls apart into patches that each settle on a
colour of their own (the report's splotches); with far ones it settles as a whole. The unary term is flattened, because
what the network says about neighbours is nearly the same evidence twice over, and the field sharpens it again.

``form="report"`` is the field of "Image Colorization with CNNs and Graphical Models" (L. Melas-Kyriazi's final
project report) with its own constants: two independent fields, 25 bins for a and 25 for b, unary ``10 p``, a
Potts-like pairwise term with a reward for near bins, and the mode at the end. It shows the splotches the report names.
"""

from __future__ import annotations

import torch
from torch import Tensor

from colorcli.color import bins
from colorcli.decoders._distribution import probabilities
from colorcli.decoders._fields import EIGHT, FOUR, at_distances, lattice, mean_field
from colorcli.decoders._options import DecodeOptions

# --- The joint form. Constants tuned on the validation shard (tests/bench/bench_decoders.py), at several strengths of
# rebalancing, for a high AuC at a given chroma and a low variation of chroma inside flat regions.
#: Temperature of the unary term when none is asked for.
TEMPERATURE = 1.5
#: Most bins that take part in one picture: those with the most probability anywhere in it.
CANDIDATES = 96
#: Score of two neighbours of equal lightness and equal colour.
COUPLING = 1.6
#: Distance of two colours, in Lab units, from which on a pair gains nothing.
REACH = 100.0
#: Difference in L (0..100) that weakens a connection to 61 %.
SIGMA_L = 5.0
#: Neighbours; odd distances keep checkerboard updates exact.
NEIGHBOURHOOD = at_distances(EIGHT, 1, 3, 9)
#: The field stops when no probability changes by more than this in a sweep, or after so many sweeps.
TOLERANCE = 1e-2
MAX_SWEEPS = 10
#: The expectation is taken over q at this temperature.
FINAL_TEMPERATURE = 0.8

# --- The report's form: its constants, its 25 bins, until it has converged (about 8 sweeps, it says).
REPORT_UNARY = 10.0
REPORT_SAME = 10.0
REPORT_NEAR = 3.0
REPORT_SIGMA = 1e-4  # exp(-(L_i - L_j)^2 / sigma) with L in 0..1
REPORT_LEVELS = 25  # of width 10, centred on -120, -110, ..., 120
REPORT_TOLERANCE = 1e-3
REPORT_MAX_SWEEPS = 50


def decode(logits: Tensor, L_small: Tensor, options: DecodeOptions) -> Tensor:
    """Infer the field of each picture: ``(B, 313, h, w)`` to ab ``(B, 2, h, w)``, float32, Lab units.

    Args:
        logits: ``(B, 313, h, w)``.
        L_small: ``(B, 1, h, w)``, L in 0..100.
        options: ``form``; ``temperature`` of the unary term (default 1.5, and 1 in the report's form); ``log_weights``,
            by which a colour histogram multiplies the probabilities of the 313 joint bins. In the report's form that
            product is taken before marginalising to a and b, where the report multiplies by two histograms of 25 bins
            afterwards.

    Not differentiable: the field is inferred without tracking gradients.

    Raises:
        ValueError: a shape or the temperature is wrong, or there is no such form.
    """
    if options.form not in ("joint", "report"):
        raise ValueError(f"form must be 'joint' or 'report', got {options.form!r}")
    infer, T = (_joint, TEMPERATURE) if options.form == "joint" else (_report, 1.0)
    with torch.no_grad():
        p = probabilities(logits, L_small, options, default_temperature=T)
        # Pictures are inferred one by one: each has its own candidate bins and its own number of sweeps.
        return torch.stack([infer(one, L[0]) for one, L in zip(p, L_small.float(), strict=True)])


def _joint(p: Tensor, L: Tensor) -> Tensor:
    """Return ab ``(2, h, w)`` of one picture: p ``(313, h, w)``, L ``(h, w)``."""
    candidates = candidate_bins(p, CANDIDATES)
    centers = bins.centers().to(p)[candidates]  # (K, 2)
    # Bins that all but never occur keep a floor, so that a logarithm is never minus infinity.
    unary = p.flatten(1)[candidates].T.clamp_min(1e-12).log()  # (N, K)
    compatibility = COUPLING * (1 - (torch.cdist(centers, centers) / REACH) ** 2).clamp_min(0)
    grid = lattice(L, sigma=SIGMA_L, neighbourhood=NEIGHBOURHOOD)
    q = mean_field(unary, grid, compatibility, tolerance=TOLERANCE, max_sweeps=MAX_SWEEPS).q
    sharpened = torch.softmax(q.clamp_min(1e-12).log() / FINAL_TEMPERATURE, 1)
    return (sharpened @ centers).T.reshape(2, *L.shape)


def candidate_bins(p: Tensor, count: int) -> Tensor:
    """Return the bins that matter in a picture, sorted: p ``(313, h, w)`` to int64 ``(count,)``.

    They are the bins with the highest probability anywhere in it, so that a small object keeps its colours.
    """
    return p.flatten(1).amax(1).topk(min(count, p.shape[0])).indices.sort().values


def _report(p: Tensor, L: Tensor) -> Tensor:
    """Return ab ``(2, h, w)`` of one picture: p ``(313, h, w)``, L ``(h, w)``."""
    level = torch.arange(REPORT_LEVELS, device=p.device)
    apart = (level[:, None] - level[None, :]).abs()
    compatibility = torch.where(apart == 0, REPORT_SAME, torch.where(apart <= 2, REPORT_NEAR, 0.0)).to(p)
    # w = exp(-(dL)^2 / sigma) is a Gaussian of standard deviation sqrt(sigma / 2).
    grid = lattice(L / 100, sigma=(REPORT_SIGMA / 2) ** 0.5, neighbourhood=FOUR)
    channels = []
    for marginal in marginals(p):
        unary = REPORT_UNARY * marginal.flatten(1).T
        q = mean_field(unary, grid, compatibility, tolerance=REPORT_TOLERANCE, max_sweeps=REPORT_MAX_SWEEPS).q
        channels.append(10.0 * (q.argmax(1) - REPORT_LEVELS // 2).to(p).reshape(L.shape))
    return torch.stack(channels)


def marginals(p: Tensor) -> tuple[Tensor, Tensor]:
    """Sum joint bins up to the report's: p ``(313, h, w)`` to a and b, each ``(25, h, w)``, centred -120 ... 120."""
    levels = (bins.centers() / 10).round().long().to(p.device) + REPORT_LEVELS // 2  # (313, 2)
    a, b = (p.new_zeros(REPORT_LEVELS, *p.shape[1:]).index_add_(0, level, p) for level in levels.unbind(1))
    return a, b
