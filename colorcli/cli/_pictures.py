"""The options of the commands that colorize pictures."""
# No `from __future__ import annotations` here: the lambdas inside Annotated must close over this module.

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import typer

from colorcli.cli._options import (
    COLOUR,
    FILES,
    FORMS,
    MACHINE,
    DeviceOption,
    Models,
    PrecisionOption,
    completion,
    models,
    one_of,
)
from colorcli.engine.options import FITS, ON_COLOR, PROFILES, ColorizeOptions, RunOptions
from colorcli.registry import DECODERS, UPSAMPLERS


@dataclass(frozen=True, kw_only=True)
class Colouring(Models):
    """How pictures are colorized, be they photos or the frames of a film, and what is done with files."""

    model: Annotated[
        str,
        typer.Option(
            "--model",
            "-m",
            envvar="COLORCLI_MODEL",
            autocompletion=completion(models),
            help="Name of a model, run folder, file of weights, or hf:owner/name.",
            rich_help_panel=COLOUR,
        ),
    ] = "default"
    strength: Annotated[
        float | None,
        typer.Option(
            envvar="COLORCLI_STRENGTH",
            help="Factor on the colours: 0 is gray, 2 twice as strong.",
            show_default="the model's",
            rich_help_panel=COLOUR,
        ),
    ] = None
    contrast: Annotated[
        float | None,
        typer.Option(
            envvar="COLORCLI_CONTRAST",
            help="Factor on how far colours lie from the picture's mean colour: above 1 livelier, below calmer.",
            show_default="the model's",
            rich_help_panel=COLOUR,
        ),
    ] = None
    temperature: Annotated[
        float | None,
        typer.Option(
            envvar="COLORCLI_TEMPERATURE",
            help="Below 1 bolder, above 1 more cautious.",
            show_default="the model's",
            rich_help_panel=COLOUR,
        ),
    ] = None
    decoder: Annotated[
        str | None,
        typer.Option(
            envvar="COLORCLI_DECODER",
            autocompletion=completion(DECODERS.names),
            callback=one_of("decoder", DECODERS.names),
            help=f"From distribution to colour: {', '.join(DECODERS.names())}.",
            show_default="the model's",
            rich_help_panel=COLOUR,
        ),
    ] = None
    mrf_form: Annotated[
        str | None,
        typer.Option(
            envvar="COLORCLI_MRF_FORM",
            autocompletion=completion(lambda: FORMS),
            callback=one_of("form of the mrf decoder", lambda: FORMS),
            help=f"Field of the mrf decoder: {' or '.join(FORMS)}.",
            show_default="the model's",
            rich_help_panel=COLOUR,
        ),
    ] = None
    palette: Annotated[
        Path | None,
        typer.Option(envvar="COLORCLI_PALETTE", help="Prefer the colours of this picture.", rich_help_panel=COLOUR),
    ] = None
    upsampler: Annotated[
        str | None,
        typer.Option(
            envvar="COLORCLI_UPSAMPLER",
            autocompletion=completion(UPSAMPLERS.names),
            callback=one_of("upsampler", UPSAMPLERS.names),
            help=f"From small to full-size colour: {', '.join(UPSAMPLERS.names())}.",
            show_default="the model's",
            rich_help_panel=COLOUR,
        ),
    ] = None
    seed: Annotated[
        int,
        typer.Option(envvar="COLORCLI_SEED", help="For decoders that draw (sample).", rich_help_panel=COLOUR),
    ] = 0
    size: Annotated[
        int | None,
        typer.Option(
            envvar="COLORCLI_SIZE",
            help="The network looks at size x size pixels' worth of the photo.",
            show_default="the model's",
            rich_help_panel=MACHINE,
        ),
    ] = None
    render_factor: Annotated[
        int | None,
        typer.Option(
            envvar="COLORCLI_RENDER_FACTOR",
            help="DeOldify's word for the size: 16 times this.",
            show_default="none",
            rich_help_panel=MACHINE,
        ),
    ] = None
    fit: Annotated[
        str | None,
        typer.Option(
            envvar="COLORCLI_FIT",
            autocompletion=completion(lambda: FITS),
            callback=one_of("fit", lambda: FITS),
            help="keep the photo's aspect ratio, or stretch it to a square, as the network's authors do: for a"
            " published network exactly their way from photo to photo.",
            show_default="the model's",
            rich_help_panel=MACHINE,
        ),
    ] = None
    device: DeviceOption = "auto"
    precision: PrecisionOption = "auto"
    on_color: Annotated[
        str,
        typer.Option(
            envvar="COLORCLI_ON_COLOR",
            autocompletion=completion(lambda: ON_COLOR),
            callback=one_of("choice for --on-color", lambda: ON_COLOR),
            help=f"What is in colour already: {', '.join(ON_COLOR)}.",
            rich_help_panel=FILES,
        ),
    ] = "skip"
    keep_times: Annotated[
        bool, typer.Option("--keep-times", help="Give outputs the times of their inputs.", rich_help_panel=FILES)
    ] = False
    no_provenance: Annotated[
        bool,
        typer.Option("--no-provenance", help="Leave out of the metadata what made the colours.", rich_help_panel=FILES),
    ] = False
    overwrite: Annotated[
        bool,
        typer.Option("--overwrite", help="Replace outputs that exist, whoever wrote them.", rich_help_panel=FILES),
    ] = False
    dry_run: Annotated[
        bool, typer.Option("--dry-run", "-n", help="Only say what would be done.", rich_help_panel=FILES)
    ] = False

    def colorize(self) -> ColorizeOptions:
        """Return what the engine is asked for.

        Raises:
            UsageError: a number out of its range.
        """
        return ColorizeOptions(
            model=self.model,
            device=self.device,
            precision=self.precision,
            size=self.size,
            render_factor=self.render_factor,
            fit=self.fit,
            strength=self.strength,
            contrast=self.contrast,
            temperature=self.temperature,
            decoder=self.decoder,
            form=self.mrf_form,
            upsampler=self.upsampler,
            seed=self.seed,
            palette=self.palette,
        )


