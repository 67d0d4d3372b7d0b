"""``colorcli video --export-shots`` and ``--export-keyframes``: look through a film, colour nothing."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from colorcli.errors import MediaError
from colorcli.media._messages import printable

if TYPE_CHECKING:
    from colorcli.cli._films import Films


def survey(source: Path, options: Films) -> None:
    """Write a film's shots, a still of each, or both, and name what was written on stdout.

    Raises:
        ColorcliError: the film cannot be read, or something not be written.
    """
    output, how, steady = options.output(), options.film(), options.steady()
    target, folder = options.export_shots, options.export_keyframes
    if target is not None and target.exists() and not options.overwrite:
        raise MediaError(f"the output exists already: {printable(target)}", hint="--overwrite replaces it")

    from colorcli.engine.clip import shotlist
    from colorcli.engine.clip.survey import Survey, make_folder
    from colorcli.engine.colorizer import Colorizer

    if folder is not None and not options.dry_run:
        make_folder(folder)
    colorizer = Colorizer(options.colorize())
    with closing(Survey(source, colorizer, how, steady, None if options.dry_run else folder)) as found:
        with output.progress(found.total, "frames") as ticker:
            for count in found.run():
                ticker.tick(reached=count)
        if target is not None and not options.dry_run:
            shotlist.write(found.shots, target, overwrite=options.overwrite)
    record = {
        "input": str(source),
        "shots": [{"start": shot.start, "time": round(shot.time, 3)} for shot in found.shots],
        "written": [str(path) for path in (*([target] if target is not None else []), *found.written)],
    }
    if output.json:
        output.result(record)
    else:
        for shot in found.shots:
            output.line(f"{shot.start}\t{shot.time:.3f}")
    output.note(f"{printable(source)}: {len(found.shots)} shots" + (", nothing written" if options.dry_run else ""))
