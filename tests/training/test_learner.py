"""One step: parts of a batch, the adversary, and what happens when numbers or memory run out."""

import pytest
import torch
from tiny_runs import equal, plain, tiny

from colorcli.errors import ColorcliError, DeviceError, UsageError
from colorcli.registry import LOSSES
from colorcli.training import checkpoint, learner, recipe
from colorcli.training.adversarial import Adversary, PatchGAN, colors, seen
from colorcli.training.batches import Batch
from colorcli.training.distributed import Group
from colorcli.training.learner import Learner
from colorcli.training.loop import Run, train
from colorcli.training.task import Task

CPU = torch.device("cpu")
PRIOR = torch.full((313,), 1 / 313)


def make(made):
    torch.manual_seed(0)
    return Learner(Task(made, PRIOR), made, CPU)


@pytest.fixture
def batch():
    return Batch(torch.randint(0, 256, (6, 3, 32, 32), dtype=torch.uint8))


@pytest.mark.parametrize("parts", [2, 4, 99])
def test_a_batch_in_parts_is_the_same_step(batch, parts):
    whole, cut = make(plain()), make(plain(f"optimizer.accumulate={parts}"))
    for step in range(3):
        a, b = whole.learn(batch, step), cut.learn(batch, step)
        assert float(a.losses["loss"]) == pytest.approx(float(b.losses["loss"]), rel=1e-4)
        assert float(a.norm) == pytest.approx(float(b.norm), rel=1e-3)
    for one, other in zip(whole.network.parameters(), cut.network.parameters(), strict=True):
        assert torch.allclose(one, other, atol=1e-4)


def test_clipping_can_be_off_and_averaging_too(batch):
    sgd = ["optimizer.name=sgd", "optimizer.lr=1.0", "optimizer.weight_decay=0"]
    free = make(plain(*sgd, "optimizer.clip=0", "optimizer.ema=0"))
    bound = make(plain(*sgd, "optimizer.clip=1e-4"))
    before = [weight.detach().clone() for weight in free.network.parameters()]
    norm = float(free.learn(batch, 0).norm)
    assert norm > 1e-3
    assert equal(free.ema.average.state_dict(), free.network.state_dict())
    bound.learn(batch, 0)
    rate = 0.5  # the first of two steps of warm-up
    for one, step in ((free, norm), (bound, 1e-4)):
        pairs = zip(one.network.parameters(), before, strict=True)
        moved = torch.stack([(now.detach() - then).norm() for now, then in pairs]).norm()
        assert float(moved) == pytest.approx(rate * step, rel=0.1)
    assert not equal(bound.ema.average.state_dict(), bound.network.state_dict())


def test_frozen_weights_stay(batch):
    one = make(plain())
    frozen = {name: weight.clone() for name, weight in one.network.named_parameters() if not weight.requires_grad}
    assert frozen
    one.learn(batch, 0)
    assert all(torch.equal(weight, frozen[name]) for name, weight in one.network.named_parameters() if name in frozen)


ADVERSARIAL = "adversarial={ start = 0.25, alone = 2, width = 4, layers = 1, weight = 0.5 }"


@pytest.mark.parametrize("base", [plain, tiny], ids=["ab", "logits"])
def test_the_adversary_wakes_then_is_heard(batch, base):
    alone, judged = make(base()), make(base(ADVERSARIAL))
    names = []
    for step in range(7):  # of 12: awake from 3 on, heard from 5 on
        alone.learn(batch, step)
        before = {name: weight.clone() for name, weight in judged.adversary.network.named_parameters()}
        names.append(set(judged.learn(batch, step).losses) & {"adversarial", "discriminator"})
        moved = any(not torch.equal(w, before[n]) for n, w in judged.adversary.network.named_parameters())
        assert moved == (step >= 3)
        same = equal(alone.network.state_dict(), judged.network.state_dict())
        assert same == (step < 5)
    assert names == [set()] * 3 + [{"discriminator"}] * 2 + [{"adversarial", "discriminator"}] * 2


def test_the_discriminator_learns_to_tell_and_the_network_to_please():
    torch.manual_seed(0)
    adversary = Adversary(recipe.Adversarial(width=8, layers=1, lr=1e-3), 10, CPU, Group())
    L = torch.rand(8, 1, 32, 32) * 100
    true = seen(L, torch.cat((L - 50, 50 - L), 1))
    ab = torch.zeros(8, 2, 32, 32, requires_grad=True)
    first = None
    for _ in range(60):
        adversary.optimizer.zero_grad()
        lesson = adversary.lesson(true, seen(L, ab))
        lesson.backward()
        adversary.optimizer.step()
        lesson = lesson.detach()
        first = first if first is not None else float(lesson)
    assert float(lesson) < 0.7 * first
    assert ab.grad is None  # its lesson is not the network's
    before = [weight.grad.clone() for weight in adversary.network.parameters()]
    opinion = adversary.opinion(seen(L, ab))
    opinion.backward()
    assert all(torch.equal(a, w.grad) for a, w in zip(before, adversary.network.parameters(), strict=True))
    with torch.no_grad():
        assert adversary.opinion(seen(L, ab - 20 * ab.grad / ab.grad.abs().max())) < opinion
        assert adversary.opinion(true) < opinion


