"""Several runs for one result: several models (``--blend``), several views of the photo (``--tta``), or both.

What is averaged is ab, pixel by pixel, on the finest grid among the runs, so networks, sizes and decoders may differ;
the photo's own lightness goes through once, as ever. Views are the picture and its mirror image, each at three sizes.
How far the runs lie apart is the photo's uncertainty (`colorcli.engine.uncertainty`).
"""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from colorcli.engine import blend, geometry, uncertainty
from colorcli.engine.blend import Blend
from colorcli.engine.colorizer import Colorizer
from colorcli.engine.hints import Hints
from colorcli.engine.options import ColorizeOptions
from colorcli.engine.prepared import Prediction, Prepared
from colorcli.errors import UsageError
from colorcli.media.photo import Photo
from colorcli.weights.resolve import Model

#: Views of ``--tta``: factor on the working size, and whether mirrored.
VIEWS = tuple((scale, mirrored) for scale in (1.0, 0.8, 1.25) for mirrored in (False, True))


def load(options: ColorizeOptions, model: Model | None = None) -> Colorizer:
    """Return what colorizes as the options say: a colorizer, or an ensemble.

    Args:
        options: what is asked for.
        model: what `colorcli.engine.blend.find` found for it.

    Raises:
        UsageError: as for `Colorizer`; or a blend that follows a publication to its last step.
    """
    model = model or blend.find(options)
    if not isinstance(model, Blend) and not options.tta:
        return Colorizer(options, model=model)
    return Ensemble(options, model)


@dataclass(frozen=True)
class _Run:
    member: Colorizer
    share: float
    scale: float
    mirrored: bool


class Ensemble(Colorizer):
    """Models and views averaged; to all who ask for size, device and the like, it is its first model.

    Args:
        options: for all models; what one of them has no use for is an error.
        model: a model, or a blend of several.
    """

    def __init__(self, options: ColorizeOptions, model: Model) -> None:
        alone = dataclasses.replace(options, blend=None, tta=False)
        parts = model.parts if isinstance(model, Blend) else ((model, 1.0),)
        members = [(Colorizer(alone, model=part), share) for part, share in parts]
        for member, _ in members:
            if member.follows_publication:
                raise UsageError(
                    f"{member.model.card.name!r} with --fit stretch follows its authors to the last step, and leaves no"
                    " ab to average",
                    hint="take --fit keep",
                )
        vars(self).update(vars(members[0][0]))  # the first speaks for all
        self.options, self.model = options, model
        views = VIEWS if options.tta else VIEWS[:1]
        self._members = [member for member, _ in members]
        self._runs = [
            _Run(member, share / len(views), scale, mirrored) for member, share in members for scale, mirrored in views
        ]

    def to(self, device: str) -> Colorizer:
        """Return an ensemble with the same settings on another device, in the precision ``auto`` gives there."""
        return Ensemble(dataclasses.replace(self.options, device=device, precision="auto"), self.model)

    @property
    def takes_hints(self) -> bool:
        """Whether one of the models has a use for hints."""
        return any(member.takes_hints for member in self._members)

    def prepare(self, photo: Photo, *, size: int | None = None, hints: Hints | None = None) -> Prepared:
        """Shrink a photo's lightness for every run; all are smaller by as much as ``size`` is below the first's."""
        factor = 1.0 if size is None else size / self.size
        views: list[Prepared] = []
        for run in self._runs:
            if run.mirrored:  # follows the same view of the same model
                views.append(_mirrored(views[-1]))
                continue
            known = hints if run.member.takes_hints else None
            wanted = max(round(run.member.size * factor * run.scale), 16)
            views.append(run.member.prepare(photo, size=wanted, hints=known))
        return dataclasses.replace(views[0], size=size or self.size, views=tuple(views))

    @torch.inference_mode()
    def predict_all(self, batch: Sequence[Prepared]) -> list[Prediction]:
        """Do every run for every photo, and average."""
        found: list[list[Tensor]] = [[] for _ in batch]
        for number, run in enumerate(self._runs):
            groups: dict[tuple[int, int], list[int]] = defaultdict(list)
            for place, item in enumerate(batch):
                groups[item.views[number].geometry.padded].append(place)
            for places in groups.values():
                made = run.member.predict([batch[place].views[number] for place in places])
                for place, ab in zip(places, made, strict=True):
                    found[place].append(ab.flip(-1) if run.mirrored else ab)
        return [self._average(ab) for ab in found]

    def _average(self, runs: list[Tensor]) -> Prediction:
        grid = max((ab.shape[-2:] for ab in runs), key=lambda shape: shape[0] * shape[1])
        # A grid of one model is often that of another, or near it: bilinear is enough, and never overshoots.
        ab = torch.stack([_on_grid(one, (grid[0], grid[1])) for one in runs])
        shares = torch.tensor([run.share for run in self._runs])
        mean = (ab * shares[:, None, None, None]).sum(0)
        return Prediction(mean, uncertainty.of_runs(ab, shares) if len(runs) > 1 else None)


def _on_grid(ab: Tensor, grid: tuple[int, int]) -> Tensor:
    if tuple(ab.shape[-2:]) == grid:
        return ab
    return interpolate(ab[None], grid, mode="bilinear", align_corners=False)[0]


def _mirrored(item: Prepared) -> Prepared:
    """Return the mirror image; what is padded is its right side again."""
    return dataclasses.replace(
        item,
        L=geometry.pad(item.L_small.flip(-1), item.geometry.padded),
        whole=None if item.whole is None else _mirrored(item.whole),
        hints=None if item.hints is None else item.hints.flip(-1),
    )
