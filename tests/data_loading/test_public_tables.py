"""What becomes of tables in the forms of public data sets."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from impls.data import TrainingData, load_dataset
from impls.errors import DatasetError
from tests.data_loading import public_tables as tables
from tests.data_loading.public_tables import written

Read = Callable[..., TrainingData]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Write files and read the first of them."""

    def do(label: str | None = None, **files: str | bytes) -> TrainingData:
        return load_dataset(str(written(tmp_path, **files)), label=label)

    return do


DIGITS = tuple(map(str, range(10)))


@pytest.mark.parametrize(
    ("name", "content", "features", "classes", "said"),
    [
        ("digits__csv__gz", tables.sklearn_digits(), 64, DIGITS, "column 64 (the first is 0)"),
        ("optdigits__csv", tables.optdigits(60), 64, DIGITS, "column 64 (the first is 0)"),
        ("pendigits__tra", tables.pendigits(), 16, DIGITS, "column 16 (the first is 0)"),
        ("pima__csv", tables.pima(header=False), 4, ("0", "1"), "column 4 (the first is 0)"),
        ("diabetes__csv", tables.pima(header=True), 4, ("0", "1"), "column 'Outcome', by its name"),
        (
            "iris__data",
            tables.iris_data(),
            4,
            tables.SPECIES,
            "column 4 (the first is 0), the only",
        ),
        ("Iris__csv", tables.iris_with_id(), 4, tables.SPECIES, "column 'Id', which counts"),
        ("iris__csv", tables.iris_of_sklearn(), 4, ("0", "1", "2"), "counts, and is no example"),
        ("wine__csv", tables.wine_of_sklearn(), 13, ("0", "1", "2"), "counts, and is no example"),
        ("iris__txt", tables.iris_of_r(), 2, ("setosa", "versicolor", "virginica"), "'Species'"),
        ("wine__data", tables.wine_data(), 4, ("1", "2", "3"), "column 0 (the first is 0)"),
        ("wine__csv", tables.wine_quality(), 3, tuple("345678"), "column 'quality', the last one"),
        ("wdbc__data", tables.wdbc(), 4, ("B", "M"), "Left out: column 0"),
        ("data__csv", tables.wdbc_of_kaggle(), 2, ("B", "M"), "Left out: column 'id'"),
        ("covtype__data", tables.covtype(), 54, tuple("1234567"), "column 54"),
        ("letter__data", tables.letters(), 16, tuple("ACDGINTZ"), "the only one with text"),
        ("glass__data", tables.glass(), 9, tuple("123567"), "Left out: column 0"),
        ("zip__train", tables.usps(), 6, DIGITS, "stored as floats"),
        ("sat__trn", tables.satellite(), 36, tuple("123457"), "column 36"),
        ("seeds_dataset__txt", tables.seeds(), 3, ("1", "2", "3"), "column 3"),
        ("HIGGS__csv__gz", gzip.compress(tables.higgs().encode()), 3, ("0", "1"), "column 0"),
        ("index__csv", tables.pandas_index(), 2, ("0", "1", "2"), "Left out: column 0"),
        ("plain__csv", tables.pandas_numbered(), 3, ("0", "1", "2"), "taken for their names"),
        ("excel__csv", tables.german_excel(), 2, ("grün", "rot"), "decimal commas"),
        ("saved__csv", tables.savetxt(), 2, ("0", "1"), "named in a comment"),
        ("survey__csv", tables.survey(), 2, ("NA", "None", "yes"), "classes: 'NA', 'None'"),
        ("kaggle__csv", tables.mnist_of_kaggle(), 784, DIGITS, "column 'label', by its name"),
    ],
)
def test_a_public_form_is_read_as_it_is_meant(
    read: Read, name: str, content: str | bytes, features: int, classes: tuple[str, ...], said: str
) -> None:
    data = read(**{name: content})
    assert data.X.shape[1] == features
    assert data.class_names == classes
    assert np.unique(data.labels).tolist() == list(range(len(classes)))
    assert "The label of" in data.note
    assert said in data.note
    assert "every fifth of each class is" in data.note


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("wide__csv", "a,b\n" + tables.wine_data(), "the first line has 2 fields, the others 5"),
        ("w__data", tables.wisconsin(), r"no value but '\?' in example 24, column 3"),
        ("adult__data", tables.adult(), "column 1 .* holds 'State-gov', which is no number"),
        (
            "titanic__csv",
            tables.titanic(),
            "column 'Name', column 'Sex' hold text, such as 'Doe, Mr",
        ),
        ("usps__txt", tables.usps_of_libsvm(), r"a pair of the LIBSVM format.*load_svmlight_file"),
        ("SPECT__train", tables.spect(), "the first and the last column both hold class numbers"),
        ("poker__data", tables.poker(), "the first and the last column both hold class numbers"),
        ("semeion__data", tables.semeion(), "one of the last 10 columns is 1 .* one-hot labels"),
    ],
)
def test_what_cannot_be_read_says_why_and_what_to_do(
    read: Read, name: str, content: str, said: str
) -> None:
    with pytest.raises(DatasetError, match=said):
        read(**{name: content})


