from __future__ import annotations

import re
from typing import Any

import msgspec
import pytest

from bench.documents.results import Results
from bench.planning.plan import Plan
from bench.provenance.records import (
    Accelerator,
    AcceleratorReading,
    Code,
    Dataset,
    Machine,
    Process,
)
from bench.stats.conditions import OF_THE_MACHINE, RULES, rule_of
from bench.stats.differences import (
    Described,
    Difference,
    between_documents,
    between_processes,
    merged,
    obstacles,
)
from impls.contract import Pool
from impls.networks import Network, Training
from tests.stand_ins import fakes
from tests.stats import compared

STRUCTS: dict[str, type[msgspec.Struct]] = {
    "machine": Machine,
    "code": Code,
    "dataset": Dataset,
    "plan": Plan,
    "process": Process,
}
DERIVED = {
    "machine.system.release", "machine.python.patch", "machine.versions.threadpoolctl",
    "process.pools.library", "process.pools.detail", "process.pools.threads",
    "process.pools.unused", "process.accelerator.name", "process.accelerator.driver",
    "process.accelerator.readings", "process.accelerator.reason",
}  # fmt: skip
"""Parts of a field that mean something else than the rest of it."""
BELOW = {"plan.network": Network, "plan.trainings": Training}

BASE = compared.document({compared.cell(): compared.times()})


def fields() -> list[str]:
    own = [field for field in Results.__struct_fields__ if field not in {*STRUCTS, "outcomes"}]
    return [
        *own,
        *(f"{name}.{field}" for name, one in STRUCTS.items() for field in one.__struct_fields__),
    ]


def differences(
    reference: Results, other: Results, coordinate: str = "run", sizes: tuple[int, ...] = (8,)
) -> dict[str, Difference]:
    ours, theirs = Described.of(reference), Described.of(other)
    found = between_documents(
        ours, theirs, document_index=1, coordinate=coordinate, batch_sizes=sizes
    )
    return {one.field: one for one in found}


def kinds(other: Results, coordinate: str = "run") -> dict[str, str]:
    return {name: one.kind for name, one in differences(BASE, other, coordinate).items()}


def replaced(part: str, **changes: Any) -> Results:
    return msgspec.structs.replace(
        BASE, **{part: msgspec.structs.replace(getattr(BASE, part), **changes)}
    )


@pytest.mark.parametrize("field", fields())
def test_every_field_is_classified(field: str) -> None:
    assert field in RULES or any(name.startswith(f"{field}.") for name in RULES)


@pytest.mark.parametrize("name", RULES)
def test_every_rule_is_for_a_field_that_exists(name: str) -> None:
    below = {f"{path}.{one}" for path, struct in BELOW.items() for one in struct.__struct_fields__}
    assert name in {*fields(), *below, *DERIVED}


@pytest.mark.parametrize("name", RULES)
def test_every_rule_gives_its_reason_in_one_sentence(name: str) -> None:
    assert re.fullmatch(r"[A-Z][^.]+\.", RULES[name].reason)


def test_a_field_without_a_rule_is_an_error() -> None:
    with pytest.raises(KeyError, match=r"planet\.mass"):
        rule_of(("planet", "mass"))


def test_a_document_does_not_differ_from_itself() -> None:
    assert differences(BASE, BASE) == {}


