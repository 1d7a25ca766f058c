"""The rows of the registry, and that everything about an implementation derives from its row."""

from __future__ import annotations

import ast
import importlib.util
import re
import sys
import tomllib
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import bench
from bench import selfcheck
from bench.correctness import gate
from impls import registry
from impls.data.normalise import NORMALISATIONS
from impls.errors import UnknownNameError
from impls.networks import LossName, Network, Training
from impls.parameters import start_parameters
from impls.presets import Preset
from impls.registry import ROWS
from impls.row import Row
from reports import page
from reports.section import Section
from tests.test_loading import row_of_text

CHECKOUT = Path(__file__).parents[1]
PACKAGES = [Path(bench.__file__).parents[1] / name for name in ("bench", "impls", "reports")]

COINCIDENCES = {
    ("machine.py", "numba"): "the name of a distribution, whose version is recorded",
    ("machine.py", "torch"): "the name of a distribution, whose version is recorded",
    ("machine.py", "jax"): "the name of a distribution, whose version is recorded",
    ("model.py", "torch"): "an engine of Keras",
    ("torch.py", "torch"): "the same",
    ("jax.py", "jax"): "the same",
    ("trainer.py", "numba"): "the library of a thread pool",
    ("false_alarms.py", "numpy-optimized"): "one of the rows that the check is about",
    ("false_alarms.py", "numba"): "the same",
    ("false_alarms.py", "keras-tf"): "the same",
    ("false_alarms.py", "jax"): "the same",
    ("forecast.py", "numba"): "a package that a row requires",
    ("forecast.py", "torch"): "the same",
    ("forecast.py", "jax"): "the same",
    ("listing.py", "numba"): "the same",
    ("listing.py", "torch"): "the same",
    ("listing.py", "jax"): "the same",
    ("floor.py", "floor"): "the id and the template of a section",
    ("canvas.py", "floor"): "what marks a series without a place in the palette",
    ("__init__.py", "numpy-optimized"): "the default of impls.load, shown in its signature",
    ("estimator.py", "numpy-optimized"): "a default that scikit-learn shows and clones",
    ("row.py", "floor"): "a role",
    ("files.py", "floor"): "the same",
    ("overview.py", "floor"): "a class of the page",
}
"""Strings that equal the name of a row, by file, and why they may."""

rows = pytest.mark.parametrize("row", ROWS, ids=[row.name for row in ROWS])


@rows
def test_the_target_is_a_class_in_a_file(row: Row) -> None:
    module, _, class_name = row.target.partition(":")
    spec = importlib.util.find_spec(module)
    assert spec is not None
    assert spec.origin is not None
    tree = ast.parse(Path(spec.origin).read_text(encoding="utf-8"))
    assert class_name in {node.name for node in tree.body if isinstance(node, ast.ClassDef)}


@rows
def test_what_a_row_requires_is_installed_by_the_project_or_by_its_extra(row: Row) -> None:
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    asked = row.extra.split(",") if row.extra else []
    listed = [entry for name in asked for entry in extras[name]] or project["dependencies"]
    assert set(row.requires) <= {re.split(r"[<>=\[]", entry)[0] for entry in listed}


@rows
def test_the_summary_is_one_short_line(row: Row) -> None:
    assert 0 < len(row.summary) <= 80
    assert row.summary.splitlines() == [row.summary]


def test_names_are_unique_and_safe_in_files_and_shells() -> None:
    names = [row.name for row in ROWS]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z][a-z0-9-]*", name) for name in names)


def test_the_ladder_has_one_implementation_per_rung_from_the_baseline_up() -> None:
    rungs = [row.rung for row in ROWS if row.rung is not None]
    assert rungs == list(range(len(rungs)))


def test_no_other_file_names_an_implementation() -> None:
    names = {row.name for row in ROWS}
    found = {
        (path.name, node.value)
        for package in PACKAGES
        for path in package.rglob("*.py")
        if path != Path(registry.__file__)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and node.value in names
    }
    assert found == COINCIDENCES.keys()


