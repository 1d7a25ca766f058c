"""What each format holds, and what other tools make of it."""

from __future__ import annotations

import io
import json
import re
from typing import Any

import msgspec
import pandas as pd
import pyperf
import pytest

from bench.documents.results import Measured, Results
from bench.stats import estimates
from impls.errors import UsageError
from reports.exports import FORMATS, Request
from reports.exports.table import COLUMNS, tidy
from tests.reports import exported, sample

DOCUMENT = exported.document()


def text(form: str, document: Results = DOCUMENT, **request: Any) -> str:
    return FORMATS[form].make(Request((document,), **request))[""].decode()


def measured(document: Results = DOCUMENT) -> list[Measured]:
    return [one for one in document.outcomes if isinstance(one, Measured)]


def estimate(name: str, phase: str = "epoch") -> estimates.Estimate:
    return estimates.estimate(
        [
            timing.round_seconds
            for one in measured()
            if one.cell.id == name
            for timing in one.timings
            if timing.phase == phase
        ]
    )


class TestTable:
    def test_it_has_a_row_per_round_and_one_per_outcome_without(self) -> None:
        table = tidy([DOCUMENT, DOCUMENT])
        assert list(table.columns) == list(COLUMNS)
        first = table[table["run"] == 1]
        assert len(first) * 2 == len(table)
        timed = first[first["seconds"].notna()]
        rounds = [
            seconds
            for outcome in DOCUMENT.outcomes
            for timing in getattr(getattr(outcome, "measured", outcome), "timings", ())
            for seconds in timing.round_seconds
        ]
        assert timed["seconds"].tolist() == rounds
        assert timed.loc[timed["phase"] == "forward", "cpu_seconds"].isna().all()
        assert timed.loc[timed["phase"] == "epoch", "cpu_seconds"].notna().all()
        assert set(timed["outcome"]) == {"measured", "unverified"}
        without = first[first["seconds"].isna()]
        assert len(without) == len(DOCUMENT.outcomes) - len(measured()) - 1
        assert set(without["outcome"]) == {"invalid"}
        assert without["reason"].str.contains("differs from the reference").all()
        assert without["phase"].isna().all()

    def test_a_row_says_where_it_belongs(self) -> None:
        table = tidy([DOCUMENT])
        row = table.iloc[1]
        one = measured()[0]
        timing = one.timings[0]
        assert (row["implementation"], row["role"], row["device"]) == (
            "numpy-naive",
            "trainer",
            "cpu",
        )
        assert (row["batch_size"], row["threads"]) == (one.cell.batch_size, one.cell.threads)
        assert (row["block"], row["phase"], row["round"]) == (one.block, timing.phase, 1)
        assert (row["sweep"], row["examples"]) == (timing.sweeps[1], timing.examples)
        assert table[table["implementation"] == "floor"]["role"].unique().tolist() == ["floor"]
        assert table[table["implementation"] == "numba (control)"]["role"].unique() == ["control"]
        assert "OMP_WAIT_POLICY=active, X_PATH unset" in set(table["setting"])

    def test_csv_is_the_same_table(self) -> None:
        table = tidy([DOCUMENT])
        again = pd.read_csv(
            io.StringIO(text("csv")), dtype=COLUMNS, keep_default_na=False, na_values=[""]
        )
        again["setting"] = again["setting"].fillna("")
        pd.testing.assert_frame_equal(again, table)

    def test_without_outcomes_it_keeps_its_columns(self) -> None:
        table = tidy([msgspec.structs.replace(DOCUMENT, outcomes=())])
        assert list(table.columns) == list(COLUMNS)
        assert table.empty

    def test_threads_that_were_not_asked_for_are_missing(self) -> None:
        document = sample.document(sample.Shape(batch_sizes=(500,), threads=(None,), blocks=1))
        assert pd.read_csv(io.StringIO(text("csv", document)))["threads"].isna().all()


class TestPyperf:
    def test_pyperf_reads_a_run_per_process_with_its_rounds_and_warm_ups(self) -> None:
        suite = pyperf.BenchmarkSuite.loads(text("pyperf", phases=("step", "epoch")))
        found = suite.get_benchmark("numba/blog/b500/t2/step")
        ours = [one for one in measured() if one.cell.id == "numba/blog/b500/t2"]
        assert found.get_nrun() == len(ours) == 3
        for run, one in zip(found.get_runs(), ours, strict=True):
            timing = next(timing for timing in one.timings if timing.phase == "step")
            assert tuple(run.values) == timing.round_seconds
            assert run.get_loops() == timing.iterations
            warm = (one.first_call_seconds, *one.warmup_seconds)
            assert tuple(seconds for _, seconds in run.warmups) == warm
        facts = found.get_metadata()
        assert (facts["implementation"], facts["threads"], facts["batch_size"]) == ("numba", 2, 500)
        assert facts["cpu_model_name"] == DOCUMENT.machine.cpu
        assert found.format_value(0.25) == "250 ms"

    def test_a_first_epoch_of_as_many_examples_is_a_warm_up(self) -> None:
        one = measured()[0]
        (epoch,) = (timing for timing in one.timings if timing.phase == "epoch")
        for examples, expected in ((epoch.examples, ((1, 2.5),)), (epoch.examples - 1, ())):
            changed = msgspec.structs.replace(
                one, first_epoch_seconds=2.5, first_epoch_examples=examples
            )
            document = msgspec.structs.replace(DOCUMENT, outcomes=(changed,))
            (found,) = pyperf.BenchmarkSuite.loads(text("pyperf", document)).get_benchmarks()
            assert found.get_runs()[0].warmups == expected

    def test_texts_that_pyperf_refuses_are_cleaned(self) -> None:
        machine = msgspec.structs.replace(DOCUMENT.machine, cpu=" An\nodd\r\x00 CPU ")
        document = msgspec.structs.replace(DOCUMENT, machine=machine)
        suite = pyperf.BenchmarkSuite.loads(text("pyperf", document))
        assert suite.get_metadata()["cpu_model_name"] == "An odd � CPU"


