import pickle

import numpy as np
import pytest

from colorcli.errors import MediaError
from colorcli.training import cifar, data, labels, sources


def _batch(path, count=6, protocol=2, keys=str, **more):
    rng = np.random.default_rng(len(path.name))
    rows = rng.integers(0, 256, (count, 3072), dtype=np.uint8)
    content = {"batch_label": path.name, "labels": [n % 3 for n in range(count)], "data": rows, **more}
    if keys is bytes:
        content = {key.encode(): value for key, value in content.items()}
    path.write_bytes(pickle.dumps(content, protocol=protocol))
    return rows


@pytest.fixture
def batches(tmp_path):
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    for number in range(1, 6):
        _batch(folder / f"data_batch_{number}")
    _batch(folder / "test_batch")
    meta = {"label_names": ["airplane", "automobile", "bird"], "num_vis": 3072, "num_cases_per_batch": 6}
    (folder / "batches.meta").write_bytes(pickle.dumps(meta, protocol=0))
    return folder


@pytest.mark.parametrize("above", [False, True])
def test_a_folder_of_batches_is_trained_on_and_measured_with_its_test_batch(batches, above):
    train, val = sources.find([batches.parent if above else batches])
    assert [source.path.name for source in train] == [f"data_batch_{n}" for n in range(1, 6)]
    assert [source.path.name for source in val] == ["test_batch"]
    pictures = data.load(train, side=32, gray=0.0, workers=1)
    assert len(pictures) == 30 and pictures[0].shape == (32, 32, 3)
    assert labels.classes(pictures.names) == ["airplane", "automobile", "bird"]
    assert pictures.names[1] == "cifar10/automobile/data_batch_1-00001"


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("keys", [str, bytes])
def test_rows_are_planes_of_red_green_and_blue(tmp_path, protocol, keys):
    rows = _batch(tmp_path / "data_batch_1", protocol=protocol, keys=keys)
    found = [picture for _, picture in cifar.read(tmp_path / "data_batch_1")]
    assert len(found) == 6
    assert found[2][5, 7].tolist() == [rows[2][plane * 1024 + 5 * 32 + 7] for plane in range(3)]


def test_a_batch_as_python_2_wrote_it_is_read(tmp_path):
    # By hand, as nothing writes it any more: str that are bytes, numpy.core, the old call of _reconstruct.
    row = bytes(range(256)) * 12
    state = (
        b"(K\x01(K\x01M\x00\x0ct"  # version, shape (1, 3072)
        b"cnumpy\ndtype\n(U\x02u1K\x00K\x01tR(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
        b"\x89T" + len(row).to_bytes(4, "little") + row + b"tb"
    )
    array = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\x00tU\x01btR" + state
    path = tmp_path / "data_batch_1"
    path.write_bytes(b"\x80\x02}(U\x04data" + array + b"U\x06labels](K\x03eu.")
    ((name, picture),) = cifar.read(path)
    assert name == "cifar10/3/data_batch_1-00000" and picture[0, 5].tolist() == [5, 5, 5]


class _Evil:
    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize(
    "evil", [_Evil(open, "/tmp/never", "w"), _Evil(eval, "1/0"), _Evil(bytearray, 1 << 40), _Evil(np.load, "x.npy")]
)
def test_a_pickle_that_asks_for_more_is_refused(tmp_path, evil):
    (tmp_path / "data_batch_1").write_bytes(pickle.dumps({"data": evil}))
    with pytest.raises(MediaError, match="it asks for"):
        list(cifar.read(tmp_path / "data_batch_1"))


@pytest.mark.parametrize(
    "content",
    [
        [1, 2], {}, {"data": np.zeros((2, 3072))}, {"data": np.zeros((2, 99), np.uint8)},
        {"data": np.zeros((2, 3072), np.uint8), "labels": [1]},
        {"data": np.zeros((1, 3072), np.uint8), "labels": ["cat"]},
        {"data": np.array([None, {}], object)},
    ],
)  # fmt: skip
def test_something_else_is_explained(tmp_path, content):
    (tmp_path / "data_batch_1").write_bytes(pickle.dumps(content))
    with pytest.raises(MediaError, match="not a batch of CIFAR-10"):
        list(cifar.read(tmp_path / "data_batch_1"))


def test_a_batch_cut_short_is_explained(tmp_path):
    path = tmp_path / "data_batch_1"
    _batch(path)
    for length in (0, 1, 50, 400, 5000):
        path.write_bytes(path.read_bytes()[:length] if length else b"")
        with pytest.raises(MediaError, match=r"data_batch_1: not a batch"):
            list(cifar.read(path))
        _batch(path)


def test_pictures_without_labels_have_no_class(tmp_path):
    path = tmp_path / "data_batch_1"
    path.write_bytes(pickle.dumps({"data": np.zeros((1, 3072), np.uint8)}))
    ((name, _),) = cifar.read(path)
    assert labels.class_of(name) is None
