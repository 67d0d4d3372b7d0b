"""The dtype of the matrix products in training; weights, losses and colour stay in float32."""

from __future__ import annotations

import torch

from colorcli.errors import DeviceError, UsageError

_DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


def _bf16_pays(device: torch.device) -> bool:
    """Whether ``device`` multiplies bf16 natively; emulated bf16 is slower than fp32."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type == "cpu":
        known = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")  # private, so they may go
        return any(getattr(torch.cpu, name, lambda: False)() for name in known)
    return False


def training_dtype(name: str, device: torch.device) -> torch.dtype:
    """Return the autocast dtype; ``"auto"`` takes bf16 where the device has it natively, else fp32.

    Raises:
        UsageError: there is no such precision.
        DeviceError: fp16 on a CPU, where gradients would underflow without a scaler that torch does not have there.
    """
    if name == "auto":
        return torch.bfloat16 if _bf16_pays(device) else torch.float32
    if name not in _DTYPES:
        raise UsageError(f"unknown precision {name!r}", hint=f"known: auto, {', '.join(_DTYPES)}")
    if name == "fp16" and device.type == "cpu":
        raise DeviceError("fp16 cannot be trained on a CPU", hint="use bf16 or fp32")
    return _DTYPES[name]
