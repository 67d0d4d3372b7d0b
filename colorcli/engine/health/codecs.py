"""Codecs, by writing a small picture in every format and reading it back."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from colorcli.engine.health.report import Check, attempt
from colorcli.errors import ColorcliError
from colorcli.media.formats import FORMATS, Format

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from colorcli.media.photo import Photo

#: Largest mean difference of a lossy round trip, as a share of full scale. The picture is smooth; chroma is not halved.
_CLOSE = 0.02
#: Largest difference of an alpha value in lossy formats, as a share of full scale: AVIF codes it with the picture.
_ALPHA_STEP = 3 / 255
_HEIGHT, _WIDTH = 48, 64


def checks() -> Iterator[Check]:
    """Look at every format of `colorcli.media.formats.FORMATS`.

    Raises:
        ImportError: numpy or a codec that all of them need cannot be loaded.
    """
    from colorcli.media import photo  # noqa: F401  one line rather than the same one for every format

    for form in FORMATS.values():
        yield attempt(form.name, lambda f=form: codec(f))  # type: ignore[misc]
    yield attempt("films", films)


def films() -> Check:
    """Write and read back a few frames with every codec of ``colorcli video``.

    Raises:
        ImportError: PyAV cannot be loaded.
    """
    from colorcli.media.video import build

    found = build.encoders()
    works = [f"{codec} ({library})" for codec, library in found.items() if library]
    missing = [codec for codec, library in found.items() if not library]
    text = f"FFmpeg {build.version()}: {', '.join(works) or 'no encoder works'}"
    return Check(
        name="films",
        status="warn" if missing else "ok",
        text=f"{text}; missing: {', '.join(missing)}" if missing else text,
        hint="pip install --force-reinstall av, whose wheels bring all of them" if missing else None,
        data={"ffmpeg": build.version(), "encoders": found},
    )


def codec(form: Format) -> Check:
    """Write and read back everything a format says it can hold."""
    worked: list[str] = []
    broken: dict[str, str] = {}
    hint: str | None = None
    for variant in _variants(form):
        try:
            problem = _trip(form, variant)
        except ColorcliError as error:
            if is_missing_extra(error):
                return _missing(form, error)
            problem, hint = error.message, hint or error.hint
        except Exception as error:
            if isinstance(error, ImportError) and not worked:
                raise
            problem = f"{type(error).__name__}: {error}".splitlines()[0]
        if problem:
            broken[variant] = problem
        else:
            worked.append(variant)
    data = {"state": "broken" if broken else "ok", "works": worked, "broken": broken, "suffixes": list(form.suffixes)}
    if not broken:
        return Check(name=form.name, text=", ".join(worked), data=data)
    text = "; ".join(
        f"broken: {', '.join(variant for variant in broken if broken[variant] == problem)}: {problem}"
        for problem in dict.fromkeys(broken.values())
    )
    return Check(
        name=form.name,
        status="fail",
        text=f"{', '.join(worked)}; {text}" if worked else text,
        hint=hint or "pip install --force-reinstall pillow tifffile imagecodecs, or use another format",
        data=data,
    )


def is_missing_extra(error: ColorcliError) -> bool:
    """Say whether an error only means that an extra is not installed: its hint says how to install it."""
    return "colorcli[" in (error.hint or "")


def _missing(form: Format, error: ColorcliError) -> Check:
    data = {"state": "missing extra", "works": [], "broken": {}, "suffixes": list(form.suffixes)}
    return Check(name=form.name, text=f"not installed; optional: {error.hint}", data=data)


def _variants(form: Format) -> list[str]:
    deep = ["16 bit"] if form.deep else []
    alpha = ["alpha", *(["16 bit alpha"] if form.deep else [])] if form.alpha else []
    return ["gray", "color", *deep, *alpha]


def _trip(form: Format, variant: str) -> str | None:
    """Return what is wrong with what came back, None if nothing.

    Raises:
        ColorcliError: it cannot be written or read; or whatever a codec raises.
    """
    from colorcli.media import photo

    before = draw(deep="16" in variant, alpha="alpha" in variant, gray=variant == "gray", format=form.name)
    stream = io.BytesIO()
    photo.write(before, stream, format=form.name)
    stream.seek(0)
    return compare(before, photo.read(stream, name=f"{form.name} test picture"), lossless=form.lossless)


def compare(before: Photo, after: Photo, *, lossless: bool) -> str | None:
    """Return what a round trip changed that it should not, None if nothing.

    Args:
        before: what was written.
        after: what was read back.
        lossless: pixels and alpha must be equal; otherwise close.
    """
    import numpy as np

    if after.format != before.format:
        return f"read back as {after.format}"
    if after.pixels.dtype != before.pixels.dtype:
        return f"{before.pixels.dtype} came back as {after.pixels.dtype}"
    old: NDArray[Any] = before.pixels
    new: NDArray[Any] = after.pixels
    if old.ndim == 2 and new.ndim == 3:  # a lossy format may give back nearly gray
        old = np.repeat(old[:, :, None], 3, axis=2)
    if new.shape != old.shape:
        return f"{old.shape} came back as {new.shape}"
    difference = float(np.abs(new.astype(np.float64) - old).mean()) / np.iinfo(old.dtype).max
    if difference > (0 if lossless else _CLOSE):
        return f"pixels changed by {difference:.2%} on average"
    if before.alpha is None:
        return None
    if after.alpha is None:
        return "alpha was lost"
    step = int(np.abs(after.alpha.astype(np.int64) - before.alpha).max())
    allowed = 0 if lossless else _ALPHA_STEP * np.iinfo(old.dtype).max
    return f"alpha changed by up to {step}" if step > allowed else None


def draw(*, deep: bool = False, alpha: bool = False, gray: bool = False, format: str = "PNG") -> Photo:
    """Return a small picture: smooth colours, and an alpha of several values.

    Args:
        deep: uint16 instead of uint8.
        alpha: with alpha.
        gray: ``(H, W)`` instead of ``(H, W, 3)``.
        format: of the photo.
    """
    import numpy as np

    from colorcli.media.photo import Photo

    y, x = np.mgrid[0:_HEIGHT, 0:_WIDTH] / np.array([_HEIGHT, _WIDTH])[:, None, None]
    planes = np.stack([x, y, 0.5 + 0.3 * np.sin(3 * (x + y))], axis=-1)  # (H, W, 3), 0..1
    kind: Any = np.uint16 if deep else np.uint8
    full = np.iinfo(kind).max
    pixels = np.ascontiguousarray((planes[:, :, 2] if gray else planes) * full).astype(kind)
    return Photo(pixels, ((1 - y) * full).astype(kind) if alpha else None, format)
