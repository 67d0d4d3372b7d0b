"""Which device and which precision a network runs on."""

from __future__ import annotations

import re

import torch

from colorcli.errors import DeviceError, UsageError
from colorcli.models._info import NetworkInfo

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


def select(name: str = "auto") -> torch.device:
    """Return the device called ``name``.

    Args:
        name: ``"auto"`` (cuda, else mps, else cpu), ``"cpu"``, ``"cuda"``, ``"cuda:N"`` or ``"mps"``.

    Raises:
        UsageError: there is no such kind of device.
        DeviceError: the kind exists but this machine or this torch build does not have it.
    """
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda", 0)
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    if not re.fullmatch(r"cpu|mps|cuda(:\d+)?", name):
        raise UsageError(f"unknown device {name!r}", hint="known: auto, cpu, cuda, cuda:N, mps")
    if name == "mps" and not torch.backends.mps.is_available():
        raise DeviceError("device 'mps' is not available here", hint="use --device cpu, or auto")
    if name.startswith("cuda"):
        return _cuda(name)
    return torch.device(name)


def _cuda(name: str) -> torch.device:
    if not torch.cuda.is_available():
        # A CPU build is by far the most common reason, and the only one with a remedy of its own.
        cpu_build = torch.version.cuda is None and torch.version.hip is None
        hint = "this torch is a CPU build: install a CUDA one" if cpu_build else "check the driver with nvidia-smi"
        raise DeviceError(f"device {name!r} is not available here", hint=f"{hint}, or use --device cpu")
    index = int(name.partition(":")[2] or 0)
    count = torch.cuda.device_count()
    if index >= count:
        known = ", ".join(f"cuda:{i}" for i in range(count))
        raise DeviceError(f"there is no device {name!r}", hint=f"known: {known}")
    return torch.device("cuda", index)


def precision(name: str, device: torch.device, info: NetworkInfo) -> str:
    """Return the precision to run a network in: ``"fp32"``, ``"bf16"`` or ``"fp16"``.

    Args:
        name: one of those, or ``"auto"``: bf16 when the network is known to be good in it, on a CUDA device that has
            it, and for heavy networks on a CPU that computes in it; else fp32. So what the default network gives on
            CPUs never depends on the processor; the results of heavy ones do in their last bits, and the manifest and
            ``--json`` say in which precision each was made.
        device: where the network runs.
        info: of the network.

    Raises:
        DeviceError: the network is not known to be good in that precision, or the device does not have it.
    """
    if name == "auto":
        there = torch.cuda.is_bf16_supported() if device.type == "cuda" else info.heavy and native_bf16(device)
        return "bf16" if there and "bf16" in info.precisions else "fp32"
    if name not in DTYPES:
        raise UsageError(f"unknown precision {name!r}", hint=f"known: auto, {', '.join(DTYPES)}")
    if name not in info.precisions:
        raise DeviceError(f"the network is not known to be good in {name}", hint=f"use {' or '.join(info.precisions)}")
    if name == "bf16" and device.type == "cuda" and not torch.cuda.is_bf16_supported():
        raise DeviceError(f"{device} has no bf16", hint="use fp16 or fp32")
    return name


def native_bf16(device: torch.device) -> bool:
    """Say whether a CPU multiplies bf16 numbers itself (AVX-512 BF16, AMX), as those that emulate it gain nothing.

    Other devices, and processors of whose kind torch says nothing, count as unable.
    """
    if device.type != "cpu":
        return False
    kinds = (getattr(torch.cpu, name, None) for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"))
    return any(kind is not None and kind() for kind in kinds)
