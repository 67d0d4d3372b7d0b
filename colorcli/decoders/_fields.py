"""Mean-field inference on pairwise Markov random fields over the pixels of a picture.

A field gives a labelling x of N pixels the score ``sum_i unary[i, x_i] + sum_(i,j) w_ij * compatibility[x_i, x_j]``
(larger is better) and the probability ``exp(score) / Z``. Mean field approximates it by independent distributions
q_i, each in turn set to ``softmax(unary_i + sum_j w_ij * compatibility @ q_j)``, which never lowers the evidence
lower bound (M. Wainwright, M. Jordan 2008, section 5.3).

Pixels of one colour of a checkerboard (two colours for 4 neighbours, four for 8) are not neighbours of each other, so
updating them at once *is* updating them in turn: exact coordinate ascent, vectorised, and without the damping that
updates of all pixels at once would need to converge. The same holds for neighbours at any odd distance.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import embedding_bag

Offsets = tuple[tuple[int, int], ...]

#: The neighbours of a pixel, (dy, dx).
FOUR: Offsets = ((0, 1), (1, 0), (0, -1), (-1, 0))
EIGHT: Offsets = (*FOUR, (1, 1), (1, -1), (-1, -1), (-1, 1))


def at_distances(neighbourhood: Offsets, *distances: int) -> Offsets:
    """Return the neighbourhood at each of several odd distances: (0, 3) and (3, 3) belong to EIGHT at 3."""
    return tuple((dy * distance, dx * distance) for distance in distances for dy, dx in neighbourhood)


@dataclass(frozen=True)
class Lattice:
    """The pixels of one picture, sorted by checkerboard colour, and the weights of their connections.

    Attributes:
        order: ``(N,)`` int64, the flat index of each pixel of the sorted list; colour by colour.
        bounds: first position of each colour in the sorted list, and N at the end.
        neighbours: ``(N, D)`` int64, positions in the sorted list; meaningless where the weight is 0.
        weights: ``(N, D)`` float32, w_ij; 0 for a neighbour beyond the border.
    """

    order: Tensor
    bounds: tuple[int, ...]
    neighbours: Tensor
    weights: Tensor


def lattice(L: Tensor, *, sigma: float, neighbourhood: Offsets) -> Lattice:
    """Connect neighbouring pixels, the weaker the more their lightness differs.

    Args:
        L: ``(h, w)``, lightness.
        sigma: in the unit of L; ``w_ij = exp(-(L_i - L_j)^2 / (2 sigma^2))``, divided by the distance of the two
            pixels (1, or 1.41 across a corner).
        neighbourhood: offsets of the neighbours; with each its opposite.

    Raises:
        ValueError: an offset is even, so that a checkerboard does not separate neighbours.
    """
    if any(step and step % 2 == 0 for offset in neighbourhood for step in offset):
        raise ValueError(f"offsets must be 0 or odd, got {neighbourhood}")
    h, w = L.shape
    y = torch.arange(h, device=L.device)[:, None]
    x = torch.arange(w, device=L.device)[None, :]
    diagonal = any(dy and dx for dy, dx in neighbourhood)
    colour = y % 2 * 2 + x % 2 if diagonal else (y + x) % 2
    order = colour.flatten().argsort(stable=True)
    position = torch.empty_like(order)
    position[order] = torch.arange(h * w, device=L.device)

    neighbours, weights = [], []
    for dy, dx in neighbourhood:
        inside = (y + dy >= 0) & (y + dy < h) & (x + dx >= 0) & (x + dx < w)
        flat = ((y + dy).clamp(0, h - 1) * w + (x + dx).clamp(0, w - 1)).flatten()
        difference = L.flatten()[flat] - L.flatten()
        weight = torch.exp(-(difference**2) / (2 * sigma**2)) / (dy**2 + dx**2) ** 0.5
        neighbours.append(position[flat])
        weights.append(weight * inside.flatten())
    counts = torch.bincount(colour.flatten(), minlength=1).tolist()
    bounds = tuple(sum(counts[:i]) for i in range(len(counts) + 1))
    return Lattice(order, bounds, torch.stack(neighbours, 1)[order], torch.stack(weights, 1)[order])


class Inference(NamedTuple):
    """What :func:`mean_field` found.

    Attributes:
        q: ``(N, K)``, the approximate marginals, rows summing to 1, pixels in the order of the picture.
        sweeps: how many times every pixel was updated.
        change: the largest change of a q in the last sweep.
    """

    q: Tensor
    sweeps: int
    change: float


def mean_field(
    unary: Tensor, lattice: Lattice, compatibility: Tensor, *, tolerance: float, max_sweeps: int
) -> Inference:
    """Infer the marginals by coordinate ascent from a uniform start.

    Args:
        unary: ``(N, K)`` log-potentials, pixels in the order of the picture, any offset per pixel.
        lattice: who is whose neighbour, how strongly.
        compatibility: ``(K, K)``, symmetric.
        tolerance: stop when no q changed by more than this in a whole sweep.
        max_sweeps: stop after this many sweeps anyway.

    Gradients are not tracked: q is updated in place.
    """
    with torch.no_grad():
        unary = unary[lattice.order]
        q = torch.full_like(unary, 1 / unary.shape[1])
        messages = q @ compatibility  # kept up to date, so that a sweep multiplies every row once
        change, sweeps = float("inf"), 0
        while sweeps < max_sweeps and change > tolerance:
            sweeps += 1
            changes = []
            for first, last in zip(lattice.bounds, lattice.bounds[1:], strict=False):
                if first == last:  # a picture one pixel high or wide lacks some colours
                    continue
                mine = slice(first, last)
                # The weighted sum of the neighbours' messages in one pass over memory.
                field = embedding_bag(
                    lattice.neighbours[mine], messages, per_sample_weights=lattice.weights[mine], mode="sum"
                )
                updated = torch.softmax(field.add_(unary[mine]), 1)
                changes.append(torch.dist(updated, q[mine], p=float("inf")))
                q[mine] = updated
                messages[mine] = updated @ compatibility
            change = torch.stack(changes).max().item()
        found = torch.empty_like(q)
        found[lattice.order] = q
    return Inference(found, sweeps, change)
