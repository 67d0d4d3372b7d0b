"""Many photos at once: reading, network and writing overlap, and one bad file never stops the rest.

    jobs ─▶ reader threads ─▶ inbox ─▶ batches, network ─▶ outbox ─▶ writer threads ─▶ inbox ─▶ results
            decode, shrink             (calling thread)              merge, encode, rename

The network runs in the thread that iterates; a photo on its own takes the same way, so the two cannot differ. One
budget of photos and megapixels, taken before reading and given back after writing, bounds everything in between; the
queues themselves need no bound. The threads stand in
`colorcli.engine.pipeline`, what is done at each step in `colorcli.engine.work`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from colorcli.engine.colorizer import Colorizer
from colorcli.engine.options import RunOptions
from colorcli.engine.pipeline import Pipeline, StoppedError
from colorcli.engine.plan import Job
from colorcli.engine.result import Result

__all__ = ["RunOptions", "StoppedError", "run"]


def run(jobs: Iterable[Job], colorizer: Colorizer, options: RunOptions | None = None) -> Iterator[Result]:
    """Colorize photos, many at a time.

    Args:
        jobs: what to do; consumed as the run proceeds, in whatever order threads come by.
        colorizer: the model, loaded.
        options: how to go about it.

    Yields:
        A result for every job, in the order they are completed. With ``fail_fast``, what is being written after the
        first failure is still finished and reported, the rest is dropped. With ``retry``, failures are reported
        when they have been tried for the last time.

    Raises:
        StoppedError: the disk is full, the quota used up or the disk read-only; after what could still be written is
            finished and reported.
        KeyboardInterrupt: after what was being written is finished and reported. An interrupt that hits the caller
            between two results ends the run in the same way once the generator is closed
            (``contextlib.closing``); an interrupt while finishing ends it at once. No half file is ever left under
            an output's name.
    """
    options = options or RunOptions()
    retries = 0 if options.fail_fast else options.retry
    while True:
        pipeline = Pipeline(iter(jobs), colorizer, options)
        failed: list[tuple[Job, Result]] = []
        try:
            for job, result in pipeline.results():
                if retries and result.status == "failed" and isinstance(job.input, Path):
                    failed.append((job, result))
                else:
                    yield result
        except (KeyboardInterrupt, StoppedError):
            yield from (result for _, result in failed)
            yield from pipeline.stop()
            raise
        finally:
            pipeline.close()
        if not failed:
            return
        jobs, retries = [job for job, _ in failed], retries - 1
