from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_digits

from impls.data import load_dataset
from impls.data.digits import read_digits, resize
from impls.data.raw import RawData


@pytest.fixture(scope="module")
def digits() -> RawData:
    return read_digits()


def distinct(images: np.ndarray) -> set[bytes]:
    return {image.tobytes() for image in images}


def test_digits_have_the_size_of_mnist(digits: RawData) -> None:
    assert digits.images.shape == (60000, 28, 28)
    assert digits.images_test.shape == (10000, 28, 28)
    assert digits.images.dtype == np.uint8
    assert (digits.images.min(), digits.images.max()) == (0, 255)


def test_no_training_image_is_among_the_test_images(digits: RawData) -> None:
    train, test = distinct(digits.images), distinct(digits.images_test)
    assert not train & test
    assert (len(train), len(test), len(train | test)) == (1433, 364, 1797)


def test_the_note_tells_how_many_images_are_real_and_that_they_repeat(digits: RawData) -> None:
    for number in ("1797 real", "1433 of them repeated to 60000", "other 364 repeated to 10000"):
        assert number in digits.note


def test_every_class_has_the_same_share_of_test_images(digits: RawData) -> None:
    real = np.bincount(load_digits().target)
    test = np.bincount(digits.labels_test[:364])
    np.testing.assert_array_equal(test, -(-real // 5))


def test_any_beginning_of_the_training_images_mixes_the_classes(digits: RawData) -> None:
    assert set(digits.labels[:100]) == set(range(10))


def test_repeated_images_keep_their_labels(digits: RawData) -> None:
    np.testing.assert_array_equal(digits.images[:100], digits.images[1433:1533])
    np.testing.assert_array_equal(digits.labels[:100], digits.labels[1433:1533])


def test_digits_are_the_same_on_every_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("impls.data.digits.EXAMPLES", 2000)
    monkeypatch.setattr("impls.data.digits.EXAMPLES_TEST", 500)
    data = load_dataset("digits")
    assert (data.name, data.source, data.classes) == ("digits", "scikit-learn", 10)
    assert data.sha256 == "a77219dbafa26139d443a0cc44e8f19ed9230b2e94cd3fb90135198669317799"


def test_resizing_is_bilinear_with_corners_on_corners() -> None:
    images = load_digits().images[:5]
    places = np.linspace(0, 7, 28)
    for image, resized in zip(images, resize(images.astype(np.int64)), strict=True):
        rows = np.array([np.interp(places, range(8), column) for column in image.T]).T
        expected = np.array([np.interp(places, range(8), row) for row in rows]) * 255 / 16
        np.testing.assert_allclose(resized, expected, atol=0.5 + 1e-9)


def test_resizing_spans_black_to_white() -> None:
    images = np.array([np.zeros((8, 8)), np.full((8, 8), 16)], dtype=np.int64)
    black, white = resize(images)
    assert (black == 0).all()
    assert (white == 255).all()
