"""What the simulation promises, with fewer runs and fixed seeds, and that it can fail."""

from __future__ import annotations

import numpy as np
import pytest

from bench.cli import main
from bench.running.pacing import FEWEST_BLOCKS
from bench.selfcheck import CheckResult, Options, Report, simulation, synthetic
from bench.selfcheck.noise import (
    BIMODAL,
    LOG_NORMAL,
    NOISES,
    NORMAL,
    WORLDS,
    Array,
    Noise,
    World,
    drift,
    steady,
)
from bench.stats import estimates


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(11)


@pytest.mark.parametrize("blocks", [3, 5, 10])
@pytest.mark.parametrize("noise", NOISES, ids=lambda noise: str(noise.name))
def test_intervals_cover_the_truth_under_every_shape_of_noise(
    rng: np.random.Generator, noise: Noise, blocks: int
) -> None:
    assert 0.93 <= synthetic.coverage(rng, 1000, (noise, noise), blocks) <= 0.975


def test_intervals_of_what_was_measured_at_different_times_cover_the_truth(
    rng: np.random.Generator,
) -> None:
    assert 0.93 <= synthetic.unpaired_coverage(rng, 1000, NORMAL, (4, 9)) <= 0.97


@pytest.mark.parametrize("blocks", [3, 4, 5, 10])
def test_a_drift_of_20_percent_hardly_moves_a_ratio(rng: np.random.Generator, blocks: int) -> None:
    covered, shift = synthetic.drifting(rng, 300, NORMAL, blocks, 0.2)
    assert shift < 0.005
    assert 0.92 <= covered <= 0.99


def test_the_drift_is_there() -> None:
    factors = drift(3, 4, 5, 0.2)
    assert factors.min() == 1.0
    assert factors.max() == pytest.approx(1.2)
    assert (np.diff(factors.mean(axis=1)) > 0.04).all()


def test_intervals_cover_where_a_run_ends_at_its_precision(rng: np.random.Generator) -> None:
    covered, blocks = synthetic.stopped_coverage(rng, 150, NORMAL, 3, 0.025)
    assert 0.92 <= covered <= 0.98
    assert FEWEST_BLOCKS < blocks < synthetic.MOST_BLOCKS


@pytest.mark.parametrize("noise", [NORMAL, LOG_NORMAL, BIMODAL], ids=lambda noise: str(noise.name))
def test_a_table_of_equals_seldom_holds_a_false_verdict(
    rng: np.random.Generator, noise: Noise
) -> None:
    found = synthetic.false_tables(rng, 400, noise, 6, np.ones((5, 5)))
    assert found.keys() == set(synthetic.FALSE_KINDS)
    assert max(found.values()) <= 0.06


CALM = Noise("calm", lambda g, s: 1 + g.normal(0, 0.005, s), NORMAL.within)


def test_what_lies_beyond_the_margin_is_seldom_called_the_same(rng: np.random.Generator) -> None:
    found = synthetic.false_tables(rng, 400, CALM, 8, np.full((3, 3), 1.0301))
    assert 0.005 < found[synthetic.SAME] <= 0.06
    found = synthetic.wrong_winners(rng, 400, CALM, 8, np.array([[1.0, 1.0301]] * 8).T)
    assert 0.005 < found[synthetic.SAME] <= 0.06


@pytest.mark.parametrize("rows", [1, 2, 4])
def test_what_lies_at_the_edge_of_the_margin_is_seldom_said_to_differ_by_more(
    rng: np.random.Generator, rows: int
) -> None:
    found = synthetic.false_tables(rng, 400, NORMAL, 5, np.full((rows, 3), 1.03))
    assert 0 < found[synthetic.BY_MORE] <= 0.06


@pytest.mark.parametrize("levels", [(1.0, 1.0), (1.0,) * 6, (1.0, 1.001, 1.3)])
def test_a_wrong_winner_is_seldom_named(
    rng: np.random.Generator, levels: tuple[float, ...]
) -> None:
    found = synthetic.wrong_winners(rng, 500, NORMAL, 5, np.array([levels]).T)
    assert max(found.values()) <= 0.06


@pytest.mark.parametrize(
    "levels",
    [np.ones((2, 3)), np.ones((2, 19)), np.array([[1, 1], [1, 2]] * 4).T],
    ids=["3 sizes", "19 sizes", "8 sizes, half of them clear"],
)
def test_a_wrong_winner_is_seldom_named_at_any_batch_size(
    rng: np.random.Generator, levels: Array
) -> None:
    found = synthetic.wrong_winners(rng, 500, NORMAL, 5, levels)
    assert 0.005 < found[synthetic.DIFFERENT] <= 0.06


def test_a_winner_by_the_margin_is_seldom_said_to_lead_by_more(rng: np.random.Generator) -> None:
    found = synthetic.wrong_winners(rng, 500, NORMAL, 5, np.array([[1.0, 1.03]] * 8).T)
    assert 0.005 < found[synthetic.BY_MORE] <= 0.06