def test_a_patch_is_judged_not_the_picture():
    judge = PatchGAN(4, 2).eval()
    assert judge(torch.zeros(2, 3, 32, 32)).shape == (2, 1, 6, 6)
    picture = torch.randn(1, 3, 64, 64)
    changed = picture.clone()
    changed[..., :8, :8] = 0
    difference = (judge(picture) - judge(changed)).abs()[0, 0]
    assert difference[0, 0] > 0 and difference[-1, -1] == 0


def test_colors_are_those_of_the_output():
    logits = torch.full((1, 313, 2, 2), -30.0)
    logits[:, 7] = 30
    from colorcli.color.bins import centers

    assert torch.allclose(colors({"logits": logits})[0, :, 0, 0], centers()[7].float(), atol=1e-3)
    ab = torch.randn(1, 2, 2, 2)
    assert torch.equal(colors({"ab": ab, "rgb": logits}), ab)


def test_an_adversary_too_deep_for_the_crops_is_explained(batch):
    one = make(plain("adversarial={ start = 0.0, layers = 4, width = 2 }"))
    with pytest.raises(UsageError, match="layers=4 is too deep"):
        one.learn(batch, 0)


def test_the_batch_that_made_no_number_is_kept_whenever_it_is_noticed(shards, tmp_path, monkeypatch):
    calls = iter(range(100))
    module = LOSSES.load("mse")
    bad = 4  # counted per step: one part each
    monkeypatch.setattr(
        module, "build", lambda prior: lambda output, ab: output.mean() * (float("nan") if next(calls) == bad else 1)
    )
    made = plain("validation.every=100")
    with pytest.raises(ColorcliError, match="not a number at step 4"):
        train(made, [shards], Run(folder=tmp_path / "run"))
    kept = torch.load(tmp_path / "run" / "nan.pt")
    assert kept["step"] == 4 and kept["batch"].shape == (4, 3, 32, 32)
    last = checkpoint.load(tmp_path / "run" / "last.pt")
    assert last["step"] == 3
    assert all(value.isfinite().all() for value in last["network"].values())


def test_failure_is_remembered_on_the_device(batch):
    one = make(plain())
    one.learn(batch, 0)
    assert int(one.failed) == -1
    next(one.network.parameters()).data.fill_(float("nan"))
    one.learn(batch, 1)
    one.learn(batch, 2)
    assert int(one.failed) == 1  # the first, not the last


def test_no_memory_left_says_what_to_do(batch, monkeypatch):
    def full(*_):
        raise torch.OutOfMemoryError("CUDA out of memory")

    one = make(plain("optimizer.accumulate=2"))
    monkeypatch.setattr(learner, "outputs_of", full)
    with pytest.raises(DeviceError, match="--accumulate 4"):
        one.learn(batch, 3)


def test_batch_norm_needs_two_pictures():
    one = Batch(torch.randint(0, 256, (1, 3, 32, 32), dtype=torch.uint8))
    with pytest.raises(UsageError, match="batch norm cannot learn from a single picture"):
        make(tiny()).learn(one, 0)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_compiled_or_not_the_step_is_the_same(batch):
    torch._dynamo.reset()
    made = plain()
    torch.manual_seed(0)
    compiled = Learner(Task(made, PRIOR), made, CPU, compiled=True)
    usual = make(made)
    for step in range(2):
        a, b = compiled.learn(batch, step), usual.learn(batch, step)
        assert float(a.losses["loss"]) == pytest.approx(float(b.losses["loss"]), rel=1e-3)
    assert compiled.state()["network"].keys() == usual.state()["network"].keys()
    torch._dynamo.reset()


def test_a_compiler_that_fails_is_explained(batch, monkeypatch):
    from torch._dynamo.exc import InternalTorchDynamoError

    def broken(_):
        raise InternalTorchDynamoError("no C++ compiler\nand a long story")

    one = make(plain())
    one.forward = broken
    with pytest.raises(DeviceError, match=r"torch\.compile does not work here: no C"):
        one.learn(batch, 0)


@pytest.mark.usefixtures("one_thread")
def test_it_ends_when_nothing_improves_and_leaves_the_best(shards, tmp_path, monkeypatch):
    from colorcli.training import loop
    from colorcli.training.task import Scores

    values = iter([70.0, 80.0, 79.0, 78.0, 90.0, 89.0])
    monkeypatch.setattr(loop, "validate", lambda *_: Scores(1.0, next(values), 60.0, 0.5))
    made = tiny("validation.every=2", "validation.patience=2")
    end = train(made, [shards], Run(folder=tmp_path / "run"))
    assert (end.step, end.reason) == (8, "no longer improving")
    best, last = (checkpoint.load(tmp_path / "run" / name) for name in ("best.pt", "last.pt"))
    assert (best["step"], last["step"]) == (4, 8)
    from colorcli.weights.load import state_of
    from colorcli.weights.resolve import resolve

    left = state_of(resolve(tmp_path / "run"))
    halves = {key: value.half().float() if value.ndim >= 2 else value for key, value in best["ema"].items()}
    assert all(torch.equal(left[key].float(), halves[key].float()) for key in left)
    # Going on is of no use, unless with more patience.
    assert train(made, [shards], Run(folder=tmp_path / "run", resume=True)).step == 8
    more = tiny("validation.every=2", "validation.patience=3")
    end = train(more, [shards], Run(folder=tmp_path / "run", resume=True))
    assert (end.step, end.reason) == (12, "done")
    assert checkpoint.load(tmp_path / "run" / "best.pt")["step"] == 10
