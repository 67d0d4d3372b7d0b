"""Thousands of broken files through decoding and triage: no crash, no hang, no gigabytes, no error but `MediaError`.

python tests/bench/bench_fuzz.py [--count 5000] [--formats JPEG PNG ...] [--keep FOLDER] [--jobs 2] [--seed 0]

Prints a Markdown table; ends with 1 if any file was an offence, and keeps those with --keep.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import multiprocessing as mp
import os
import resource
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from fuzz_files import mutated
from fuzz_seeds import FORMATS, seeds

SECONDS = 5.0  # per file
MEMORY = 1 << 30  # per file, above what the process held before it
_ADDRESSES = 4 << 30  # what may be asked for, used or not, so that a mistake does not take the machine with it

GOOD = ("decoded", "refused")
BAD = ("crashed", "hung", "over memory", "other exception", "noisy")


@dataclass
class Tally:
    """What became of the files of one format."""

    form: str
    counts: Counter[str] = field(default_factory=Counter)
    offences: list[tuple[int, str, str, str]] = field(default_factory=list)  # number, kind, what it said, how made
    seconds: float = 0.0

    @property
    def bad(self) -> int:
        """Return how many offended."""
        return sum(self.counts[kind] for kind in BAD)


def run(form: str, count: int, *, seed: int = 0, first: int = 0) -> Tally:
    """Put ``count`` broken files of one format through a worker process, which is replaced when it dies."""
    tally, number, started = Tally(form), first, time.perf_counter()
    context = mp.get_context("spawn")
    while number < first + count:
        ours, theirs = context.Pipe()
        worker = context.Process(target=_work, args=(theirs, form, number, first + count, seed), daemon=True)
        worker.start()
        theirs.close()
        kind = what = ""
        patience = 120.0  # importing, making the seeds
        while number < first + count:
            try:
                if not ours.poll(patience):
                    kind, what = "hung", f"more than {SECONDS:.0f} s"
                    worker.kill()
                    break
                message = ours.recv()
            except (EOFError, ConnectionResetError):
                worker.join()
                kind, what = "crashed", f"exit status {worker.exitcode}"
                break
            patience = SECONDS
            if message is None:  # ready
                continue
            _count(tally, number, *message, seed=seed)
            number += 1
        worker.join(10)
        ours.close()
        if kind:
            _count(tally, number, kind, what, seed=seed)
            number += 1
    tally.seconds = time.perf_counter() - started
    return tally


def _count(tally: Tally, number: int, kind: str, what: str, *, seed: int) -> None:
    tally.counts[kind] += 1
    if kind in BAD:
        tally.offences.append((number, kind, what, mutated(tally.form, number, seed=seed)[1]))


# -- in the worker -----------------------------------------------------------------------------------------------------


def _work(pipe: Connection, form: str, first: int, end: int, seed: int) -> None:
    noise = tempfile.TemporaryFile()  # noqa: SIM115 (as long as the process lives)
    os.dup2(noise.fileno(), 1)
    os.dup2(noise.fileno(), 2)
    said: list[str] = []
    warnings.simplefilter("always")
    warnings.showwarning = lambda message, *_: said.append(str(message))  # type: ignore[assignment]
    from colorcli.media.photo import read

    for sound in seeds(form):  # all libraries loaded, all caches filled, before anything is measured
        with contextlib.suppress(Exception):
            _judged(read(io.BytesIO(sound)))
    held = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (held + _ADDRESSES, resource.RLIM_INFINITY))
    noise.truncate(0)
    said.clear()
    pipe.send(None)
    for number in range(first, end):
        data, _ = mutated(form, number, seed=seed)
        before = _forget_peak()
        kind, what = "decoded", ""
        try:
            _judged(read(io.BytesIO(data)))
        except Exception as error:  # noqa: BLE001 (that is the question)
            kind, what = _named(error)
        if (taken := _status("VmHWM") - before) > MEMORY:
            kind, what = "over memory", f"{taken >> 20} MB ({kind} {what})"
        if said or os.fstat(1).st_size:
            noise.seek(0)
            printed = noise.read(300).decode("latin-1")
            os.ftruncate(1, 0)
            os.lseek(1, 0, os.SEEK_SET)
            if kind in GOOD:
                kind, what = "noisy", f"{said[:1]} {printed!r}"
            said.clear()
        pipe.send((kind, what))


def _judged(photo: Any) -> None:
    with contextlib.suppress(ImportError):
        from colorcli.engine.triage import judge

        judge(photo)


def _named(error: Exception) -> tuple[str, str]:
    """Tell a clean refusal from everything else."""
    from colorcli.errors import MediaError

    causes = list(_causes(error))
    if any(isinstance(cause, MemoryError) for cause in causes):
        return "over memory", f"MemoryError: {error}"
    if isinstance(error, MediaError) and "\n" not in error.message and error.hint and ": -" in error.message:
        return "refused", error.message
    return "other exception", f"{type(error).__name__}: {error}"


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _forget_peak() -> int:
    """Set the peak of resident memory back, and return what is held now in bytes (Linux)."""
    Path("/proc/self/clear_refs").write_text("5")
    return _status("VmRSS")


def _status(name: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1]) * 1024
    return 0


# -- the command -------------------------------------------------------------------------------------------------------


def main() -> int:
    """Run and print; see the top."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=5000, help="files per format")
    parser.add_argument("--formats", nargs="+", choices=FORMATS, default=FORMATS)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0, help="number of the first file")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--keep", type=Path, help="folder that takes the offenders")
    options = parser.parse_args()
    out = sys.stdout.write
    out("| format | files | decoded | refused | crashes | hangs | over 1 GB | other exceptions | noise | s |\n")
    out("|---|---|---|---|---|---|---|---|---|---|\n")
    with ThreadPoolExecutor(options.jobs) as pool:
        runs = [
            pool.submit(run, form, options.count, seed=options.seed, first=options.first) for form in options.formats
        ]
        tallies = []
        for running in runs:
            tally = running.result()
            tallies.append(tally)
            cells = [tally.counts[kind] for kind in (*GOOD, *BAD)]
            out(f"| {tally.form} | {options.count} | {' | '.join(map(str, cells))} | {tally.seconds:.0f} |\n")
            sys.stdout.flush()
    for tally in tallies:
        for number, kind, what, how in tally.offences:
            out(f"\n{tally.form} {number}: {kind}: {what}\n    {how}\n")
            if options.keep:
                options.keep.mkdir(parents=True, exist_ok=True)
                name = options.keep / f"{tally.form}-{options.seed}-{number}-{kind.replace(' ', '_')}"
                name.with_suffix(".bin").write_bytes(mutated(tally.form, number, seed=options.seed)[0])
    return 1 if any(tally.bad for tally in tallies) else 0


if __name__ == "__main__":
    sys.exit(main())
