from __future__ import annotations

import dataclasses

import pytest
import torch

from colorcli.engine import device
from colorcli.errors import DeviceError, UsageError
from colorcli.models._info import NetworkInfo

GOOD = NetworkInfo(output="ab", stride=1, multiple_of=1, minimum=1, precisions=("fp32", "bf16"))
PLAIN = NetworkInfo(output="ab", stride=1, multiple_of=1, minimum=1)
CPU, CUDA = torch.device("cpu"), torch.device("cuda", 0)


def pretend(monkeypatch: pytest.MonkeyPatch, *, cuda: int = 0, mps: bool = False, bf16: bool = True) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: cuda)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: bf16)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)


@pytest.mark.parametrize(("cuda", "mps", "expected"), [(1, True, "cuda:0"), (0, True, "mps"), (0, False, "cpu")])
def test_auto_takes_the_best(monkeypatch: pytest.MonkeyPatch, cuda: int, mps: bool, expected: str) -> None:
    pretend(monkeypatch, cuda=cuda, mps=mps)
    assert str(device.select("auto")) == expected


def test_named_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, cuda=2)
    assert device.select("cuda") == torch.device("cuda", 0)
    assert device.select("cuda:1") == torch.device("cuda", 1)
    with pytest.raises(DeviceError, match=r"no device 'cuda:2'.*cuda:0, cuda:1"):
        device.select("cuda:2")


@pytest.mark.parametrize("name", ["cuda", "cuda:0", "mps"])
def test_explicit_but_absent(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    pretend(monkeypatch)
    with pytest.raises(DeviceError, match=f"{name}.*--device cpu") as caught:
        device.select(name)
    assert caught.value.exit_code == 6


@pytest.mark.parametrize("name", ["gpu", "cuda:x", "", "cpu:1"])
def test_unknown(name: str) -> None:
    with pytest.raises(UsageError, match="unknown device"):
        device.select(name)


@pytest.mark.parametrize("native", [True, False])
def test_auto_on_a_cpu_is_bf16_for_heavy_networks_where_it_computes_in_it(
    monkeypatch: pytest.MonkeyPatch, native: bool
) -> None:
    for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
        monkeypatch.setattr(torch.cpu, name, lambda: native, raising=False)
    heavy = dataclasses.replace(GOOD, heavy=True)
    assert device.precision("auto", CPU, heavy) == ("bf16" if native else "fp32")
    assert device.precision("auto", CPU, dataclasses.replace(PLAIN, heavy=True)) == "fp32"
    assert device.precision("auto", CPU, GOOD) == "fp32"
    assert device.precision("fp32", CPU, heavy) == "fp32"
    assert not device.native_bf16(torch.device("meta"))


def test_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, cuda=1)
    assert device.precision("auto", CPU, GOOD) == "fp32"
    assert device.precision("auto", CUDA, GOOD) == "bf16"
    assert device.precision("auto", CUDA, PLAIN) == "fp32"
    assert device.precision("bf16", CPU, GOOD) == "bf16"
    with pytest.raises(DeviceError, match=r"not known to be good in fp16.*fp32 or bf16"):
        device.precision("fp16", CUDA, GOOD)
    with pytest.raises(UsageError, match="unknown precision 'int8'"):
        device.precision("int8", CPU, GOOD)


def test_precision_without_hardware(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, cuda=1, bf16=False)
    assert device.precision("auto", CUDA, GOOD) == "fp32"
    with pytest.raises(DeviceError, match="no bf16"):
        device.precision("bf16", CUDA, GOOD)
