"""The Markov random field decoder in its two forms."""

import math

import pytest
import torch

from colorcli.color import bins
from colorcli.decoders import annealed, mode, mrf
from colorcli.decoders._options import DecodeOptions

REPORT = DecodeOptions(form="report")
JOINT = DecodeOptions()
forms = pytest.mark.parametrize("options", [JOINT, REPORT], ids=["joint", "report"])


def index(a, b):
    return int(bins.nearest(torch.tensor([float(a), float(b)]).view(1, 2, 1, 1)))


def logits_of(rows):
    """Logits (1, 313, 1, w) of one row of pixels, each given as {(a, b): p}; the rest is impossible."""
    logits = torch.full((1, bins.Q, 1, len(rows)), -torch.inf)
    for x, pixel in enumerate(rows):
        for (a, b), p in pixel.items():
            logits[0, index(a, b), 0, x] = math.log(p)
    return logits


def hill(a, b, *, width=15.0, height=0.0):
    """Log-potentials (313, 1, 1) of a broad distribution around one colour."""
    distance = (bins.centers() - torch.tensor([float(a), float(b)])).square().sum(1)
    return (height - distance / (2 * width**2))[:, None, None]


def test_marginals_sum_the_joint_mass():
    p = torch.zeros(bins.Q, 1, 1)
    p[index(20, -30)], p[index(20, 40)], p[index(-90, 50)] = 0.5, 0.3, 0.2
    a, b = (m.flatten() for m in mrf.marginals(p))
    assert a.shape == b.shape == (25,)
    assert (a[12 + 2], a[12 - 9]) == (pytest.approx(0.8), pytest.approx(0.2))
    assert (b[12 - 3], b[12 + 4], b[12 + 5]) == (pytest.approx(0.5), pytest.approx(0.3), pytest.approx(0.2))


def solve_pair(p, q, w, sweeps=200):
    """The report's field of two pixels, by hand: unary 10 p, w * s, first pixel updated first, uniform start."""
    s = torch.zeros(25, 25)
    for k in range(25):
        for m in range(25):
            s[k, m] = 10.0 if k == m else 3.0 if abs(k - m) <= 2 else 0.0
    first = second = torch.full((25,), 1 / 25)
    for _ in range(sweeps):
        first = torch.softmax(10 * p + w * s @ second, 0)
        second = torch.softmax(10 * q + w * s @ first, 0)
    return first.argmax() * 10 - 120, second.argmax() * 10 - 120


@pytest.mark.parametrize("difference", [0.0, 0.5, 1.0, 2.0, 10.0])
@pytest.mark.parametrize("share", [0.55, 0.7, 0.9])
def test_the_report_form_on_two_pixels_by_hand(difference, share):
    # The first pixel is sure of a = 60; the second prefers -20 with some share. L differs by `difference` of 100.
    logits = logits_of([{(60, 0): 0.95, (-20, 0): 0.05}, {(-20, 0): share, (60, 0): 1 - share}])
    L = torch.tensor([50.0, 50.0 + difference]).view(1, 1, 1, 2)
    p, q = torch.zeros(25), torch.zeros(25)
    p[18], p[10], q[10], q[18] = 0.95, 0.05, share, 1 - share
    w = math.exp(-((difference / 100) ** 2) / 1e-4)
    wanted = [float(v) for v in solve_pair(p, q, w)]
    assert mrf.decode(logits, L, REPORT)[0, 0, 0].tolist() == wanted


def test_the_report_form_couples_at_equal_lightness_and_not_across_three_per_cent():
    logits = logits_of([{(60, 0): 0.95, (-20, 0): 0.05}, {(-20, 0): 0.55, (60, 0): 0.45}])
    same = torch.tensor([50.0, 50.0]).view(1, 1, 1, 2)
    apart = torch.tensor([50.0, 53.0]).view(1, 1, 1, 2)
    assert mrf.decode(logits, same, REPORT)[0, 0, 0].tolist() == [60.0, 60.0]
    assert mrf.decode(logits, apart, REPORT)[0, 0, 0].tolist() == [60.0, -20.0]


