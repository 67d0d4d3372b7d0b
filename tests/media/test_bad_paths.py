"""Names, folders, pipes, permissions, and files that change while they are read."""

from __future__ import annotations

import io
import os
import socket
import stat
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from bad_files import sound

from colorcli.errors import MediaError
from colorcli.media.photo import Photo, read, write

_NEEDS_PIPES = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes with names")


def _refused(path: Path, words: str) -> MediaError:
    with pytest.raises(MediaError, match=words) as caught:
        read(path)
    assert str(path) in caught.value.message
    assert caught.value.hint
    assert caught.value.exit_code == 5
    return caught.value


def test_missing(tmp_path) -> None:
    for path in (tmp_path / "none.jpg", tmp_path / "no" / "folder.jpg"):
        _refused(path, "no such file")


def test_link_to_nothing(tmp_path) -> None:
    (tmp_path / "a.jpg").symlink_to(tmp_path / "gone.jpg")
    _refused(tmp_path / "a.jpg", "no such file")


def test_a_folder_where_a_file_is_meant(tmp_path) -> None:
    assert "colorcli folder" in (_refused(tmp_path, "is a folder").hint or "")


def test_a_file_where_a_folder_is_meant(tmp_path) -> None:
    (tmp_path / "a.jpg").touch()
    _refused(tmp_path / "a.jpg" / "b.jpg", "not a folder")


def test_circle_of_links(tmp_path) -> None:
    (tmp_path / "a.jpg").symlink_to(tmp_path / "b.jpg")
    (tmp_path / "b.jpg").symlink_to(tmp_path / "a.jpg")
    _refused(tmp_path / "a.jpg", "circle")


def test_link_to_a_photo_is_followed(tmp_path, rgb) -> None:
    write(Photo(rgb), tmp_path / "a.png")
    (tmp_path / "b.jpg").symlink_to("a.png")
    np.testing.assert_array_equal(read(tmp_path / "b.jpg").pixels, rgb)


@_NEEDS_PIPES
def test_pipe_without_a_writer(tmp_path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    assert "`-`" in (_refused(tmp_path / "pipe.jpg", "not a regular file").hint or "")


@pytest.mark.parametrize("device", ["/dev/zero", "/dev/null", "/dev/urandom", "/dev/stdin"])
@_NEEDS_PIPES
def test_devices(device) -> None:
    if not Path(device).exists() or stat.S_ISREG(Path(device).stat().st_mode):
        pytest.skip(f"no {device} here")
    _refused(Path(device), "not a regular file")


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="needs sockets with names")
def test_socket(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)  # a socket's name has a limit of its own
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("s.jpg")
        _refused(Path("s.jpg"), "s.jpg")


# -- permission --------------------------------------------------------------------------------------------------------

_AS_NOBODY = """
import os, sys
from colorcli.media import decode, photo  # before the right to read them is given up
from colorcli.errors import MediaError
os.setgroups([]); os.setgid(65534); os.setuid(65534)
try:
    photo.read(sys.argv[1])
except MediaError as error:
    print(error.message, "|", error.hint)
"""


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="needs users")
@pytest.mark.parametrize("closed", ["file", "folder"])
def test_no_permission(tmp_path, closed) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    path = folder / "a.jpg"
    path.write_bytes(b"x")
    (path if closed == "file" else folder).chmod(0)
    try:
        if os.geteuid() != 0:
            _refused(path, "no permission to read")
            return
        for parent in (tmp_path, *tmp_path.parents):  # pytest's own folders are the user's alone
            if parent.stat().st_uid == 0 and parent != Path("/") and not parent.stat().st_mode & 1:
                parent.chmod(parent.stat().st_mode | 0o011)
        done = subprocess.run([sys.executable, "-c", _AS_NOBODY, path], capture_output=True, text=True, timeout=60)
        if "PermissionError" in done.stderr or "ModuleNotFoundError" in done.stderr:
            pytest.skip("this process may not become another user's")
        assert done.stderr == ""
        assert done.stdout.startswith(f"no permission to read {path} | check the owner")
    finally:
        folder.chmod(0o700)


