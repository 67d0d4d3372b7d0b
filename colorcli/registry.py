"""Names to modules: a file in a package registers itself by being there.

``Registry("colorcli.decoders", "decoder")`` offers every public module of that package under its file name, with
hyphens for underscores, and every entry point of the group ``colorcli.decoders`` that another distribution brings.
Listing imports nothing; a module is imported when it is asked for, so naming models never costs an import of torch.
"""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import pkgutil
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import EntryPoint, entry_points
from types import ModuleType

from colorcli.errors import UsageError


def near_miss(name: str, known: Iterable[str]) -> str:
    """Return a hint for an unknown name: the closest known one if any is close, else the list of all."""
    known = sorted(known)
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    return f"did you mean {close[0]!r}?" if close else f"known: {', '.join(known) or 'none'}"


@dataclass(frozen=True)
class Registry:
    """The modules of one package by name.

    Attributes:
        package: dotted name of the package; also the entry-point group plug-ins use.
        noun: what one entry is called in messages, for example ``"decoder"``.
    """

    package: str
    noun: str

    @cached_property
    def _own(self) -> dict[str, str]:
        # find_spec, not import: the package's __init__ is cheap, but its modules are not.
        spec = importlib.util.find_spec(self.package)
        paths = spec.submodule_search_locations if spec and spec.submodule_search_locations else []
        return {
            found.name.replace("_", "-"): f"{self.package}.{found.name}"
            for found in pkgutil.iter_modules(list(paths))
            if not found.name.startswith("_") and not found.ispkg  # a sub-package holds parts, not entries
        }

    @cached_property
    def _plugins(self) -> dict[str, EntryPoint]:
        return {point.name: point for point in entry_points(group=self.package)}

    def names(self) -> list[str]:
        """Return every known name, sorted."""
        return sorted({*self._own, *self._plugins})

    def load(self, name: str) -> ModuleType:
        """Import and return the module called ``name``.

        Raises:
            UsageError: there is no such name (with a near miss), or a plug-in of that name cannot be imported.
        """
        if name in self._own:
            return importlib.import_module(self._own[name])
        if name in self._plugins:
            point = self._plugins[name]
            try:
                module = point.load()
            except ImportError as error:
                dist = point.dist.name if point.dist else "an unknown distribution"
                raise UsageError(f"{self.noun} {name!r} of {dist} cannot be imported: {error}") from error
            if not isinstance(module, ModuleType):
                raise UsageError(f"{self.noun} {name!r}: its entry point must name a module, not {type(module)}")
            return module
        raise UsageError(f"unknown {self.noun} {name!r}", hint=near_miss(name, self.names()))


NETWORKS = Registry("colorcli.models", "network")
DECODERS = Registry("colorcli.decoders", "decoder")
UPSAMPLERS = Registry("colorcli.upsamplers", "upsampler")
LOSSES = Registry("colorcli.training.losses", "loss")
PUBLISHED = Registry("colorcli.engine.published", "published pipeline")
METRICS = Registry("colorcli.metrics", "metric")
