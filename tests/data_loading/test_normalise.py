from __future__ import annotations

import numpy as np
import pytest
from sklearn.preprocessing import Normalizer, StandardScaler

from impls.data import normalise
from impls.data.raw import RawData
from impls.data.training_data import from_raw
from impls.errors import DatasetError, UnknownNameError
from tests.data_loading.conftest import Arrays


def pixels(rows: int = 700) -> np.ndarray:
    return np.random.default_rng(3).integers(10, 250, (rows, 12), dtype=np.uint8)


def test_range_spreads_all_features_together_over_0_to_1() -> None:
    train = pixels()
    train[0, 0], train[1, 3] = 0, 255
    normaliser = normalise.fit(train, "range")
    np.testing.assert_allclose(normaliser.apply(train), train / np.float32(255), rtol=1e-6)


def test_unit_is_the_normalizer_of_scikit_learn_and_leaves_zeros_alone() -> None:
    train = pixels()
    train[5] = 0
    found = normalise.fit(train, "unit").apply(train)
    expected = Normalizer().fit_transform(train.astype(np.float64))
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert not found[5].any()


def test_none_leaves_values_as_they_are() -> None:
    train = pixels()
    assert np.array_equal(normalise.fit(train, "none").apply(train), train.astype(np.float32))


def test_a_constant_data_set_has_a_range_too() -> None:
    train = np.full((4, 3), 7, np.uint8)
    assert not normalise.fit(train, "range").apply(train).any()


@pytest.mark.parametrize("name", normalise.NORMALISATIONS)
def test_every_result_is_float32_in_c_order_and_fitted_on_training_examples_alone(
    name: str, arrays: Arrays
) -> None:
    changed = {**arrays, "x_test": arrays["x_test"][::-1]}
    one, other = (
        from_raw(RawData("a", "a.npz", *values.values()), name) for values in (arrays, changed)
    )
    assert one.X.dtype == np.float32
    assert one.X.flags.c_contiguous
    assert one.normaliser.name == name
    assert np.array_equal(one.X, other.X)
    assert np.array_equal(one.X_test, other.X_test[::-1])


def test_a_given_normaliser_is_applied_as_it_is(arrays: Arrays) -> None:
    raw = RawData("a", "a.npz", *arrays.values())
    fitted = from_raw(raw).normaliser
    moved = RawData("b", "b.npz", raw.images // 2, raw.labels, raw.images_test, raw.labels_test)
    found = from_raw(moved, fitted)
    assert found.normaliser is fitted
    assert np.array_equal(found.X_test, from_raw(raw).X_test)
    assert not np.array_equal(found.X, from_raw(moved).X)


def test_a_normaliser_of_other_data_is_refused(arrays: Arrays) -> None:
    raw = RawData("a", "a.npz", *arrays.values())
    with pytest.raises(DatasetError, match=r"20 features cannot be normalised .* which have 12"):
        from_raw(raw, normalise.fit(pixels()))


def test_an_unknown_normalisation_is_refused_with_the_known_ones(arrays: Arrays) -> None:
    with pytest.raises(UnknownNameError, match=r"'standart'.*Did you mean 'standard'"):
        from_raw(RawData("a", "a.npz", *arrays.values()), "standart")


def features(kind: str, rows: int) -> np.ndarray:
    rng = np.random.default_rng(3)
    values = rng.integers(0, 256, (rows, 30))
    values[:, 4], values[:, 5] = 0, 255
    return (values / 7 + 1000 if kind.startswith("f") else values).astype(kind)


@pytest.mark.parametrize("kind", ["uint8", "int64", "float32", "float64", ">f4"])
@pytest.mark.parametrize("rows", [1, 2, 511, 512, 513, 1300])
def test_the_result_is_that_of_scikit_learn_fitted_on_the_training_examples(
    kind: str, rows: int
) -> None:
    train, test = features(kind, rows), features(kind, 40)[:, ::-1]
    scaler = StandardScaler().fit(train.astype(np.float64))
    normaliser = normalise.fit(train)
    np.testing.assert_allclose(normaliser.mean, scaler.mean_, rtol=1e-13)
    np.testing.assert_allclose(normaliser.divisor, scaler.scale_, rtol=1e-12)
    for part in (train, test):
        expected = scaler.transform(part.astype(np.float64))
        np.testing.assert_allclose(normaliser.apply(part), expected, rtol=1e-6, atol=1e-6)


def test_the_result_is_float32_in_c_order() -> None:
    train = np.asfortranarray(features("float64", 700))
    standardised = normalise.fit(train).apply(train)
    assert standardised.dtype == np.float32
    assert standardised.flags.c_contiguous


def test_a_feature_that_never_changes_becomes_zero_even_where_its_mean_is_rounded() -> None:
    train = np.full((3000, 2), 0.1)
    train[:, 1] = np.arange(3000)
    normaliser = normalise.fit(train)
    assert normaliser.divisor[0] == 1.0
    assert np.abs(normaliser.apply(train)[:, 0]).max() < 1e-12


def test_training_features_have_mean_zero_and_variance_one() -> None:
    train = features("uint8", 1300)
    standardised = normalise.fit(train).apply(train).astype(np.float64)
    changing = np.delete(standardised, [4, 5], axis=1)
    np.testing.assert_allclose(changing.mean(axis=0), 0, atol=1e-7)
    np.testing.assert_allclose(changing.std(axis=0), 1, atol=1e-6)
