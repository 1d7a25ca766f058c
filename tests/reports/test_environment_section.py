"""The environment section: what is known of machine, code and threads, and what is not."""

from __future__ import annotations

import re

import msgspec
import pytest

from bench.documents.results import Measured, Results
from bench.planning.plan import Cell
from bench.provenance.records import Allocation, Code
from impls.contract import Pool
from reports.gather import build_context
from reports.sections.environment import render
from tests.reports import pieces, sample

CELL = Cell(implementation="one", device="cpu", network="blog", batch_size=500, threads=2)
SHAPE = sample.Shape(batch_sizes=(500,), threads=(2,))


def facts(document: Results) -> dict[str, str]:
    page = str(render(build_context([document])))
    return dict(re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", page))


def test_the_machine_is_described_as_far_as_it_is_known() -> None:
    document = sample.document(SHAPE, outcomes=())
    known = pieces.replace_machine(
        document.machine, smt="off", turbo="on", hypervisor="kvm", clock_source="tsc"
    )
    found = facts(pieces.replace(document, machine=known))
    assert found["hardware threads (SMT)"] == "off"
    assert (found["turbo"], found["hypervisor"], found["clock source"]) == ("on", "kvm", "tsc")
    unknown = facts(document)
    assert unknown["hardware threads (SMT)"] == "unknown"
    assert unknown["turbo"] == unknown["clock source"] == "unknown"
    assert unknown["hypervisor"] == "none known"
    none = pieces.replace_machine(document.machine, smt="notsupported")
    assert facts(pieces.replace(document, machine=none))["hardware threads (SMT)"] == (
        "not supported"
    )


def test_the_machine_is_identified_as_far_as_it_is_known() -> None:
    document = sample.document(SHAPE, outcomes=())
    assert facts(document)["machine"] == "not identified"
    assert "node" not in facts(document)
    job = Allocation(
        scheduler="slurm", job="7_1", node="node1", partition="main", constraint="rome", restarts=1
    )
    known = pieces.replace_machine(
        document.machine,
        id="1" * 16, board="2" * 16, microcode="0xd0", numa_nodes=2, cpus="0-1",
        cgroup="/slurm/job_7", allocation=job,
    )  # fmt: skip
    found = facts(pieces.replace(document, machine=known))
    assert found["machine"] == f"{'1' * 16}, board {'2' * 16}"
    assert (found["microcode"], found["NUMA nodes"]) == ("0xd0", "2")
    assert found["usable here"].endswith("(0-1)")
    assert found["slurm job"] == "7_1, begun 2 times"
    assert found["node"] == "node1, partition main, constraint rome"
    assert found["control group"] == "/slurm/job_7"
    named = pieces.replace_machine(document.machine, hostname="bench-a", id="1" * 16)
    assert facts(pieces.replace(document, machine=named))["machine"] == f"bench-a, {'1' * 16}"


@pytest.mark.parametrize(
    ("commit", "modified", "expected"),
    [
        ("c" * 40, False, "c" * 12),
        ("c" * 40, True, f"{'c' * 12}, modified since"),
        ("c" * 40, None, f"{'c' * 12}, changes unknown"),
        (None, None, "outside a checkout"),
    ],
)
def test_the_code_is_named_by_its_hash_and_commit(
    commit: str | None, *, modified: bool | None, expected: str
) -> None:
    code = Code(sha256="a" * 64, commit=commit, modified=modified)
    found = facts(sample.document(SHAPE, outcomes=(), code=code))
    assert found["code"] == f"SHA-256 {'a' * 12}"
    assert found["commit"] == expected


def test_code_that_was_not_recorded_is_not_invented() -> None:
    found = facts(sample.document(SHAPE, outcomes=()))
    assert found["code"] == "not recorded"
    assert "commit" not in found


def test_runs_share_what_is_equal_and_a_table_shows_what_differs() -> None:
    document = sample.document(SHAPE, outcomes=())
    other = pieces.replace_machine(
        document.machine, turbo="off", environment=document.machine.environment | {"OMP_X": "1"}
    )
    later = pieces.replace(document, machine=other, created_at="2031-01-01T00:00:00+00:00")
    page = str(render(build_context([document, later])))
    shared = dict(re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", page))
    assert shared["processor"] == document.machine.cpu
    assert not {"turbo", "measured", "OMP_X"} & set(shared)
    _, _, table = page.partition("What the runs differ in")
    headings = re.findall(r'<th scope="col"[^>]*>(.*?)</th>', table)[:4]
    assert headings == ["Run", "turbo", "measured", "OMP_X"]
    first, second = re.findall(r"<tr>\s*<th scope=\"row.*?</tr>", table, re.DOTALL)[:2]
    assert re.findall(r"<td[^>]*>(.*?)</td>", first) == ["unknown", document.created_at, "none"]
    assert re.findall(r"<td[^>]*>(.*?)</td>", second) == ["off", later.created_at, "1"]


def row_of(*outcomes: Measured) -> list[str]:
    page = str(render(build_context([sample.document(SHAPE, outcomes=outcomes)])))
    row = re.findall(r"<tr data-implementation.*?</tr>", page, re.DOTALL)[0]
    return re.findall(r"<td[^>]*>(.*?)</td>", row, re.DOTALL)


def test_threads_at_work_stand_beside_those_observed() -> None:
    one = pieces.measured(CELL, block=0, epoch=[1.0], threads_observed=1.87)
    assert row_of(one)[1:3] == ["1.87", "unknown"]
    busy = [
        pieces.remeasured(one, block=block, threads_busy=count)
        for block, count in enumerate((3, 2))
    ]
    assert row_of(*busy)[2] == "2 to 3"
    assert row_of(busy[0])[2] == "3"


def test_a_quota_and_the_kernels_of_a_pool_are_shown() -> None:
    one = pieces.measured(CELL, block=0, epoch=[1.0])
    pool = Pool(library="openblas", version="0.3.30", threads=2, detail="pthreads, SkylakeX")
    process = pieces.reprocessed(one, quota_cpus=1.5, pools=(pool,))
    cells = row_of(process)
    assert cells[3] == "4<small>quota 1.50</small>"
    assert "openblas 0.3.30: 2 threads (pthreads, SkylakeX)" in cells[4]


def test_settings_that_implementations_declare_are_shown_together() -> None:
    cells = [
        pieces.reprocessed(
            pieces.measured(
                msgspec.structs.replace(CELL, implementation=name), block=0, epoch=[1.0]
            ),
            declared=declared,
        )
        for name, declared in (
            ("one", {"products": "in float32", "look": "8 steps"}),
            ("two", {"products": "in float32", "look": "8 steps"}),
            ("three", {}),
        )
    ]
    page = str(render(build_context([sample.document(SHAPE, outcomes=cells)])))
    _, _, table = page.partition("that implementations declare")
    assert "<td>one, two</td><td>products: in float32; look: 8 steps</td>" in table
    assert "three" not in table
    plain = str(render(build_context([sample.document(SHAPE, outcomes=cells[2:])])))
    assert "declare" not in plain
