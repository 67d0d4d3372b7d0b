"""Each of the five failures, made on a constructed picture, moves its own number and no other."""

import math

import pytest
import torch
import torch.nn.functional as F

from colorcli.color import lab
from colorcli.metrics._batch import Batch
from colorcli.registry import METRICS

SIDE, TILE = 360, 60
#: What counts as moved, in each metric's unit; and what still counts as not moved.
MOVED = {"bias": 0.8, "deficiency": 0.3, "inconsistency": 4.0, "edge-pollution": 8.0, "bleeding": 0.3, "leaking": 0.3}
STILL = {name: least / 4 for name, least in MOVED.items()}
FAILURES = {
    "none": set(),
    "lightness": set(),
    "bias": {"bias"},
    "deficiency": {"deficiency"},
    "inconsistency": {"inconsistency"},
    "edge pollution": {"edge-pollution"},
    "moved colours": {"bleeding", "leaking"},
    "blurred colours": {"bleeding", "leaking"},
}


def tiles():
    """Which of the 6 x 6 tiles each pixel lies in: (row, column)."""
    axis = torch.arange(SIDE) // TILE
    return axis[:, None].expand(SIDE, SIDE), axis[None, :].expand(SIDE, SIDE)


def truth():
    """Tiles of two lightnesses and two common hues, yellow and cyan; two of the inner tiles are red."""
    rows, columns = tiles()
    odd = (rows + columns) % 2
    L = torch.where(odd == 1, 45.0, 65.0)
    degrees = torch.where(odd == 1, 105.0, 195.0)
    degrees = degrees.masked_fill((rows == 2) & (columns == 1) | (rows == 3) & (columns == 4), 345.0)
    return L, degrees, torch.full((SIDE, SIDE), 20.0)


def picture(L, degrees, chroma):
    angle = torch.deg2rad(degrees)
    planes = torch.stack((L, chroma * angle.cos(), chroma * angle.sin()))
    return planes[None]


def with_failure(name):
    L, degrees, chroma = truth()
    if name == "bias":  # the rare red becomes one of the common hues
        degrees = torch.where(degrees == 345, 105.0, degrees)
    elif name == "deficiency":
        chroma = chroma / 2
    elif name == "inconsistency":  # blotches of more and less chroma, the mean kept
        wave = torch.sin(torch.arange(SIDE) * (2 * math.pi / 16))
        chroma = chroma * (1 + 0.7 * wave[:, None] * wave[None, :])
    elif name == "edge pollution":  # the border's hues change places
        k = SIDE // 20
        band = torch.ones(SIDE, SIDE, dtype=torch.bool)
        band[k:-k, k:-k] = False
        degrees = torch.where(band, 300 - degrees, degrees)
    planes = picture(L, degrees, chroma)
    if name == "lightness":
        planes[:, :1] += 5
    if name == "moved colours":
        planes[:, 1:] = F.pad(planes[:, 1:, :-4, :-4], (4, 0, 4, 0), mode="replicate")
    if name == "blurred colours":
        kernel = torch.ones(2, 1, 1, 9) / 9
        padded = F.pad(planes[:, 1:], (4, 4, 4, 4), mode="replicate")
        planes[:, 1:] = F.conv2d(F.conv2d(padded, kernel, groups=2), kernel.transpose(2, 3), groups=2)
    return planes


def measured(metric_name, result, reference):
    metric = METRICS.load(metric_name).METRIC()
    metric.update(Batch.of(lab.lab_to_rgb(result), lab.lab_to_rgb(reference)))
    return metric.compute()


@pytest.mark.parametrize("metric_name", sorted(MOVED))
@pytest.mark.parametrize("failure", FAILURES)
def test_each_number_moves_when_and_only_when_its_failure_is_there(failure, metric_name):
    score = measured(metric_name, with_failure(failure), picture(*truth()))
    if metric_name in FAILURES[failure]:
        assert score >= MOVED[metric_name]
    else:
        assert score <= STILL[metric_name]


def test_deficiency_is_the_missing_share():
    assert measured("deficiency", with_failure("deficiency"), picture(*truth())) == pytest.approx(0.5, abs=0.01)


def test_all_rare_colours_lost_is_the_whole_bias():
    assert measured("bias", with_failure("bias"), picture(*truth())) == pytest.approx(1, abs=0.01)


def test_edge_pollution_is_the_difference_of_two_errors():
    # The two common hues lie 90 degrees apart at a chroma of 20; the rare one is not at the border.
    expected = 2 * 20 * math.sin(math.radians(45))
    assert measured("edge-pollution", with_failure("edge pollution"), picture(*truth())) == pytest.approx(
        expected, rel=0.02
    )


def test_a_gray_answer():
    L, degrees, chroma = truth()
    gray = picture(L, degrees, 0 * chroma)
    scores = {name: measured(name, gray, picture(L, degrees, chroma)) for name in MOVED}
    assert scores["deficiency"] == pytest.approx(1, abs=0.01)
    assert scores["bias"] == pytest.approx(1)
    assert scores["inconsistency"] == pytest.approx(0, abs=0.01)


def test_a_gray_truth_has_no_bias_and_no_deficiency():
    L, degrees, chroma = truth()
    gray = picture(L, degrees, 0 * chroma)
    for name in ("bias", "deficiency", "bleeding", "leaking"):
        assert math.isnan(measured(name, picture(L, degrees, chroma), gray))
