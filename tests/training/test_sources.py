import io
import tarfile

import pytest
from PIL import Image

from colorcli.errors import UsageError
from colorcli.training import sources


def _names(found):
    return [name for source in found for name, _ in source.members()]


def _shard(path, members):
    with tarfile.open(path, "w") as shard:
        for name, content in members:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            shard.addfile(member, io.BytesIO(content))


@pytest.mark.parametrize(
    ("pattern", "texts"),
    [
        ("a.tar", ["a.tar"]),
        ("t-{08..10}.tar", ["t-08.tar", "t-09.tar", "t-10.tar"]),
        ("{a,b}/{1..2}", ["a/1", "a/2", "b/1", "b/2"]),
        ("{a}", ["{a}"]),
        ("{3..1}", []),
    ],
)
def test_braces_are_what_a_shell_makes_of_them(pattern, texts):
    assert sources.expand(pattern) == texts


def test_patterns_name_shards_and_keep_validation_apart(tmp_path):
    for name in ("train-00", "train-01", "train-02", "val-00"):
        _shard(tmp_path / f"{name}.tar", [(f"{name}.jpg", b"x")])
    train, val = sources.find([tmp_path / "train-{00..01}.tar"])
    assert [source.path.name for source in train] == ["train-00.tar", "train-01.tar"] and val == []
    train, val = sources.find([tmp_path / "*.tar"])
    assert len(train) == 3 and [source.path.name for source in val] == ["val-00.tar"]
    train, val = sources.find([tmp_path / "val-00.tar"])  # named by itself it is what it is named for
    assert [source.path.name for source in train] == ["val-00.tar"] and val == []


@pytest.mark.parametrize("pattern", ["nothing-*.tar", "{a,b}.tar"])
def test_patterns_that_fit_nothing_are_explained(tmp_path, pattern):
    with pytest.raises(UsageError, match=r"nothing fits|does not exist"):
        sources.find([tmp_path / pattern])


def test_a_name_with_brackets_is_a_name_first(tmp_path):
    folder = tmp_path / "places [2019]"
    folder.mkdir()
    assert sources.find([folder])[0][0].path == folder


def test_members_of_a_shard_are_its_pictures_with_their_classes(tmp_path):
    _shard(tmp_path / "a.tar", [("x/1.jpg", b"."), ("x/1.cls", b"7\n"), ("x/1.json", b"{}"), ("y/2.PNG", b".")])
    assert _names(sources.find([tmp_path / "a.tar"])[0]) == ["x/7/1.jpg", "y/2.PNG"]


def test_a_folder_of_validation_shards_alone_has_nothing_to_train_on(tmp_path):
    _shard(tmp_path / "val-0.tar", [])
    train, val = sources.find([tmp_path])
    assert train == [] and len(val) == 1


def test_a_folder_is_walked_to_any_depth(tmp_path):
    path = tmp_path / "a" / "b" / "c" / "d.png"
    path.parent.mkdir(parents=True)
    Image.new("RGB", (20, 20)).save(path)
    assert _names(sources.find([tmp_path])[0]) == ["a/b/c/d.png"]