@pytest.mark.parametrize(
    ("part", "changes", "expected"),
    [
        ("dataset", {"sha256": "1" * 64}, {"dataset.sha256": "forbids"}),
        ("dataset", {"examples": 9}, {"dataset.examples": "forbids"}),
        ("dataset", {"normalisation": "range"}, {"dataset.normalisation": "forbids"}),
        ("dataset", {"source": "/elsewhere.npz"}, {"dataset.source": "noise"}),
        ("plan", {"examples": 100}, {"plan.examples": "forbids"}),
        ("plan", {"seed": 2}, {"plan.seed": "matters"}),
        (
            "plan",
            {"network": Network(name="tiny", layers=(6, 9, 3))},
            {"plan.network.layers": "forbids"},
        ),
        (
            "plan",
            {"network": msgspec.structs.replace(fakes.NETWORK, dtype="float64")},
            {"plan.network.dtype": "forbids"},
        ),
        (
            "plan",
            {"network": msgspec.structs.replace(fakes.NETWORK, name="mine")},
            {"plan.network.name": "noise"},
        ),
        (
            "plan",
            {"effort": msgspec.structs.replace(fakes.EFFORT, blocks=9)},
            {"plan.effort.blocks": "matters"},
        ),
        ("machine", {"cpu": "Other CPU"}, {"machine.cpu": "matters"}),
        ("machine", {"usable_cpus": 1}, {"machine.usable_cpus": "matters"}),
        ("machine", {"memory_bytes": 1}, {"machine.memory_bytes": "noise"}),
        ("machine", {"quota_cpus": 1.5}, {"machine.quota_cpus": "matters"}),
        ("machine", {"python": "CPython 3.11.9"}, {"machine.python.patch": "noise"}),
        (
            "machine",
            {"python": "CPython 3.12.0"},
            {"machine.python": "matters", "machine.python.patch": "noise"},
        ),
        ("machine", {"system": "Linux 6.8"}, {"machine.system.release": "noise"}),
        (
            "machine",
            {"system": "Darwin 6.8 arm64"},
            {"machine.system": "matters", "machine.system.release": "noise"},
        ),
        ("machine", {"versions": {"numpy": "2.4"}}, {"machine.versions.numpy": "matters"}),
        (
            "machine",
            {"versions": {"threadpoolctl": "3"}},
            {"machine.versions.threadpoolctl": "noise"},
        ),
        ("machine", {"environment": {"X": "1"}}, {"machine.environment.X": "matters"}),
    ],
)
def test_a_field_of_another_value_has_its_class(
    part: str, changes: dict[str, Any], expected: dict[str, str]
) -> None:
    assert kinds(replaced(part, **changes)) == expected


def test_a_difference_says_both_values_and_what_they_mean() -> None:
    found = differences(BASE, replaced("machine", environment={"OMP_PLACES": "cores"}))
    one = found["machine.environment.OMP_PLACES"]
    assert (one.reference, one.other, one.document_index) == ("unset", "cores", 1)
    assert one.reason == RULES["machine.environment"].reason


def test_what_one_document_does_not_say_is_noise() -> None:
    assert kinds(replaced("machine", governor="powersave")) == {"machine.governor": "noise"}
    assert kinds(replaced("machine", caches={"L2": "2M"})) == {"machine.caches.L2": "noise"}
    known = msgspec.structs.replace(BASE, code=Code(sha256="1", commit="2", modified=False))
    assert set(kinds(known).values()) == {"noise"}
    other = msgspec.structs.replace(BASE, code=Code(sha256="3", commit="2", modified=False))
    assert set(differences(known, other)) == {"code.sha256"}
    assert differences(known, other)["code.sha256"].kind == "matters"


def test_two_hosts_of_one_kind_are_compared_and_named() -> None:
    first, second = (
        msgspec.structs.replace(
            BASE, machine=msgspec.structs.replace(BASE.machine, id=one * 16, microcode="0x1")
        )
        for one in "ab"
    )
    found = differences(first, second)
    assert {name: one.kind for name, one in found.items()} == {"machine.id": "matters"}
    assert obstacles(found.values(), across_machines=False) == []


def test_another_commit_with_the_same_sources_is_the_same_code() -> None:
    def coded(sha256: str, commit: str) -> Results:
        return msgspec.structs.replace(
            BASE, code=Code(sha256=sha256, commit=commit, modified=False)
        )

    assert differences(coded("1", "a"), coded("1", "b")) == {}
    assert set(differences(coded("1", "a"), coded("2", "b"))) == {"code.sha256", "code.commit"}


def test_no_quota_is_known_to_be_none() -> None:
    found = differences(BASE, replaced("machine", quota_cpus=2.0))["machine.quota_cpus"]
    assert (found.reference, found.other) == ("none", "2.0")