def test_two_files_of_uci_are_training_and_test(read: Read) -> None:
    data = read(optdigits__tra=tables.optdigits(60), optdigits__tes=tables.optdigits(30))
    assert (data.X.shape, data.X_test.shape) == ((60, 64), (30, 64))
    assert "every fifth" not in data.note


def test_two_files_of_the_ucr_archive_are_training_and_test(read: Read) -> None:
    data = read(Coffee_TRAIN__tsv=tables.ucr(), Coffee_TEST__tsv=tables.ucr(12))
    assert (data.X.shape, data.X_test.shape) == ((30, 5), (12, 5))
    assert data.class_names == ("-1", "1")


KAGGLE = {
    "train__csv": tables.mnist_of_kaggle(),
    "test__csv": tables.mnist_of_kaggle(20, label=False),
}


def test_a_test_file_without_labels_is_said_and_not_used(read: Read, tmp_path: Path) -> None:
    data = read(**KAGGLE)
    assert (data.X.shape, data.X_test.shape) == ((40, 784), (10, 784))
    assert "test.csv is not used, because it has no labels in column 'label'" in data.note
    folder = load_dataset(str(tmp_path))
    assert (folder.name, folder.sha256) == (tmp_path.name, data.sha256)


def test_an_empty_column_of_labels_is_none(read: Read) -> None:
    test = tables.lines([f",{n},{n + 1}.5" for n in range(9)])
    data = read(
        a_train__csv="label,a,b\n" + "0,1,2.5\n1,7,4.5\n" * 9, a_test__csv="label,a,b\n" + test
    )
    assert "it has no labels in column 'label'" in data.note


def test_the_columns_of_the_test_file_may_stand_in_another_order(read: Read) -> None:
    data = read(
        a_train__csv="label,a,b\n" + "0,1,20\n1,3,40\n" * 5,
        a_test__csv="b,label,a,more\n" + "20,0,1,9\n40,1,3,9\n" * 2,
    )
    np.testing.assert_array_equal(data.X_test, data.X[:4])
    assert data.labels_test.tolist() == [0, 1, 0, 1]
    assert "a_test.csv has more columns, which are not used: more." in data.note


def test_pictures_of_emnist_are_turned_upright(read: Read) -> None:
    text = tables.mnist_of_kaggle()
    upright, lying = read(mnist__csv=text), read(emnist_letters_train__csv=text)
    np.testing.assert_array_equal(lying.pixels, upright.pixels.transpose(0, 2, 1))
    assert "turned upright" in lying.note


def test_of_several_tables_in_a_folder_none_is_guessed(tmp_path: Path) -> None:
    written(tmp_path, a__csv=tables.survey(), b__csv=tables.survey())
    with pytest.raises(DatasetError, match=r"holds several tables: a\.csv, b\.csv\. Name the one"):
        load_dataset(str(tmp_path))
