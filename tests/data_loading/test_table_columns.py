"""Which column is the label, which ones are no features, and what the first line is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from impls.data import TrainingData, load_dataset
from impls.data.loading import read_dataset
from impls.data.tables import LABEL_NAMES
from impls.errors import DatasetError
from tests.data_loading.public_tables import cycled, drawn, floats, lines

Read = Callable[..., TrainingData]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Write a table and read it."""

    def do(text: str, label: str | None = None) -> TrainingData:
        path = tmp_path / "own.csv"
        path.write_bytes(text.encode())
        return load_dataset(str(path), label=label)

    return do


BODY = lines(floats(20, 2), cycled([0, 1], 20))


@pytest.mark.parametrize("name", LABEL_NAMES)
@pytest.mark.parametrize("written", ["{}", " {} ", '"{}"'])
def test_a_name_of_a_label_counts_whatever_its_case_and_blanks(
    read: Read, name: str, written: str
) -> None:
    called = written.format(name.title())
    data = read(
        f"{called},first,last\n" + lines(cycled([0, 1], 20), floats(20, 1), cycled([0, 1, 2], 20))
    )
    assert data.classes == 2
    assert "by its name" in data.note


@pytest.mark.parametrize(
    ("label", "classes"),
    [("a", 4), ("A ", 4), ("0", 4), ("b", 3), ("1", 3), ("c", 2), ("last", 2), ("LAST", 2)],
)
def test_the_option_names_the_label(read: Read, label: str, classes: int) -> None:
    text = "a,b,c\n" + lines(*(cycled(range(n), 60) for n in (4, 3, 2)))
    data = read(text, label)
    assert (data.classes, data.X.shape[1]) == (classes, 2)
    assert "as --label says" in data.note


def test_a_name_comes_before_a_number(read: Read) -> None:
    text = "2,b,0\n" + lines(cycled([0, 1], 20), floats(20, 1), cycled([0, 1, 2], 20))
    assert read(text, "2").classes == 2


@pytest.mark.parametrize("label", ["d", "3", "-1", "", "1.0", "²"])
def test_a_column_that_is_not_there_is_refused(read: Read, label: str) -> None:
    with pytest.raises(
        DatasetError, match=r"has no column .*; its columns are called 'a', 'b', 'c'"
    ):
        read("a,b,c\n" + BODY, label)
    with pytest.raises(DatasetError, match="its columns are 0 to 2, without names"):
        read(BODY, label)


def test_last_is_the_last_column_with_anything_in_it(read: Read) -> None:
    assert read("a,b,c,\n" + BODY.replace("\n", ",\n"), "last").classes == 2


@pytest.mark.parametrize("spec", ["digits", "npz"])
def test_the_option_is_refused_where_there_are_no_columns(
    tmp_path: Path, arrays: dict[str, np.ndarray], spec: str
) -> None:
    np.savez(tmp_path / "a.npz", **arrays)
    path = str(tmp_path / "a.npz") if spec == "npz" else spec
    with pytest.raises(DatasetError, match="--label last is for tables"):
        load_dataset(path, label="last")


@pytest.mark.parametrize(
    ("first", "last", "said"),
    [
        (cycled([0, 1], 20), cycled([1, 2, 3], 20), "both hold class numbers"),
        (cycled([3, 5], 20), cycled([2, 9], 20), "both hold few whole numbers"),
        (floats(20, 1), floats(20, 1), "neither the last nor the first"),
        (cycled([3, 5], 20), floats(20, 1), "neither the last nor the first"),
        (cycled("ab", 20), cycled([0, 1], 20), None),
        (cycled("ab", 20), cycled("xyz", 20), "column 0 .* holds 'a', which is no number"),
    ],
)
def test_a_toss_up_is_refused_and_names_the_option(
    read: Read, first: list[object], last: list[object], said: str | None
) -> None:
    text = lines(first, floats(20, 1), last)
    if said is None:
        assert read(text).class_names == ("a", "b")
        return
    with pytest.raises(DatasetError, match=said) as caught:
        read(text)
    assert "--label" in str(caught.value) or "which is no number" in said


def test_y_beside_x_is_a_coordinate_where_it_holds_no_classes(read: Read) -> None:
    text = "x,y,kind\n" + lines(floats(20, 2), cycled(["in", "out"], 20))
    assert read(text).class_names == ("in", "out")
    with pytest.raises(DatasetError, match=r"label .* in column 'y' is no class"):
        read(text.replace("x,", "a,", 1))


