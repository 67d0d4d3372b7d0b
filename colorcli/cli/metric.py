"""``colorcli metric``: how good results or models are, and by which protocol."""
# No `from __future__ import annotations` here: the lambdas inside Annotated must close over this module.

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from colorcli.cli._options import (
    COLOUR,
    FILES,
    MACHINE,
    DeviceOption,
    Models,
    PrecisionOption,
    completion,
    models,
    one_of,
    spread,
)
from colorcli.cli._output import Output
from colorcli.engine.options import ColorizeOptions
from colorcli.errors import SomeFailedError, UsageError
from colorcli.registry import METRICS

if TYPE_CHECKING:
    from colorcli.evaluation.measure import Measured

RESIZES = ("none", "crop256", "stretch256")


@spread
def command(
    results: Annotated[
        list[Path] | None, typer.Argument(help="Folders, shards or files of results; each becomes a row.")
    ] = None,
    truth: Annotated[
        Path | None, typer.Option("--truth", "-t", help="The colour photos of the results, paired by relative path.")
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option(
            "--model",
            "-m",
            metavar="NAME[,NAME]",
            autocompletion=completion(models),
            help="Models that are to colour --data. Repeatable.",
            rich_help_panel=COLOUR,
        ),
    ] = None,
    data: Annotated[
        list[Path] | None,
        typer.Option(
            "--data",
            "-d",
            help="Colour photos, grayed for the models: folder, shard or pattern. Repeatable.",
            rich_help_panel=COLOUR,
        ),
    ] = None,
    metrics: Annotated[
        list[str] | None,
        typer.Option(
            "--metrics",
            metavar="NAME[,NAME]",
            autocompletion=completion(METRICS.names),
            show_default="standard",
            help="Metrics and groups (standard, failures, network, video, all). Repeatable.",
        ),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="METRIC.KEY=VALUE", help="Change an option of a metric. Repeatable."),
    ] = None,
    resize: Annotated[
        str,
        typer.Option(
            callback=one_of("resize", lambda: RESIZES),
            autocompletion=completion(lambda: RESIZES),
            help="Size of comparison: none (the truth's), crop256 or stretch256.",
        ),
    ] = "none",
    anchors: Annotated[
        bool, typer.Option("--anchors", help="All four anchors in full beside results, as beside models.")
    ] = False,
    bootstrap: Annotated[
        int, typer.Option("--bootstrap", min=0, metavar="N", help="95 % intervals from N replicates.")
    ] = 0,
    per_image: Annotated[bool, typer.Option("--per-image", help="Also the scores of every picture.")] = False,
    seed: Annotated[int, typer.Option(min=0, help="Of --bootstrap and of the row Random.")] = 0,
    size: Annotated[
        int | None,
        typer.Option(help="Working size of the models.", show_default="the model's", rich_help_panel=MACHINE),
    ] = None,
    device: DeviceOption = "auto",
    precision: PrecisionOption = "auto",
    workers: Annotated[
        int | None,
        typer.Option(min=1, show_default="by cores", help="Processes that measure.", rich_help_panel=MACHINE),
    ] = None,
    csv: Annotated[bool, typer.Option("--csv", help="CSV on stdout: a line for each row and metric.")] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Markdown on stdout.")] = False,
    html: Annotated[
        Path | None,
        typer.Option("--html", help="Also a page: table, curves, best and worst pictures.", rich_help_panel=FILES),
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option("--plot", metavar="DIR", help="Also plots: auc.png, spread.png.", rich_help_panel=FILES),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a page or plots that exist.", rich_help_panel=FILES)
    ] = False,
    list_metrics: Annotated[bool, typer.Option("--list", help="List the metrics and stop.")] = False,
    *,
    options: Models,
) -> None:
    """Score results against the true photos, or models side by side; the protocol stands in the answer.

    colorcli metric colored/ --truth photos/

    colorcli metric colored/ --metrics cf,chroma,clipping

    colorcli metric --model default,mrf --data photos/ --bootstrap 1000 --markdown
    """
    if sum((options.json, csv, markdown)) > 1:
        raise UsageError("--json, --csv and --markdown exclude each other", hint="ask for one of them")
    output = options.output()
    if list_metrics:
        _list(output)
        return
    from colorcli.weights.pull import ready

    for name in _split(model):
        ready(name, options.fetching(output))

    from colorcli.evaluation.measure import measure
    from colorcli.evaluation.request import Request
    from colorcli.report import scores

    request = Request(
        results=tuple(results or ()),
        truth=truth,
        models=tuple(
            ColorizeOptions(model=name, device=device, precision=precision, size=size) for name in _split(model)
        ),
        data=tuple(data or ()),
        metrics=tuple(_split(metrics)),
        settings=tuple(settings or ()),
        resize=resize,  # type: ignore[arg-type]  # checked, here and there
        anchors=anchors,
        bootstrap=bootstrap,
        seed=seed,
        workers=workers,
        per_picture=per_image or html is not None or plot is not None,
    )
    targets = _targets(html, plot, overwrite=overwrite)
    measured = measure(request, _Teller(output))
    found = measured.measurement
    _write(measured, targets, output, overwrite=overwrite)
    if not per_image:
        found = replace(found, pictures=[])
    if options.json:
        for record in scores.records(found):
            output.result(record)
    else:
        form = scores.csv_text if csv else scores.markdown if markdown else scores.text
        output.line(form(found))
    _end(measured, output)