@pytest.mark.parametrize(
    ("coordinate", "variable", "expected"),
    [
        ("run", "OMP_NUM_THREADS", 1),
        ("threads", "OMP_NUM_THREADS", 0),
        ("threads", "OMP_PLACES", 1),
        ("OMP_PLACES", "OMP_PLACES", 0),
        ("OMP_PLACES", "OMP_NUM_THREADS", 1),
        ("batch-size", "OMP_NUM_THREADS", 1),
    ],
)
def test_the_coordinate_that_is_compared_is_no_difference(
    coordinate: str, variable: str, expected: int
) -> None:
    other = replaced("machine", environment={variable: "2"})
    assert len(kinds(other, coordinate)) == expected


def trainings(*found: Training) -> Results:
    return compared.planned(BASE, trainings=found)


def test_training_is_compared_for_the_batch_sizes_that_are_compared() -> None:
    reference = trainings(Training(batch_size=8), Training(batch_size=20))
    slower = Training(batch_size=20, learning_rate=0.5)
    other = trainings(Training(batch_size=8), slower)
    assert set(differences(reference, other, sizes=(8, 20))) == {"plan.trainings.learning_rate"}
    assert differences(reference, other, sizes=(8,)) == {}
    assert differences(reference, trainings(Training(batch_size=8)), sizes=(8, 20)) == {}


def test_the_learning_rate_goes_with_the_batch_size_and_the_rest_does_not() -> None:
    reference = trainings(Training(batch_size=8))
    same = trainings(Training(batch_size=20, learning_rate=0.5))
    other = trainings(Training(batch_size=20, l2=0.5))
    assert differences(reference, same, "batch-size", (8, 20)) == {}
    found = differences(reference, other, "batch-size", (8, 20))
    assert {name: one.kind for name, one in found.items()} == {"plan.trainings.l2": "forbids"}


def test_the_number_of_epochs_is_noise() -> None:
    other = trainings(Training(batch_size=8, epochs=2))
    assert kinds(other) == {"plan.trainings.epochs": "noise"}


def process(**changes: Any) -> Process:
    one = fakes.measured(compared.cell()).process
    return msgspec.structs.replace(one, **changes)


def in_processes(
    reference: list[Process], other: list[Process], coordinate: str = "run"
) -> dict[str, Difference]:
    found = between_processes(
        reference, other, document_index=1, coordinate=coordinate, where="numba"
    )
    return {one.field: one for one in found}


def pool(threads: int = 1, **changes: Any) -> Pool:
    values = {"version": "0.3", "detail": "Haswell"} | changes
    return Pool(library=values.pop("library", "openblas"), threads=threads, **values)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"pools": (pool(version="0.4"),)}, {"process.pools.library": "matters"}),
        ({"pools": (pool(detail="SkylakeX"),)}, {"process.pools.detail": "matters"}),
        ({"pools": (pool(detail=""),)}, {"process.pools.detail": "noise"}),
        ({"pools": (pool(2),)}, {"process.pools.threads": "matters"}),
        ({"pools": (pool(), pool(library="mkl"))}, {"process.pools.library": "matters"}),
        ({"pools": (pool(), pool(4, used=False))}, {"process.pools.unused": "noise"}),
        ({"affinity": 1}, {"process.affinity": "matters"}),
        ({"quota_cpus": 0.5}, {"process.quota_cpus": "matters"}),
        ({"versions": {"numpy": "3"}}, {"process.versions.numpy": "matters"}),
        ({"environment": {}}, {"process.environment.OMP_NUM_THREADS": "matters"}),
        ({"source_hash": "ff"}, {"process.source_hash": "matters"}),
        ({"declared": {"tf32": "on"}}, {"process.declared.tf32": "noise"}),
        ({"import_seconds": 9.0}, {"process.import_seconds": "noise"}),
        ({"started_at": "later"}, {"process.started_at": "noise"}),
    ],
)
def test_facts_of_processes_have_their_class(
    changes: dict[str, Any], expected: dict[str, str]
) -> None:
    found = in_processes([process(pools=(pool(),))], [process(**({"pools": (pool(),)} | changes))])
    assert {name: one.kind for name, one in found.items()} == expected


