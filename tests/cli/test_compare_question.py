"""``mlpbench compare``: what is compared with what, along which coordinate, at which margin."""

from __future__ import annotations

import msgspec
import pytest

from bench.documents.results import Results
from impls import registry
from impls.row import control_of
from tests.cli.compared_files import GRID, NOISY, ONE, SLOWER, Compare, Data
from tests.stats.compared import (
    STEADY,
    cell,
    document,
    measured,
    times,
)


def test_one_document_is_compared_along_a_coordinate(compare: Compare) -> None:
    said = compare(GRID.document(), options=("--by", "threads"))
    assert said.code == 0
    assert said.out.startswith("Epoch time of 2 threads against 1 thread: of 4 cells, 4 faster")
    assert "different times" not in said.out
    assert "-50.00 %" in said.out
    backwards = compare(GRID.document(), options=("--by", "threads", "--baseline", "2"))
    assert backwards.code == 1
    assert "+100.00 %" in backwards.out


def test_implementations_are_compared_with_the_baseline_of_the_ladder(compare: Compare) -> None:
    said = compare(GRID.document(), options=("--by", "implementation"))
    assert said.out.startswith("Epoch time of numba against numpy-naive: of 4 cells, 4 faster")


def test_batch_sizes_are_compared_per_example(compare: Compare) -> None:
    said = compare(GRID.document(), options=("--by", "batch-size", "--phase", "step"))
    assert said.out.startswith("Step time per example of batch size 20 against batch size 8: of 4")
    assert "-60.00 %" in said.out


def test_a_swept_variable_is_a_coordinate(data: Data) -> None:
    swept = {
        cell(setting=(("OMP_PLACES", value),)): times(factor)
        for value, factor in (("cores", 1.0), (None, 0.5))
    }
    found = data(document(swept), options=("--by", "OMP_PLACES"))
    (one,) = found["comparisons"]
    assert (found["baseline"], one["value"], one["verdict"]) == (
        "OMP_PLACES=cores",
        "unset",
        "faster",
    )
    assert found["differences"] == []


def test_one_document_needs_a_coordinate(compare: Compare) -> None:
    said = compare(GRID.document())
    assert said.code == 64
    assert "give --by implementation or --by threads or --by batch-size" in said.err
    assert said.out == ""


def test_several_new_runs_are_told_apart(compare: Compare) -> None:
    said = compare(ONE.document(), ONE.document(), ONE.document(3.0))
    assert said.code == 1
    assert said.out.startswith("Epoch time against base.json: of 2 cells")
    assert "Worst: numba, batch size 8, 1 thread in newer.json takes 200" in said.out


def test_a_run_may_be_named_as_the_reference(compare: Compare) -> None:
    assert compare(ONE.document(), SLOWER, options=("--baseline", "new.json")).code == 0
    assert compare(ONE.document(), SLOWER, options=("--baseline", "old.json")).code == 64


def test_a_phase_is_compared(compare: Compare) -> None:
    def forward(factor: float) -> Results:
        found = measured(cell(), times(factor), ("forward",)), measured(cell(), STEADY)
        both = [
            msgspec.structs.replace(one, timings=(*one.timings, *other.timings))
            for one, other in zip(*found, strict=True)
        ]
        return document({cell(): both})

    base, new = forward(1.0), forward(3.0)
    assert compare(base, new).code == 0
    said = compare(base, new, options=("--phase", "forward"))
    assert said.code == 1
    assert said.out.startswith("Forward time of new.json")
    assert compare(base, new, options=("--phase", "loss")).code == 4


def test_steps_stand_in_for_epochs_where_a_document_has_none(compare: Compare) -> None:
    steps = document({cell(): measured(cell(), STEADY, ("step",))})
    said = compare(ONE.document(), steps)
    assert said.code == 0
    assert said.out.startswith("Step time of")
    assert "Steps are compared, because new.json holds no epochs." in said.out
    asked = compare(ONE.document(), steps, options=("--phase", "epoch"))
    assert asked.code == 4
    assert "its epoch was not timed" in asked.out


def test_a_filter_chooses_cells(data: Data) -> None:
    filters = ("--filter", "implementation=numba,mine-*", "--filter", "threads=2,batch-size=2*")
    found = data(GRID.document(), GRID.document(), options=filters)
    assert [
        (one["implementation"], one["threads"], one["batch_size"]) for one in found["comparisons"]
    ] == [("numba", 2, 20)]
    assert found["not_compared"] == []


