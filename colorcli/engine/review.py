"""The list of results that a person should look at, from what the manifest says of their confidence."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from colorcli.engine.plan import Job
from colorcli.media.atomic import writing

#: Name of the list, beside the manifest.
NAME = "review.txt"


@dataclass(frozen=True)
class Review:
    """What was found.

    Attributes:
        path: the list.
        listed: results in it.
        scored: results whose confidence is known.
        unscored: results whose confidence is not.
    """

    path: Path
    listed: int
    scored: int
    unscored: int


def write(jobs: Sequence[Job], below: float) -> Review | None:
    """Write the paths of results whose confidence, 1 - uncertainty, is below a limit, the least sure first.

    What earlier runs have done counts as well.

    Args:
        jobs: of one folder.
        below: 0..1.

    Returns:
        What was found; None if nobody keeps a record of the jobs.

    Raises:
        OSError: the list cannot be written.
        MediaError: likewise.
    """
    book = next((job.book for job in jobs if job.book is not None), None)
    if book is None:
        return None
    doubtful, scored, unscored = [], 0, 0
    for job in jobs:
        record = book.manifest.latest.get(book.relative(job.output)) if isinstance(job.output, Path) else None
        if record is None or record.status != "done" or record.reason is not None:  # not colorized
            continue
        if record.uncertainty is None:
            unscored += 1
            continue
        scored += 1
        if 1 - record.uncertainty < below:
            doubtful.append((-record.uncertainty, book.out / record.output))
    path = book.manifest.path.with_name(NAME)
    with writing(path, overwrite=True) as file:
        for _, result in sorted(doubtful):
            file.write(os.fsencode(result) + b"\n")
    return Review(path, len(doubtful), scored, unscored)
