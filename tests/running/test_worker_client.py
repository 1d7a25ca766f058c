"""What a block knows of one of its workers."""

from __future__ import annotations

import dataclasses

import pytest

from bench.documents.assignment import Assignment
from bench.documents.messages import Missing, NotMeasured, PrepareCell, Request, Started, TakeTurn
from bench.documents.results import Failed, Measured, Unavailable
from bench.documents.rounds import Turn
from bench.running.processes import NoReply
from bench.running.worker_client import WorkerClient
from tests.stand_ins import fakes

ASSIGNMENT = fakes.assignment(fakes.plan())
GONE = NoReply("the worker was killed by SIGSEGV", "last words")


def client(
    behave: fakes.Behaviour = fakes.measure_all,
    *,
    assignment: Assignment = ASSIGNMENT,
    missing: Missing | None = None,
) -> tuple[WorkerClient, list[fakes.FakeWorker]]:
    started: list[fakes.FakeWorker] = []

    def start() -> fakes.FakeWorker:
        started.append(fakes.FakeWorker(assignment, behave))
        return started[-1]

    return WorkerClient(assignment, launch=start, timeout=7.5, missing=missing), started


def dies_at(kind: type[Request] | None) -> fakes.Behaviour:
    def behave(assignment: Assignment, request: Request | None) -> object:
        asked = None if request is None else type(request)
        return GONE if asked is kind else fakes.measure_all(assignment, request)

    return behave  # type: ignore[return-value]


def test_a_worker_rests_but_for_its_answers() -> None:
    one, _ = client()
    one.start()
    assert one.prepare_cell(8) is None
    assert one.is_ready
    assert isinstance(one.take_turn("epoch", 0), Turn)
    assert isinstance(one.finish(), Measured)
    assert not one.is_ready
    assert one.process is not None
    one.close()
    assert one.process is None


def test_the_start_and_every_request_have_the_same_time_limit() -> None:
    one, workers = client()
    one.start()
    one.prepare_cell(8)
    one.take_turn("epoch", 0)
    assert workers[0].asked == [None, PrepareCell(8), TakeTurn("epoch", 0)]
    assert workers[0].timeouts == [7.5] * 3


def test_what_is_known_to_be_missing_is_not_started() -> None:
    one, workers = client(missing=Missing("no such library", is_unavailable=True))
    one.start()
    found = one.prepare_cell(8)
    assert workers == []
    assert isinstance(found, Unavailable)
    assert found.reason == "no such library"


@pytest.mark.parametrize(("is_unavailable", "kind"), [(True, Unavailable), (False, Failed)])
def test_what_a_worker_finds_missing_is_told_and_ends_it(is_unavailable: bool, kind: type) -> None:  # noqa: FBT001
    reply = Missing("not here", is_unavailable=is_unavailable)
    one, workers = client(lambda _order, _request: reply)
    one.start()
    assert one.missing == reply
    assert workers[0].has_ended
    assert isinstance(one.prepare_cell(8), kind)
    assert isinstance(one.prepare_cell(20), kind)


def test_a_worker_that_died_answers_every_batch_size_with_that_reason() -> None:
    one, workers = client(dies_at(TakeTurn))
    one.start()
    one.prepare_cell(8)
    found = one.take_turn("epoch", 0)
    assert isinstance(found, Failed)
    assert (found.reason, found.detail) == (GONE.reason, GONE.output)
    assert one.process is None
    later = one.prepare_cell(20)
    assert isinstance(later, Failed)
    assert later.reason == GONE.reason
    assert later.cell.batch_size == 20
    assert len(workers) == 1
    assert one.cpu_seconds() == 0


def test_a_row_on_a_device_gets_a_fresh_process_after_an_error() -> None:
    def full_once(assignment: Assignment, request: Request | None) -> object:
        if isinstance(request, TakeTurn) and len(workers) == 1:
            cell = fakes.cell(assignment.plan, assignment.job)
            return NotMeasured(Failed(cell=cell, block=0, reason="memory"), is_out_of_memory=True)
        return fakes.measure_all(assignment, request)

    assignment = Assignment(
        **{name: getattr(ASSIGNMENT, name) for name in ASSIGNMENT.__struct_fields__}
        | {"row": dataclasses.replace(ASSIGNMENT.row, device="gpu")}
    )
    one, workers = client(full_once, assignment=assignment)  # type: ignore[arg-type]
    one.start()
    one.prepare_cell(8)
    assert isinstance(one.take_turn("epoch", 0), Failed)
    assert one.is_out_of_memory
    assert one.process is None
    assert one.prepare_cell(20) is None
    assert len(workers) == 2


def test_a_worker_that_starts_with_anything_else_is_a_fault_of_ours() -> None:
    one, _ = client(lambda assignment, _: fakes.turn(assignment, "epoch"))
    with pytest.raises(TypeError, match="a worker began with Turn"):
        one.start()
    two, _ = client(lambda _order, _request: Started())
    two.start()
    with pytest.raises(TypeError, match="a worker answered with Started"):
        two.prepare_cell(8)
    with pytest.raises(RuntimeError, match="no cell that is ready"):
        two.take_turn("epoch", 0)