class TestDashboards:
    def test_bmf_has_value_and_interval_in_nanoseconds(self) -> None:
        found = json.loads(text("bmf"))
        expected = estimate("numba/blog/b500/t2")
        assert expected.low is not None
        assert expected.high is not None
        metric = found["numba/blog/b500/t2/epoch"]["latency"]
        assert metric == {
            "value": pytest.approx(1e9 * expected.value),
            "lower_value": pytest.approx(1e9 * expected.low),
            "upper_value": pytest.approx(1e9 * expected.high),
        }
        for measures in found.values():
            assert measures.keys() == {"latency"}
            assert "value" in measures["latency"]
            assert all(isinstance(one, float) for one in measures["latency"].values())

    def test_what_has_no_interval_has_a_value_alone(self) -> None:
        one = measured()[0]
        document = msgspec.structs.replace(DOCUMENT, outcomes=(one,))
        ((name, found),) = json.loads(text("bmf", document)).items()
        assert name == f"{one.cell.id}/epoch"
        assert found["latency"].keys() == {"value"}
        (entry,) = json.loads(text("github", document))
        assert "range" not in entry

    def test_github_entries_have_the_fields_that_the_action_reads(self) -> None:
        found = json.loads(text("github"))
        assert found
        for entry in found:
            assert entry.keys() - {"range"} == {"name", "unit", "value", "extra"}
            assert isinstance(entry["value"], float)
            assert entry["unit"] == "ms"
            if "range" not in entry:
                assert "interval" not in entry["extra"]
                continue
            # The action takes the number behind the sign.
            match = re.fullmatch(r"± (\d.*)", entry["range"])
            assert match is not None
            assert float(match[1]) > 0
        one = next(entry for entry in found if entry["name"] == "numba/blog/b500/t2/epoch")
        assert one["value"] == pytest.approx(1e3 * estimate("numba/blog/b500/t2").value)
        assert "3 processes, 15 rounds" in one["extra"]


class TestMarkdown:
    def test_the_answer_comes_first_and_every_cell_has_a_row(self) -> None:
        found = text("markdown")
        assert found.startswith("**Lowest time at both batch sizes")
        rows = [line for line in found.splitlines() if line.startswith("| numba |")]
        assert len(rows) == 2 * 2 * 2
        assert any(
            line.startswith("| numpy-naive | 32 |") and "| baseline |" in line
            for line in found.splitlines()
        )
        assert "<summary>2 reasons why something is missing</summary>" in found
        assert "numba (control) |" not in found

    def test_the_margin_decides_on_verdicts(self) -> None:
        assert "| faster |" in text("markdown")
        assert "| the same within 99 % |" not in text("markdown")
        assert "| the same within 99 % |" in text("markdown", margin=0.99)

    def test_labels_are_no_markup(self) -> None:
        one = measured()[0]
        evil = msgspec.structs.replace(one.cell, implementation="<b>|`@me")
        outcome = msgspec.structs.replace(one, cell=evil)
        found = text("markdown", msgspec.structs.replace(DOCUMENT, outcomes=(outcome,)))
        assert not re.search(r"<b>|`|@", found)


@pytest.mark.parametrize("form", ["pyperf", "bmf", "github"])
def test_names_are_cells_and_phases_and_no_control(form: str) -> None:
    content = json.loads(text(form, phases=("step", "forward")))
    names = {
        "pyperf": lambda: [one["metadata"]["name"] for one in content["benchmarks"]],
        "bmf": lambda: list(content),
        "github": lambda: [one["name"] for one in content],
    }[form]()
    assert len(set(names)) == len(names)
    assert {name.rpartition("/")[2] for name in names} == {"step", "forward"}
    assert "numba/blog/b500/t1/OMP_WAIT_POLICY=active/X_PATH=(unset)/step" in names
    assert not [name for name in names if "control" in name or "their_mlp" in name]


@pytest.mark.parametrize("form", ["pyperf", "bmf", "github"])
def test_one_run_goes_into_one_file(form: str) -> None:
    with pytest.raises(UsageError, match=f"--format {form} holds one run, and 2 are named"):
        FORMATS[form].make(Request((DOCUMENT, DOCUMENT)))


@pytest.mark.parametrize("form", ["pyperf", "bmf", "github", "asv"])
def test_nothing_measured_is_said(form: str) -> None:
    nothing = msgspec.structs.replace(DOCUMENT, outcomes=())
    with pytest.raises(UsageError, match="no epoch or step was measured"):
        FORMATS[form].make(Request((nothing,), revisions=(None,)))  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="no update was measured"):
        FORMATS[form].make(Request((nothing,), phases=("update",), revisions=(None,)))  # type: ignore[arg-type]


def test_where_no_epoch_was_timed_the_step_is_exported() -> None:
    one = measured()[0]
    steps = msgspec.structs.replace(
        one, timings=tuple(timing for timing in one.timings if timing.phase != "epoch")
    )
    document = msgspec.structs.replace(DOCUMENT, outcomes=(steps,))
    assert list(json.loads(text("bmf", document))) == [f"{one.cell.id}/step"]
