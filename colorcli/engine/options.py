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
