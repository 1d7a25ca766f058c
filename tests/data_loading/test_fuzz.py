"""Hostile and broken files: an error of ours or the numbers that are in the file, nothing else.

``MLPBENCH_FUZZ=N`` tries N examples of each kind in place of a few.
"""

from __future__ import annotations

import gzip
import io
import os
import re
import tempfile
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from impls.data import load_dataset
from impls.data.loading import read_dataset
from impls.data.raw import RawData
from impls.errors import DatasetError

TRIALS = int(os.environ.get("MLPBENCH_FUZZ", "60"))
FEW = settings(max_examples=TRIALS, deadline=None, suppress_health_check=list(HealthCheck))

FIELDS = st.one_of(
    st.integers(-3, 300).map(str),
    st.floats(allow_nan=False).map(repr),
    st.sampled_from(
        [
            "", " ", "?", "NA", "None", "nan", "inf", "-", "label", "id", "y", "class", "a", "b",
            "split", "train", "test", "1,5", "1.5", "1,234", "0x1", "1_0", "1e400", "+1", "01",
            '"', '""', "#", "% x", "\u00e4", "\u0661", "99999999999999999999", "1:0.5", "True",
            "\x00", "\u2028", "\x85", "\ufeff", "-0", "1e-400", "1.", ".5", "1e5", "'", "\\",
        ]
    ),
    st.text(max_size=3),
)  # fmt: skip


@st.composite
def tables(draw: st.DrawFn) -> str:
    """Something like a table: lines of fields, most of them as long as the others."""
    separator = draw(st.sampled_from([",", ";", "\t", " ", ", ", "|"]))
    end = draw(st.sampled_from(["\n", "\r\n", "\r"]))
    width = draw(st.integers(1, 5))
    columns = [
        draw(st.one_of(FIELDS.map(st.just), st.sampled_from([FIELDS, st.integers(0, 2).map(str)])))
        for _ in range(width)
    ]
    rows = [
        [draw(one) for one in columns] + draw(st.sampled_from([[]] * 20 + [[""], ["1"]]))
        for _ in range(draw(st.integers(0, 14)))
    ]
    first = draw(st.sampled_from(["", "label,a,b", "# made", "sep=;", "0,1,2,3,4", "a;b;c"]))
    lines = [first] * bool(first) + [separator.join(row) for row in rows]
    return end.join(lines * draw(st.sampled_from([1, 1, 6]))) + draw(st.sampled_from(["", end]))


