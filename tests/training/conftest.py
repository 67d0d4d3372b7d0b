import io
import tarfile

import numpy as np
import pytest
import torch
from PIL import Image
from skimage import data


@pytest.fixture(autouse=True)
def _cache(tmp_path, monkeypatch):
    monkeypatch.setenv("COLORCLI_CACHE", str(tmp_path / "cache"))


def _crops(count):
    """Real colour pictures: crops of those that scikit-image ships."""
    whole = [data.astronaut(), data.coffee(), data.chelsea(), data.rocket()]
    rng = np.random.default_rng(0)
    for number in range(count):
        picture = whole[number % len(whole)]
        y, x = rng.integers(0, picture.shape[0] - 120), rng.integers(0, picture.shape[1] - 150)
        yield Image.fromarray(picture[y : y + 120, x : x + 150])


@pytest.fixture
def places(tmp_path):
    """A folder with 12 colour pictures in two sub-folders, a gray one, a near-gray one and a broken one."""
    folder = tmp_path / "places"
    for number, picture in enumerate(_crops(12)):
        path = folder / ("in" if number % 2 else "out") / f"{number:02d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        picture.save(path)
    Image.fromarray(data.camera()).save(folder / "gray.png")
    Image.fromarray(data.camera()).convert("RGB").save(folder / "neutral.jpg")
    (folder / "broken.jpg").write_bytes((folder / "in" / "01.png").read_bytes()[:900])
    return folder


@pytest.fixture
def shards(tmp_path):
    """A folder with a training shard of 10 AVIF pictures and a validation shard of 4."""
    folder = tmp_path / "shards"
    folder.mkdir()
    for name, count in (("train-0000.tar", 10), ("val-0000.tar", 4)):
        with tarfile.open(folder / name, "w") as shard:
            for number, picture in enumerate(_crops(count)):
                buffer = io.BytesIO()
                picture.save(buffer, "AVIF", quality=80)
                member = tarfile.TarInfo(f"source/class{number % 2}/{number:04d}.avif")
                member.size = buffer.tell()
                buffer.seek(0)
                shard.addfile(member, buffer)
    return folder


@pytest.fixture
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
