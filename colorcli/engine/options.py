"""What can be asked of a colorizer. Imports nothing heavy, so that a command line can check it before any work."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from colorcli.errors import UsageError

#: Largest side of the network's input that is accepted: beyond, memory runs out long before anything gets better.
MAX_SIZE = 4096
PRECISIONS = ("auto", "fp32", "bf16", "fp16")


@dataclass(frozen=True, kw_only=True)
class ColorizeOptions:
    """How photos are colorized. None takes the model card's value.

    Attributes:
        model: card name, run folder or safetensors file.
        device: ``"auto"``, ``"cpu"``, ``"cuda"``, ``"cuda:N"`` or ``"mps"``.
        precision: one of :data:`PRECISIONS`, for the network alone; colour maths is always fp32.
        size: the network's input has the area of a square of this side, in pixels.
        strength: factor on the predicted chroma, 0..2.
        temperature: for the decoder, above 0.
        decoder: name of a decoder, for networks that predict distributions.
        form: form of the field for the ``mrf`` decoder.
        upsampler: name of an upsampler.
        seed: for decoders that draw; the same for every photo, so that a photo's colours do not depend on others.
        palette: a colour picture whose colours are preferred.

    Raises:
        UsageError: a number out of its range, or an unknown precision.
    """

    model: str = "default"
    device: str = "auto"
    precision: str = "auto"
    size: int | None = None
    strength: float | None = None
    temperature: float | None = None
    decoder: str | None = None
    form: str | None = None
    upsampler: str | None = None
    seed: int = 0
    palette: Path | None = None

    def __post_init__(self) -> None:
        if self.precision not in PRECISIONS:
            raise UsageError(f"unknown precision {self.precision!r}", hint=f"known: {', '.join(PRECISIONS)}")
        if self.size is not None and not 16 <= self.size <= MAX_SIZE:
            raise UsageError(f"size {self.size} is out of range", hint=f"give 16 to {MAX_SIZE}")
        if self.strength is not None and not 0 <= self.strength <= 2:
            raise UsageError(f"strength {self.strength} is out of range", hint="give 0 (gray) to 2")
        if self.temperature is not None and not 0 < self.temperature < math.inf:
            raise UsageError(f"temperature {self.temperature} is out of range", hint="give a number above 0")


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """How a run over many photos goes about it; none of this changes a photo's result.

    Attributes:
        overwrite: replace outputs that exist; otherwise their inputs are skipped unread.
        fail_fast: stop after the first failure.
        quality: of lossy output formats, 1..100.
        batch: most photos the network sees at once. None is 1 on a CPU, where a bigger batch saves nothing and would
            make a result depend on its neighbours in the last bits, and 16 elsewhere.
        readers: threads that read and shrink; None goes by the number of cores, here as below.
        writers: threads that merge, encode and write.
        photos: most photos in memory.
        megapixels: while this many are in memory, no further photo is read.

    Raises:
        UsageError: a number out of its range.
    """

    overwrite: bool = False
    fail_fast: bool = False
    quality: int = 95
    batch: int | None = None
    readers: int | None = None
    writers: int | None = None
    photos: int | None = None
    megapixels: float = 64

    def __post_init__(self) -> None:
        if not 1 <= self.quality <= 100:
            raise UsageError(f"quality {self.quality} is out of range", hint="give 1 to 100")
        for name in ("batch", "readers", "writers", "photos"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise UsageError(f"{name} must be at least 1, got {value}")
        if self.megapixels <= 0:
            raise UsageError(f"megapixels must be above 0, got {self.megapixels}")
