"""Versions: of colorcli, of Python, of the libraries, and whether each of them can be loaded."""

from __future__ import annotations

import importlib
import json
import platform
import sys
import sysconfig
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution, distributions, version
from pathlib import Path
from typing import TYPE_CHECKING

from colorcli.engine.health.report import Check, attempt

if TYPE_CHECKING:
    from packaging.requirements import Requirement

#: Distributions whose import has another name, and those of which only the version matters (None).
_MODULES: dict[str, str | None] = {
    "huggingface-hub": "huggingface_hub",
    "lxml": "lxml.etree",
    "matplotlib": None,  # slow to load, and only training draws
    "torchmetrics": None,  # slow to load, and a few metrics ask for it
    "opencv-python": "cv2",
    "pillow": "PIL.Image",
    "pillow-heif": "pillow_heif",
    "tomli-w": "tomli_w",
}
#: Each of these brings a cv2, and the last one installed wins.
_OPENCVS = (
    "opencv-python", "opencv-python-headless", "opencv-contrib-python", "opencv-contrib-python-headless",
)  # fmt: skip
#: Extras for those who work on colorcli, not with it.
_INTERNAL = {"test"}


def checks() -> Iterator[Check]:
    """Look at colorcli itself, Python, the platform, every required library and every extra."""
    yield attempt("colorcli", itself)
    yield Check(
        name="python",
        text=f"{platform.python_version()}, {platform.python_implementation()}, {sys.executable}",
        data={"version": platform.python_version(), "executable": sys.executable},
    )
    yield attempt("platform", _platform)
    for requirement in requirements():
        extra = _extra(requirement)
        if extra is None:
            yield attempt(requirement.name, lambda r=requirement: library(r))  # type: ignore[misc]
        else:
            yield attempt(requirement.name, lambda r=requirement, e=extra: optional(r, e))  # type: ignore[misc]


def itself() -> Check:
    """Say which colorcli this is, where it lies and how it came there."""
    folder = Path(__file__).resolve().parents[2]
    dist = _own_distribution()
    how = "a source tree without package metadata"
    if dist is not None:
        url = json.loads(dist.read_text("direct_url.json") or "{}")
        if url.get("dir_info", {}).get("editable"):
            how = "editable install"
        elif folder.parent == Path(sysconfig.get_path("purelib")):
            how = "installed from a wheel"
        else:
            how = "a source tree on the path"
    found = dist.version if dist is not None else "of unknown version"
    return Check(
        name="colorcli",
        status="ok" if dist is not None else "warn",
        text=f"{found}, {how}, {folder}",
        hint=None if dist is not None else "pip install it, so that plug-ins and versions are found",
        data={"version": found, "how": how, "path": str(folder)},
    )


def _own_distribution() -> Distribution | None:
    """Return colorcli's metadata; those of pip before an egg-info that a build left in the working directory."""
    found = list(distributions(name="colorcli"))
    return next((dist for dist in found if dist.read_text("direct_url.json")), found[0] if found else None)


def _platform() -> Check:
    libc = " ".join(part for part in platform.libc_ver() if part)
    system = f"{platform.system()} {platform.release()} {platform.machine()}"
    return Check(
        name="platform",
        text=", ".join(part for part in (system, libc) if part),
        data={"system": platform.system(), "release": platform.release(), "machine": platform.machine(), "libc": libc},
    )


def requirements() -> list[Requirement]:
    """Return what colorcli's metadata ask for, extras last; empty if there are none.

    Raises:
        ImportError: packaging is missing, which comes with huggingface-hub.
    """
    from packaging.requirements import InvalidRequirement, Requirement

    dist = _own_distribution()
    found = []
    for text in (dist.requires or []) if dist is not None else []:
        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            continue
        if requirement.name != "colorcli" and _extra(requirement) not in _INTERNAL:
            found.append(requirement)
    return sorted(found, key=lambda r: (_extra(r) is not None, _light(r), r.name))


def _light(requirement: Requirement) -> bool:
    """Sort what the pictures depend on before the rest."""
    return requirement.name not in ("torch", "numpy", "opencv-python", "pillow", "tifffile", "imagecodecs", "lxml")


def _extra(requirement: Requirement) -> str | None:
    """Return the extra of colorcli that asks for it, None if colorcli itself does."""
    marker = str(requirement.marker or "")
    return marker.partition('extra == "')[2].partition('"')[0] or None


def _installed(name: str) -> tuple[str, str] | None:
    """Return (distribution, version) of what provides ``name``."""
    for candidate in _OPENCVS if name in _OPENCVS else (name,):
        try:
            return candidate, version(candidate)
        except PackageNotFoundError:
            continue
    return None


def library(requirement: Requirement) -> Check:
    """Say which version of a library is here, whether it is new enough, and load it.

    Raises:
        ImportError: it cannot be loaded; and whatever else loading it raises.
    """
    name = requirement.name
    found = _installed(name)
    if found is None:
        return Check(name=name, status="fail", text="not installed", hint=f"pip install '{_plain(requirement)}'")
    dist, number = found
    module = _MODULES.get(name, name.replace("-", "_"))
    if module is not None:
        importlib.import_module(module)
    data = {"version": number, "distribution": dist, "required": str(requirement.specifier)}
    if not requirement.specifier.contains(number, prereleases=True):
        hint = f"pip install '{_plain(requirement)}'"
        text = f"{number} is not what colorcli needs: {requirement.specifier}"
        return Check(name=name, status="warn", text=text, hint=hint, data=data)
    others = [other for other in _OPENCVS if other != dist and _has(other)] if name in _OPENCVS else []
    if others:
        text = f"{number}, but {', '.join(others)} is installed too, into the same folder"
        hint = f"pip uninstall {dist} {' '.join(others)}, then pip install {dist}"
        return Check(name=name, status="warn", text=text, hint=hint, data=data)
    return Check(name=name, text=number if dist == name else f"{number} ({dist})", data=data)


def optional(requirement: Requirement, extra: str) -> Check:
    """Say whether an extra is here; that it is not is no fault.

    Raises:
        ImportError: it is, but cannot be loaded.
    """
    if _has(requirement.name):
        return library(requirement)
    return Check(
        name=requirement.name,
        text=f"not installed; optional: pip install 'colorcli[{extra}]'",
        data={"version": None, "extra": extra, "required": str(requirement.specifier)},
    )


def _has(name: str) -> bool:
    try:
        distribution(name)
    except PackageNotFoundError:
        return False
    return True


def _plain(requirement: Requirement) -> str:
    return f"{requirement.name}{requirement.specifier}"
