"""``colorcli study``: ask people which pictures are real."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from colorcli.cli._options import Words, spread
from colorcli.errors import SomeFailedError

if TYPE_CHECKING:
    from colorcli.study.score import Line, Rate, Score

app = typer.Typer(
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    help='Ask people "real or colorized?": build the page, score the answers.',
)


@app.command("build")
@spread
def build(
    results: Annotated[Path, typer.Argument(help="Folder or shard of colorized pictures.")],
    truth: Annotated[Path, typer.Option("--truth", help="The true photos, under the same names.")],
    out: Annotated[Path, typer.Option("--output", "-o", help="Folder to make.")],
    scenes: Annotated[
        int | None, typer.Option(min=1, show_default="all", help="How many each participant sees, drawn at random.")
    ] = None,
    both: Annotated[
        bool, typer.Option("--both", help="Each participant sees both pictures of a scene; normally one of them.")
    ] = False,
    side: Annotated[int, typer.Option(min=16, help="Longest side of the pictures in pixels.")] = 640,
    title: Annotated[str, typer.Option(help="Of the page.")] = "Real or colorized?",
    seed: Annotated[
        str | None, typer.Option(show_default="a new secret", help="Makes the same names and orders again.")
    ] = None,
    *,
    options: Words,
) -> None:
    """Build a page that shows real and colorized pictures in random order and asks which they are.

    colorcli study build out/ --truth photos/ -o study/

    Give participants study/page, as a folder or on any web server, and keep study/key.json.

    The page does not hold the answers, and file names, sizes and dates do not tell them. Who has the photos, or
    examines the pixels, can find out.
    """
    from colorcli.study import build as study

    output = options.output()
    pairs = study.pair(results, truth)
    with output.progress(len(pairs.found), "pairs") as ticker:
        built = study.build(
            pairs.found, out, side=side, per_person=scenes, both=both, title=title, seed=seed, tick=ticker.tick
        )
    for name in pairs.results:
        output.warning(f"{name}: no photo of this name in {truth}; left out")
    if pairs.truths:
        output.note(f"{len(pairs.truths)} photos of {truth} have no result")
    for sentence in built.left_out:
        output.warning(f"{sentence}; left out")
    left_out = len(pairs.results) + len(built.left_out)
    page = out / study.PAGE / "index.html"
    output.note(f"{built.scenes} scenes; give participants {out / study.PAGE}, keep {out / study.KEY}")
    record = {"output": str(page), "study": built.identity, "scenes": built.scenes, "key": str(out / study.KEY),
              "left_out": left_out, "status": "done"}  # fmt: skip
    output.result(record, page)
    if left_out:
        raise SomeFailedError(f"{left_out} results were left out")


@app.command("score")
@spread
def score(
    answers: Annotated[list[Path], typer.Argument(help="What participants saved.")],
    key: Annotated[
        Path | None,
        typer.Option(show_default="key.json beside the answers or here, or one folder below", help="Of the study."),
    ] = None,
    *,
    options: Words,
) -> None:
    """Say how often colorized pictures were taken for real, with the 95 % interval.

    colorcli study score answers*.json
    """
    from colorcli.study.answers import gather, read_key
    from colorcli.study.score import score as scored

    output = options.output()
    found, people, errors, notes = gather(answers, read_key(key) if key is not None else None)
    for error in errors:
        output.failure(error)
    for note in notes:
        output.note(note)
    result = scored(found, people)
    if options.json:
        output.result(result.to_json())
    else:
        for line in _lines(result):
            output.line(line)
    if errors:
        raise SomeFailedError(f"{len(errors)} of {len(answers)} files could not be used")


def _lines(result: Score) -> list[str]:
    """Return the score for people."""
    return [
        f"fooling rate     {_rate(result.colorized)} of the colorized pictures judged real",
        f"real recognised  {_rate(result.real)} of the real pictures judged real",
        "",
        *_table("participant", result.participants),
        "",
        *_table("scene", result.scenes),
    ]


def _table(noun: str, rows: Sequence[Line]) -> list[str]:
    width = max(len(noun), *(len(line.name) for line in rows))
    head = f"{noun:<{width}}  {'colorized judged real':<31}  real judged real"
    return [head, *(f"{line.name:<{width}}  {_rate(line.colorized):<31}  {_rate(line.real)}" for line in rows)]


def _rate(rate: Rate) -> str:
    """Return ``41.2 % [33.0, 49.9], 56/136``."""
    if rate.value is None or rate.interval is None:
        return "none judged"
    low, high = rate.interval
    return f"{100 * rate.value:5.1f} % [{100 * low:.1f}, {100 * high:.1f}], {rate.real}/{rate.judged}"