def _split(names: list[str] | None) -> list[str]:
    return [name.strip() for several in names or () for name in several.split(",") if name.strip()]


def _list(output: Output) -> None:
    """One line for each metric; with --json one object."""
    for name in METRICS.names():
        kind = METRICS.load(name).METRIC
        low, high = kind.range
        best = {True: "higher is better", False: "lower is better", None: "the truth's is best"}[kind.higher_is_better]
        if output.json:
            output.result(
                {
                    "metric": name, "group": kind.group, "needs": kind.needs, "range": [f"{low:g}", f"{high:g}"],
                    "unit": kind.unit, "best": best, "source": kind.source,
                }
            )  # fmt: skip
        else:
            unit = f" {kind.unit}" if kind.unit else ""
            output.line(f"{name}\t{kind.group}\t{low:g} to {high:g}{unit}\t{best}\t{kind.source}")


def _targets(html: Path | None, plot: Path | None, *, overwrite: bool) -> dict[str, Path]:
    """Return the files that are to be written, by what they hold.

    Raises:
        MediaError: one cannot be written, or exists.
    """
    from colorcli.media.atomic import check_target

    if plot is not None:
        plot.mkdir(parents=True, exist_ok=True)
    found = {"page": html} if html is not None else {}
    found |= {name: plot / f"{name}.png" for name in ("auc", "spread")} if plot is not None else {}
    for path in found.values():
        check_target(path, overwrite=overwrite)
    return found


def _write(measured: "Measured", targets: dict[str, Path], output: Output, *, overwrite: bool) -> None:
    """Write page and plots."""
    if not targets:
        return
    from colorcli.evaluation.gallery import galleries
    from colorcli.media.atomic import writing
    from colorcli.report.measurement_plots import plot_auc, plot_spread
    from colorcli.report.page import write_page

    found = measured.measurement
    for name, path in targets.items():
        stream = io.BytesIO()
        if name == "page":
            write_page(found, galleries(measured), stream)
        elif not (plot_auc if name == "auc" else plot_spread)(found, stream):
            output.note(f"{path}: nothing to draw, and not written")
            continue
        with writing(path, overwrite=overwrite) as file:
            file.write(stream.getvalue())
        output.note(f"wrote {path}")


def _end(measured: "Measured", output: Output) -> None:
    """Tell what could not be measured.

    Raises:
        SomeFailedError: there is something.
    """
    for _, problem in measured.problems:
        output.failure(problem)
    if measured.problems:
        count = len(measured.problems)
        raise SomeFailedError(f"{count} of {count + len(measured.tasks)} pictures could not be measured")


class _Teller:
    """What the measurement has to say, on stderr."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self.note, self.warning = output.note, output.warning

    @contextmanager
    def progress(self, total: int, noun: str) -> Iterator[Callable[[], None]]:
        with self._output.progress(total, noun) as ticker:
            yield ticker.tick
