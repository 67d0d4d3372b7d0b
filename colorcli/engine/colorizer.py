"""One model on one device: photo in, coloured photo out.

    >>> color = Colorizer(ColorizeOptions(size=256))      # doctest: +SKIP
    >>> photo.write(color(photo.read("old.jpg")), "new.jpg")      # doctest: +SKIP

A photo takes three steps, so that a folder can overlap them: :meth:`Colorizer.prepare` shrinks the lightness
(processor), :meth:`Colorizer.predict` runs network and decoder (device), :meth:`Colorizer.finish` merges the predicted
colours with the photo at full size (processor). Everything that decides about a photo's result happens in these
three, so one photo and a folder of them cannot differ.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from colorcli.color import bins
from colorcli.engine import _marks, decoding, geometry, merge, published, threads, uncertainty
from colorcli.engine import device as devices
from colorcli.engine.contrast import spread
from colorcli.engine.decoding import Decoding
from colorcli.engine.geometry import Geometry
from colorcli.engine.hints import Hints
from colorcli.engine.options import ColorizeOptions
from colorcli.engine.prepared import Prediction, Prepared
from colorcli.engine.settings import choose
from colorcli.errors import DeviceError, UsageError
from colorcli.media import profiles
from colorcli.media.photo import Photo
from colorcli.registry import UPSAMPLERS, near_miss
from colorcli.weights.load import info, load
from colorcli.weights.resolve import Model, resolve

__all__ = ["ColorizeOptions", "Colorizer"]


class Colorizer:
    """A loaded model with its settings.

    Args:
        options: what is asked for; the card fills in the rest.
        model: an already resolved model, instead of ``options.model``.

    Attributes:
        model: card and weights.
        device: where the network is.
        precision: ``"fp32"``, ``"bf16"`` or ``"fp16"``, of the network alone.
        size: working size, pixels.
        fit: ``"keep"`` or ``"stretch"``.
        strength: factor on chroma.
        upsampler: name of the upsampler.
        info: what the network says about itself.

    Raises:
        UsageError: unknown model, decoder or upsampler, or a decoder for a network that has no use for one.
        WeightsError: the weights are missing, damaged or unfit.
        DeviceError: the device or the precision is not there.
    """

    def __init__(self, options: ColorizeOptions | None = None, *, model: Model | None = None) -> None:
        options = options or ColorizeOptions()
        self.options = options
        self.model = model or resolve(options.model)
        self._choice = choose(options, self.model.card)
        self.info = info(self.model)
        self.device = devices.select(options.device)
        self.size, self.strength = self._choice.size, self._choice.strength
        self.fit, self.upsampler = self._choice.fit, self._choice.upsampler
        if self.upsampler not in UPSAMPLERS.names():
            raise UsageError(
                f"unknown upsampler {self.upsampler!r}", hint=near_miss(self.upsampler, UPSAMPLERS.names())
            )
        self._published = published.choose(self.fit, self.info, options)
        exact = self._published is not None and options.precision == "auto"
        self.precision = "fp32" if exact else devices.precision(options.precision, self.device, self.info)
        if self.info.output != "logits":
            decoding.refuse(options, self.model.card)
        self._network = load(self.model, self.device)
        self._decoding = None
        if self.info.output == "logits":
            self._decoding = Decoding(options, self.model.card, self._network, self.device)

    @cached_property
    def weights_sha256(self) -> str:
        """SHA-256 of the weights file, for reports."""
        return self.model.sha256

    def to(self, device: str) -> Colorizer:
        """Return a colorizer with the same settings on another device, in the precision ``auto`` gives there."""
        options = dataclasses.replace(self.options, device=device, precision="auto")
        return Colorizer(options, model=self.model)

    @property
    def follows_publication(self) -> bool:
        """What goes into the network and comes out of it is the authors' own, not lightness and ab."""
        return self._published is not None

    def fitted(self, full: tuple[int, int], size: int | None = None) -> Geometry:
        """Return how a picture of ``full`` (height, width) is brought to the network; ``size`` as for `prepare`."""
        return (geometry.square if self.fit == "stretch" else geometry.fit)(full, size or self.size, self.info)

    def fitted_whole(self, full: tuple[int, int], size: int | None = None) -> Geometry | None:
        """Return how a picture is brought to the network to be summed up, if not by :meth:`fitted` as well.

        A network that sums up the whole picture is used to seeing it at the card's size. What it says of an enlarged
        one is of another place and season; so its summary is of the card's size, whatever size the colours are made
        at. But of twice that at most: who takes a smaller size is short of time or memory.
        """
        size = size or self.size
        if not self.info.whole:
            return None
        whole = self.fitted(full, min(self.model.card.size, 2 * size))
        return None if whole == self.fitted(full, size) else whole

    def with_palette(self, path: Path) -> Colorizer:
        """Return a colorizer that prefers the colours of the picture at ``path``; it shares this one's network.

        Raises:
            MediaError: the picture cannot be read.
            UsageError: it has no colour, or the network has no use for it.
        """
        other = copy.copy(self)
        other.options = dataclasses.replace(self.options, palette=path)
        if self._decoding is None:
            decoding.refuse(other.options, self.model.card)
        else:
            other._decoding = Decoding(other.options, self.model.card, self._network, self.device)
        return other

    def prepare(self, photo: Photo, *, size: int | None = None, hints: Hints | None = None) -> Prepared:
        """Shrink a photo's lightness to the working size.

        Args:
            photo: any size from 1 x 1.
            size: another working size than the colorizer's own, for when memory is short.
            hints: colours that are known, in the photo's pixels.

        Raises:
            UsageError: hints, and neither network nor decoder has a use for them.
            MediaError: hints that do not fit the photo.
        """
        size = size or self.size
        height, width = photo.pixels.shape[:2]
        fitted, whole = self.fitted((height, width), size), self.fitted_whole((height, width), size)

        def shrunk(to: Geometry) -> Tensor:
            return geometry.pad(merge.lightness(photo.pixels, to.inner), to.padded)

        L = shrunk(fitted) if self._published is None else self._published.prepare(photo.pixels, fitted.inner[0])
        view = None if whole is None else Prepared(shrunk(whole), whole, size)
        return Prepared(L, fitted, size, view, None if hints is None else self._raster(hints, fitted))

    def predict(self, batch: Sequence[Prepared]) -> list[Tensor]:
        """Do :meth:`predict_all`, and return the ab alone."""
        return [found.ab for found in self.predict_all(batch)]

    @torch.inference_mode()
    def predict_all(self, batch: Sequence[Prepared]) -> list[Prediction]:
        """Run the network and the decoder.

        Args:
            batch: prepared photos whose padded sizes are equal.

        Raises:
            ValueError: the batch is empty or its padded sizes differ.
            DeviceError: the network's output is not finite (half precision can overflow).
        """
        if len({item.geometry.padded for item in batch}) != 1:
            raise ValueError(f"a batch needs one padded size, got {[item.geometry.padded for item in batch]}")
        found: dict[int, Prediction] = {}
        for hinted in (False, True):
            rows = [i for i, item in enumerate(batch) if (item.hints is not None) == hinted]
            if rows:
                found |= zip(rows, self._predict([batch[i] for i in rows], hinted=hinted), strict=True)
        return [found[i] for i in range(len(batch))]

    def _predict(self, batch: Sequence[Prepared], *, hinted: bool) -> list[Prediction]:
        """Do :meth:`predict` for photos all of which have hints, or none."""
        L = torch.stack([item.L for item in batch]).to(self.device)  # (B, 1, H, W)
        # The published last steps have no place for hints in a distribution.
        answer = None if hinted and self._decoding else self._answer
        with threads.for_network(self.device, heavy=self.info.heavy):
            with torch.autocast(self.device.type, devices.DTYPES[self.precision], enabled=self.precision != "fp32"):
                if hinted and self.info.hints:
                    hints = torch.stack([item.hints_padded for item in batch]).to(self.device)
                    network: Any = self._network  # one that has this method, says its INFO
                    output = network.forward_with_hints(L, hints[:, :2], hints[:, 2:])
                else:
                    output = self._see(L, batch) if answer is None else answer(self._network, L)
            stride = self.info.stride if answer is None else 1
            rows = enumerate(batch)
            return [self._to_ab(output[i : i + 1], L[i : i + 1], item, stride) for i, item in rows]

    def _see(self, L: Tensor, batch: Sequence[Prepared]) -> Tensor:
        """Run the network on L ``(B, 1, H, W)`` of a batch."""
        network: Any = self._network
        if all(item.whole is None for item in batch):
            output: Tensor = network(L)
            return output
        views = [item.L if item.whole is None else item.whole.L for item in batch]
        # One by one: pictures that meet at one size may differ in the size they are summed up at.
        output = network(L, torch.cat([network.summary(view[None].to(self.device)) for view in views]))
        return output

    def finish(self, photo: Photo, prepared: Prepared, ab_small: Tensor) -> Photo:
        """Merge predicted colours with a photo.

        Args:
            photo: gray or RGB, any depth the media package reads.
            prepared: what :meth:`prepare` gave for it.
            ab_small: ``(2, h, w)`` Lab units, what :meth:`predict` gave for it.

        Returns:
            A photo with RGB pixels of the same size and depth, tagged sRGB; alpha and all other metadata are the
            original's.
        """
        if self._published is not None:
            pixels = self._published.finish(photo.pixels, ab_small, self.strength)
        else:
            pixels = merge.merge(
                photo.pixels, ab_small, prepared.L_small, upsampler=self.upsampler, strength=self.strength
            )
        # Gray without a profile looks the same anywhere; colour does not.
        metadata = dataclasses.replace(photo.metadata, icc=photo.metadata.icc or profiles.srgb())
        return dataclasses.replace(photo, pixels=pixels, metadata=metadata)

    def __call__(self, photo: Photo, *, hints: Hints | None = None) -> Photo:
        """Colorize one photo, by hints if there are any (`colorcli.engine.hints.read`)."""
        prepared = self.prepare(photo, hints=hints)
        return self.finish(photo, prepared, self.predict([prepared])[0])

    def _to_ab(self, output: Tensor, L: Tensor, item: Prepared, stride: int) -> Prediction:
        """Crop one picture's output ``(1, C, h, w)`` and decode it where needed, to ab ``(2, h, w)``.

        Pictures are decoded one by one: a decoder that draws or iterates must not let neighbours in a batch meet.
        """
        height, width = item.geometry.inner
        output = output[:, :, : height // stride, : width // stride].float()
        if not bool(torch.isfinite(output).all()):
            raise DeviceError(f"the network's output is not finite in {self.precision}", hint="use --precision fp32")
        if self._decoding is None or output.shape[1] != bins.Q:  # ab, or what a published pipeline goes on from
            return Prediction(self._spread(output[0].cpu(), item))
        # The mean over each output pixel's own square of input: aligned with the logits, pixel centres and all.
        L_output = F.avg_pool2d(L[:, :, :height, :width], stride)
        ab = self._decoding(output, L_output, item.hints).cpu()
        return Prediction(self._spread(ab, item), uncertainty.of_distribution(output))

    def _spread(self, ab: Tensor, item: Prepared) -> Tensor:
        """Return ab ``(2, h, w)`` with the contrast asked for. Colours that the user has told are not moved."""
        return spread(ab, self._choice.contrast) if item.hints is None and self._published is None else ab

    @property
    def _answer(self) -> Callable[[nn.Module, Tensor], Tensor] | None:
        """The published last steps of the network, unless a way to decode is asked for."""
        asked = (getattr(self.options, option) for option in decoding.ONLY_HERE)
        if self._published is None or any(value is not None for value in asked):
            return None
        found: Callable[[nn.Module, Tensor], Tensor] = self._published.answer
        return found

    def _raster(self, hints: Hints, fitted: Geometry) -> Tensor:
        if not self.takes_hints:
            raise UsageError(
                f"{hints.source}: model {self.model.card.name!r} takes no hints",
                hint="take a model that predicts distributions, such as 'default', or 'siggraph17'",
            )
        hints.check(fitted.full)
        height, width = fitted.inner
        stride = 1 if self.info.hints else self.info.stride
        return _marks.raster(hints, fitted.full, (height // stride, width // stride))

    @property
    def takes_hints(self) -> bool:
        """Whether the network, or a decoder of its distributions, has a use for hints."""
        return self.info.hints or self._decoding is not None

    @property
    def decoder(self) -> str | None:
        """Name of the decoder; None if the network predicts ab itself."""
        return None if self._decoding is None else self._decoding.name

    @property
    def hinted_decoder(self) -> str | None:
        """Name of the decoder of photos with hints, which need not be that of the others."""
        return None if self._decoding is None else self._decoding.hinted_name