def test_one_class_is_refused(read: Read) -> None:
    with pytest.raises(DatasetError, match="all training examples are of one class, 3"):
        read("a,label\n" + lines(floats(20, 1), [3] * 20))


@pytest.mark.parametrize("name", ["", "Unnamed: 0"])
@pytest.mark.parametrize("order", ["counted", "shuffled", "from 100"])
def test_the_index_that_pandas_writes_is_no_feature(read: Read, name: str, order: str) -> None:
    numbers = {
        "counted": np.arange(20),
        "shuffled": np.random.default_rng(3).permutation(20),
        "from 100": np.arange(100, 120),
    }[order]
    data = read(f"{name},a,b,label\n" + lines(numbers, BODY.split("\n")[:-1]))
    assert data.X.shape[1] == 2
    assert "Left out: column" in data.note


@pytest.mark.parametrize(
    "name", ["id", "ID", "Id", "PassengerId", "customer_id", "row ID", "index"]
)
def test_a_column_called_as_a_number_of_the_examples_is_no_feature(read: Read, name: str) -> None:
    numbers = 1000 + 3 * np.random.default_rng(3).permutation(20)
    data = read(
        f"a,{name},b,label\n" + lines(floats(20, 1), numbers, floats(20, 1), cycled([0, 1], 20))
    )
    assert data.X.shape[1] == 2
    assert f"Left out: column '{name}', which has another value for each example" in data.note


@pytest.mark.parametrize("name", ["acid", "grid", "width", "key", "humid"])
def test_a_feature_whose_name_sounds_alike_stays(read: Read, name: str) -> None:
    assert read(f"{name},b,label\n" + lines(drawn(20, 2), cycled([0, 1], 20))).X.shape[1] == 2


@pytest.mark.parametrize(("name", "said"), [("", "has no name"), ("id", "has the name of an id")])
def test_an_identifier_that_holds_values_twice_is_refused(read: Read, name: str, said: str) -> None:
    with pytest.raises(DatasetError, match=f"{said}.*, but holds values twice"):
        read(f"{name},b,label\n" + lines(cycled(range(9), 20), floats(20, 1), cycled([0, 1], 20)))


def test_a_column_that_counts_the_examples_is_no_feature_whatever_its_name(read: Read) -> None:
    data = read("a,SNo,label\n" + lines(floats(20, 1), range(1, 21), cycled([0, 1], 20)))
    assert data.X.shape[1] == 1
    assert "Left out: column 'SNo', which counts the examples" in data.note


def test_another_form_of_the_label_is_said(read: Read) -> None:
    data = read("code,a,label\n" + lines(cycled([7, 5], 20), floats(20, 1), cycled([0, 1], 20)))
    assert "Each class has a different value in column 'code'" in data.note


@pytest.mark.parametrize(
    "text",
    [
        lines(cycled(["T", "I", "D"], 30), floats(30, 3)),
        lines(floats(30, 3), cycled(["T", "I", "D"], 30)),
        lines(cycled([0, 1], 30), floats(30, 3)),
        lines(["?", *floats(29, 1).ravel()], floats(30, 2), cycled(["T", "I"], 30)),
    ],
)
def test_the_first_example_of_a_table_without_names_is_not_lost(read: Read, text: str) -> None:
    if "?" in text:
        with pytest.raises(DatasetError, match=r"no value but '\?' in example 1, column 0"):
            read(text)
        return
    data = read(text)
    assert len(data.X) + len(data.X_test) == 30
    assert "its first line is an example" in data.note


@pytest.mark.parametrize(
    "names",
    [
        "label,0,1,2",
        "a,b,c,d",
        "label,400.5,401.0,401.5",
        "label,1x1,1x2,1x3",
        "0,1,2,label",
    ],
)
def test_names_are_no_example(read: Read, names: str) -> None:
    first = names.startswith(("label", "a"))
    kinds, numbers = cycled(["T", "I", "D"], 30), floats(30, 3)
    data = read(f"{names}\n" + (lines(kinds, numbers) if first else lines(numbers, kinds)))
    assert len(data.X) + len(data.X_test) == 30
    assert data.class_names == ("D", "I", "T")