def test_no_permission_as_the_system_tells_it(tmp_path, monkeypatch) -> None:
    def refuse(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    _refused(tmp_path / "a.jpg", "no permission to read")


# -- names -------------------------------------------------------------------------------------------------------------

_NAMES = (
    b"caf\xe9.png", b"two\nlines.png", b"\x1b[31mred.png", "ж雪.png".encode(), b"-rf.png", b"--output.png", b" .png",
    b"a b  c.png", b"'\"`$(x).png", b"%s{0}.png", b"tab\t.png", b"back\\slash.png", b"a" * 251 + b".png", b"CON.png",
    "e\u0301.png".encode(), "\u202egnp.png".encode(), b"...png", b"a.png.", b"\x7f.png",
)  # fmt: skip


@pytest.mark.parametrize("raw", _NAMES, ids=repr)
def test_names_of_any_bytes(tmp_path, rgb, raw) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + raw))
    try:
        path.touch()
    except OSError:
        pytest.skip("this file system takes no such name")
    path.unlink()
    form = None if raw.endswith(b".png") else "PNG"
    write(Photo(rgb), path, format=form)
    np.testing.assert_array_equal(read(path).pixels, rgb)
    path.write_bytes(b"")
    with pytest.raises(MediaError, match="empty") as caught:
        read(path)
    caught.value.message.encode("utf-8")  # printable anywhere
    assert caught.value.message.isprintable()
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


def test_name_too_long(tmp_path) -> None:
    _refused(tmp_path / ("a" * 256 + ".jpg"), "too long")


def test_path_too_long(tmp_path) -> None:
    _refused(tmp_path.joinpath(*["b" * 200] * 25, "a.jpg"), "too long")


def test_zero_byte_in_a_name(tmp_path) -> None:
    with pytest.raises((MediaError, ValueError)):
        read(str(tmp_path / "a\0.jpg"))


def test_relative_path_after_the_folder_is_gone(tmp_path, monkeypatch) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    try:
        gone.rmdir()
    except OSError:
        pytest.skip("this system keeps folders that are in use")
    _refused(Path("a.jpg"), "no such file")


# -- files that change -------------------------------------------------------------------------------------------------


class _Shrinking(io.BytesIO):
    """A file that another program cuts off after some reads."""

    def __init__(self, content: bytes, reads: int) -> None:
        super().__init__(content)
        self._reads = reads

    def read(self, size: int | None = -1, /) -> bytes:
        self._reads -= 1
        if self._reads == 0:
            self.truncate(len(self.getvalue()) // 3)
        return super().read(size)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "PNG, 16 bit", "TIFF", "TIFF, 16 bit", "WebP", "AVIF", "BMP", "PPM"])
def test_shrinks_while_it_is_read(kind) -> None:
    whole = read(io.BytesIO(sound(kind)))
    for reads in range(1, 12):
        try:
            found = read(_Shrinking(sound(kind), reads), name="a file")
        except MediaError as error:
            assert "a file" in error.message and error.hint
        else:
            np.testing.assert_array_equal(found.pixels, whole.pixels)


def test_replaced_by_a_folder_and_back(tmp_path) -> None:
    path = tmp_path / "a.png"
    stop = threading.Event()

    def unrest() -> None:
        while not stop.is_set():
            path.write_bytes(sound("PNG"))
            stop.wait(0.002)
            path.unlink()
            path.mkdir()
            stop.wait(0.002)
            path.rmdir()

    other = threading.Thread(target=unrest)
    other.start()
    ends = set()
    try:
        for _ in range(200):
            try:
                ends.add(read(path).pixels.shape)
            except MediaError as error:
                assert str(path) in error.message and error.hint
                ends.add(error.message.partition(":")[0])
    finally:
        stop.set()
        other.join()
    assert len(ends) > 1


def test_grows_while_it_is_read(tmp_path) -> None:
    path = tmp_path / "a.png"
    content = sound("PNG")
    for size in range(0, len(content), 1500):  # a scanner that has not finished
        path.write_bytes(content[:size])
        _refused(path, "empty|damaged")
    path.write_bytes(content + b"and what another program writes behind it")
    assert read(path).pixels.shape == read(io.BytesIO(content)).pixels.shape
