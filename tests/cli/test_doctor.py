"""``mlpbench doctor``: what it prints, and one examination that is real."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from bench.cli import doctor
from bench.doctor import examination, scaling
from bench.doctor.findings import Diagnosis, Gpus
from bench.provenance.records import Accelerator, AcceleratorReading
from bench.running import lock
from impls import registry
from tests.doctor import findings

Command = Callable[..., Any]


@pytest.fixture
def examined(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """What the examination was asked; it answers with the usual findings."""
    asked: list[tuple[Any, ...]] = []

    def examine(*arguments: Any, **_options: Any) -> Diagnosis:
        asked.append(arguments)
        return findings.diagnosis()

    monkeypatch.setattr(doctor, "examine", examine)
    return asked


@pytest.mark.usefixtures("examined")
def test_the_answer_comes_first_and_the_advice_last(mlpbench: Command) -> None:
    said = mlpbench("doctor")
    assert said.code == 0
    lines = [line for line in said.out.splitlines() if line]
    assert lines[0] == "The answer."
    assert lines[-1] == "- A fact [with brackets]: a remedy."


@pytest.mark.usefixtures("examined")
def test_the_tables_hold_what_was_found(mlpbench: Command) -> None:
    said = mlpbench("doctor").out
    cells = [[cell.strip() for cell in line.split("│")[1:-1]] for line in said.splitlines()]
    assert ["5", "0", "too few blocks", ""] in cells
    assert ["1", "30", "+- 1.23%", "2.34%"] in cells
    assert "to choose" in said
    assert ["500", "1", "2 ms", "best"] in cells
    assert ["500", "2", "2.5 ms", ""] in cells
    assert ["500", "4", "2 processors only", ""] in cells
    assert ["scipy.linalg", "openblas (one.so)", "0.3", "", "2"] in cells
    assert ["", "mkl (two.so)", "0.3", "", "unknown"] in cells
    assert ["absent", "absent not installed", "", "", ""] in cells
    assert ["processors", "2 usable of 2, unknown cores"] in cells
    assert ["governor", "unknown"] in cells
    assert ["stolen", "0.00 processors before, 0.00 while measuring"] in cells
    assert ["exported", "no relevant variables"] in cells
    assert (
        "one against itself, batch size 500: 10 blocks of 2.0 s, scatter 2.00% from block to block"
        in said
    )
    assert "Best at batch size 500:\nexport OMP_NUM_THREADS=1\n" in said


def test_no_thread_count_is_best_beside_a_neighbour(
    mlpbench: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    scaled = findings.scaling(choices=(), reason="others used 2.0 of 2 processors meanwhile")
    monkeypatch.setattr(doctor, "examine", lambda *_a, **_k: findings.diagnosis(scaling=scaled))
    said = mlpbench("doctor").out
    assert "best was not judged: others used 2.0 of 2 processors meanwhile." in said
    assert "Best at" not in said
    assert "to choose" not in said
    cells = [[cell.strip() for cell in line.split("│")[1:-1]] for line in said.splitlines()]
    assert ["500", "1", "2 ms"] in cells


def test_a_noise_that_is_not_known_has_no_table(
    mlpbench: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    unknown = findings.noise(forecasts=(), scatter=None, apparent=None, blocks=1, reason="why")
    monkeypatch.setattr(doctor, "examine", lambda *_a, **_k: findings.diagnosis(noise=unknown))
    said = mlpbench("doctor")
    assert said.code == 0
    assert "1 block of 2.0 s, scatter unknown" in said.out
    assert "smallest visible difference" not in said.out


def test_without_remarks_there_is_a_word_for_it(
    mlpbench: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "examine", lambda *_a, **_k: findings.diagnosis(advice=()))
    assert mlpbench("doctor").out.endswith("- Nothing to remark.\n")


def test_json_is_all_that_was_found(mlpbench: Command, examined: list[tuple[Any, ...]]) -> None:
    said = mlpbench("doctor", "--json", "--seconds", "7")
    assert msgspec.json.decode(said.out, type=Diagnosis) == findings.diagnosis()
    assert [seconds for _, seconds in examined] == [7]


@pytest.mark.usefixtures("examined")
def test_seconds_are_limited_below(mlpbench: Command) -> None:
    said = mlpbench("doctor", "--seconds", "1")
    assert said.code == 64
    assert "--seconds" in said.err


def test_nothing_is_examined_while_somebody_measures(
    mlpbench: Command, examined: list[tuple[Any, ...]]
) -> None:
    with lock.measuring("mlpbench run --impl x"):
        said = mlpbench("doctor")
    assert said.code != 0
    assert "measuring already: 'mlpbench run --impl x'" in said.err
    assert said.out == ""
    assert examined == []


def test_gpus_have_a_line_with_what_is_known_or_why_nothing_is(
    mlpbench: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = Accelerator(
        name="Example GPU",
        driver="580.65",
        memory_bytes=80 * 2**30,
        most_clock_mhz=1980,
        readings=(AcceleratorReading(temperature=41),),
    )
    for gpus, line in (
        (Gpus(devices=(device,)), "Example GPU, driver 580.65, 80 GiB, up to 1980 MHz, 41 °C"),
        (Gpus(reason="none: no file"), "none: no file"),
        (Gpus(devices=(Accelerator(name="Bare GPU"),)), "Bare GPU, driver unknown, unknown"),
    ):
        monkeypatch.setattr(
            doctor, "examine", lambda *_a, gpus=gpus, **_k: findings.diagnosis(gpus=gpus)
        )
        said = mlpbench("doctor")
        assert any("GPU" in row and line in row for row in said.out.splitlines())


def test_a_short_examination_of_this_very_machine(
    mlpbench: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(examination, "LOOK_SECONDS", 0.05)
    light = tuple(row for row in registry.ROWS if not row.requires)
    monkeypatch.setattr(registry, "ROWS", light)
    monkeypatch.setattr(scaling, "BATCH_SIZES", (500,))
    # A stall of the machine can spoil one look, and is then its reason; it does not spoil three.
    for _ in range(3):
        said = mlpbench("doctor", "--json", "--seconds", "5")
        assert said.code == 0, said.err
        found = json.loads(said.out)
        if found["noise"]["blocks"]:
            break
    assert re.match(r"In 1 minute|Cannot estimate", found["answer"])
    assert found["noise"]["blocks"] >= 1, found["noise"]["reason"]
    assert {time["batch_size"] for time in found["scaling"]["times"]} == {500}
    assert found["pools"][0]["modules"] == ["numpy"]
    assert "against itself" in said.err
