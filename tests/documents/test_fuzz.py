"""Damaged and made-up files: refused in words, or read as what they say; never a traceback.

``MLPBENCH_FUZZ=N`` tries N examples of each kind in place of a few.
"""

from __future__ import annotations

import contextlib
import copy
import os
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import msgspec
import pytest
from hypothesis import HealthCheck, event, given, settings

from bench.cli.compare_answer import answer as compare
from bench.documents import files, journal, pytest_json
from bench.documents.results import Results, Unverified
from bench.documents.sources import read_any
from impls.errors import BenchError, ResultsError
from reports import build_report
from reports.comparison.data import as_data
from reports.comparison.markdown import markdown
from tests.documents import test_pytest_json as pytest_benchmark
from tests.documents.test_results import every_outcome
from tests.reports import sample
from tests.stand_ins import fakes

TRIALS = int(os.environ.get("MLPBENCH_FUZZ", "12"))
some = settings(
    max_examples=TRIALS, deadline=None, suppress_health_check=list(HealthCheck), database=None
)

DOCUMENT = fakes.document(outcomes=every_outcome(), code=None, command="mlpbench run")
RESULTS = files.encode(DOCUMENT)
PYTEST = pytest_benchmark.document(*(map(pytest_benchmark.benchmark, pytest_benchmark.PHASES)))
LARGER = sample.document(
    sample.Shape(names=("numpy-naive", "numba"), batch_sizes=(500, 128), threads=(1,), rounds=3)
)

TEXTS = ["", "\x00", "\x1b[2J", "<script>", "\u202e", "[b]", "%s{0}", "é中", "a" * 500, "step"]
odd = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.sampled_from([0, -1, 1, 2**31, 2**63, 2**64, 10**300, 0.0, -0.0, 5e-324, 1e308, -1.5, 1e-9]),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=5),
    st.sampled_from(TEXTS),
    st.sampled_from([[], {}, [[]], [None], {"": 0}]),
)


