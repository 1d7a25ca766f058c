"""``mlpbench study``: one training per value, side by side."""

from __future__ import annotations

import dataclasses
import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from rich.console import Console

from bench.cli.study import outcome_table
from impls.data import TrainingData
from impls.errors import UsageError
from impls.presets import PRESETS
from impls.training import model_files
from impls.training.evaluation import Trained
from reports.articles import L2
from reports.evaluation import build_study
from tests.learning.evaluations import learned, rows, section
from tests.reports.reading import Page
from tests.stand_ins.command import Said

Command = Callable[..., Said]


@pytest.fixture
def study(mlpbench: Command, npz: Path, tmp_path: Path) -> Command:
    """Study a parameter of the small network on the small data."""

    def run(parameter: str, values: str, *options: object) -> Said:
        usual = ("--epochs", 4, "--batch-size", 20, "--dataset", npz, "--out", tmp_path / "out")
        network = () if parameter == "network" else ("--network", "36-8-3")
        given = dict(zip(usual[::2], usual[1::2], strict=True))
        given.pop(f"--{parameter}", None)
        arguments = [word for pair in given.items() for word in pair]
        return mlpbench("study", parameter, "--values", values, *network, *arguments, *options)

    return run


@pytest.fixture
def quick(study: Command, monkeypatch: pytest.MonkeyPatch) -> Command:
    """The same without the report."""
    monkeypatch.setattr("bench.cli.study._conclude", lambda *_: None)
    return study


def numbers(folder: Path) -> Any:
    return json.loads((folder / "study.json").read_text())


def test_a_study_leaves_networks_report_and_numbers(study: Command, tmp_path: Path) -> None:
    said = study("l2", "0.01, 0.5,9")
    assert said.code == 0, said.err
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "l2-0.01.npz", "l2-0.5.npz", "l2-9.npz", "report.html", "study.json",
    }  # fmt: skip
    found = numbers(tmp_path / "out")
    assert (found["parameter"], found["values"]) == ("l2", ["0.01", "0.5", "9"])
    assert [one["training"]["l2"] for one in found["networks"]] == [0.01, 0.5, 9]
    assert {one["training"]["learning_rate"] for one in found["networks"]} == {0.001}
    shares = [one["penalty_share"] for one in found["networks"]]
    assert shares == sorted(shares)
    assert model_files.load(tmp_path / "out" / "l2-0.5.npz").training.l2 == 0.5


@pytest.mark.parametrize(
    ("parameter", "values", "part", "name", "expected"),
    [
        ("start-scale", "0.25,2", "training", "start_scale", [0.25, 2]),
        ("start_scale", "0.25,2", "training", "start_scale", [0.25, 2]),
        ("learning_rate", "0.5,1", "training", "learning_rate", [0.5, 1]),
        ("normalise", "standard,range,unit,none", "normaliser", "name",
         ["standard", "range", "unit", "none"]),
        ("activation", "tanh,relu", "network", "activation", ["tanh", "relu"]),
        ("network", "36-5-3,36-8-4-3", "network", "layers", [(36, 5, 3), (36, 8, 4, 3)]),
        ("optimiser", "sgd,adam", "training", "optimiser", ["sgd", "adam"]),
        ("dropout", "0,0.5", "network", "dropout", [(0.0,), (0.5,)]),
        ("batch-size", "10,30", "training", "batch_size", [10, 30]),
        ("epochs", "1,3", "training", "epochs", [1, 3]),
        ("seed", "1,2", "order", "seed", [1, 2]),
        ("examples", "30,60", "source", "examples", [30, 60]),
        ("shuffle", "yes,no", "order", "shuffle", [True, False]),
    ],
)  # fmt: skip
def test_any_parameter_can_be_studied(
    quick: Command, tmp_path: Path, parameter: str, values: str, part: str, name: str, expected: Any
) -> None:
    said = quick(parameter, values)
    assert said.code == 0, said.err
    label = parameter.lstrip("-").replace("_", "-")
    found = [
        model_files.load(tmp_path / "out" / f"{label}-{value}.npz") for value in values.split(",")
    ]
    assert [getattr(getattr(model, part), name) for model in found] == expected


def test_values_may_be_given_one_by_one(quick: Command, tmp_path: Path) -> None:
    said = quick("l2", "0.5,1", "--values", "2")
    assert said.code == 0, said.err
    found = [path.name for path in (tmp_path / "out").iterdir()]
    assert sorted(found) == ["l2-0.5.npz", "l2-1.npz", "l2-2.npz"]


