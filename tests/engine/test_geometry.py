from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from colorcli.engine.geometry import MAX_ASPECT, fit, pad
from colorcli.models._info import NetworkInfo

INFO = NetworkInfo(output="logits", stride=4, multiple_of=32, minimum=32)
side = st.integers(1, 30000)


@given(height=side, width=side, size=st.integers(16, 1024))
@settings(max_examples=200, deadline=None)
def test_any_picture_fits(height: int, width: int, size: int) -> None:
    found = fit((height, width), size, INFO)
    assert all(inner % 4 == 0 and inner >= 4 for inner in found.inner)
    assert all(padded % 32 == 0 and padded >= 32 for padded in found.padded)
    assert all(0 <= padded - inner < 32 for inner, padded in zip(found.inner, found.padded, strict=True))
    # Bounded cost whatever the aspect ratio: rounding adds at most half a stride, padding less than 32.
    bound = (size / MAX_ASPECT**0.5 + 34) * (size * MAX_ASPECT**0.5 + 34)
    assert found.padded[0] * found.padded[1] <= max(bound, (size + 34) ** 2)


@pytest.mark.parametrize(
    ("full", "inner", "padded"),
    [
        ((256, 256), (256, 256), (256, 256)),
        ((1, 1), (256, 256), (256, 256)),
        ((3000, 4000), (220, 296), (224, 320)),
        ((4000, 3000), (296, 220), (320, 224)),
        ((1, 5000), (92, 724), (96, 736)),
        ((20000, 3), (724, 92), (736, 96)),
    ],
)
def test_known_sizes(full: tuple[int, int], inner: tuple[int, int], padded: tuple[int, int]) -> None:
    found = fit(full, 256, INFO)
    assert (found.inner, found.padded) == (inner, padded)


def test_minimum_is_reached_through_padding() -> None:
    info = NetworkInfo(output="ab", stride=1, multiple_of=16, minimum=100)
    assert fit((20, 20), 20, info).padded == (112, 112)


def test_no_picture_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        fit((0, 5), 256, INFO)


def test_padding_mirrors_as_often_as_it_takes() -> None:
    row = torch.tensor([[1.0, 2.0, 3.0]])
    assert pad(row, (2, 8)).tolist() == [[1, 2, 3, 3, 2, 1, 1, 2]] * 2
    assert torch.equal(pad(row, (1, 3)), row)
