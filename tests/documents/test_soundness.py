from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from bench.documents import files
from bench.documents.results import Results
from impls.errors import ResultsError
from tests.stand_ins import fakes

Change = Callable[[dict[str, Any]], None]

DOCUMENT = fakes.document(outcomes=(fakes.measured(fakes.cell(fakes.plan())),))


def content_of(document: Results) -> dict[str, Any]:
    """The document as anybody might write it: without a checksum."""
    content: dict[str, Any] = msgspec.json.decode(files.encode(document))
    del content["sha256"]
    return content


def put(*path: str | int, value: object) -> dict[str, Any]:
    content = content_of(DOCUMENT)
    inner: Any = content
    for name in path[:-1]:
        inner = inner[name]
    assert path[-1] in inner or isinstance(path[-1], int)
    inner[path[-1]] = value
    return content


CELL = ("outcomes", 0)


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ((*CELL, "cell", "threads"), 0, "threads 0, which must be from 1"),
        ((*CELL, "cell", "batch_size"), 0, "batch size 0"),
        ((*CELL, "block"), -1, "block -1"),
        ((*CELL, "first_call_seconds"), -0.5, "first_call_seconds -0.5"),
        ((*CELL, "setup_seconds"), -1e-9, "setup_seconds -1e-09"),
        ((*CELL, "bind_seconds"), 1e300, "bind_seconds 1e"),
        ((*CELL, "warmup_seconds", 1), -1.0, "warmup_seconds -1.0"),
        ((*CELL, "wake_seconds"), [0.5, -1.0], "wake_seconds -1.0"),
        ((*CELL, "process", "import_seconds"), -1.0, "import_seconds -1.0"),
        ((*CELL, "timings", 0, "round_seconds", 0), -0.5, "a round of step of -0.5 s"),
        ((*CELL, "timings", 0, "round_seconds", 0), 0.0, "a round of step of 0.0 s"),
        ((*CELL, "timings", 0, "round_seconds", 0), 1e300, "round_seconds of step 1e"),
        ((*CELL, "timings", 0, "round_cpu_seconds", 0), -0.5, "round_cpu_seconds of step -0.5"),
        ((*CELL, "timings", 0, "iterations"), 0, "iterations of step 0"),
        ((*CELL, "threads_observed"), 2.0**63, "threads_observed 9"),
        ((*CELL, "threads_observed"), -1.0, "threads_observed -1.0"),
        ((*CELL, "threads_busy"), -1, "threads_busy -1"),
        ((*CELL, "peak_memory_bytes"), -1, "peak_memory_bytes -1"),
        ((*CELL, "process", "affinity"), 0, "affinity 0"),
        ((*CELL, "gate", 0, "error"), 3.7, "its error 3.7 is above 1e-05"),
        ((*CELL, "gate", 0, "error"), None, "its error None is above 1e-05"),
        (("plan", "threads"), [0], "a plan with threads 0"),
        (("plan", "examples"), 0, "a plan with examples 0"),
        (("plan", "effort", "blocks"), 0, "a plan with blocks 0"),
        (("plan", "target"), 1.5, "a plan with a target 1.5"),
        (("machine", "logical_cpus"), 0, "a machine with processors 0"),
        (("machine", "quota_cpus"), -1.0, "a machine with a quota -1.0"),
        (("dataset", "examples"), 0, "data with examples 0"),
    ],
    ids=str,
)
def test_a_number_that_cannot_be_is_refused_by_name(
    path: tuple[str | int, ...], value: object, said: str
) -> None:
    with pytest.raises(ResultsError, match="here is damaged: ") as caught:
        files.decode(msgspec.json.encode(put(*path, value=value)), origin="here")
    assert said in str(caught.value)


def test_a_document_without_a_checksum_is_read() -> None:
    assert files.decode(msgspec.json.encode(content_of(DOCUMENT)), origin="here") == DOCUMENT


def test_a_plausible_number_that_was_changed_is_refused() -> None:
    text = files.encode(DOCUMENT)
    changed = text.replace(b"4.0", b"0.4")
    assert changed != text
    with pytest.raises(ResultsError, match="its content and its checksum") as caught:
        files.decode(changed, origin="here")
    assert "is read without the field sha256" in str(caught.value)


def test_a_checksum_that_was_changed_is_refused_too() -> None:
    content = msgspec.json.decode(files.encode(DOCUMENT))
    content["sha256"] = "0" * 64
    with pytest.raises(ResultsError, match="its content and its checksum"):
        files.decode(msgspec.json.encode(content), origin="here")


def test_layout_and_order_of_fields_do_not_change_the_checksum() -> None:
    content = msgspec.json.decode(files.encode(DOCUMENT))
    turned = dict(reversed(content.items()))
    assert files.decode(msgspec.json.encode(turned), origin="here") == DOCUMENT
    assert files.decode(msgspec.json.encode(content, order="sorted"), origin="here") == DOCUMENT


def test_a_document_keeps_its_checksum_when_it_is_read_and_written_again() -> None:
    text = files.encode(DOCUMENT)
    assert files.encode(files.decode(text, origin="here")) == text
    assert files.decode(text, origin="here").sha256 == ""


class Line(msgspec.Struct):
    seconds: float
    sha256: str = ""


def test_any_struct_with_the_field_can_be_sealed() -> None:
    line = msgspec.json.encode(files.sealed(Line(seconds=0.1)))
    files.require_whole(msgspec.json.decode(line), origin="here")
    with pytest.raises(ResultsError, match="here is damaged"):
        files.require_whole(msgspec.json.decode(line.replace(b"0.1", b"0.2")), origin="here")


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("round_seconds", [], "0 rounds of step and 2 round_cpu_seconds"),
        ("round_seconds", [0.5], "1 rounds of step and 2 round_cpu_seconds"),
        ("sweeps", [0], "2 rounds of step and 1 sweeps"),
        ("sweeps", [3, 3], "two rounds of step in one sweep"),
    ],
)
def test_rounds_have_all_that_belongs_to_them(field: str, value: object, said: str) -> None:
    content = content_of(DOCUMENT)
    content["outcomes"][0]["timings"][0][field] = value
    with pytest.raises(ResultsError, match=said):
        files.decode(msgspec.json.encode(content), origin="here")


def test_a_process_that_stands_twice_in_a_document_is_refused() -> None:
    content = content_of(DOCUMENT)
    content["outcomes"] *= 2
    with pytest.raises(ResultsError, match=r"it has block 0 of numpy-naive/tiny/b8/t1 twice"):
        files.decode(msgspec.json.encode(content), origin="here")