def test_no_template_or_script_names_an_implementation() -> None:
    quoted = re.compile("|".join(f"[\"']{re.escape(row.name)}[\"']" for row in ROWS))
    assets = [p for package in PACKAGES for p in package.rglob("*") if p.suffix in {".html", ".js"}]
    assert assets
    assert [p.name for p in assets if quoted.search(p.read_text(encoding="utf-8"))] == []


def test_listing_implementations_imports_none(monkeypatch: pytest.MonkeyPatch) -> None:
    targets = {row.target.partition(":")[0] for row in ROWS}
    for target in targets:
        monkeypatch.delitem(sys.modules, target, raising=False)
    reasons = [registry.missing(row) for row in registry.known().values()]
    assert len(reasons) >= len(ROWS)
    assert not targets & sys.modules.keys()


def test_missing_packages_are_named_with_the_command_that_installs_them() -> None:
    absent = Row("x", "m:C", "s", requires=("json", "absent_one", "absent_two"))
    assert registry.missing(absent) == (
        "absent_one, absent_two not installed; install with: pip install 'absent_one absent_two'"
    )


def test_an_extra_is_the_remedy_where_there_is_one() -> None:
    reason = registry.missing(Row("x", "m:C", "s", requires=("absent_one",), extra="keras"))
    assert reason == "absent_one not installed; install with: pip install 'mlpbench[keras]'"


def test_several_extras_are_one_command() -> None:
    reason = registry.missing(Row("x", "m:C", "s", requires=("absent_one",), extra="keras,jax"))
    assert reason == "absent_one not installed; install with: pip install 'mlpbench[keras,jax]'"


def test_nothing_is_missing_where_everything_is_installed() -> None:
    assert registry.missing(Row("x", "m:C", "s", requires=("json", "numpy"))) is None


def test_an_unknown_name_is_answered_with_the_nearest_and_with_how_to_give_a_file() -> None:
    name = ROWS[0].name
    with pytest.raises(UnknownNameError, match=f"Did you mean '{name}'.*FILE|file, such as"):
        registry.find(name[:-1])


def _example(heading: str) -> str:
    """The Python block below a heading of CONTRIBUTING.md."""
    text = (CHECKOUT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    return text.partition(heading)[2].partition("```python\n")[2].partition("```")[0]


@pytest.mark.parametrize("loss", ["logloss", "mse", "cross-entropy"])
def test_the_implementation_in_the_contributing_guide_passes_the_gate(
    tmp_path: Path, loss: LossName
) -> None:
    row = row_of_text(tmp_path, _example("### An implementation"), "Trainer")
    network = Network(name="n", layers=(6, 5, 4, 3), activation="tanh", loss=loss)
    training = Training(batch_size=8, l1=0.1)
    rng = np.random.default_rng(5)
    X = rng.random((40, 6), dtype=np.float32)
    Y = np.eye(3, dtype=np.float32)[rng.integers(0, 3, 40)]
    order = rng.permutation(40)[: gate.rows_needed(8, 40)]
    start = start_parameters(network, training, seed=1)
    checks = gate.inspect(registry.load(row), network, training, start, (X, Y), order)
    assert gate.refusal(checks) == ""
    assert len(checks) > len(training.__struct_fields__)


def test_the_network_in_the_contributing_guide_is_a_preset() -> None:
    names = {"Preset": Preset, "Network": Network, "Training": Training}
    preset = eval(_example("### A network"), dict(names))  # noqa: S307 - our own text
    assert isinstance(preset, Preset)
    assert preset.normalise in NORMALISATIONS
    assert preset.training_at(20000).learning_rate == 1e-4


def test_the_self_check_in_the_contributing_guide_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("bench.selfcheck.the_clock")
    exec(_example("### A self-check"), module.__dict__)  # noqa: S102 - our own text
    monkeypatch.setitem(sys.modules, module.__name__, module)
    report = selfcheck.run("the-clock", selfcheck.Options(trials=1))
    assert [finding.what for finding in report.findings] == ["steps backwards"]
    assert report.passed


def test_the_section_in_the_contributing_guide_fits_into_the_report() -> None:
    names: dict[str, object] = {}
    exec(_example("### A section of the report"), names)  # noqa: S102 - our own text
    section = names["SECTION"]
    assert isinstance(section, Section)
    assert section in page.ordered([*page.discover(), section])