def test_the_report_form_gives_bin_centres():
    logits = torch.randn(1, bins.Q, 5, 6, generator=torch.Generator().manual_seed(0))
    ab = mrf.decode(logits, torch.full((1, 1, 5, 6), 40.0), REPORT)
    assert torch.equal(ab, (ab / 10).round() * 10)


def speckled():
    """A flat red field with one pixel, in its middle, whose mode is green."""
    logits = hill(50, 30).expand(-1, 9, 9).clone()
    logits[:, 4:5, 4:5] = torch.logaddexp(hill(50, 30), hill(-40, 40, height=0.7))
    return logits[None], torch.full((1, 1, 9, 9), 50.0)


@forms
def test_a_speckle_in_a_flat_region_goes(options):
    logits, L = speckled()
    assert mode.decode(logits, L, JOINT)[0, 0, 4, 4] < 0  # the speckle is there for decoders that look at one pixel
    assert annealed.decode(logits, L, JOINT)[0, 0, 4, 4] < 0
    ab = mrf.decode(logits, L, options)
    assert (ab[0, :, 4, 4] - ab[0, :, 0, 0]).norm() < 10  # the width of a bin


@forms
def test_an_object_of_its_own_lightness_keeps_its_colour(options):
    logits, L = speckled()
    L[0, 0, 4, 4] = 80.0
    assert mrf.decode(logits, L, options)[0, 0, 4, 4] < 0


@forms
def test_colours_do_not_cross_a_strong_edge(options):
    # Left certainly blue, right only slightly more green than blue, an edge in L between them.
    logits = torch.cat(
        (
            hill(0, -50, width=8).expand(-1, 8, 5),
            torch.logaddexp(hill(-40, 40, height=0.5), hill(0, -50)).expand(-1, 8, 5),
        ),
        2,
    )[None]
    L = torch.full((1, 1, 8, 10), 30.0)
    L[..., 5:] = 70.0
    ab = mrf.decode(logits, L, options)[0]
    assert (ab[1, :, :5] < -30).all()
    assert (ab[1, :, 5:] > 20).all()


def test_the_joint_form_is_more_vivid_than_the_mean_where_all_agree():
    logits = torch.logaddexp(hill(50, 40, height=1.0), hill(-20, -40)).expand(-1, 8, 8)[None]
    L = torch.full((1, 1, 8, 8), 50.0)
    mean = bins.expectation(torch.softmax(logits, 1))
    assert mrf.decode(logits, L, JOINT).norm(dim=1).mean() > 1.3 * mean.norm(dim=1).mean()


def test_the_joint_form_has_no_steps_of_a_bin():
    ramp = torch.cat([hill(20 + 2 * x, 20) for x in range(12)], 2).expand(-1, 6, -1)[None]
    a = mrf.decode(ramp, torch.full((1, 1, 6, 12), 50.0), JOINT)[0, 0, 3]
    assert a.diff().min() > -0.1
    assert a.diff().max() < 5.0


def test_candidates_hold_what_matters_anywhere():
    logits = torch.randn(bins.Q, 6, 6, generator=torch.Generator().manual_seed(1))
    logits[7, 3, 3] = 20.0  # one pixel's colour
    p = torch.softmax(logits, 0)
    chosen = mrf.candidate_bins(p, 10)
    assert chosen.shape == (10,)
    assert 7 in chosen
    assert torch.equal(chosen, chosen.sort().values)


def test_leaving_out_candidates_hardly_changes_a_picture(monkeypatch):
    few = torch.stack([hill(50, 30, height=1.0), hill(-20, 20), hill(0, -40), hill(0, 10)]).logsumexp(0)
    logits = (few + 0.5 * torch.randn(bins.Q, 8, 8, generator=torch.Generator().manual_seed(0)))[None]
    L = torch.full((1, 1, 8, 8), 50.0)
    some = mrf.decode(logits, L, JOINT)
    monkeypatch.setattr(mrf, "CANDIDATES", bins.Q)
    torch.testing.assert_close(some, mrf.decode(logits, L, JOINT), atol=3.0, rtol=0)


def test_an_unknown_form_is_refused():
    with pytest.raises(ValueError, match="form must be"):
        mrf.decode(torch.zeros(1, bins.Q, 2, 2), torch.zeros(1, 1, 2, 2), DecodeOptions(form="potts"))
