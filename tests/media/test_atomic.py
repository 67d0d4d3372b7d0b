"""A file under its final name is complete; whatever happens."""

from __future__ import annotations

import errno
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from colorcli.errors import MediaError
from colorcli.media import atomic
from colorcli.media.atomic import check_target, temporary_name, writing


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_file_appears_at_the_end(tmp_path) -> None:
    target = tmp_path / "a.bin"
    with writing(target) as file:
        file.write(b"half")
        assert _names(tmp_path) == [f".a.bin.part-{os.getpid()}"]
        file.write(b" and half")
    assert _names(tmp_path) == ["a.bin"]
    assert target.read_bytes() == b"half and half"


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, MediaError])
def test_nothing_is_left_when_the_block_fails(tmp_path, error) -> None:
    with pytest.raises(error), writing(tmp_path / "a.bin") as file:
        file.write(b"half")
        raise error("stop")
    assert _names(tmp_path) == []


def test_the_old_file_stays_when_the_block_fails(tmp_path) -> None:
    target = tmp_path / "a.bin"
    target.write_bytes(b"old")
    with pytest.raises(ValueError, match="stop"), writing(target, overwrite=True) as file:
        file.write(b"new")
        raise ValueError("stop")
    assert target.read_bytes() == b"old"
    assert _names(tmp_path) == ["a.bin"]


def test_disk_full(tmp_path, monkeypatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(MediaError, match=r"no space left.*a\.bin") as caught, writing(tmp_path / "a.bin") as file:
        file.write(b"x" * 100)
    assert caught.value.hint
    assert _names(tmp_path) == []


def test_an_existing_file_is_refused(tmp_path) -> None:
    target = tmp_path / "a.bin"
    target.write_bytes(b"old")
    with pytest.raises(MediaError, match="exists already") as caught, writing(target):
        pass
    assert "--overwrite" in (caught.value.hint or "")
    with writing(target, overwrite=True) as file:
        file.write(b"new")
    assert target.read_bytes() == b"new"


@pytest.mark.parametrize("links", [True, False])
def test_a_file_that_came_to_be_meanwhile_is_not_replaced(tmp_path, monkeypatch, links) -> None:
    if not links:

        def refuse(*_: object) -> None:
            raise OSError(errno.EPERM, "no hard links here")

        monkeypatch.setattr(os, "link", refuse)
    target = tmp_path / "a.bin"
    with pytest.raises(MediaError, match="exists already"), writing(target) as file:
        file.write(b"ours")
        target.write_bytes(b"theirs")
    assert target.read_bytes() == b"theirs"
    assert _names(tmp_path) == ["a.bin"]
    with writing(tmp_path / "b.bin") as file:
        file.write(b"b")
    assert (tmp_path / "b.bin").read_bytes() == b"b"


def test_mode_of_a_replaced_file_is_kept(tmp_path) -> None:
    target = tmp_path / "a.bin"
    target.write_bytes(b"old")
    target.chmod(0o640)
    with writing(target, overwrite=True) as file:
        file.write(b"new")
    assert stat.S_IMODE(target.stat().st_mode) == 0o640


def test_a_link_is_kept_and_the_file_behind_it_replaced(tmp_path) -> None:
    (tmp_path / "there").mkdir()
    real, link = tmp_path / "there" / "real.bin", tmp_path / "link.bin"
    real.write_bytes(b"old")
    link.symlink_to(real)
    with writing(link, overwrite=True) as file:
        file.write(b"new")
    assert link.is_symlink()
    assert real.read_bytes() == b"new"


def test_targets_that_cannot_be(tmp_path) -> None:
    for path, says in (
        (tmp_path, "is a folder"),
        (tmp_path / "none" / "a.bin", "no such folder"),
        (Path("/dev/null"), "not a regular file"),
    ):
        with pytest.raises(MediaError, match=says):
            check_target(path, overwrite=True)


def test_read_only_folder(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)  # the tests may run as root, who may do anything
    with pytest.raises(MediaError, match="no permission to write") as caught:
        check_target(tmp_path / "a.bin")
    assert str(tmp_path / "a.bin") in caught.value.message


@pytest.mark.parametrize(
    "name", ["x" * 251 + ".jpg", "ж" * 125 + ".jpg", os.fsdecode(b"\xe9" * 251 + b".jpg")], ids=["a", "utf8", "bytes"]
)
def test_the_longest_names(tmp_path, name) -> None:
    target = tmp_path / name
    temporary = temporary_name(target)
    assert len(os.fsencode(temporary)) <= 255
    assert temporary.startswith(f".{name[:50]}")
    assert temporary.endswith(f".part-{os.getpid()}")
    with writing(target) as file:
        file.write(b"x")
    assert _names(tmp_path) == [name]
    other = target.with_name(name[:-5] + "y.jpg")
    assert temporary_name(other) != temporary


def test_times_and_the_moment_before_the_rename(tmp_path) -> None:
    target, seen = tmp_path / "a.bin", []

    def note(part: Path) -> None:
        status = part.stat()
        seen.append((target.exists(), part.read_bytes(), status.st_size, status.st_mtime_ns))

    with writing(target, times=(10**18, 10**18 + 7), before_rename=note) as file:
        file.write(b"whole")
    assert seen == [(False, b"whole", 5, 10**18 + 7)]
    assert (target.stat().st_atime_ns, target.stat().st_mtime_ns) == (10**18, 10**18 + 7)
    assert _names(tmp_path) == ["a.bin"]


@pytest.mark.parametrize("error", [ValueError("no"), OSError(errno.ENOSPC, "full")])
def test_nothing_changes_if_the_moment_before_fails(tmp_path, error) -> None:
    target = tmp_path / "a.bin"
    target.write_bytes(b"old")

    def fail(_: Path) -> None:
        raise error

    with pytest.raises((ValueError, MediaError)), writing(target, overwrite=True, before_rename=fail) as file:
        file.write(b"new")
    assert target.read_bytes() == b"old"
    assert _names(tmp_path) == ["a.bin"]


def test_times_that_cannot_be_set_cost_no_picture(tmp_path, monkeypatch, caplog) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "utime", refuse)
    with writing(tmp_path / "a.bin", times=(1, 1)) as file:
        file.write(b"whole")
    assert (tmp_path / "a.bin").read_bytes() == b"whole"
    assert "set the times" in caplog.text