@dataclass(frozen=True, kw_only=True)
class Pictures(Colouring):
    """How photos are colorized and written: the options of ``photo`` and ``folder``."""

    blend: Annotated[
        str | None,
        typer.Option(
            envvar="COLORCLI_BLEND",
            metavar="NAME:W,NAME:W",
            help="Average the colours of several models, weighted: default:0.6,mrf:0.4.",
            show_default="one model",
            rich_help_panel=COLOUR,
        ),
    ] = None
    tta: Annotated[
        bool,
        typer.Option(
            "--tta",
            help="Average over six views of each photo: mirrored, and at three sizes.",
            rich_help_panel=COLOUR,
        ),
    ] = False

    quality: Annotated[
        int,
        typer.Option(envvar="COLORCLI_QUALITY", help="Of JPEG, WebP and AVIF output, 1 to 100.", rich_help_panel=FILES),
    ] = 95
    profile: Annotated[
        str,
        typer.Option(
            envvar="COLORCLI_PROFILE",
            autocompletion=completion(lambda: PROFILES),
            callback=one_of("profile", lambda: PROFILES),
            help="Colour space of the output: srgb, or keep the input's.",
            rich_help_panel=FILES,
        ),
    ] = "srgb"
    max_pixels: Annotated[
        int | None,
        typer.Option(
            envvar="COLORCLI_MAX_PIXELS",
            min=1,
            help="Refuse pictures of more pixels.",
            show_default="500 million",
            rich_help_panel=FILES,
        ),
    ] = None
    in_place: Annotated[
        bool,
        typer.Option(
            "--in-place",
            help="Put results in the place of the originals, which are kept in .colorcli/originals.",
            rich_help_panel=FILES,
        ),
    ] = False

    def colorize(self) -> ColorizeOptions:
        """Return what the engine is asked for.

        Raises:
            UsageError: a number out of its range.
        """
        return replace(super().colorize(), blend=self.blend, tta=self.tta)

    def run(self, **more: Any) -> RunOptions:
        """Return how the engine is to go about it; ``more`` are fields of ``RunOptions``.

        Raises:
            UsageError: a number out of its range.
        """
        return RunOptions(
            overwrite=self.overwrite,
            quality=self.quality,
            on_color=self.on_color,  # type: ignore[arg-type]  # checked, here and there
            profile=self.profile,  # type: ignore[arg-type]
            keep_times=self.keep_times,
            provenance=not self.no_provenance,
            max_pixels=self.max_pixels,
            **more,
        )