def test_the_articles_network_is_studied_as_the_articles_did(
    mlpbench: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.cli.study._conclude", lambda *_: None)
    rng = np.random.default_rng(1)
    x, y = rng.integers(0, 256, (40, 28, 28), dtype=np.uint8), np.arange(40) % 10
    np.savez(tmp_path / "tiny.npz", x_train=x, y_train=y, x_test=x, y_test=y)
    usual = ("--dataset", tmp_path / "tiny.npz", "--epochs", 2, "--out", tmp_path / "out")
    said = mlpbench("study", "l2", "--values", "0.1", *usual)
    assert said.code == 0, said.err
    assert "As in the articles' study: decay 1e-05, start-scale 0.5" in said.out
    training = model_files.load(tmp_path / "out" / "l2-0.1.npz").training
    assert (training.decay, training.start_scale, training.l2) == (1e-5, 0.5, 0.1)
    mlpbench("study", "start-scale", "--values", "2", "--decay", 0.25, *usual)
    training = model_files.load(tmp_path / "out" / "start-scale-2.npz").training
    assert (training.decay, training.start_scale, training.l2) == (0.25, 2, 0.2)


def test_ctrl_c_ends_the_study_and_keeps_what_was_learned(study: Command, tmp_path: Path) -> None:
    (tmp_path / "tired.py").write_text(
        "import os, signal\n"
        "from impls.numpy import optimized as numpy_optimized\n"
        "class Trainer(numpy_optimized.Trainer):\n"
        "    def epoch(self, order):\n"
        "        if self.training.l2 == 1 and self.updates == 5:\n"
        "            os.kill(os.getpid(), signal.SIGINT)\n"
        "        return super().epoch(order)\n"
    )
    said = study("l2", "0,1,2", "--impl", f"{tmp_path / 'tired.py'}:Trainer")
    assert said.code == 130
    found = numbers(tmp_path / "out")
    assert found["values"] == ["0", "1"]
    assert [one["epochs"] for one in found["networks"]] == [4, 2]


def test_a_value_that_diverges_is_named_and_not_ranked(study: Command, tmp_path: Path) -> None:
    said = study("learning-rate", "0.02,1e30,0.03")
    assert said.code == 0, said.err
    line = next(line for line in said.out.splitlines() if line.startswith("1e30"))
    assert line.split()[1:6] == ["-", "-", "-", "-", "diverged"]
    assert numbers(tmp_path / "out")["diverged"] == ["1e30"]
    page = (tmp_path / "out" / "report.html").read_text()
    shown = rows(page, "At the end of each training")
    assert [row[6] for row in shown][1] == "diverged"
    assert shown[1][1:6] == ["-"] * 5
    summary = section(page, "summary").replace("\N{NO-BREAK SPACE}", " ")
    headline = re.sub(r"<[^>]+>", "", summary.partition("</p>")[0])
    assert headline.endswith("With 1e30 the training diverged.")
    assert "of 3 values" not in headline
    # Its place on the axis of values is gone with its point.
    chart = summary.partition("Accuracy on training")[2].partition("</svg>")[0]
    assert "1e30" not in chart
    assert "0.03" in chart


def test_where_every_value_diverges_nothing_is_ranked(study: Command, tmp_path: Path) -> None:
    said = study("learning-rate", "1e30,1e31")
    assert said.code == 3
    page = (tmp_path / "out" / "report.html").read_text()
    summary = section(page, "summary")
    assert "The training diverged with every value of learning-rate" in summary
    assert "<svg" not in summary.partition("<table")[0]
    assert "nan" not in summary
    assert numbers(tmp_path / "out")["diverged"] == ["1e30", "1e31"]


def test_the_articles_are_not_held_against_a_training_that_diverged(data: TrainingData) -> None:
    accuracies = {0.01: (0.99, 0.95), 0.2: (0.98, 0.97), 0.8: (0.1, 0.1)}
    one = learned(data)
    trained = [with_l2(one, l2, found) for l2, found in accuracies.items()]
    lost = dataclasses.replace(trained[2].evaluation.train, loss=float("nan"))
    trained[2] = dataclasses.replace(
        trained[2], evaluation=dataclasses.replace(trained[2].evaluation, train=lost)
    )
    page = build_study("l2", ["0.01", "0.2", "0.8"], trained, data)
    shown = rows(page, "Accuracies and the epoch of convergence")
    assert [shown[2][place] for place in (2, 4, 6)] == ["-", "-", "diverged"]
    page = build_study("l2", ["0.8"], trained[2:], data)
    assert "Here every training diverged." in section(page, "articles")


@pytest.mark.parametrize("label", ["learning-rate", "l2"])
def test_the_table_of_a_study_fits_a_terminal_with_whole_heads(
    data: TrainingData, label: str
) -> None:
    console = Console(file=io.StringIO(), width=80)
    one = learned(data)
    console.print(outcome_table(label, ["0.0001", "784-70-30-10"], [one, one]))
    said = console.file.getvalue()  # type: ignore[attr-defined]
    for head in ("train", "test", "penalty", "mean", "error", "converged", "epochs", "time"):
        assert head in said, said
    assert "\N{HORIZONTAL ELLIPSIS}" not in said


@pytest.mark.parametrize(
    ("parameter", "values", "options", "said"),
    [
        ("l3", "1", (), "unknown parameter 'l3'"),
        ("out", "1", (), "unknown parameter 'out'"),
        ("l2", "1,,2", (), "has an empty place"),
        ("l2", "1,x", (), "'x'"),
        ("l2", "1,-1", (), "-1"),
        ("l2", "1,1", (), "more than once"),
        ("l2", "1,1.0", (), "more than once"),
        ("l2", "1,2", ("--l2", 3), "--l2 is the studied parameter"),
        ("network", "36-8-3,37-8-3", (), "network 37-8-3 has 37 inputs"),
        ("l2", "1", ("--values", "1"), "more than once"),
        ("l2", "1", ("--impl", "numpy-*"), "--impl numpy-* matches numpy-naive, numpy-no-input"),
        ("l2", "1", ("--impl", "floor"), "--impl floor trains nothing"),
        ("optimiser", "sgd,magic", (), "'magic'"),
    ],
)
def test_a_mistake_is_explained_before_any_training(
    quick: Command, tmp_path: Path, parameter: str, values: str, options: tuple[object, ...],
    said: str,
) -> None:  # fmt: skip
    answer = quick(parameter, values, *options)
    assert answer.code == 64
    assert said in answer.err
    assert "Traceback" not in answer.err
    assert not (tmp_path / "out").exists()


def with_l2(trained: Trained, l2: float, accuracy: tuple[float, float]) -> Trained:
    """The same network as if of the articles, trained with ``l2`` to these accuracies."""

    def part(old: Any, accuracy: float) -> Any:
        matrix = np.diag([round(1000 * accuracy), 0, 0])
        matrix[1, 0] = 1000 - matrix[0, 0]
        return dataclasses.replace(old, matrix=matrix)

    evaluation = dataclasses.replace(
        trained.evaluation,
        train=part(trained.evaluation.train, accuracy[0]),
        test=part(trained.evaluation.test, accuracy[1]),
    )
    model = dataclasses.replace(
        trained.model,
        network=PRESETS["blog"].network,
        training=msgspec.structs.replace(trained.model.training, l2=l2),
        source=msgspec.structs.replace(trained.model.source, name="mnist"),
    )
    return Trained(f"l2 {l2:g}", model, evaluation)


def page_of(data: TrainingData, accuracies: dict[float, tuple[float, float]]) -> str:
    one = learned(data)
    trained = [with_l2(one, l2, found) for l2, found in accuracies.items()]
    return build_study("l2", [f"{l2:g}" for l2 in accuracies], trained, data, command="c")


def test_the_page_is_complete_and_loads_nothing(data: TrainingData) -> None:
    page = page_of(data, {0.01: (0.99, 0.95), 0.2: (0.98, 0.97), 0.8: (0.97, 0.96)})
    read = Page(page)
    assert [one["id"] for one in read.all("section")] == [
        "summary", "curves", "articles", "training",
    ]  # fmt: skip
    assert read.unbalanced == []
    assert read.open == []
    assert page.count("<table") == page.count("<caption>")
    for _, attributes in read.elements:
        assert str(attributes.get("href") or "#").startswith(("#", "data:"))


def test_the_page_names_the_best_value_and_shows_all(data: TrainingData) -> None:
    page = page_of(data, {0.01: (0.99, 0.95), 0.2: (0.98, 0.97), 0.8: (0.97, 0.96)})
    said = section(page, "summary").replace("\n", " ").replace("\N{NO-BREAK SPACE}", " ")
    assert (
        "l2 0.2 reaches 97.00 % of the 1000 test examples, the best of 3 values; the worst "
        "reaches 95.00 %." in said
    )
    assert "uncertain by 0.54 %" in said
    shown = rows(page, "At the end of each training")
    assert [row[:4] for row in shown] == [
        ["0.01", "99.00 %", "95.00 %", "4.00 %"],
        ["0.2", "98.00 %", "97.00 %", "1.00 %"],
        ["0.8", "97.00 %", "96.00 %", "1.00 %"],
    ]
    assert all(row[-2] == "4" for row in shown)


def test_values_of_the_articles_stand_beside_theirs(data: TrainingData) -> None:
    page = page_of(data, {0.01: (0.99, 0.95), 0.05: (0.98, 0.97), 0.8: (0.97, 0.98)})
    shown = rows(page, "Accuracies and the epoch of convergence")
    assert [row[0] for row in shown] == ["0.01", "0.8"]
    assert shown[0][1:5] == ["100.00 %", "99.00 %", "96.56 %", "95.00 %"]
    found = re.sub(r"<[^>]+>", "", section(page, "articles"))
    assert "Training accuracy falls as the factor grows; here as well." in found
    assert "Test accuracy is best at 0.2; here at 0.8; 0.2 was not among the values." in found
    assert "ends after 4 epochs" in found


@pytest.mark.parametrize(
    ("accuracies", "said"),
    [
        ({0.01: (0.97, 0.95), 0.8: (0.99, 0.98)}, "as the factor grows; here not."),
        # It falls from first to last, but not on the way.
        ({0.01: (0.99, 0.9), 0.1: (0.9, 0.9), 0.8: (0.95, 0.9)}, "as the factor grows; here not."),
        # A rise that is smaller than one standard error is none.
        (
            {0.01: (0.99, 0.9), 0.1: (0.991, 0.9), 0.8: (0.95, 0.9)},
            "the factor grows; here as well",
        ),
        ({0.01: (0.97, 0.9), 0.8: (0.97, 0.9)}, "here no difference is larger than one standard"),
        ({0.01: (0.97, 0.9), 0.8: (0.966, 0.9)}, "here no difference is larger than one standard"),
        ({0.01: (0.97, 0.9)}, "here there is one factor alone."),
        ({0.2: (0.9, 0.95), 0.4: (0.9, 0.95)}, "here at 0.2 and 0.4, between which the test examp"),
        ({0.2: (0.9, 0.95), 0.4: (0.9, 0.951)}, "here at 0.2 and 0.4, between which the test exam"),
        ({0.01: (0.9, 0.95), 0.2: (0.9, 0.9)}, "is best at 0.2; here at 0.01."),
    ],
)
def test_findings_of_the_articles_hold_where_differences_mean_something(
    data: TrainingData, accuracies: dict[float, tuple[float, float]], said: str
) -> None:
    page = page_of(data, accuracies)
    assert said in re.sub(r"<[^>]+>", "", section(page, "articles"))


@pytest.mark.parametrize(
    ("tests", "said", "bold"),
    [
        ([0.95, 0.97, 0.97], "l2 0.1 and 0.2 reach 97.00 %", 2),
        ([0.97, 0.97, 0.97], "l2 0.01, 0.1 and 0.2 reach 97.00 % of the 1000 test examples.", 3),
        ([0.9, 0.97, 0.967], "3 values; 0.2 is within one standard error of it; the worst", 2),
        ([0.968, 0.97, 0.967], "but none is further from it than one standard error.", 3),
        ([0.9, 0.97, 0.96], "the best of 3 values; the worst reaches 90.00 %.", 1),
    ],
)
def test_values_between_which_the_examples_do_not_decide_are_named_together(
    data: TrainingData, tests: list[float], said: str, bold: int
) -> None:
    found = {l2: (0.9, test) for l2, test in zip((0.01, 0.1, 0.2), tests, strict=True)}
    summary = section(page_of(data, found), "summary")
    assert said in summary.replace("\N{NO-BREAK SPACE}", " ")
    assert summary.count("<b>") + summary.count("<strong>") == bold


def test_other_studies_say_why_nothing_stands_beside_them(data: TrainingData) -> None:
    one = learned(data)
    page = build_study("decay", ["0", "1"], [one, one], data)
    assert "The articles studied the factor l2" in section(page, "articles")
    page = page_of(data, {0.3: (0.9, 0.9)})
    assert "The articles studied other values of l2: 0.01, 0.1" in section(page, "articles")


def test_the_printed_shape_is_that_of_the_articles() -> None:
    assert [one.train for one in L2] == sorted((one.train for one in L2), reverse=True)
    assert max(L2, key=lambda one: one.test).l2 == 0.2


def test_a_study_of_nothing_is_refused(data: TrainingData) -> None:
    with pytest.raises(UsageError, match="at least one"):
        build_study("l2", [], [], data)
