from __future__ import annotations

import numpy as np
import pytest
from sklearn.preprocessing import StandardScaler

from impls.data import standardise


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
    scale = standardise.fit(train)
    np.testing.assert_allclose(scale.mean, scaler.mean_, rtol=1e-13)
    np.testing.assert_allclose(scale.divisor, scaler.scale_, rtol=1e-12)
    for part in (train, test):
        expected = scaler.transform(part.astype(np.float64))
        np.testing.assert_allclose(standardise.apply(part, scale), expected, rtol=1e-6, atol=1e-6)


def test_the_result_is_float32_in_c_order() -> None:
    train = np.asfortranarray(features("float64", 700))
    standardised = standardise.apply(train, standardise.fit(train))
    assert standardised.dtype == np.float32
    assert standardised.flags.c_contiguous


def test_a_feature_that_never_changes_becomes_zero_even_where_its_mean_is_rounded() -> None:
    train = np.full((3000, 2), 0.1)
    train[:, 1] = np.arange(3000)
    scale = standardise.fit(train)
    assert scale.divisor[0] == 1.0
    assert np.abs(standardise.apply(train, scale)[:, 0]).max() < 1e-12


def test_training_features_have_mean_zero_and_variance_one() -> None:
    train = features("uint8", 1300)
    standardised = standardise.apply(train, standardise.fit(train)).astype(np.float64)
    changing = np.delete(standardised, [4, 5], axis=1)
    np.testing.assert_allclose(changing.mean(axis=0), 0, atol=1e-7)
    np.testing.assert_allclose(changing.std(axis=0), 1, atol=1e-6)
