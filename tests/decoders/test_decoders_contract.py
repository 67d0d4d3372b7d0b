"""What every decoder owes its callers, whichever exist."""

import pytest
import torch

from colorcli.color import bins
from colorcli.decoders._options import DecodeOptions
from colorcli.registry import DECODERS

NAMES = DECODERS.names()
VARIANTS = [(name, DecodeOptions()) for name in NAMES] + [("mrf", DecodeOptions(form="report"))]
every = pytest.mark.parametrize(("name", "options"), VARIANTS, ids=[f"{n}-{o.form}" for n, o in VARIANTS])


def picture(batch=1, h=6, w=7, scale=3.0, seed=0):
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(batch, bins.Q, h, w, generator=generator) * scale
    return logits, torch.rand(batch, 1, h, w, generator=generator) * 100


def with_(options, **changes):
    return DecodeOptions(**{**vars(options), **changes})


def test_the_decoders_of_the_design_are_there():
    assert {"mean", "annealed", "median", "mode", "sample", "mrf"} <= set(NAMES)


@every
@pytest.mark.parametrize("size", [(1, 1, 1), (1, 1, 5), (2, 4, 1), (3, 6, 7), (1, 2, 2)])
def test_shape_dtype_and_range(name, options, size):
    logits, L = picture(*size)
    ab = DECODERS.load(name).decode(logits, L, options)
    assert ab.shape == (size[0], 2, *size[1:])
    assert ab.dtype == torch.float32
    assert ab.isfinite().all()
    assert ab.abs().max() <= 120  # the convex hull of the bins, or the outermost of the report's 25


@every
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_logits_are_computed_in_fp32(name, options, dtype):
    logits, L = picture()
    rounded = logits.to(dtype)
    decode = DECODERS.load(name).decode
    torch.testing.assert_close(decode(rounded, L, options), decode(rounded.float(), L, options))


@every
def test_a_picture_does_not_depend_on_its_batch(name, options):
    logits, L = picture(batch=3)
    decode = DECODERS.load(name).decode
    together = decode(logits, L, options)
    for i in range(3):
        torch.testing.assert_close(decode(logits[i : i + 1], L[i : i + 1], options)[0], together[i], atol=1e-3, rtol=0)


@every
def test_the_same_input_gives_the_same_output(name, options):
    decode = DECODERS.load(name).decode
    assert torch.equal(decode(*picture(batch=2), options), decode(*picture(batch=2), options))


@every
def test_inputs_are_left_alone(name, options):
    logits, L = picture()
    before = logits.clone(), L.clone()
    DECODERS.load(name).decode(logits, L, with_(options, log_weights=torch.ones(bins.Q)))
    assert torch.equal(logits, before[0])
    assert torch.equal(L, before[1])


@every
def test_a_certain_distribution_is_decoded_to_its_bin(name, options):
    logits, L = picture(scale=0.1)
    bin_ = int(bins.nearest(torch.tensor([50.0, -30.0]).view(1, 2, 1, 1)))
    logits[:, bin_] += 200.0
    ab = DECODERS.load(name).decode(logits, L, options)
    torch.testing.assert_close(ab, torch.tensor([50.0, -30.0]).view(1, 2, 1, 1).expand_as(ab), atol=0.5, rtol=0)


@every
@pytest.mark.parametrize("scale", [1e4, 1e30, 3e38])
def test_extreme_logits_stay_finite(name, options, scale):
    logits, L = picture()
    logits = (logits.sign() * scale).clamp(-3.4e38, 3.4e38)
    assert DECODERS.load(name).decode(logits, L, options).isfinite().all()


@every
def test_impossible_bins_stay_finite(name, options):
    logits, L = picture()
    logits[:, 1:, 0, 0] = -torch.inf  # one bin left
    logits[:, :, 0, 1] = -torch.inf  # none left
    log_weights = torch.full((bins.Q,), -torch.inf)
    log_weights[100:140] = 0.0
    decode = DECODERS.load(name).decode
    assert decode(logits, L, options).isfinite().all()
    assert decode(logits, L, with_(options, log_weights=log_weights)).isfinite().all()


@every
def test_log_weights_steer_the_colour(name, options):
    logits, L = picture(scale=0.5)
    red = bins.centers()[:, 0] / 10.0
    ab = DECODERS.load(name).decode(logits, L, with_(options, log_weights=red))
    assert ab[:, 0].mean() > DECODERS.load(name).decode(logits, L, options)[:, 0].mean() + 20


@every
def test_log_weights_are_an_addition_to_the_logits(name, options):
    logits, L = picture(batch=2)
    log_weights = torch.linspace(-2, 2, bins.Q)
    decode = DECODERS.load(name).decode
    torch.testing.assert_close(
        decode(logits, L, with_(options, log_weights=log_weights)),
        decode(logits + log_weights[:, None, None], L, options),
    )


@every
def test_wrong_shapes_are_named(name, options):
    decode = DECODERS.load(name).decode
    logits, L = picture()
    with pytest.raises(ValueError, match=r"logits must be \(B, 313"):
        decode(logits[:, :300], L, options)
    with pytest.raises(ValueError, match="L_small must be"):
        decode(logits, L[..., :-1], options)
    with pytest.raises(ValueError, match=r"log_weights must be \(313,\)"):
        decode(logits, L, with_(options, log_weights=torch.zeros(25)))


@pytest.mark.parametrize("name", sorted(set(NAMES) - {"mode"}))
@pytest.mark.parametrize("temperature", [0.0, -1.0, float("nan"), float("inf")])
def test_a_temperature_is_above_zero(name, temperature):
    with pytest.raises(ValueError, match="temperature"):
        DECODERS.load(name).decode(*picture(), DecodeOptions(temperature=temperature))


@pytest.mark.parametrize("name", ["mean", "annealed", "median", "sample"])
def test_gradients_reach_the_logits(name):
    logits, L = picture(h=2, w=2)
    logits.requires_grad_()
    DECODERS.load(name).decode(logits, L, DecodeOptions()).sum().backward()
    assert logits.grad is not None
    assert logits.grad.isfinite().all()
    assert logits.grad.abs().max() > 0
