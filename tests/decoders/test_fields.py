"""Mean field: against slow loops, brute-force enumeration, and what theory promises."""

import itertools

import pytest
import torch

from colorcli.decoders._fields import EIGHT, FOUR, at_distances, lattice, mean_field

FAR = at_distances(EIGHT, 1, 3)
every = pytest.mark.parametrize("neighbourhood", [FOUR, EIGHT, FAR], ids=["four", "eight", "far"])


def problem(h, w, K, *, seed=0, strength=1.0):
    """Random lightness, unary terms and a symmetric compatibility."""
    generator = torch.Generator().manual_seed(seed)
    L = torch.rand(h, w, generator=generator) * 100
    unary = torch.randn(h * w, K, generator=generator)
    half = torch.randn(K, K, generator=generator)
    return L, unary, strength * (half + half.T) / 2


def edges(L, sigma, neighbourhood):
    """The pairs (i, j, w_ij), each once, by plain loops."""
    h, w = L.shape
    found = {}
    for y, x in itertools.product(range(h), range(w)):
        for dy, dx in neighbourhood:
            if 0 <= y + dy < h and 0 <= x + dx < w:
                i, j = y * w + x, (y + dy) * w + x + dx
                weight = torch.exp(-((L[y, x] - L[y + dy, x + dx]) ** 2) / (2 * sigma**2)) / (dy**2 + dx**2) ** 0.5
                found[min(i, j), max(i, j)] = float(weight)
    return [(i, j, weight) for (i, j), weight in found.items()]


def sweep_by_loops(q, unary, pairs, compatibility, colours):
    """One sweep of coordinate ascent, pixel by pixel, colour by colour."""
    q = q.clone()
    for colour in range(max(colours) + 1):
        for i in (i for i, c in enumerate(colours) if c == colour):
            field = unary[i].clone()
            for j, k, weight in pairs:
                if i in (j, k):
                    field += weight * compatibility @ q[k if i == j else j]
            q[i] = torch.softmax(field, 0)
    return q


def colouring(h, w, neighbourhood):
    four = neighbourhood is FOUR
    return [(y + x) % 2 if four else y % 2 * 2 + x % 2 for y in range(h) for x in range(w)]


def elbo(q, unary, pairs, compatibility):
    """The evidence lower bound, in double precision."""
    q, unary, compatibility = q.double(), unary.double(), compatibility.double()
    entropy = -torch.special.xlogy(q, q).sum()
    return (q * unary).sum() + entropy + sum(weight * q[i] @ compatibility @ q[j] for i, j, weight in pairs)


def exact_marginals(unary, pairs, compatibility):
    """Marginals and log Z by enumerating every labelling."""
    N, K = unary.shape
    labels = torch.tensor(list(itertools.product(range(K), repeat=N)))
    score = unary[torch.arange(N), labels].sum(1)
    for i, j, weight in pairs:
        score = score + weight * compatibility[labels[:, i], labels[:, j]]
    p = torch.softmax(score, 0)
    marginals = torch.stack([torch.stack([p[labels[:, i] == k].sum() for k in range(K)]) for i in range(N)])
    return marginals, score.logsumexp(0)


@every
@pytest.mark.parametrize("size", [(1, 1), (1, 4), (3, 1), (2, 2), (4, 5)])
def test_the_lattice_is_the_grid_of_plain_loops(size, neighbourhood):
    L, _, _ = problem(*size, 2)
    grid = lattice(L, sigma=30.0, neighbourhood=neighbourhood)
    found = {}
    for position, pixel in enumerate(grid.order.tolist()):
        for other, weight in zip(grid.neighbours[position], grid.weights[position], strict=True):
            if weight > 0:
                found[pixel, int(grid.order[other])] = float(weight)
    wanted = {}
    for i, j, weight in edges(L, 30.0, neighbourhood):
        wanted[i, j] = wanted[j, i] = weight
    assert found == pytest.approx(wanted, abs=1e-6)


@every
def test_pixels_updated_together_are_not_neighbours(neighbourhood):
    grid = lattice(torch.zeros(5, 6), sigma=1.0, neighbourhood=neighbourhood)
    colour = torch.bucketize(torch.arange(30), torch.tensor(grid.bounds[1:]), right=True)
    assert (colour[:, None] != colour[grid.neighbours])[grid.weights > 0].all()


