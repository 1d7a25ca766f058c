"""Code by reference: what a reference finds, and what is said where it finds nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from impls.errors import UsageError
from reports.ladder_page.excerpts import Excerpt, code
from reports.ladder_page.page import EXPLANATIONS

SOURCE = '''\
"""A module."""

LIMIT = 3
SIZES: list[int] = [
    1,
]


def outside(x):
    return x


class Trainer:
    """A class."""

    size: int = 4

    @decorated
    def forward(self):
        first = 1
        for k in range(LIMIT):
            first += k
        for k in range(LIMIT):
            first -= k
        return first
'''

EXCERPTS = [excerpt for said in EXPLANATIONS.values() for excerpt in said.excerpts]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "source.py").write_text(SOURCE, encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("LIMIT", "LIMIT = 3"),
        ("SIZES", "SIZES: list[int] = [\n    1,\n]"),
        ("outside", "def outside(x):\n    return x"),
        ("Trainer.size", "size: int = 4"),
    ],
)
def test_a_name_stands_for_what_it_is_defined_by(root: Path, name: str, expected: str) -> None:
    assert code(Excerpt("source.py", name, ""), root) == expected


def test_a_method_comes_with_its_decorators_and_without_its_indentation(root: Path) -> None:
    lines = code(Excerpt("source.py", "Trainer.forward", ""), root).splitlines()
    assert lines[:3] == ["@decorated", "def forward(self):", "    first = 1"]
    assert lines[-1] == "    return first"


def test_a_range_goes_from_the_first_line_that_begins_so_to_the_next_that_ends_it(
    root: Path,
) -> None:
    excerpt = Excerpt("source.py", "Trainer.forward", "", first="for k", last="first")
    assert code(excerpt, root) == "for k in range(LIMIT):\n    first += k"


def test_a_range_may_be_open_at_either_end(root: Path) -> None:
    until = code(Excerpt("source.py", "Trainer.forward", "", last="first = 1"), root)
    assert until == "@decorated\ndef forward(self):\n    first = 1"
    since = code(Excerpt("source.py", "Trainer.forward", "", first="first -="), root)
    assert since == "    first -= k\nreturn first"


@pytest.mark.parametrize(
    ("excerpt", "message"),
    [
        (Excerpt("absent.py", "x", ""), r"cannot read absent\.py: No such file"),
        (Excerpt("source.py", "backward", ""), r"source\.py has no backward: name what"),
        (Excerpt("source.py", "Other.forward", ""), r"source\.py has no Other\.forward"),
        (
            Excerpt("source.py", "outside", "", first="y ="),
            r"no line of source\.py:outside .*'y ='",
        ),
        (Excerpt("source.py", "outside", "", first="return", last="def"), "begins with 'def'"),
    ],
)
def test_what_is_not_there_is_an_error_that_names_it(
    root: Path, excerpt: Excerpt, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        code(excerpt, root)


@pytest.mark.parametrize("excerpt", EXCERPTS, ids=lambda one: f"{one.reference}:{one.first}")
def test_every_excerpt_of_the_walk_is_there_and_short(excerpt: Excerpt) -> None:
    lines = code(excerpt).splitlines()
    assert 1 <= len(lines) <= 16
    assert all(len(line) <= 100 for line in lines)
    assert excerpt.caption
