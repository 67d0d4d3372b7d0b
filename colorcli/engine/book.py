"""What has been done already in a folder of outputs, and what may be done next.

    DIR/x/a.jpg ─▶ OUT/x/a.jpg      OUT/.colorcli/manifest.jsonl   what became of every photo
                                    OUT/.colorcli/originals/       with --in-place: the photos as they were
                                    OUT/.colorcli/lock, run.json   whose run it is at present

A photo is done when the newest record about it was made under the same settings from the same input, and the output
on the disk is the one recorded. An output that is there and is not provably our own is never replaced unasked.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Literal

from colorcli.engine import hints as known_colors
from colorcli.engine import originals
from colorcli.engine.identity import Identity, status_of
from colorcli.engine.manifest import NAME, Manifest, Record
from colorcli.engine.options import RunOptions
from colorcli.engine.result import Skip
from colorcli.engine.verdict import Verdict
from colorcli.errors import MediaError
from colorcli.media._messages import from_os_error, printable

if TYPE_CHECKING:
    from colorcli.engine.lock import Lock
    from colorcli.engine.plan import Job

_OVERWRITE = "--overwrite replaces it"


class Book:
    """The manifest of a folder of outputs and what follows from it.

    Args:
        root: the folder of inputs.
        out: the folder of outputs; with ``in_place`` the same.
        write: hold the folder's lock and write; otherwise everything is left as it is.
        in_place: outputs take the places of their inputs, which are kept.

    Attributes:
        warnings: what was wrong on opening.
        settings: how photos come out; to be set before :meth:`judge`, like the next two.
        key: hash of settings and weights.
        how: of the run.

    Raises:
        MediaError: another run writes there, or the folder cannot be made or written.
    """

    def __init__(self, root: Path, out: Path, *, write: bool = True, in_place: bool = False) -> None:
        self.root, self.out, self.in_place = root, out, in_place
        self.settings: dict[str, Any] = {}
        self.key = ""
        self.how = RunOptions()
        self._home = out / originals.FOLDER
        self._root_name = os.path.abspath(root)  # noqa: PTH100  (links stay: names are what is compared)
        self._lock: Lock | None = None
        self.killed: int | None = None
        self.warnings: list[str] = []
        try:
            if write:
                self._enter()
            self.manifest = Manifest(self._home / NAME, write=write)
        except OSError as error:
            self.close()
            raise from_os_error(error, error.filename or self._home, doing="write") from error
        except BaseException:
            self.close()
            raise
        self.warnings += self.manifest.warnings

    def _enter(self) -> None:
        from colorcli.engine.lock import Lock

        if self.out.exists() and not self.out.is_dir():
            raise MediaError(f"a file, not a folder: {printable(self.out)}", hint="name another folder with -o")
        self._home.mkdir(parents=True, exist_ok=True)
        self._lock = Lock(self._home, self.out)
        self.killed = self._lock.killed
        if self._lock.warning:
            self.warnings.append(self._lock.warning)

    def clean(self, folders: Collection[Path]) -> None:
        """Remove what a killed run left half done in the folders it wrote to."""
        if self.killed is not None:
            from colorcli.engine.lock import remove_parts

            for folder in {*folders, self._home}:
                remove_parts(folder, self.killed)

    def close(self, *, clean: bool = True) -> None:
        """Let go of manifest and lock; if not ``clean``, the next run looks for what this one left half done."""
        if hasattr(self, "manifest"):
            self.manifest.close()
        if self._lock is not None:
            self._lock.release(clean=clean)
            self._lock = None

    def __enter__(self) -> Book:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.close(clean=kind is None or issubclass(kind, Exception))

    # -- decisions ------------------------------------------------------------------------------------------------

    def relative(self, path: Path) -> str:
        """Return the name of an output below the folder of outputs."""
        return path.relative_to(self.out).as_posix()

    def original(self, job: Job) -> Path:
        """Return where the original of a job done in place is kept."""
        return self._home / originals.ORIGINALS / job.name

    def failed(self, job: Job) -> bool:
        """Say whether the job failed when it was last tried."""
        record = self.manifest.latest.get(self._planned(job))
        return record is not None and record.status == "failed"

    def judge(self, job: Job, *, hashing: bool = True) -> Verdict | None:
        """Decide about a job.

        Args:
            job: with files as input and output.
            hashing: read files where only their content can decide; otherwise None is returned for such jobs.

        Raises:
            OSError: a file that is there cannot be read.
        """
        target, record = _path(job.output), self.manifest.latest.get(self._planned(job))
        source = self._source(job)
        there, before = self._ours(target, hashing=hashing)
        if there == "unsure":
            return None
        if source is None:  # done in place, and the original has been taken away since
            return Verdict(
                source=target,
                skip=Skip.DONE if record is not None and record.key == self.key else Skip.ORIGINAL_GONE,
            )
        same = None if record is None or record.source is None else record.source.is_still_at(source, hashing=hashing)
        if same is None and record is not None and record.source is not None and not hashing:
            return None
        if record is not None and same and not self.how.force:
            verdict = self._done(record, job, source, there, hashing=hashing)
            if verdict is not None:
                return verdict
        of_another = record is not None and record.root != self._root_name
        if self.in_place:
            verdict = self._may_write_in_place(job, source, there, before)
        elif of_another and not same and there == "ours" and not self.how.overwrite:
            verdict = Verdict(source=source, skip=Skip.OTHER, hint=f"{_OVERWRITE}; or name another folder with -o")
        else:
            verdict = self._by_owner(source, there, before)
        return dataclasses.replace(verdict, why=self._why(record, job, same))

    def _why(self, record: Record | None, job: Job, same: bool | None) -> str | None:
        if record is None:
            return None
        if record.status == "failed":
            return "failed last time"
        if not same:
            return "the input has changed"
        if record.key != self.key or record.on_color not in (None, self.settings.get("on_color")):
            return "settings or weights have changed"
        if record.hints != known_colors.fingerprint(job.hints):
            return "the hints have changed"
        return "asked for again" if self.how.force else "the output is gone or replaced"

    def may_replace(self, path: Path) -> Verdict:
        """Decide whether another file than the planned one may be written: a copy under the input's own suffix."""
        return self._by_owner(path, *self._ours(path, hashing=True))

    def _done(self, record: Record, job: Job, source: Path, there: str, *, hashing: bool) -> Verdict | None:
        """Return the verdict if there is nothing left to do."""
        if record.key != self.key or record.on_color not in (None, self.settings.get("on_color")):
            return None
        if record.hints != known_colors.fingerprint(job.hints):
            return None
        if record.status == "skipped":
            return Verdict(source=source, skip=record.reason, hint=record.hint)
        if record.status != "done" or record.made is None:
            return None
        path = self.out / record.output
        if there == "ours" or record.output != record.planned:
            status = status_of(path)
            # A file that the record was to replace may still be there, if the run was killed before it did.
            if status is not None and record.made.is_at(path, status, hashing=hashing):
                return Verdict(source=source, skip=Skip.DONE)
        return None

    def _by_owner(self, source: Path, there: str, before: Identity | None) -> Verdict:
        if there in ("changed", "foreign") and not self.how.overwrite:
            return Verdict(source=source, skip=Skip.CHANGED if there == "changed" else Skip.FOREIGN, hint=_OVERWRITE)
        return Verdict(source=source, replace=self.how.overwrite or there == "ours", before=before)

    def _may_write_in_place(self, job: Job, source: Path, there: str, before: Identity | None) -> Verdict:
        target, original = _path(job.output), self.original(job)
        if source == target or there in ("ours", "missing") or originals.is_same(target, original):
            return Verdict(source=source, replace=True, before=before)
        hint = f"its original is {printable(original)}: move that away to have the changed file colorized"
        return Verdict(source=source, skip=Skip.CHANGED, hint=hint)

    def _source(self, job: Job) -> Path | None:
        """Return what to read; None for what was done in place and whose original is gone."""
        source = _path(job.input)
        if not self.in_place:
            return source
        original = self.original(job)
        if original.exists():
            return original
        there, _ = self._ours(source, hashing=True)
        return None if there == "ours" else source

    def _planned(self, job: Job) -> str:
        return self.relative(_path(job.output))

    def _ours(
        self, path: Path, *, hashing: bool
    ) -> tuple[Literal["missing", "ours", "changed", "foreign", "unsure"], Identity | None]:
        """Say whose a file is, and which of ours."""
        status = status_of(path)
        if status is None:
            return "missing", None
        record = self.manifest.made.get(self.relative(path))
        known = [] if record is None else [part for part in (record.made, record.before) if part is not None]
        for identity in known:
            found = identity.is_at(path, status, hashing=hashing)
            if found:
                return "ours", identity
            if found is None:
                return "unsure", None
        return ("changed" if known else "foreign"), None

    # -- writing --------------------------------------------------------------------------------------------------

    def check_there(self) -> None:
        """Refuse to make the folder of outputs anew: its disk may have been unplugged.

        Raises:
            MediaError: it is gone.
        """
        if not self._home.is_dir():
            hint = "see where it went, then run it again"
            raise MediaError(f"the folder of outputs is gone: {printable(self.out)}", hint=hint)

    def keep_original(self, job: Job) -> None:
        """Keep the original of a job done in place, once.

        Raises:
            MediaError: it cannot be kept.
        """
        if self.in_place:
            originals.keep(_path(job.output), self.original(job))

    def record(
        self,
        job: Job,
        output: Path,
        *,
        source: Identity | None,
        made: Identity | None,
        before: Identity | None,
        colored: bool,
        hints: str | None = None,
        values: dict[str, Any],
    ) -> None:
        """Write down what became of a job; when this returns, it is on the disk.

        Args:
            job: the job.
            output: what is, or was to be, written.
            source: the input as it was read.
            made: the output, about to get its name; None if there is none.
            before: our own file that is there under its name.
            colored: the photo was in colour already.
            hints: SHA-256 of the file of hints, None if there is none.
            values: of the result, `colorcli.engine.result.Result.to_json`.

        Raises:
            OSError: it could not be written down.
        """
        plain = {"input", "output", "status", "reason", "hint", "uncertainty"}
        self.manifest.append(
            Record(
                input=job.name,
                output=self.relative(output),
                planned=self._planned(job),
                wanted=job.wanted or self._planned(job),
                root=self._root_name,
                status=values["status"],
                reason=values["reason"],
                hint=values["hint"],
                key=self.key,
                on_color=self.settings.get("on_color") if colored else None,
                hints=hints,
                uncertainty=values["uncertainty"],
                source=source,
                made=made,
                before=before,
                more={key: value for key, value in values.items() if key not in plain} | {"settings": self.settings},
            )
        )


def _path(name: Path | BinaryIO) -> Path:
    if not isinstance(name, Path):
        raise TypeError("a stream has no place in a manifest")
    return name