@every
@pytest.mark.parametrize("sweeps", [1, 3])
@pytest.mark.parametrize("size", [(4, 5), (1, 6), (2, 1)])
def test_a_sweep_is_coordinate_ascent_by_loops(size, sweeps, neighbourhood):
    L, unary, compatibility = problem(*size, 4)
    grid = lattice(L, sigma=30.0, neighbourhood=neighbourhood)
    q = torch.full_like(unary, 1 / 4)
    for _ in range(sweeps):
        q = sweep_by_loops(q, unary, edges(L, 30.0, neighbourhood), compatibility, colouring(*size, neighbourhood))
    found = mean_field(unary, grid, compatibility, tolerance=0.0, max_sweeps=sweeps)
    assert found.sweeps == sweeps
    torch.testing.assert_close(found.q, q, atol=1e-5, rtol=0)


@every
@pytest.mark.parametrize("strength", [0.3, 2.0, 10.0])
def test_the_evidence_lower_bound_never_falls(strength, neighbourhood):
    L, unary, compatibility = problem(6, 7, 5, strength=strength)
    grid = lattice(L, sigma=30.0, neighbourhood=neighbourhood)
    pairs = edges(L, 30.0, neighbourhood)
    bounds = [elbo(torch.full_like(unary, 1 / 5), unary, pairs, compatibility)]
    bounds += [
        elbo(mean_field(unary, grid, compatibility, tolerance=0.0, max_sweeps=n).q, unary, pairs, compatibility)
        for n in range(1, 15)
    ]
    rises = torch.stack(bounds).diff()
    assert rises.min() > -1e-3
    assert rises[0] > 0


@every
@pytest.mark.parametrize("size", [(2, 2), (2, 3)])
def test_weak_coupling_gives_the_exact_marginals(size, neighbourhood):
    L, unary, compatibility = problem(*size, 3, strength=0.1)
    pairs = edges(L, 60.0, neighbourhood)
    exact, _ = exact_marginals(unary, pairs, compatibility)
    grid = lattice(L, sigma=60.0, neighbourhood=neighbourhood)
    q = mean_field(unary, grid, compatibility, tolerance=1e-6, max_sweeps=100).q
    torch.testing.assert_close(q, exact, atol=5e-3, rtol=0)
    # It is the coupling that is found, not just the unary term.
    assert (q - exact).abs().max() < 0.3 * (torch.softmax(unary, 1) - exact).abs().max()


@pytest.mark.parametrize("strength", [0.1, 1.0, 3.0])
def test_the_bound_is_below_the_exact_evidence(strength):
    L, unary, compatibility = problem(2, 3, 4, strength=strength)
    pairs = edges(L, 60.0, FOUR)
    _, log_z = exact_marginals(unary, pairs, compatibility)
    grid = lattice(L, sigma=60.0, neighbourhood=FOUR)
    q = mean_field(unary, grid, compatibility, tolerance=1e-6, max_sweeps=200).q
    assert elbo(q, unary, pairs, compatibility) <= log_z + 1e-4


@every
def test_it_stops_at_a_fixed_point(neighbourhood):
    L, unary, compatibility = problem(5, 5, 4)
    grid = lattice(L, sigma=30.0, neighbourhood=neighbourhood)
    found = mean_field(unary, grid, compatibility, tolerance=1e-5, max_sweeps=500)
    assert found.change <= 1e-5
    assert found.sweeps < 500
    again = sweep_by_loops(found.q, unary, edges(L, 30.0, neighbourhood), compatibility, colouring(5, 5, neighbourhood))
    torch.testing.assert_close(again, found.q, atol=1e-4, rtol=0)


def test_even_offsets_are_refused():
    with pytest.raises(ValueError, match="odd"):
        lattice(torch.zeros(4, 4), sigma=1.0, neighbourhood=at_distances(FOUR, 2))


def test_without_coupling_one_sweep_gives_the_unary_distribution():
    L, unary, compatibility = problem(3, 4, 5)
    found = mean_field(
        unary, lattice(L, sigma=30.0, neighbourhood=FOUR), 0 * compatibility, tolerance=1e-4, max_sweeps=50
    )
    torch.testing.assert_close(found.q, torch.softmax(unary, 1))
    assert found.sweeps == 2  # the second one only notices that nothing changes


def test_a_constant_added_to_a_pixel_changes_nothing():
    L, unary, compatibility = problem(3, 4, 5)
    grid = lattice(L, sigma=30.0, neighbourhood=FOUR)
    plain, shifted = (
        mean_field(u, grid, compatibility, tolerance=1e-4, max_sweeps=50).q
        for u in (unary, unary + torch.arange(12)[:, None])
    )
    torch.testing.assert_close(plain, shifted, atol=1e-4, rtol=0)