def read_text(content: bytes) -> RawData | None:
    """What becomes of a table; None where it is refused."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "own.csv"
        path.write_bytes(content)
        try:
            raw = read_dataset(str(path))
            load_dataset(str(path))
        except DatasetError:
            return None
    return raw


NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|True|False")


def numbers_in(text: str) -> set[float]:
    """Every number that can be found in a text, with decimal points and commas."""
    found = set()
    for form in (text, text.replace(",", ".")):
        for field in re.split(r"[,;|\s\"]+", form if form is text else form.replace(";", " ")):
            if NUMBER.fullmatch(field):
                found.add(float(field == "True") if field[0] in "TF" else float(field))
    return found


@FEW
@given(tables())
def test_a_table_is_refused_or_gives_numbers_that_it_holds(text: str) -> None:
    raw = read_text(text.encode())
    if raw is None:
        return
    values = {*raw.images.ravel().tolist(), *raw.images_test.ravel().tolist()}
    assert {float(value) for value in values} <= numbers_in(text)
    lines = [line for line in re.split(r"[\r\n]+", text) if line.strip()]
    assert len(lines) - 3 <= len(raw.images) + len(raw.images_test) <= len(lines)


@FEW
@given(
    rows=st.integers(2, 6).flatmap(
        lambda width: st.lists(
            st.lists(st.floats(-1e30, 1e30), min_size=width, max_size=width),
            min_size=20, max_size=40,
        )
    ),
    separator=st.sampled_from([",", ";", "\t", " "]),
    packed=st.booleans(),
)  # fmt: skip
def test_a_sound_table_is_read_without_a_change(
    *, rows: list[list[float]], separator: str, packed: bool
) -> None:
    # Neither column counts the examples, and none is the label in another form.
    rows = [[*row, 0.5 + n % 7] for n, row in enumerate(rows)]
    names = [f"f{n}" for n in range(len(rows[0]))]
    lines = [separator.join([*names, "label"])]
    lines += [separator.join([*map(repr, row), "ab"[n % 2]]) for n, row in enumerate(rows)]
    text = "\n".join(lines).encode()
    raw = read_text(gzip.compress(text) if packed else text)
    assert raw is not None
    # Every fifth of each class is for testing: 8 and 9 of 0 to 9, counted within classes.
    test = np.array([n // 2 % 5 == 4 for n in range(len(rows))])
    np.testing.assert_array_equal(raw.images, np.array(rows)[~test])
    np.testing.assert_array_equal(raw.images_test, np.array(rows)[test])


@FEW
@given(st.one_of(st.binary(max_size=200), st.binary(max_size=60).map(gzip.compress)))
def test_bytes_are_refused_or_read(content: bytes) -> None:
    read_text(content)


def changed(content: bytes, edits: list[tuple[str, int, int]]) -> bytes:
    """``content`` with bytes replaced, inserted, or everything after a place cut off."""
    altered = bytearray(content)
    for kind, place, value in edits:
        at = place % max(1, len(altered))
        if kind == "cut":
            del altered[at:]
        elif kind == "insert":
            altered.insert(at, value)
        elif altered:
            altered[at] = value
    return bytes(altered)


EDITS = st.lists(
    st.tuples(st.sampled_from(["replace", "insert", "cut"]), st.integers(0, 1 << 16),
              st.integers(0, 255)),
    min_size=1, max_size=3,
)  # fmt: skip

RNG = np.random.default_rng(2)
ARRAYS = {
    "x_train": RNG.integers(0, 256, (12, 4, 5), dtype=np.uint8),
    "y_train": np.arange(12, dtype=np.uint8) % 3,
    "x_test": RNG.integers(0, 256, (6, 4, 5), dtype=np.uint8),
    "y_test": np.arange(6, dtype=np.uint8) % 3,
}
PARTS = ("images", "labels", "images_test", "labels_test")


def packed_arrays(*, compressed: bool) -> bytes:
    stream = io.BytesIO()
    (np.savez_compressed if compressed else np.savez)(stream, **ARRAYS)
    return stream.getvalue()


NPZ = {compressed: packed_arrays(compressed=compressed) for compressed in (False, True)}


@FEW
@given(edits=EDITS, compressed=st.booleans())
def test_a_changed_npz_is_refused_or_holds_the_same_numbers(
    *, edits: list[tuple[str, int, int]], compressed: bool
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.npz"
        path.write_bytes(changed(NPZ[compressed], edits))
        try:
            raw = read_dataset(str(path))
        except DatasetError:
            return
    for part, array in zip(PARTS, ARRAYS.values(), strict=True):
        np.testing.assert_array_equal(getattr(raw, part), array)


def idx(array: np.ndarray) -> bytes:
    header = bytes([0, 0, 8, array.ndim]) + b"".join(n.to_bytes(4, "big") for n in array.shape)
    return header + array.tobytes()


IDX = dict(
    zip(
        ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte",
         "t10k-labels-idx1-ubyte"),
        map(idx, ARRAYS.values()),
        strict=True,
    )
)  # fmt: skip


@FEW
@given(edits=EDITS, name=st.sampled_from(list(IDX)), packed=st.booleans())
def test_a_changed_idx_file_is_refused_or_gives_its_bytes(
    *, edits: list[tuple[str, int, int]], name: str, packed: bool
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for one, content in IDX.items():
            (Path(folder) / one).write_bytes(content)
        altered = changed(gzip.compress(IDX[name], mtime=0) if packed else IDX[name], edits)
        (Path(folder) / name).write_bytes(altered)
        try:
            raw = read_dataset(folder)
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                load_dataset(folder)
        except DatasetError:
            return
    at = list(IDX).index(name)
    array = list(ARRAYS.values())[at]
    if packed:
        np.testing.assert_array_equal(getattr(raw, PARTS[at]), array)
    elif PARTS[at].startswith("images"):
        assert altered.endswith(getattr(raw, PARTS[at]).tobytes())


@pytest.mark.parametrize("part", ["x_train", "y_train", "x", "y"])
@FEW
@given(
    dtype=st.sampled_from([*"?bBhHiIlLefdgFDSU", "m8[s]", "M8[s]"]),
    shape=st.lists(st.integers(0, 12), max_size=4),
)
def test_arrays_of_any_type_and_shape_are_refused_or_read(
    part: str, dtype: str, shape: list[int]
) -> None:
    array = np.resize(np.arange(7), shape).astype(dtype)
    with tempfile.TemporaryDirectory() as folder:
        pair = {"x": ARRAYS["x_train"], "y": ARRAYS["y_train"]}
        np.savez(Path(folder) / "a.npz", **{**(ARRAYS if "_" in part else pair), part: array})
        try:
            load_dataset(str(Path(folder) / "a.npz"))
        except DatasetError:
            return