def test_another_declared_setting_matters() -> None:
    found = in_processes([process(declared={"tf32": "off"})], [process(declared={"tf32": "on"})])
    assert [(one.field, one.kind) for one in found.values()] == [
        ("process.declared.tf32", "matters")
    ]


GPU = Accelerator(name="Example GPU", driver="580", memory_bytes=8, most_clock_mhz=1980)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"name": "Other GPU"}, {"process.accelerator.name": "matters"}),
        ({"driver": "590"}, {"process.accelerator.driver": "matters"}),
        ({"most_clock_mhz": 1410}, {"process.accelerator.most_clock_mhz": "matters"}),
        (
            {"readings": (AcceleratorReading(temperature=41),)},
            {"process.accelerator.readings": "noise"},
        ),
    ],
)
def test_another_device_is_another_machine_and_its_clock_of_the_moment_noise(
    changes: dict[str, Any], expected: dict[str, str]
) -> None:
    other = msgspec.structs.replace(GPU, **changes)
    found = in_processes([process(accelerator=GPU)], [process(accelerator=other)])
    assert {name: one.kind for name, one in found.items()} == expected
    assert bool(obstacles(found.values(), across_machines=False)) is ("name" in changes)
    assert not obstacles(found.values(), across_machines=True)


def test_threads_of_pools_follow_the_threads_asked_for_and_the_kernel_does_not() -> None:
    reference = process(pools=(pool(),), environment={"OMP_NUM_THREADS": "1"}, affinity=1)
    changed = pool(2, detail="SkylakeX")
    other = process(pools=(changed,), environment={"OMP_NUM_THREADS": "2"}, affinity=2)
    assert set(in_processes([reference], [other], "threads")) == {"process.pools.detail"}


def test_another_implementation_brings_its_own_libraries() -> None:
    other = process(pools=(), versions={"keras": "3"}, source_hash="ff", affinity=1)
    assert in_processes([process()], [other], "implementation") == {}


def test_values_that_vary_among_the_processes_of_a_cell_are_all_shown() -> None:
    found = in_processes([process(affinity=2)], [process(affinity=1), process(affinity=2)])
    assert found["process.affinity"].other == "1 or 2"


def test_what_several_cells_say_is_merged_and_what_the_document_says_is_left_out() -> None:
    of_machine = differences(BASE, replaced("machine", versions={"numpy": "3"}))
    other = process(versions={"numpy": "3", "numba": "1"})
    reference = process(versions={})
    cells = [
        one
        for where in ("numba", "numpy-naive", "numba")
        for one in between_processes(
            [reference], [other], document_index=1, coordinate="run", where=where
        )
    ]
    found = merged([*of_machine.values(), *cells])
    assert [one.field for one in found] == ["machine.versions.numpy", "process.versions.numba"]
    assert [one.where for one in found] == [(), ("numba", "numpy-naive")]


def test_differences_of_two_runs_are_kept_apart() -> None:
    other = replaced("machine", versions={"numpy": "3"})
    found = [
        one
        for run in (1, 2)
        for one in between_documents(
            Described.of(BASE),
            Described.of(other),
            document_index=run,
            coordinate="run",
            batch_sizes=(8,),
        )
    ]
    assert [one.document_index for one in merged(found)] == [1, 2]


@pytest.mark.parametrize(
    ("part", "changes", "stopped"),
    [
        ("dataset", {"sha256": "1"}, {False, True}),
        ("machine", {"cpu": "Other"}, {False}),
        ("machine", {"usable_cpus": 1}, {False}),
        ("machine", {"governor": "performance"}, set()),
        ("machine", {"memory_bytes": 1}, set()),
    ],
)
def test_other_work_is_never_compared_and_another_machine_only_where_asked_for(
    part: str, changes: dict[str, Any], stopped: set[bool]
) -> None:
    found = differences(BASE, replaced(part, **changes)).values()
    assert {
        across for across in (False, True) if obstacles(found, across_machines=across)
    } == stopped


def test_the_fields_that_make_a_machine_another_one_matter() -> None:
    assert {RULES[name].kind for name in OF_THE_MACHINE} == {"matters"}