def test_the_margin_decides_what_is_the_same(compare: Compare) -> None:
    new = ONE.document(1.04)
    assert compare(ONE.document(), new).code == 1
    for margin in ("10%", "0.1"):
        said = compare(ONE.document(), new, options=("--margin", margin))
        assert said.code == 0
        assert "1 the same within 10 %" in said.out


def test_a_threshold_is_the_margin_of_some_cells(data: Data) -> None:
    thresholds = (
        "--threshold", "implementation=numba,threads=2:10%",
        "--threshold", "implementation=*:0.2",
        "--filter", "batch-size=8",
    )  # fmt: skip
    found = data(GRID.document(), GRID.document(1.15), options=thresholds)
    verdicts = {
        (one["implementation"], one["threads"]): (one["margin"], one["verdict"])
        for one in found["comparisons"]
    }
    assert verdicts == {
        ("numpy-naive", 1): (0.2, "same"),
        ("numpy-naive", 2): (0.2, "same"),
        ("numba", 1): (0.2, "same"),
        ("numba", 2): (0.1, "slower"),
    }
    assert "the same within its margin" in found["summary"][0]


def test_a_colon_in_a_name_is_no_threshold(compare: Compare) -> None:
    name = "right:Trainer"
    base, new = document({cell(name): times()}), document({cell(name): times(1.15)})
    assert compare(base, new).code == 1
    options = ("--threshold", "implementation=right:Trainer:20%")
    assert compare(base, new, options=options).code == 0


CONTROL = "numpy-naive (control)"


def controlled(factor: float = 1.0, of_control: float = 1.0) -> Results:
    """Two implementations with two thread counts, and a control that takes so much more time."""
    controls = {
        cell(CONTROL, threads=n): times(4.0 * factor * of_control / n, NOISY) for n in (1, 2)
    }
    found = document(
        {
            cell(name, threads=n): times(factor * base / n)
            for name, base in {"numpy-naive": 4.0, "numba": 1.0}.items()
            for n in (1, 2)
        }
        | controls
    )
    rows = {name: registry.find(name) for name in ("numpy-naive", "numba")}
    return msgspec.structs.replace(found, rows=(*rows.values(), control_of(rows["numpy-naive"])))


def test_a_control_is_no_cell_of_a_comparison_that_does_not_name_it(
    data: Data,
) -> None:
    for options in (
        ("--by", "threads"),
        ("--by", "threads", "--filter", "implementation=n*"),
        ("--by", "implementation"),
    ):
        found = data(controlled(), options=options)
        assert CONTROL not in {one["implementation"] for one in found["comparisons"]}
        assert found["exit_code"] == 0
        assert found["left_out"] == [CONTROL]
        assert found["summary"][-1] == f"{CONTROL} is left out: --filter can name a control."


def test_where_only_a_control_could_be_compared_it_is_said_how(compare: Compare) -> None:
    options = ("--by", "implementation", "--filter", "implementation=numpy-*")
    said = compare(controlled(), options=options)
    assert said.code == 64
    assert f"or name {CONTROL} with --filter or --baseline" in said.err
    assert compare(controlled(), options=(*options, "--baseline", CONTROL)).code in {0, 1, 2}


def test_a_control_is_no_remedy_where_naming_it_leads_nowhere(compare: Compare) -> None:
    """One number of threads is one with the control as well."""
    one = controlled()
    outcomes = tuple(outcome for outcome in one.outcomes if outcome.cell.threads == 1)
    one = msgspec.structs.replace(one, outcomes=outcomes)
    said = compare(one, options=("--by", "threads"))
    assert said.code == 64
    assert "threads" in said.err
    assert CONTROL not in said.err


def test_a_control_decides_nothing_between_runs(compare: Compare) -> None:
    said = compare(controlled(), controlled(of_control=3.0))
    assert said.code == 0
    assert "of 4 cells" in said.out


@pytest.mark.parametrize(
    "options",
    [
        ("--by", "threads", "--filter", f"implementation={CONTROL}"),
        ("--by", "threads", "--filter", "implementation=*(control)"),
        ("--by", "threads", "--filter", f"implementation=numba,{CONTROL}"),
        ("--by", "implementation", "--baseline", CONTROL),
    ],
)
def test_a_control_that_is_named_is_compared(data: Data, options: tuple[str, ...]) -> None:
    found = data(controlled(), options=options)
    cells = [side for one in found["comparisons"] for side in (one, one["reference"])]
    assert CONTROL in {one["implementation"] for one in cells}
    assert found["left_out"] == []
