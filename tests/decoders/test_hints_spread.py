"""How hints spread over a picture, and how they enter a distribution."""

from __future__ import annotations

import pytest
import torch

from colorcli.color import bins
from colorcli.decoders import _hints, mean, mrf
from colorcli.decoders._options import DecodeOptions


def two_halves() -> torch.Tensor:
    """L of a picture whose left half is dark and whose right half is light, ``(20, 30)``."""
    L = torch.full((20, 30), 30.0)
    L[:, 15:] = 70.0
    return L


def hints_at(*places: tuple[int, int, float, float]) -> torch.Tensor:
    grid = torch.zeros(3, 20, 30)
    for y, x, a, b in places:
        grid[:, y, x] = torch.tensor([a, b, 1.0])
    return grid


def test_a_hint_fills_its_region_and_stops_at_the_edge() -> None:
    share, ab = _hints.spread(hints_at((10, 4, 50.0, -20.0)), two_halves())
    assert share[10, 4] == pytest.approx(_hints.CERTAIN)
    assert share[:, :15].min() > 0.1
    assert share[:, 15:].max() < 1e-4
    assert torch.equal(ab[:, 3, 3], torch.tensor([50.0, -20.0]))


def test_cost_is_that_of_the_cheapest_path() -> None:
    """On an even picture: octile distance."""
    share, _ = _hints.spread(hints_at((2, 3, 1.0, 1.0)), torch.full((20, 30), 50.0))
    y, x = torch.meshgrid(torch.arange(20) - 2, torch.arange(30) - 3, indexing="ij")
    y, x = y.abs(), x.abs()
    straight = torch.maximum(y, x) + (2**0.5 - 1) * torch.minimum(y, x)
    expected = _hints.CERTAIN * torch.exp(-straight * _hints.ACROSS / 30)
    torch.testing.assert_close(share, expected, rtol=1e-2, atol=1e-4)


def test_each_cell_has_the_nearest_hint() -> None:
    _, ab = _hints.spread(hints_at((10, 2, 50.0, 0.0), (10, 27, -50.0, 0.0)), torch.full((20, 30), 50.0))
    assert (ab[0, :, :14] == 50).all()
    assert (ab[0, :, 16:] == -50).all()


def test_no_hints_leave_the_distribution_as_it_is() -> None:
    logits = torch.randn(1, bins.Q, 20, 30)
    found = _hints.mixed(logits, torch.zeros(3, 20, 30), two_halves()[None, None])
    torch.testing.assert_close(found, logits.log_softmax(1))


@pytest.mark.parametrize("decode", [mean.decode, mrf.decode])
def test_decoders_follow(decode) -> None:  # type: ignore[no-untyped-def]
    # Much the same everywhere: of fields on mere noise each part may settle in one way or another.
    logits = torch.randn(1, bins.Q, 1, 1) + 0.1 * torch.randn(1, bins.Q, 20, 30)
    L = two_halves()[None, None]
    options = DecodeOptions(temperature=1.0)
    hinted = DecodeOptions(temperature=1.0, hints=hints_at((10, 4, 50.0, -20.0)))
    with_hints, without = decode(logits, L, hinted)[0], decode(logits, L, options)[0]
    assert (with_hints[:, 10, 4] - torch.tensor([50.0, -20.0])).norm() < 6
    before, after = (
        (x[:, 8:13, 2:7] - torch.tensor([50.0, -20.0])[:, None, None]).norm(dim=0).mean() for x in (without, with_hints)
    )
    assert after < before / 2
    torch.testing.assert_close(with_hints[:, :, 18:], without[:, :, 18:], rtol=0, atol=6)


def test_hints_belong_to_one_picture() -> None:
    with pytest.raises(ValueError, match="one picture"):
        mean.decode(torch.zeros(2, bins.Q, 4, 4), torch.zeros(2, 1, 4, 4), DecodeOptions(hints=torch.zeros(3, 4, 4)))
