"""Processors and accelerators, and what they can reckon with, found out by trying."""

from __future__ import annotations

import platform
import statistics
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from colorcli.engine.health.report import Check, attempt, size
from colorcli.errors import DeviceError

if TYPE_CHECKING:
    import torch

#: Exit code of a device that does not work.
CODE = DeviceError.exit_code
#: Largest error of a convolution in a precision, relative to its largest value. fp32 has room for TF32 (10 bits).
BOUNDS = {"fp32": 2e-3, "bf16": 2e-2, "fp16": 4e-3}
_REINSTALL = "install a torch build for this device (https://pytorch.org/get-started), or use --device cpu"
#: What of /proc/cpuinfo makes networks quick.
_FLAGS = ("avx2", "avx512f", "avx512_bf16", "avx512_fp16", "amx_bf16", "amx_fp16", "asimd", "bf16", "fphp", "sve")
_ROUNDS = 5


def checks() -> Iterator[Check]:
    """Look at every device and at every precision on each.

    Raises:
        ImportError: torch cannot be loaded.
    """
    import torch

    yield attempt("cpu", cpu)
    yield from precisions(torch.device("cpu"))
    yield attempt("cuda", cuda)
    for index in range(torch.cuda.device_count() if torch.cuda.is_available() else 0):
        device = torch.device("cuda", index)
        yield attempt(str(device), lambda d=device: cuda_device(d), exit_code=CODE)  # type: ignore[misc]
        yield from precisions(device)
    if platform.system() == "Darwin":
        yield attempt("mps", mps)
        if torch.backends.mps.is_available():
            yield from precisions(torch.device("mps"))
    yield attempt("auto", auto)


def cpu(cpuinfo: Path = Path("/proc/cpuinfo")) -> Check:
    """Say which processor this is and which of its instructions torch uses."""
    import torch

    try:
        told = cpuinfo.read_text(encoding="utf-8", errors="replace")
    except OSError:
        told = ""
    first: dict[str, str] = {}
    for line in told.splitlines():
        key, _, value = line.partition(":")
        first.setdefault(key.strip(), value.strip())
    name = first.get("model name") or platform.processor() or platform.machine()
    flags = set((first.get("flags") or first.get("Features") or "").split()) & set(_FLAGS)
    capability = torch.backends.cpu.get_cpu_capability()
    onednn = bool(torch.backends.mkldnn.is_available())  # type: ignore[no-untyped-call]
    has = f" (it has {', '.join(sorted(flags))})" if flags else ""
    slow = capability in ("DEFAULT", "NO AVX") and platform.machine().lower() in ("x86_64", "amd64")
    return Check(
        name="cpu",
        status="warn" if slow else "ok",
        text=f"{name}, torch uses {capability}{has}, {'oneDNN' if onednn else 'no oneDNN'}",
        hint="this processor is old, or its features are hidden (a virtual machine): expect it to be slow"
        if slow
        else None,
        data={"name": name, "capability": capability, "flags": sorted(flags), "onednn": onednn},
    )


def cuda(driver: Path = Path("/proc/driver/nvidia/version")) -> Check:
    """Say what torch was built for and which driver there is."""
    import torch

    build = f"CUDA {torch.version.cuda}" if torch.version.cuda else ""
    build = build or (f"ROCm {torch.version.hip}" if torch.version.hip else "")
    try:
        found = _driver(driver.read_text(encoding="ascii", errors="replace"))
    except OSError:
        found = None
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    data = {"build": build or None, "driver": found, "devices": count}
    built = f"torch is built for {build}" if build else "torch is a CPU build"
    with_driver = f", driver {found}" if found else ""
    if count:
        return Check(name="cuda", text=f"{count} found, {built}{with_driver}", data=data)
    text = f"none, {built}{with_driver}"
    if found and not build:
        return Check(name="cuda", status="warn", text=text, hint=_REINSTALL, data=data)
    if found:
        return Check(name="cuda", status="warn", text=text, hint="check the driver with nvidia-smi", data=data)
    return Check(name="cuda", text=text, data=data)


def _driver(text: str) -> str | None:
    """Return the version in ``NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.15  Tue Mar ...``."""
    words = text.partition("\n")[0].split()
    return next((word for word in words if word[0].isdigit() and word.replace(".", "").isdigit()), None)


