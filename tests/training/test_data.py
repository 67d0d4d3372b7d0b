import numpy as np
import pytest
from PIL import Image

from colorcli.errors import MediaError, UsageError
from colorcli.training import data, sources


def _load(*paths, side=64, gray=2.0):
    train, _ = sources.find(paths)
    return data.load(train, side=side, gray=gray, workers=1)


def test_a_folder_is_read_and_what_is_left_out_is_counted(places):
    pictures = _load(places)
    assert len(pictures) == 12
    assert pictures.report == {"kept": 12, "corrupt": 1, "gray": 2, "nearly gray": 0, "small": 0}
    assert pictures[0].shape == (64, 80, 3) and pictures[0].dtype == np.uint8
    assert "in/01.png" in pictures.names
    assert pictures.without == {"corrupt": ["broken.jpg"], "gray": ["gray.png", "neutral.jpg"]}


def test_shards_give_their_pictures_and_keep_validation_apart(shards):
    train, val = sources.find([shards])
    assert [source.path.name for source in train] == ["train-0000.tar"]
    assert [source.path.name for source in val] == ["val-0000.tar"]
    pictures = data.load(train, side=64, gray=2.0, workers=1)
    assert len(pictures) == 10 and pictures.names[3] == "source/class1/0003.avif"


def test_small_pictures_are_not_enlarged(places):
    assert _load(places, side=500)[0].shape == (120, 150, 3)


def test_the_second_time_nothing_is_decoded(places, monkeypatch):
    first = _load(places)
    monkeypatch.setattr(data, "_build", lambda *a: pytest.fail("decoded again"))
    again = _load(places)
    assert np.array_equal(first[5], again[5]) and again.report == first.report


def test_a_changed_picture_is_noticed(places):
    first = _load(places)
    Image.new("RGB", (90, 90), (200, 40, 40)).save(places / "in" / "01.png")
    names = list(first.names)
    assert _load(places)[names.index("in/01.png")].shape == (64, 64, 3)


def test_a_build_cut_short_leaves_no_cache(places, monkeypatch):
    def broken(*args, **kwargs):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(data.np, "savez", broken)
        with pytest.raises(KeyboardInterrupt):
            _load(places)
    assert not list((data.cache_root() / "pictures").iterdir())
    assert len(_load(places)) == 12


def test_no_data_is_explained(tmp_path, places):
    with pytest.raises(UsageError, match="does not exist"):
        sources.find([tmp_path / "nowhere"])
    with pytest.raises(UsageError, match="not a folder or a tar"):
        sources.find([places / "gray.png"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="no usable colour picture"):
        _load(tmp_path / "empty")
    only_gray = tmp_path / "only-gray"
    only_gray.mkdir()
    Image.new("L", (80, 80), 90).save(only_gray / "a.png")
    with pytest.raises(UsageError, match="1 gray"):
        _load(only_gray)
    (tmp_path / "bad.tar").write_bytes(b"not a tar file" * 100)
    with pytest.raises(MediaError, match=r"bad\.tar: not a readable tar"):
        _load(tmp_path / "bad.tar")
