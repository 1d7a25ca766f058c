from __future__ import annotations

import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.planning import affinity
from impls.errors import UsageError

ASK = "import os; print(*sorted(os.sched_getaffinity(0)))"


@pytest.mark.parametrize(
    ("text", "expected"),
    [("0", (0,)), ("2-3,6", (2, 3, 6)), ("6, 2-3", (2, 3, 6)), ("4-4", (4,))],
)
def test_a_list_holds_numbers_and_ranges(text: str, expected: tuple[int, ...]) -> None:
    assert affinity.parse_cpus(text) == expected


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "not a list of processors"),
        ("a", "not a list of processors"),
        ("1,,2", "not a list of processors"),
        ("-1", "not a list of processors"),
        ("1-", "not a list of processors"),
        ("3-2", "runs backwards: write 2-3"),
        ("1-3,2", "names processor 2 twice"),
    ],
)
def test_what_is_no_list_is_refused_with_the_remedy(text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        affinity.parse_cpus(text)


@given(st.sets(st.integers(0, 40), min_size=1))
def test_a_list_reads_back_as_it_was(cpus: set[int]) -> None:
    assert set(affinity.parse_cpus(affinity.listed(cpus))) == cpus


def test_neighbours_are_written_as_a_range() -> None:
    assert affinity.listed({6, 3, 2}) == "2-3,6"


def test_what_is_started_meanwhile_runs_on_these_processors_alone() -> None:
    before = os.sched_getaffinity(0)
    one = min(before)
    with affinity.inherited((one,)):
        said = subprocess.run([sys.executable, "-c", ASK], stdout=subprocess.PIPE, check=True)
    assert said.stdout.split() == [str(one).encode()]
    assert os.sched_getaffinity(0) == before


def test_the_mask_is_given_back_after_an_error() -> None:
    before = os.sched_getaffinity(0)
    with pytest.raises(ValueError, match="broken"), affinity.inherited((min(before),)):
        raise ValueError("broken")
    assert os.sched_getaffinity(0) == before


def test_no_list_changes_nothing() -> None:
    before = os.sched_getaffinity(0)
    with affinity.inherited(()):
        assert os.sched_getaffinity(0) == before


def test_a_processor_that_is_not_there_is_refused_with_those_that_are() -> None:
    usable = affinity.listed(os.sched_getaffinity(0))
    with pytest.raises(UsageError, match=f"may not run on 9999. Choose from {usable}"):
        affinity.require_usable((9999,))


@pytest.mark.parametrize(
    ("asked", "found", "agrees"),
    [
        ((), "0-3", True),
        ((2, 3), "2-3", True),
        ((2, 3), "2", True),  # held to one thread
        ((2, 3), "1-2", False),
        ((2, 3), None, False),
    ],
)
def test_a_worker_that_runs_elsewhere_is_told(
    asked: tuple[int, ...], found: str | None, *, agrees: bool
) -> None:
    said = affinity.disagreement(asked, found)
    assert (said is None) == agrees
    if said:
        assert "processors 2-3 requested" in said
