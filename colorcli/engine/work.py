"""What is done to one photo before and after the network: looked up, read and judged; merged, written, written down."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import io
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from colorcli.engine import hints, triage
from colorcli.engine.batching import Item
from colorcli.engine.colorizer import Colorizer
from colorcli.engine.document import Document
from colorcli.engine.identity import Identity
from colorcli.engine.options import RunOptions
from colorcli.engine.outcome import RECOLOR, Outcomes
from colorcli.engine.result import Skip
from colorcli.engine.stamp import Stamp
from colorcli.errors import MediaError
from colorcli.media import photo as photos
from colorcli.media import provenance
from colorcli.media._messages import from_os_error, printable
from colorcli.media.atomic import writing
from colorcli.media.formats import FORMATS, output_format
from colorcli.media.photo import Photo

if TYPE_CHECKING:
    from colorcli.engine.plan import Job
    from colorcli.media.pages import Pages


class Work:
    """The steps of one run. They are called by several threads, each for an item of its own.

    Args:
        colorizer: the model, loaded.
        options: of the run.
    """

    def __init__(self, colorizer: Colorizer, options: RunOptions) -> None:
        self._colorizer, self._options = colorizer, options
        self._outcomes = Outcomes(colorizer.model)
        self._stamp = Stamp(colorizer, options)

    # -- before the network ---------------------------------------------------------------------------------------

    def look_up(self, item: Item) -> None:
        """Find out whether there is anything to do, and what is to be read."""
        job = item.job
        item.source, item.replace = job.input, self._options.overwrite
        if job.book is not None:
            try:
                verdict = job.book.judge(job)
            except OSError as error:
                raise from_os_error(error, error.filename or job.source) from error
            assert verdict is not None
            item.source, item.skipped, item.hint = verdict.source, verdict.skip, verdict.hint
            item.replace, item.before = verdict.replace, verdict.before
        elif isinstance(job.output, Path) and not self._options.overwrite and job.output.exists():
            item.skipped, item.hint = Skip.EXISTS, "--overwrite replaces it"

    def read(self, item: Item) -> None:
        """Read a photo, and prepare it for the network unless it is in colour already."""
        source = item.source
        item.hints_sha256 = hints.fingerprint(item.job.hints)
        if isinstance(source, Path):
            self._mark(item, source)
        elif source is not None:
            item.source = _whole(source, item.job.source)
        self.read_page(item)
        if item.photo is not None and item.photo.pages == 1 and item.colored:
            self._spare(item)

    def read_page(self, item: Item) -> None:
        """Read one page, judge it, and prepare it for the network if it is to go there."""
        source = item.source
        if source is None:
            raise ValueError(f"{item.job.source} came to be read without being looked up")
        limit = self._options.max_pixels or photos.MAX_PIXELS
        more = {"page": item.page} if item.page else {}
        photo = photos.read(source, name=item.job.source, max_pixels=limit, **more)
        item.photo, item.warnings = photo, tuple(photo.warnings)
        item.megapixels = photo.pixels.shape[0] * photo.pixels.shape[1] / 1e6
        found = triage.judge(photo)
        # What this tool has colorized may be too pale to be judged so; made gray again, it is a gray photo.
        ours = photo.pixels.ndim == 3 and provenance.is_ours(photo.metadata)
        item.triage, item.colored = found.to_json(), ours or found.kind in ("color", "mixed")
        item.keep = item.colored and self._options.on_color != "recolor"
        if item.keep and photo.pages > 1:
            item.warnings += (f"{Skip.COLOR}: kept as it is ({RECOLOR})",)
        if not item.keep:
            path = item.job.hints
            if path is not None and not self._colorizer.takes_hints:
                item.warnings += (f"{printable(path)}: left out, the model takes no hints",)
            elif path is not None:
                item.hints = hints.read_for(path, photo)
            item.prepared = self._colorizer.prepare(photo, hints=item.hints)

    def spare_document(self, whole: Item) -> None:
        """Do with a file whose pages are all in colour what is done with such photos."""
        self._spare(whole)
        if whole.keep and whole.skipped is None:
            self.copy(whole)

    def _spare(self, item: Item) -> None:
        """Decide what becomes of a photo in colour: it is skipped, or goes out as it came."""
        how, job = self._options.on_color, item.job
        if how == "recolor":
            return
        in_place = job.book is not None and job.book.in_place
        if isinstance(job.output, Path) and (how == "skip" or in_place):
            item.skipped, item.hint = Skip.COLOR, RECOLOR
            return
        item.keep, item.output = True, self._copy_target(item)
        if item.output is not None and isinstance(item.source, Path) and _is_one_file(item.output, item.source):
            item.skipped, item.hint = Skip.COLOR, RECOLOR  # it lies where its copy would
            return
        if item.output is not None and item.output != job.output:
            if job.book is not None:
                verdict = job.book.may_replace(item.output)
                item.skipped, item.hint = verdict.skip, verdict.hint
                item.replace, item.before = verdict.replace, verdict.before
            elif item.output.exists() and not self._options.overwrite:
                item.skipped, item.hint = Skip.EXISTS, "--overwrite replaces it"

    @staticmethod
    def _copy_target(item: Item) -> Path | None:
        """Return where a copy goes: its name must not promise another format than it has."""
        output, photo = item.job.output, item.photo
        if not isinstance(output, Path):
            return None
        if isinstance(item.source, Path):
            return item.job.copy or output
        form = photo.format if photo is not None else "TIFF"
        return output if form == output_format(output) else output.with_suffix(FORMATS[form].suffixes[0])

    def _mark(self, item: Item, source: Path) -> None:
        """Note what the source is at this moment; where it cannot be read, reading it will say why."""
        try:
            if item.job.book is not None:
                item.identity = Identity.of(source)
            status = source.stat()
        except OSError:
            return
        item.times = status.st_atime_ns, status.st_mtime_ns

    # -- after the network ----------------------------------------------------------------------------------------

    def write(self, item: Item) -> None:
        """Merge, write, and write down what was done; or let a photo in colour through."""
        if item.keep:
            self.copy(item)
            return
        job, colored = item.job, self.finish(item)
        options = self._options
        if isinstance(job.output, Path):
            _make_folder(job, job.output.parent)
        notes: list[str] = []
        before = item.warnings

        def about_to_appear(part: Path) -> None:
            item.warnings = before + tuple(notes)
            self._outcomes.note(item, part)

        photos.write(
            colored,
            job.output,
            format=job.format,
            quality=options.quality,
            overwrite=item.replace,
            profile=options.profile,
            times=item.times if options.keep_times else None,
            before_rename=about_to_appear,
            notes=notes,
        )
        item.warnings = before + tuple(notes)
        item.written = True

    def finish(self, item: Item) -> Photo:
        """Return the photo with its colours, the original let go; pages that are kept come as they are."""
        photo, prepared, ab = item.photo, item.prepared, item.ab
        item.photo = None  # the original is done with; encoding needs its memory
        if photo is not None and item.keep:
            return photo
        if photo is None or prepared is None or ab is None:
            raise ValueError(f"{item.job.source} came to be written without being predicted")
        colored = self._colorizer.finish(photo, prepared, ab)
        more: dict[str, str | int | float | None] = {}
        if item.hints is not None:
            more = {"decoder": self._colorizer.hinted_decoder, "hints": item.hints.sha256}
        return self._stamp(colored, prepared, **more)

    def copy(self, item: Item) -> None:
        """Let a photo through byte for byte."""
        item.photo = None
        source = item.source if isinstance(item.source, Path) else None
        if source is None:
            assert isinstance(item.source, io.BytesIO)
            stream: BinaryIO = io.BytesIO(item.source.getbuffer())
        else:
            stream = source.open("rb")
        with stream:
            if item.output is None:
                assert not isinstance(item.job.output, Path)
                shutil.copyfileobj(stream, item.job.output)
            else:
                _make_folder(item.job, item.output.parent)
                times = item.times if self._options.keep_times else None
                overwrite = item.replace
                with writing(
                    item.output,
                    overwrite=overwrite,
                    times=times,
                    before_rename=functools.partial(self._outcomes.note, item),
                ) as file:
                    shutil.copyfileobj(stream, file, 1 << 20)
        item.written = True

    def open_pages(self, item: Item) -> Pages:
        """Open the output of a file of several pages."""
        from colorcli.media.pages import Pages

        job, options = item.job, self._options
        if not isinstance(job.output, Path):
            item.buffer = io.BytesIO()  # until it is known that all pages are good, and not all in colour already
            return Pages(item.buffer, quality=options.quality, profile=options.profile)
        _make_folder(job, job.output.parent)
        return Pages(
            job.output,
            overwrite=item.replace,
            quality=options.quality,
            profile=options.profile,
            times=item.times if options.keep_times else None,
            before_rename=functools.partial(self._outcomes.note, item),
        )

    @staticmethod
    def pass_on(item: Item) -> None:
        """Give a stream the pages that have been written for it."""
        if item.buffer is not None and item.written and not item.keep:
            assert not isinstance(item.job.output, Path)
            item.job.output.write(item.buffer.getbuffer())


def document(work: Work, first: Item) -> Document:
    """Begin a file of several pages, of which the first has been read.

    Raises:
        MediaError: the output cannot hold them.
    """
    assert first.photo is not None
    whole = dataclasses.replace(first, photo=None, prepared=None, megapixels=0.0, seconds=0.0, warnings=())
    found = Document(whole, first.photo.pages, lambda: work.open_pages(whole))
    whole.keep = False
    return found


def _whole(stream: BinaryIO, name: str) -> BinaryIO:
    """Read a stream to its end, so that it can be passed on as it came."""
    try:
        return io.BytesIO(stream.read())
    except OSError as error:
        raise from_os_error(error, name) from error


def _is_one_file(path: Path, other: Path) -> bool:
    with contextlib.suppress(OSError):
        return path.samefile(other)
    return False


def _make_folder(job: Job, folder: Path) -> None:
    if job.book is not None:
        job.book.check_there()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise MediaError(
            f"cannot make folder {str(folder)!r}: {error.strerror or error}", hint="choose another output with -o"
        ) from error