def test_a_slowdown_larger_than_the_precision_is_found(rng: np.random.Generator) -> None:
    assert synthetic.found_slower(rng, 60, NORMAL, 0.05, 0.02) >= 0.9
    assert synthetic.found_slower(rng, 60, NORMAL, 0.0, 0.02) <= 0.1


def test_the_shares_of_false_verdicts_are_not_zero_because_nothing_is_ever_said(
    rng: np.random.Generator,
) -> None:
    assert synthetic.false_tables(rng, 300, NORMAL, 10, np.ones((1, 1)))[synthetic.DIFFERENT] > 0.01
    assert synthetic.wrong_winners(rng, 300, NORMAL, 5, np.ones((2, 1)))[synthetic.DIFFERENT] > 0.01


@pytest.mark.parametrize("blocks", [2, 3])
@pytest.mark.parametrize("world", WORLDS, ids=lambda world: str(world.name))
def test_few_blocks_of_live_workers_cover_the_truth_and_seldom_tell_equals_apart(
    rng: np.random.Generator, world: World, blocks: int
) -> None:
    found = synthetic.judged(synthetic.ratios(rng, world, 100, blocks, 10))
    assert found.coverage >= 0.94
    assert found.false <= 0.09


def test_quiet_and_loud_rows_of_one_table_are_both_covered(rng: np.random.Generator) -> None:
    scales = np.array([1.0, 5.0] * 5)
    found = synthetic.judged(synthetic.ratios(rng, WORLDS[0], 200, 3, 10, scales=scales))
    assert np.mean(found.rows[::2]) >= 0.93
    assert np.mean(found.rows[1::2]) >= 0.93


def test_among_equal_live_workers_a_fastest_is_seldom_named(rng: np.random.Generator) -> None:
    assert synthetic.false_winners(rng, WORLDS[0], 200, 3, 3) <= 0.08


def test_two_blocks_find_large_differences_and_more_blocks_smaller_ones(
    rng: np.random.Generator,
) -> None:
    quiet = World("normal", steady(0.005, 0.03))
    two, three, ten = (
        synthetic.found_with(synthetic.ratios(rng, quiet, 40, blocks, 10), 0.8)
        for blocks in (2, 3, 10)
    )
    assert 0.25 > two > three > ten > 0.005


def test_bursts_hit_neighbours_in_time_and_leave_quiet_stretches(
    rng: np.random.Generator,
) -> None:
    bursty = World("bursty", steady(0.0, 0.0), bursts=True)
    seconds = bursty.seconds(rng, 200, 1, 2, 100)
    slowed = (seconds > 1.1).any(axis=2)
    assert seconds.min() == 1.0
    assert 0.1 < slowed.mean() < 0.6
    follows = slowed[..., 1:][slowed[..., :-1]].mean()
    assert follows > 1.5 * slowed.mean()


def test_a_drift_slows_the_last_block_most(rng: np.random.Generator) -> None:
    drifting = World("drifting", steady(0.0, 0.0), drift=0.2)
    seconds = drifting.seconds(rng, 1, 3, 2, 4)
    assert (np.diff(seconds.mean(axis=(0, 2, 3))) > 0.05).all()
    assert seconds.max() == pytest.approx(1.2, abs=0.01)


def test_intervals_that_are_too_narrow_are_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    quantile = estimates.quantile
    monkeypatch.setattr(estimates, "quantile", lambda share, df: 0.7 * quantile(share, df))
    findings = list(simulation.intervals(np.random.default_rng(1), 200))
    assert not any(one.passed for one in findings if one.what.startswith("coverage: normal"))


def test_the_same_seed_gives_the_same_report_and_another_seed_another() -> None:
    one, again, other = (simulation.check(Options(trials=4, seed=seed)) for seed in (1, 1, 2))
    assert one == again
    assert one.findings != other.findings


def test_progress_is_told() -> None:
    said: list[str] = []
    simulation.check(Options(trials=2, say=said.append))
    assert said[0] == "simulating workers that take turns"
    assert len(said) == 9


@pytest.mark.parametrize("passed", [True, False])
def test_the_command_shows_findings_and_exits_by_them(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *, passed: bool
) -> None:
    seen: list[Options] = []

    def check(options: Options) -> Report:
        seen.append(options)
        return Report("Title", [CheckResult("what", "[found]", "target", passed)], ["A note."])

    monkeypatch.setattr(simulation, "check", check)
    code = main(["selfcheck", "simulation", "--trials", "7", "--seed", "5"])
    out = capsys.readouterr().out
    assert code == (0 if passed else 1)
    assert (seen[0].trials, seen[0].seed) == (7, 5)
    assert "[found]" in out
    assert ("kept" if passed else "MISSED") in out
    assert f"{int(passed)} of 1 targets kept" in out
    assert "A note." in out


def test_a_report_without_findings_has_not_passed() -> None:
    assert not Report("empty", []).passed


def test_unknown_checks_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["selfcheck", "nothing"]) == 64
    assert "simulation" in capsys.readouterr().err
