"""``mlpbench compare``: exit codes, and which documents may be compared."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from bench.documents.results import Outcome, Results
from bench.provenance.records import Accelerator
from impls.contract import Pool
from tests.cli.compared_files import NOISY, ONE, OTHER_DATA, SLOWER, UNCLEAR, Compare
from tests.stats.compared import (
    cell,
    document,
    measured,
    on_machine,
    planned,
    refused,
    times,
)


def lines(text: str) -> str:
    """Text on one line, as it would be without a terminal's width."""
    return " ".join(text.replace("│", " ").split())


REFUSED = document({cell(): refused(cell(), "invalid")})


@pytest.mark.parametrize(
    ("new", "code", "said"),
    [
        (ONE.document(), 0, "1 cell, 0 faster, 0 slower, 1 the same within 3 % and 0 unclear"),
        (ONE.document(0.5), 0, "1 cell, 1 faster, 0 slower"),
        (SLOWER, 1, "takes 100.0 % longer (95 % interval 99.8 to 100.2)"),
        (UNCLEAR, 2, "0 the same within 3 % and 1 unclear"),
        (document({cell(): times()[:1]}), 2, "too-few: there are fewer than 3 processes"),
        (REFUSED, 3, "1 cell was refused or failed, though the reference was measured."),
        (document({cell(): refused(cell(), "unverified")}), 3, "unverified: 2 threads were busy"),
        (document({cell(): refused(cell(), "failed")}), 3, "failed: killed"),
        (document({cell(): refused(cell(), "unavailable")}), 4, "Nothing can be compared"),
        (
            OTHER_DATA,
            4,
            "Not comparable: the documents differ in dataset.sha256 (000000000000… and",
        ),
    ],
)
def test_the_exit_code_says_what_was_found(
    compare: Compare, new: Results, code: int, said: str
) -> None:
    answer = compare(ONE.document(), new)
    assert answer.code == code
    assert said in lines(answer.out)
    assert answer.err == ""


@pytest.mark.parametrize(
    ("kinds", "code"),
    [
        ({"slower", "invalid", "unresolved"}, 1),
        ({"invalid", "unresolved"}, 3),
        ({"unresolved"}, 2),
        ({"slower", "invalid"}, 1),
    ],
)
def test_slower_goes_before_refused_and_refused_before_unresolved(
    compare: Compare, kinds: set[str], code: int
) -> None:
    where = {name: cell(name) for name in ("slower", "invalid", "unresolved", "same")}
    content = {
        "slower": times(2.0),
        "invalid": refused(where["invalid"], "invalid"),
        "unresolved": times(1.0, NOISY),
    }
    base = document({one: times() for one in where.values()})
    new = document({one: content[n] if n in kinds else times() for n, one in where.items()})
    assert compare(base, new).code == code


def test_not_comparable_goes_before_slower(compare: Compare) -> None:
    new = msgspec.structs.replace(OTHER_DATA, outcomes=SLOWER.outcomes)
    assert compare(ONE.document(), new).code == 4


@pytest.mark.parametrize(
    ("new", "fail_on", "code"),
    [
        (SLOWER, "slower", 1),
        (SLOWER, "unresolved,invalid", 0),
        (UNCLEAR, "unclear", 2),
        (UNCLEAR, "unresolved", 2),
        (SLOWER, "unclear,invalid", 0),
        (UNCLEAR, "slower,invalid", 0),
        (OTHER_DATA, "slower", 4),
        (REFUSED, "invalid", 3),
        (REFUSED, "slower", 4),
    ],
)
def test_only_what_is_to_fail_fails(
    compare: Compare, new: Results, fail_on: str, code: int
) -> None:
    assert compare(ONE.document(), new, options=("--fail-on", fail_on)).code == code


def test_a_refused_cell_beside_a_sound_one_need_not_fail(compare: Compare) -> None:
    base = document({cell(): times(), cell("mine"): times()})
    new = document({cell(): times(), cell("mine"): refused(cell("mine"), "invalid")})
    assert compare(base, new).code == 3
    assert compare(base, new, options=("--fail-on", "slower,unresolved")).code == 0
    twice = ("--fail-on", "slower", "--fail-on", "unresolved")
    assert compare(base, new, options=twice).code == 0
    assert compare(base, new, options=(*twice, "--fail-on", "invalid")).code == 3


@pytest.mark.parametrize(("field", "value"), [("cpu", "Other CPU"), ("usable_cpus", 1)])
def test_another_machine_is_compared_on_request(compare: Compare, field: str, value: Any) -> None:
    new = on_machine(SLOWER, **{field: value})
    refusal = compare(ONE.document(), new)
    assert refusal.code == 4
    assert f"machine.{field}" in refusal.out
    assert "--across-machines" in refusal.out
    assert "takes" not in refusal.out
    said = compare(ONE.document(), new, options=("--across-machines",))
    assert said.code == 1
    assert f"machine.{field}" in said.out


def test_other_work_is_not_compared_whatever_is_asked(compare: Compare) -> None:
    new = planned(on_machine(ONE.document(), cpu="Other CPU"), examples=100, seed=2)
    said = compare(ONE.document(), new, options=("--across-machines",))
    assert said.code == 4
    assert "differ in plan.examples (200 and 100)" in said.out
    assert "the same data, network and training" in said.out
    assert "plan.seed" in said.out


def on_device(name: str, factor: float) -> Results:
    where = cell(device="gpu")
    declared = {"products": f"those of {name}"}
    return document(
        {
            where: [
                msgspec.structs.replace(
                    one,
                    process=msgspec.structs.replace(
                        one.process, accelerator=Accelerator(name=name), declared=declared
                    ),
                )
                for one in measured(where, times(factor))
            ]
        }
    )


def test_another_gpu_is_another_machine(compare: Compare) -> None:
    refusal = compare(on_device("Small GPU", 1.0), on_device("Large GPU", 0.5))
    assert refusal.code == 4
    assert "differ in process.accelerator.name (Small GPU and Large GPU)" in refusal.out
    assert "--across-machines" in refusal.out
    options = ("--across-machines",)
    said = compare(on_device("Small GPU", 1.0), on_device("Large GPU", 0.5), options=options)
    assert said.code == 0
    assert "process.declared.products" in said.out
    assert compare(on_device("Small GPU", 1.0), on_device("Small GPU", 0.5)).code == 0


def test_a_kernel_that_a_variable_changed_is_shown_beside_the_verdict(compare: Compare) -> None:
    def kernel(name: str, factor: float) -> list[Outcome]:
        where = cell(setting=(("OPENBLAS_CORETYPE", name),))
        pool = Pool(library="openblas", version="0.3", threads=1, detail=name)
        return [
            msgspec.structs.replace(
                one, process=msgspec.structs.replace(one.process, pools=(pool,))
            )
            for one in measured(where, times(factor))
        ]

    both = {name: kernel(name, factor) for name, factor in (("Haswell", 1.0), ("Zen", 2.0))}
    swept = document({outcomes[0].cell: outcomes for outcomes in both.values()})
    said = compare(swept, options=("--by", "OPENBLAS_CORETYPE"))
    assert said.code == 1
    assert "process.pools.detail Haswell Zen numba Another kernel" in lines(said.out)
    assert "process.environment" not in said.out
