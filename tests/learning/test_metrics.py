"""The published confusion matrix, scikit-learn, and what is undefined."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as sklearn_metrics

from impls.errors import UsageError
from impls.training.metrics import ClassScores, accuracy_of, class_scores, confusion_matrix

# Published for a convolutional network on MNIST's test set: rows are true digits.
PUBLISHED = np.array([
    [976, 0, 0, 0, 0, 0, 1, 1, 1, 1],
    [0, 1129, 4, 2, 0, 0, 0, 0, 0, 0],
    [0, 0, 1025, 1, 1, 0, 0, 5, 0, 0],
    [0, 0, 3, 1005, 0, 2, 0, 0, 0, 0],
    [0, 1, 0, 0, 975, 0, 1, 0, 0, 5],
    [2, 0, 1, 8, 0, 877, 1, 0, 1, 2],
    [2, 5, 0, 1, 2, 2, 944, 0, 2, 0],
    [0, 2, 10, 3, 0, 0, 0, 1008, 0, 5],
    [3, 0, 4, 1, 0, 0, 0, 0, 965, 1],
    [0, 0, 0, 0, 7, 2, 0, 1, 0, 999],
])  # fmt: skip

# precision, recall, F1, FP, FN, support
PUBLISHED_SCORES = [
    (".9929", ".9959", ".9944", 7, 4, 980),
    (".9930", ".9947", ".9938", 8, 6, 1135),
    (".9790", ".9932", ".9861", 22, 7, 1032),
    (".9843", ".9950", ".9897", 16, 5, 1010),
    (".9898", ".9929", ".9914", 10, 7, 982),
    (".9932", ".9832", ".9882", 6, 15, 892),
    (".9968", ".9854", ".9911", 3, 14, 958),
    (".9931", ".9805", ".9868", 7, 20, 1028),
    (".9959", ".9908", ".9933", 4, 9, 974),
    (".9862", ".9901", ".9881", 14, 10, 1009),
]


def pairs_of(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Labels and predictions that have this confusion matrix."""
    true, predicted = np.indices(matrix.shape).reshape(2, -1).repeat(matrix.ravel(), axis=1)
    return true, predicted


def test_the_published_matrix_is_counted_from_its_pairs() -> None:
    labels, predicted = pairs_of(PUBLISHED)
    order = np.random.default_rng(3).permutation(len(labels))
    assert np.array_equal(confusion_matrix(labels[order], predicted[order], 10), PUBLISHED)


def test_the_published_matrix_gives_the_published_scores() -> None:
    found = [
        (f"{s.precision:.4f}"[1:], f"{s.recall:.4f}"[1:], f"{s.f1:.4f}"[1:],
         s.false_positives, s.false_negatives, s.support)
        for s in class_scores(PUBLISHED)
    ]  # fmt: skip
    assert found == PUBLISHED_SCORES
    assert accuracy_of(PUBLISHED) == 0.9903


def test_a_class_without_examples_and_one_never_predicted_are_undefined_not_zero() -> None:
    matrix = np.array([[3, 0, 1, 0], [0, 0, 0, 0], [2, 0, 0, 0], [0, 0, 0, 0]])
    first, absent, missed, neither = class_scores(matrix)
    assert (first.precision, first.recall, first.f1) == (3 / 5, 3 / 4, 6 / 9)
    assert (absent.precision, absent.recall, absent.f1) == (None, None, None)
    assert (missed.precision, missed.recall, missed.f1) == (0, 0, 0)
    assert neither.f1 is None


def test_a_class_never_predicted_has_no_precision_but_a_recall_and_an_f1_of_zero() -> None:
    never = ClassScores(0, true_positives=0, false_positives=0, false_negatives=7)
    assert (never.precision, never.recall, never.f1) == (None, 0, 0)


def test_a_class_without_examples_that_was_predicted_has_no_recall() -> None:
    absent = ClassScores(0, true_positives=0, false_positives=4, false_negatives=0)
    assert (absent.precision, absent.recall, absent.f1) == (0, None, 0)


@given(
    pairs=st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=60),
    classes=st.integers(6, 8),
)
def test_scores_are_those_of_scikit_learn(pairs: list[tuple[int, int]], classes: int) -> None:
    labels, predicted = np.array(pairs).T
    names = np.arange(classes)
    matrix = confusion_matrix(labels, predicted, classes)
    assert np.array_equal(matrix, sklearn_metrics.confusion_matrix(labels, predicted, labels=names))
    theirs = sklearn_metrics.precision_recall_fscore_support(
        labels, predicted, labels=names, zero_division=np.nan
    )
    scores = class_scores(matrix)
    for ours, their in zip(
        ([s.precision for s in scores], [s.recall for s in scores], [s.f1 for s in scores]),
        theirs[:3],
        strict=True,
    ):
        as_numbers = [np.nan if value is None else value for value in ours]
        np.testing.assert_allclose(as_numbers, their, rtol=1e-15)
    assert [s.support for s in scores] == theirs[3].tolist()
    assert accuracy_of(matrix) == pytest.approx(
        sklearn_metrics.accuracy_score(labels, predicted), rel=1e-15
    )


@pytest.mark.parametrize(
    ("labels", "predicted", "said"),
    [
        ([0, 1], [0], "one prediction for each label"),
        ([0, 3], [0, 1], "labels run from 0 to 3"),
        ([0, 1], [-1, 1], "predictions run from -1 to 1"),
    ],
)
def test_labels_that_fit_no_matrix_are_refused(
    labels: list[int], predicted: list[int], said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        confusion_matrix(np.array(labels), np.array(predicted), 3)


def test_there_is_no_accuracy_without_examples() -> None:
    nothing = np.array([], dtype=np.int64)
    assert np.array_equal(confusion_matrix(nothing, nothing, 2), np.zeros((2, 2)))
    with pytest.raises(UsageError, match="without examples"):
        accuracy_of(np.zeros((2, 2), np.int64))
