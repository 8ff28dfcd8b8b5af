import pickle

import numpy as np
import pytest

from bladenet import cifar
from bladenet.datasets import load_cifar10

FILES = (*cifar.TRAIN, *cifar.TEST)


def batch(seed, labels=(1, 8, 3, 8)):
    rng = np.random.default_rng(seed)
    return {b"data": rng.integers(0, 256, (len(labels), 3072), dtype=np.uint8), b"labels": list(labels)}


def write(path, content):
    path.write_bytes(pickle.dumps(content, protocol=4))


@pytest.fixture
def folder(tmp_path):
    home = tmp_path / cifar.FOLDER
    home.mkdir()
    for k, name in enumerate(FILES):
        write(home / name, batch(k))
    return home


def archive(**changes):
    images = np.zeros((4, 2, 2, 3), dtype=np.uint8)
    arrays = {"x_train": images, "y_train": [0, 1, 0, 1], "x_test": images, "y_test": [1, 0, 1, 0]}
    return {name: np.asarray(value) for name, value in (arrays | changes).items() if value is not None}


def test_two_classes_are_read_in_order(folder):
    data = load_cifar10(folder)
    assert data.x_train.shape == (15, 32, 32, 3)
    assert data.y_train.tolist() == [0, 1, 1] * 5
    assert data.y_test.tolist() == [0, 1, 1]
    pixels = batch(0)[b"data"][1]
    assert data.x_train[1, 4, 7].tolist() == [pixels[plane * 1024 + 4 * 32 + 7] for plane in range(3)]


def test_classes_are_chosen_by_name_and_the_parent_folder_will_do(folder):
    data = load_cifar10(folder.parent, classes=("ship", "cat"))
    assert data.y_test.tolist() == [0, 1, 0]


def test_files_of_python_2_are_read(folder):
    # the files of CIFAR-10 were written by Python 2: protocol 2, text as bytes, NumPy's old module names
    rows = b"\x07" * 3072 * 2
    old = (
        b"\x80\x02}q\x01(U\x04dataq\x02cnumpy.core.multiarray\n_reconstruct\nq\x03cnumpy\nndarray\nq\x04K\x00\x85q\x05"
        b"U\x01bq\x06\x87q\x07Rq\x08(K\x01K\x02M\x00\x0c\x86q\x09cnumpy\ndtype\nq\x0aU\x02u1q\x0bK\x00K\x01\x87q\x0cR"
        b"q\x0d(K\x03U\x01|q\x0eNNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tq\x0fb\x89T"
        + len(rows).to_bytes(4, "little")
        + rows
        + b"q\x10tq\x11bU\x06labelsq\x12]q\x13(K\x01K\x08eu."
    )
    (folder / "test_batch").write_bytes(old)
    data = load_cifar10(folder)
    assert data.y_test.tolist() == [0, 1]
    assert (data.x_test == 7).all()


class Evil:
    def __reduce__(self):
        return print, ("run",)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (Evil(), r"refers to builtins\.print, and only arrays are read"),
        ([1, 2], "must be a dictionary"),
        ({b"data": np.zeros((2, 5), dtype=np.uint8), b"labels": [1, 8]}, r"2 rows of 3072 bytes, got \(2, 5\) uint8"),
        ({b"data": np.zeros((1, 3072), dtype=np.uint8), b"labels": [12]}, "whole numbers from 0 to 9"),
    ],
)
def test_bad_batches_are_refused(folder, content, message, capsys):
    write(folder / "data_batch_3", content)
    with pytest.raises(ValueError, match=rf"data_batch_3.*{message}"):
        load_cifar10(folder)
    assert capsys.readouterr().out == ""


def test_what_is_no_pickle_is_refused(folder):
    (folder / "data_batch_1").write_bytes(b"hello")
    with pytest.raises(ValueError, match="data_batch_1 is no batch of CIFAR-10"):
        load_cifar10(folder)


def test_missing_files_and_unknown_classes_are_named(folder):
    with pytest.raises(ValueError, match="unknown class 'boat'; CIFAR-10 has airplane"):
        load_cifar10(folder, classes=("boat", "ship"))
    with pytest.raises(ValueError, match="two different names"):
        load_cifar10(folder, classes=("ship", "ship"))
    (folder / "data_batch_4").unlink()
    with pytest.raises(FileNotFoundError, match="data_batch_4; give the folder cifar-10-batches-py"):
        load_cifar10(folder)
    with pytest.raises(FileNotFoundError, match=r"nothing\.npz"):
        load_cifar10(folder / "nothing.npz")


def test_an_archive_is_read(tmp_path):
    np.savez(tmp_path / "two.npz", **archive())
    data = load_cifar10(tmp_path / "two.npz")
    assert data.x_test.shape == (4, 2, 2, 3)
    assert data.y_test.tolist() == [1, 0, 1, 0]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"y_test": None}, "no array 'y_test'"),
        ({"x_train": np.zeros((4, 2, 2, 3))}, "x_train must be images"),
        ({"x_test": np.zeros((4, 3, 2, 3), dtype=np.uint8)}, "x_test must be images"),
        ({"y_train": [0, 0, 0, 0]}, "y_train must be 0 or 1"),
        ({"y_train": [0, 1]}, "y_train must be 0 or 1 for each of 4 images"),
        ({"y_train": np.array([0, 1, None, 1], dtype=object)}, "no archive of images"),
    ],
)
def test_bad_archives_are_refused(tmp_path, changes, message):
    np.savez(tmp_path / "two.npz", **archive(**changes))
    with pytest.raises(ValueError, match=message):
        load_cifar10(tmp_path / "two.npz")