def places(content: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The way to every value in nested JSON."""
    found = [path]
    inside = (
        content.items()
        if isinstance(content, dict)
        else enumerate(content)
        if isinstance(content, list)
        else ()
    )
    for name, value in inside:
        found += places(value, (*path, name))
    return found


def like(value: Any) -> st.SearchStrategy[Any]:
    """Something of the same type, so that what follows the types gets to see it."""
    if isinstance(value, bool) or value is None:
        return st.booleans()
    if isinstance(value, int):
        return st.one_of(st.integers(-3, 2**40), st.sampled_from([0, -1, 1, 2**31, 2**53, 2**62]))
    if isinstance(value, float):
        return st.one_of(
            st.floats(allow_nan=False, allow_infinity=False),
            st.sampled_from([0.0, -0.0, -1.0, 5e-324, 1e-300, 1e-9, 1e308, 1e15]),
        )
    if isinstance(value, str):
        return st.one_of(st.sampled_from(TEXTS), st.text(max_size=5))
    if isinstance(value, list):
        return st.sampled_from([[], value[:1], value * 2, value[::-1]])
    return odd


def changed(data: st.DataObject, content: Any) -> Any:
    """``content`` with a few values replaced, taken out, or put in twice."""
    content = copy.deepcopy(content)
    for _ in range(data.draw(st.sampled_from([1, 1, 1, 2, 3]))):
        *way, last = data.draw(st.sampled_from([one for one in places(content) if one]))
        inner = content
        for name in way:
            inner = inner[name]
        kind = data.draw(st.sampled_from([*["replace"] * 8, "remove", "repeat"]))
        if kind == "remove":
            del inner[last]
        elif kind == "repeat" and isinstance(inner, list):
            inner.append(copy.deepcopy(inner[last]))
        else:
            same = data.draw(st.integers(0, 9)) > 0
            inner[last] = data.draw(like(inner[last]) if same else odd)
    return content


def damaged(data: st.DataObject, content: bytes) -> bytes:
    """``content`` with a bit flipped, a part cut out, or bytes put in."""
    place = data.draw(st.integers(0, len(content) - 1))
    kind = data.draw(st.sampled_from(["flip", "flip", "cut", "end", "put"]))
    if kind == "flip":
        flipped = content[place] ^ (1 << data.draw(st.integers(0, 7)))
        return content[:place] + bytes([flipped]) + content[place + 1 :]
    if kind == "end":
        return content[:place]
    length = data.draw(st.integers(0, 40))
    if kind == "cut":
        return content[:place] + content[place + length :]
    return content[:place] + data.draw(st.binary(max_size=length)) + content[place:]


def used(*documents: Results) -> None:
    """Whatever reads documents copes with these, or refuses them in words."""
    for coordinate in ("run",) if len(documents) > 1 else ("implementation", "batch-size"):
        sources = [Path(f"{number}.json") for number in range(len(documents))]
        with contextlib.suppress(BenchError):
            answer = compare(sources, documents, coordinate=coordinate, across_machines=True)
            markdown(answer).encode()
            msgspec.json.encode(as_data(answer))
    build_report(documents).encode()


@some
@given(data=st.data())
def test_no_bit_of_a_document_changes_unnoticed(data: st.DataObject) -> None:
    content = damaged(data, RESULTS)
    try:
        found = files.decode(content, origin="here")
    except ResultsError:
        return
    assert found == DOCUMENT, "blanks between values may change, values may not"


@pytest.mark.parametrize("content", [RESULTS, PYTEST], ids=["results", "pytest"])
@some
@given(data=st.data())
def test_any_damage_is_refused_in_words(
    content: bytes, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("damaged") / "f.json"
    path.write_bytes(damaged(data, content))
    with contextlib.suppress(BenchError):
        used(read_any(path))


@some
@given(data=st.data())
def test_a_damaged_journal_is_refused_in_words(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("journal")
    record = journal.Journal(folder, fakes.document(complete=False))
    record.add(journal.Block(block=0, repetition=0, jobs=(0, 1, 2, 3), seconds=0.5))
    for job, outcome in enumerate(every_outcome()):
        record.add(journal.CellLine(job=job, block=0, outcome=outcome))
    turns = ((0, fakes.turn(fakes.assignment(fakes.plan()), "epoch")),)
    record.add(journal.Sweep(block=0, batch_size=8, sweep=0, turns=turns))
    record.add(
        journal.Stage(block=0, repetition=0, batch_size=8, jobs=(0,), seconds=0.5, prepared=0.1)
    )
    record.add(journal.Again(cells=((0, 1, 8), (0, 2, 8))))
    record.add(journal.Ending(reason="all"))
    record.close()
    record.path.write_bytes(damaged(data, record.path.read_bytes()))
    with contextlib.suppress(BenchError):
        used(journal.read(record.path))
    with contextlib.suppress(BenchError):
        journal.Journal.resume(folder).close()


@some
@given(data=st.data())
def test_a_document_that_somebody_made_up_is_refused_or_shown(data: st.DataObject) -> None:
    content = msgspec.json.decode(RESULTS)
    content["sha256"] = ""
    _read_and_use(msgspec.json.encode(changed(data, content)))


@settings(some, max_examples=max(10, TRIALS // 6))
@given(data=st.data())
def test_a_larger_document_that_somebody_made_up_is_refused_or_shown(data: st.DataObject) -> None:
    content = msgspec.json.decode(files.encode(LARGER))
    content["sha256"] = ""
    _read_and_use(msgspec.json.encode(changed(data, content)), LARGER)


@some
@given(data=st.data())
def test_benchmarks_that_somebody_made_up_are_refused_or_shown(data: st.DataObject) -> None:
    made_up = msgspec.json.encode(changed(data, msgspec.json.decode(PYTEST)))
    if not pytest_json.is_from_pytest_benchmark(made_up):
        return
    with contextlib.suppress(BenchError):
        used(pytest_json.convert(made_up, origin="here"))


def _read_and_use(content: bytes, *others: Results) -> None:
    with contextlib.suppress(BenchError):
        found = files.decode(content, origin="here")
        event("accepted by the reader")
        used(found)
        used(*others, found)


def test_the_documents_that_are_changed_are_sound_at_first() -> None:
    assert files.decode(RESULTS, origin="here") == DOCUMENT
    assert any(isinstance(one, Unverified) for one in DOCUMENT.outcomes)
    used(DOCUMENT)
    used(LARGER, LARGER)
    used(pytest_json.convert(PYTEST, origin="here"))