def cuda_device(device: torch.device) -> Check:
    """Say what one CUDA device is and how much of its memory is free."""
    import torch

    found = torch.cuda.get_device_properties(device)
    free, total = torch.cuda.mem_get_info(device)
    little = free < 2**30
    return Check(
        name=str(device),
        status="warn" if little else "ok",
        text=f"{found.name}, {size(total)}, {size(free)} free, compute capability {found.major}.{found.minor}",
        hint="another process fills it: see nvidia-smi" if little else None,
        data={"name": found.name, "total": total, "free": free, "capability": f"{found.major}.{found.minor}"},
    )


def mps() -> Check:
    """Say whether Apple's accelerator is there."""
    import torch

    built, there = torch.backends.mps.is_built(), torch.backends.mps.is_available()
    text = "available" if there else ("not available here" if built else "torch is built without it")
    return Check(name="mps", text=text, data={"built": built, "available": there})


def auto() -> Check:
    """Say what ``--device auto`` and ``--precision auto`` take for the default model."""
    from colorcli.engine import device as devices
    from colorcli.weights.load import info, resolve

    device = devices.select("auto")
    precision = devices.precision("auto", device, info(resolve("default")))
    text = f"--device auto takes {device}, --precision auto takes {precision}"
    return Check(name="auto", text=text, data={"device": str(device), "precision": precision})


def precisions(device: torch.device) -> Iterator[Check]:
    """Try a small convolution in every precision, and compare it with fp64 on the processor and with fp32's speed."""
    plain: float | None = None
    for name in BOUNDS:
        found = attempt(
            f"{device} {name}",
            lambda n=name, p=plain: precision(device, n, p),  # type: ignore[misc]
            exit_code=CODE,
            hint=_REINSTALL if name == "fp32" else None,
        )
        if found.status == "fail" and name != "fp32":  # nobody has to use it
            found = Check(name=found.name, text=f"not supported ({found.text})", data={"works": False})
        yield found
        plain = plain or found.data.get("seconds")


def precision(device: torch.device, name: str, plain: float | None = None) -> Check:
    """Try one precision on one device, as the engine runs networks.

    Args:
        device: where.
        name: a key of :data:`BOUNDS`.
        plain: seconds that fp32 took, for comparison.

    Raises:
        DeviceError: fp32 gives wrong numbers.
        RuntimeError: the device cannot do it.
    """
    import torch
    from torch.nn import functional as F

    from colorcli.engine import threads
    from colorcli.engine.device import DTYPES

    draw = torch.Generator().manual_seed(0)
    picture = torch.randn(1, 32, 32, 32, generator=draw)
    weight = torch.randn(32, 32, 3, 3, generator=draw) / 17  # so that results are about 1
    expected = F.conv2d(picture.double(), weight.double())
    # On an accelerator one small picture would measure the time to start a kernel.
    picture, weight = picture.repeat(1 if device.type == "cpu" else 64, 1, 1, 1).to(device), weight.to(device)

    def once() -> tuple[torch.Tensor, float]:
        start = time.perf_counter()
        with torch.autocast(device.type, DTYPES[name], enabled=name != "fp32"):
            output = F.conv2d(picture, weight)
        output[0, 0, 0, 0].item()  # waits for the device
        return output, time.perf_counter() - start

    with torch.inference_mode(), threads.for_network(device):
        output, _ = once()
        if output.dtype != DTYPES[name]:
            return Check(name=f"{device} {name}", text="not supported", data={"works": False})
        seconds = statistics.median(once()[1] for _ in range(_ROUNDS))
    error = float((output[:1].cpu().double() - expected).abs().max() / expected.abs().max())
    return _judged(device, name, error, seconds, plain)


def _judged(device: torch.device, name: str, error: float, seconds: float, plain: float | None) -> Check:
    right = error <= BOUNDS[name]  # False for nan
    data: dict[str, Any] = {
        "works": right, "error": error if error < float("inf") else None, "bound": BOUNDS[name], "seconds": seconds,
        "speed": round(plain / seconds, 2) if plain else None,
    }  # fmt: skip
    if right:
        text = f"works, error {error:.0e}"
        if plain and data["speed"] >= 1:
            text += f", {plain / seconds:.1f} times as fast as fp32"
        elif plain:
            text += f", {seconds / plain:.1f} times slower than fp32"
        return Check(name=f"{device} {name}", text=text, data=data)
    text = f"gives wrong numbers: error {error:.2g}, at most {BOUNDS[name]:g} is expected"
    if name == "fp32":
        raise DeviceError(f"{device} {text}", hint=_REINSTALL)
    return Check(name=f"{device} {name}", status="warn", text=text, hint="use --precision fp32", data=data)
