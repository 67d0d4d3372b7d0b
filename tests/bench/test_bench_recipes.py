"""The script that compares recipes: a few seconds of it."""

import io
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from PIL import Image
from skimage import data

SCRIPT = Path(__file__).with_name("bench_recipes.py")


@pytest.mark.slow
def test_recipes_are_trained_and_scored_and_what_is_done_is_kept(tmp_path: Path) -> None:
    for shard, count in (("train-0", 8), ("val-0", 2)):
        with tarfile.open(tmp_path / f"{shard}.tar", "w") as tar:
            for number in range(count):
                buffer = io.BytesIO()
                Image.fromarray(data.astronaut()[16 * number :][:90, 10 * number :][:, :90]).save(buffer, "PNG")
                member = tarfile.TarInfo(f"a/b{number % 2}/{number}.png")
                member.size = buffer.tell()
                buffer.seek(0)
                tar.addfile(member, buffer)
    command = [
        sys.executable, SCRIPT, tmp_path, "-o", tmp_path / "out", "--minutes", "0.001", "--threads", "1",
        "--timing-steps", "2", "--recipe", "cifar-cnn", "--recipe", "resnet18-mrf", "--set", "data.batch=4",
        "--set", "network.sizes.width=8", "--set", "data.sizes=[[0.0, 32]]",
    ]  # fmt: skip
    environment = {**os.environ, "COLORCLI_CACHE": str(tmp_path / "cache"), "OMP_NUM_THREADS": "1"}

    def run() -> str:
        done = subprocess.run(
            list(map(str, command)), env=environment, capture_output=True, text=True, timeout=300, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    table = run()
    rows = {line.split("|")[1].strip(): [cell.strip() for cell in line.split("|")[2:-1]] for line in table.splitlines()}
    assert rows["truth"][0] == "100.00" and rows["gray"][4] == "0.0 (0%)"
    assert float(rows["cifar-cnn"][0]) > 50 and rows["cifar-cnn"][0] == rows["cifar-cnn"][1]
    assert int(rows["resnet18-mrf"][7]) >= 2 and rows["resnet18-mrf"][6].endswith("M")
    kept = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("last.pt")}
    assert run() == table == (tmp_path / "out" / "table.md").read_text()
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("last.pt")} == kept
