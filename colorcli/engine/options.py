"""What can be asked of a colorizer. Imports nothing heavy, so that a command line can check it before any work."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from colorcli.errors import UsageError
from colorcli.registry import near_miss

#: Largest side of the network's input that is accepted: beyond, memory runs out long before anything gets better.
MAX_SIZE = 4096
#: What becomes of photos that are in colour already.
ON_COLOR = ("skip", "copy", "recolor")
#: How a photo comes into the network's input: its aspect ratio kept, or squashed to a square as the authors do.
FITS = ("keep", "stretch")
#: Colour space of the outputs.
PROFILES = ("srgb", "keep")
PRECISIONS = ("auto", "fp32", "bf16", "fp16")


@dataclass(frozen=True, kw_only=True)
class ColorizeOptions:
    """How photos are colorized. None takes the model card's value.

    Attributes:
        model: card name, run folder or safetensors file.
        device: ``"auto"``, ``"cpu"``, ``"cuda"``, ``"cuda:N"`` or ``"mps"``.
        precision: one of :data:`PRECISIONS`, for the network alone; colour maths is always fp32.
        size: the network's input has the area of a square of this side, in pixels.
        render_factor: DeOldify's name for it: 16 times this is the size.
        fit: one of :data:`FITS`; ``"stretch"`` takes the published pipeline of a network that has one.
        strength: factor on the predicted chroma, 0..2.
        contrast: factor on how far colours lie from the picture's mean colour, 0..3; see `colorcli.engine.contrast`.
        temperature: for the decoder, above 0.
        decoder: name of a decoder, for networks that predict distributions.
        form: form of the field for the ``mrf`` decoder.
        upsampler: name of an upsampler.
        seed: for decoders that draw; the same for every photo, so that a photo's colours do not depend on others.
        palette: a colour picture whose colours are preferred.
        blend: several models instead of one, ``"NAME:WEIGHT,NAME:WEIGHT"``; see `colorcli.engine.ensemble`.
        tta: average over views of the photo; see there.

    Raises:
        UsageError: a number out of its range, or an unknown precision.
    """

    model: str = "default"
    device: str = "auto"
    precision: str = "auto"
    size: int | None = None
    render_factor: int | None = None
    fit: str | None = None
    strength: float | None = None
    contrast: float | None = None
    temperature: float | None = None
    decoder: str | None = None
    form: str | None = None
    upsampler: str | None = None
    seed: int = 0
    palette: Path | None = None
    blend: str | None = None
    tta: bool = False

    def __post_init__(self) -> None:
        if self.precision not in PRECISIONS:
            raise UsageError(f"unknown precision {self.precision!r}", hint=f"known: {', '.join(PRECISIONS)}")
        if self.size is not None and not 16 <= self.size <= MAX_SIZE:
            raise UsageError(f"size {self.size} is out of range", hint=f"give 16 to {MAX_SIZE}")
        if self.render_factor is not None and not 1 <= self.render_factor <= MAX_SIZE // 16:
            raise UsageError(f"render factor {self.render_factor} is out of range", hint=f"give 1 to {MAX_SIZE // 16}")
        if self.render_factor is not None and self.size is not None:
            raise UsageError("a render factor is a size: 16 times as much", hint="give one of the two")
        if self.fit not in (None, *FITS):
            raise UsageError(f"unknown fit {self.fit!r}", hint=near_miss(str(self.fit), FITS))
        if self.strength is not None and not 0 <= self.strength <= 2:
            raise UsageError(f"strength {self.strength} is out of range", hint="give 0 (gray) to 2")
        if self.contrast is not None and not 0 <= self.contrast <= 3:
            raise UsageError(f"contrast {self.contrast} is out of range", hint="give 0 (one colour) to 3")
        if self.temperature is not None and not 0 < self.temperature < math.inf:
            raise UsageError(f"temperature {self.temperature} is out of range", hint="give a number above 0")


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """How a run over many photos goes about it, and in what form it writes them.

    Attributes:
        overwrite: replace outputs that exist and are not known to be our own; otherwise their inputs are skipped.
        force: do again what is done already (only where a manifest tells).
        only_failed: do only what failed last time (only where a manifest tells).
        retry: so many times, what failed is tried again at the end of the run.
        fail_fast: stop after the first failure; nothing is then tried again.
        quality: of lossy output formats, 1..100.
        on_color: photos that are in colour already are left alone (``"skip"``), copied byte for byte (``"copy"``) or
            treated like all others (``"recolor"``).
        profile: outputs are in sRGB (``"srgb"``), or in the input's own RGB space (``"keep"``).
        provenance: the outputs' metadata says what made them.
        keep_times: outputs have their inputs' times of access and change.
        max_pixels: pictures of more are refused; None is the limit of `colorcli.media.photo.read`.
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
    force: bool = False
    only_failed: bool = False
    retry: int = 0
    fail_fast: bool = False
    quality: int = 95
    on_color: Literal["skip", "copy", "recolor"] = "skip"
    profile: Literal["srgb", "keep"] = "srgb"
    provenance: bool = True
    keep_times: bool = False
    max_pixels: int | None = None
    batch: int | None = None
    readers: int | None = None
    writers: int | None = None
    photos: int | None = None
    megapixels: float = 64

    def __post_init__(self) -> None:
        if not 1 <= self.quality <= 100:
            raise UsageError(f"quality {self.quality} is out of range", hint="give 1 to 100")
        for name, value, known in (("on-color", self.on_color, ON_COLOR), ("profile", self.profile, PROFILES)):
            if value not in known:
                raise UsageError(f"unknown {name} {value!r}", hint=f"known: {', '.join(known)}")
        if self.retry < 0:
            raise UsageError(f"retry must not be negative, got {self.retry}")
        for name in ("batch", "readers", "writers", "photos", "max_pixels"):
            count = getattr(self, name)
            if count is not None and count < 1:
                raise UsageError(f"{name} must be at least 1, got {count}")
        if self.megapixels <= 0:
            raise UsageError(f"megapixels must be above 0, got {self.megapixels}")