@pytest.mark.parametrize("first", ["kind,5.5,7.5,3", "blue,1,5,2"])
def test_a_word_that_no_other_line_has_may_be_a_name_or_a_class(read: Read, first: str) -> None:
    with pytest.raises(DatasetError, match="may be names of columns or an example"):
        read(f"{first}\n" + lines(cycled(["T", "I", "D"], 30), floats(30, 3)))


def test_truth_values_are_features_and_may_be_the_label(read: Read) -> None:
    flags = cycled(["True", "False", "False"], 30)
    data = read("a,flag,kind\n" + lines(floats(30, 1), flags, cycled([0, 1], 30)))
    assert (data.X.shape[1], data.classes) == (2, 2)
    assert read("a,kind\n" + lines(floats(30, 1), flags)).class_names == ("False", "True")


def test_an_example_that_looks_like_a_count_is_one(read: Read) -> None:
    rows = [f"{7 + n % 5},{2 + n % 3},{'red' if n % 2 else 'blue'}\n" for n in range(30)]
    data = read("".join(rows))
    assert len(data.X) + len(data.X_test) == 30


def test_empty_columns_are_left_out_but_not_those_of_the_label(read: Read) -> None:
    rows = [line.split(",") for line in BODY.split("\n")[:-1]]
    text = "a,note,b,kind,\n" + "".join(f"{a},,{b},{c},\n" for a, b, c in rows)
    data = read(text)
    assert data.X.shape[1] == 2
    assert "Left out: column 'note', which is empty." in data.note
    with pytest.raises(DatasetError, match="no value in example 1, column 'label'"):
        read(text.replace("note", "label"))


def test_a_table_without_features_is_refused(read: Read) -> None:
    with pytest.raises(DatasetError, match="no feature: it holds only the label, column 'label'"):
        read("id,label\n" + lines(range(20), cycled([0, 1], 20)))


def test_few_numbers_that_count_may_be_names_or_an_example(read: Read) -> None:
    with pytest.raises(DatasetError, match="may be names of columns or an example"):
        read("0,1,2\n" + BODY)


def test_a_name_that_is_missing_is_that_of_the_names_of_rows(read: Read) -> None:
    data = read("a b label\n" + lines(range(20), BODY.replace(",", " ").split("\n")[:-1], sep=" "))
    assert (data.X.shape[1], data.classes) == (2, 2)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a;b;label\n" + "1,234;2,345;0\n" * 10, "'1,234', which may be 1.234 or 1234"),
        ("a;label\n" + "1,5;0\n1.5;1\n" * 10, "column 'a' holds '1,5', which is no number"),
        ("a,label\n" + "1,0\nnan,1\n2,1\n" * 10, "no value but 'nan' in example 2, column 'a'"),
        ("a,label\n" + "0x10,0\n1_000,1\n" * 10, "column 'a' holds '0x10', which is no number"),
        ('a,label\n"1,0\n' + "2,1\n" * 10, "is no table"),
    ],
)
def test_numbers_that_can_be_read_in_two_ways_are_refused(read: Read, text: str, said: str) -> None:
    with pytest.raises(DatasetError, match=said):
        read(text)


def test_decimal_commas_are_read_exactly(read: Read) -> None:
    numbers = floats(20, 2)
    german = [[f"{value:.2f}".replace(".", ",") for value in row] for row in numbers]
    ours, theirs = (
        read("a;b;label\n" + lines(german, cycled([0, 1], 20), sep=";")),
        read("a,b,label\n" + BODY),
    )
    assert ours.sha256 == theirs.sha256


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(values=st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=20, max_size=40))
def test_numbers_are_read_exactly(tmp_path: Path, values: list[float]) -> None:
    kinds = cycled("ab", len(values))
    (tmp_path / "own.csv").write_text("n,label\n" + lines([repr(v) for v in values], kinds))
    raw = read_dataset(str(tmp_path / "own.csv"))
    found = sorted([*raw.images.ravel().tolist(), *raw.images_test.ravel().tolist()])
    assert found == sorted(values)


def test_comments_and_empty_lines_are_no_examples(read: Read) -> None:
    data = read("# made by hand\n% twice\n\na,b,label\n" + BODY.replace("\n", "\n\n"))
    assert len(data.X) + len(data.X_test) == 20
    assert "begins with 2 comment lines" in data.note


def test_a_column_may_be_called_by_a_hash(read: Read) -> None:
    data = read("#,a,b,label\n" + lines(range(1, 21), BODY.split("\n")[:-1]))
    assert data.X.shape[1] == 2
