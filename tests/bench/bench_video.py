"""How fast a film is colorized end to end, where the time goes, and how much memory it takes.

    python tests/bench/bench_video.py [FILM] [--sizes 640x360 1920x1080] [--frames 150] [--long 600] [OPTION ...]

The film (by default moving patterns with grain, which are harder on the encoder than most films) is brought to each
size and colorized by the command in a process of its own, default model, stabilisation on. ``--long`` colorizes the
largest size again with so many frames: memory must not grow. Stages overlap; each number is what one thread spent.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np


def source(film: Path | None, size: tuple[int, int], count: int) -> Iterator[Any]:
    """Gray frames in 4:2:0; a film that is too short is shown again."""
    width, height = size
    done = 0
    generator = np.random.default_rng(0)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32) * (640 / width)
    while done < count:
        if film is None:
            gray = 120 + 50 * np.sin((x + 2 * done) / 31) * np.cos((y - done) / 23) + generator.normal(0, 3, x.shape)
            yield av.VideoFrame.from_ndarray(gray.clip(16, 235).astype(np.uint8), format="gray").reformat(
                format="yuv420p", src_color_range="JPEG", dst_color_range="JPEG"
            )
            done += 1
            continue
        with av.open(str(film)) as given:
            for frame in given.decode(video=0):
                if done >= count:
                    return
                yield frame.reformat(width, height, "yuv420p")
                done += 1


def make(path: Path, film: Path | None, size: tuple[int, int], count: int) -> None:
    with av.open(str(path), "w") as out:
        stream: Any = out.add_stream("libx264", rate=24, options={"crf": "16", "preset": "veryfast"})
        stream.width, stream.height = size
        for number, frame in enumerate(source(film, size, count)):
            for plane in frame.planes[1:]:
                plane.update(b"\x80" * plane.buffer_size)
            frame.pts, frame.pict_type = number, 0
            frame.time_base = Fraction(1, 24)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))


def colorize(path: Path, *options: str) -> tuple[dict[str, Any], float, float, float]:
    """Run the command; return what it tells, seconds in all, those of processors, and the peak of its memory in MB."""
    out = path.with_name("out.mp4")
    command = [sys.executable, "-m", "colorcli", "video", str(path), "-o", str(out), "--overwrite", "--json", *options]
    begun = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, env={**os.environ}) as process:
        assert process.stdout is not None
        told = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return json.loads(told), time.perf_counter() - begun, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("film", nargs="?", type=Path)
    parser.add_argument("--sizes", nargs="+", default=["640x360", "1920x1080"])
    parser.add_argument("--frames", type=int, default=150)
    parser.add_argument("--long", type=int, default=0)
    asked, more = parser.parse_known_args()  # all others are options of the command
    runs = [(size, asked.frames) for size in asked.sizes] + ([(asked.sizes[-1], asked.long)] if asked.long else [])
    with tempfile.TemporaryDirectory() as folder:
        made = {}
        for size, count in runs:
            width, height = map(int, size.split("x"))
            made[size, count] = Path(folder) / f"{size}-{count}.mp4"
            make(made[size, count], asked.film, (width, height), count)
        for (size, count), path in made.items():
            told, seconds, work, memory = colorize(path, *more)
            stages = told["stages"]
            spent = ", ".join(f"{name} {1000 * stages[name] / count:.1f}" for name in stages if name != "all")
            rate = count / stages["all"]
            whole = f"{count / seconds:.1f} with start and join"
            print(f"{size} {count} frames: {rate:.1f} frames/s ({whole}), peak {memory:.0f} MB")
            print(f"  ms a frame: {spent}; processors {1000 * work / count:.1f}, start included")


if __name__ == "__main__":
    main()
