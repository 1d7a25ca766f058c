"""What a notebook gets: the table of rounds, and every pair with the verdict of the report."""

from __future__ import annotations

from pathlib import Path

import pytest

import bench
from bench.api import RATIO_COLUMNS
from bench.documents import files
from bench.observations.table import COLUMNS
from impls.errors import ResultsError, UsageError
from reports.gather import build_context
from tests.golden.numbers import sampled


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("api") / "results.json"
    files.save(sampled(), found)
    return found


def test_the_frame_is_the_observation_table(path: Path) -> None:
    frame = bench.load(path).frame()
    assert tuple(frame.columns) == COLUMNS
    assert {"measured", "failed", "invalid", "unavailable"} <= set(frame["outcome"])
    middle = frame[frame["phase"] == "epoch"].groupby("implementation", observed=True)["seconds"]
    assert middle.median().idxmin() == "floor"


def test_the_ratios_are_those_of_the_report(path: Path) -> None:
    found = bench.load(str(path)).ratios()
    assert tuple(found.columns) == RATIO_COLUMNS
    context = build_context([sampled()])
    for (name, condition, size), verdict in context.verdicts.items():
        (row,) = found[
            (found["implementation"] == name)
            & (found["threads"] == condition.threads)
            & (found["batch_size"] == size)
            & (found["reference"] == context.baseline)
            & (found["reference_threads"] == condition.threads)
        ].to_dict("records")
        assert (row["verdict"], row["ratio"]) == (verdict.kind, verdict.ratio.value)
        assert (row["low"], row["high"]) == (verdict.ratio.low, verdict.ratio.high)


def test_a_wide_margin_makes_more_of_them_the_same(path: Path) -> None:
    loaded = bench.load(path)
    narrow, wide = ((loaded.ratios(one)["verdict"] == "same").sum() for one in (0.03, 0.5))
    assert wide > narrow


def test_what_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="give at least one path"):
        bench.load()
    with pytest.raises(ResultsError):
        bench.load(tmp_path / "none.json")
    with pytest.raises(AttributeError, match="no attribute 'unload'"):
        bench.unload  # noqa: B018


def test_the_picture_has_a_panel_for_each_batch_size_and_a_row_for_each_trainer(
    path: Path, tmp_path: Path
) -> None:
    figure = bench.load(path).plot()
    context = build_context([sampled()])
    sizes = [size for scope in context.scopes for size in context.batch_sizes(scope)]
    assert len(figure.axes) == len(sizes)
    for axis, size in zip(figure.axes, sizes, strict=True):
        assert axis.get_xscale() == "log"
        assert axis.get_title(loc="left").startswith(f"Batch {size}")
        names = [label.get_text() for label in axis.get_yticklabels()]
        assert set(names) <= set(context.trainers)
        assert len(axis.texts) == len(names)
    figure.savefig(tmp_path / "picture.svg")
    assert (tmp_path / "picture.svg").stat().st_size > 1000


def test_a_notebook_shows_every_pair_with_its_verdict(path: Path) -> None:
    shown = bench.load(path)._repr_html_()
    assert shown.startswith("<table")
    assert "faster" in shown


def test_a_run_from_python_is_that_of_the_command(npz: Path, tmp_path: Path) -> None:
    found = bench.run(
        out=tmp_path / "out", impl=["numpy-naive", "numpy-cached"], network="36-8-3",
        batch_size=[20], threads=(1,), dataset=npz, bare=True, blocks=1, seed=None,
    )  # fmt: skip
    assert {row.implementation for row in found.ratios().itertuples()} == {"numpy-cached"}
    assert (tmp_path / "out" / "results.json").exists()


def test_a_run_from_python_that_is_refused_says_so(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"--impl nothing.*exit code \d+"):
        bench.run(out=tmp_path / "out", impl="nothing")