def test_a_name_that_is_too_long(tmp_path) -> None:
    with pytest.raises(MediaError, match="too long"), writing(tmp_path / ("x" * 300)):
        pass


def test_two_writers_of_one_name_do_not_mix(tmp_path) -> None:
    target = tmp_path / "a.bin"
    with writing(target, overwrite=True) as first, writing(target, overwrite=True) as second:
        first.write(b"first")
        second.write(b"second")
    assert target.read_bytes() == b"first"  # the last to end
    assert _names(tmp_path) == ["a.bin"]


def test_a_killed_process_leaves_only_a_part_file(tmp_path) -> None:
    program = (
        "import sys, time; from pathlib import Path; from colorcli.media.atomic import writing\n"
        "with writing(Path(sys.argv[1])) as file:\n"
        "    file.write(b'half'); file.flush(); print('ready', flush=True); time.sleep(60)\n"
    )
    target = tmp_path / "a.jpg"
    with subprocess.Popen([sys.executable, "-c", program, target], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(signal.SIGKILL)
    assert _names(tmp_path) == [f".a.jpg.part-{process.pid}"]
    with writing(target) as file:  # and it is in nobody's way
        file.write(b"whole")
    assert target.read_bytes() == b"whole"


def test_a_failing_encoder_leaves_nothing(tmp_path, monkeypatch, rgb) -> None:
    from PIL import Image

    from colorcli.media.photo import Photo, write

    def fail(*_: object, **__: object) -> None:
        raise OSError("encoder error -2")

    monkeypatch.setattr(Image.Image, "save", fail)
    with pytest.raises(MediaError, match=r"cannot encode 67x101 pixels as JPEG.*a\.jpg"):
        write(Photo(rgb), tmp_path / "a.jpg")
    assert _names(tmp_path) == []


def test_importing_costs_no_codec() -> None:
    program = "import sys, colorcli.media.discover, colorcli.media.formats, colorcli.media.atomic\n"
    program += "assert not {'PIL', 'numpy', 'cv2', 'tifffile', 'torch'} & set(sys.modules), sys.modules.keys()"
    subprocess.run([sys.executable, "-c", program], check=True)
    assert atomic.__doc__
