"""What libraries read at import, set for an implementation in a running process."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import impls
from impls import environment, registry
from impls.errors import ImplementationError, UsageError
from impls.row import Row

JAX = Row("on-jax", "m:C", "s", ("lib",), environment={"KERAS_BACKEND": "jax"})
HIDDEN = Row("hidden", "m:C", "s", ("lib",), environment={"CUDA_VISIBLE_DEVICES": "-1"})
LOUD = Row("loud", "m:C", "s", ("lib",), environment={"TF_CPP_MIN_LOG_LEVEL": "3"})
GPU = Row("on-gpu", "m:C", "s", ("lib",), device="gpu", environment={"JAX_PLATFORMS": "cuda"})

Setter = Callable[..., None]


@pytest.fixture
def variables(monkeypatch: pytest.MonkeyPatch) -> Setter:
    """Set these alone of the variables that the rows need; all are put back afterwards."""

    def choose(**values: str) -> None:
        for row in (JAX, HIDDEN, LOUD, GPU):
            for name in row.environment:
                monkeypatch.setenv(name, "")
                monkeypatch.delenv(name)
        for name, value in values.items():
            monkeypatch.setenv(name, value)

    choose()
    return choose


def import_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "lib", ModuleType("lib"))


@pytest.mark.usefixtures("variables")
@pytest.mark.parametrize("row", [JAX, HIDDEN, LOUD, GPU], ids=lambda row: row.name)
def test_what_nobody_has_set_is_set_before_the_import(row: Row) -> None:
    environment.set_variables(row)
    assert {name: os.environ.get(name) for name in row.environment} == row.environment
    environment.set_variables(row)


def test_what_somebody_has_set_is_refused_and_stays(variables: Setter) -> None:
    variables(KERAS_BACKEND="tensorflow")
    said = (
        "on-jax needs KERAS_BACKEND=jax; it is 'tensorflow', and the environment sets it: unset it"
    )
    with pytest.raises(ImplementationError, match=said):
        environment.set_variables(JAX)
    assert os.environ["KERAS_BACKEND"] == "tensorflow"


def test_in_a_process_of_ours_the_row_has_its_way(variables: Setter) -> None:
    variables(KERAS_BACKEND="tensorflow")
    environment.set_variables(JAX, is_ours=True)
    assert os.environ["KERAS_BACKEND"] == "jax"


@pytest.mark.parametrize("is_ours", [True, False])
def test_after_the_import_it_is_too_late(
    variables: Setter, monkeypatch: pytest.MonkeyPatch, *, is_ours: bool
) -> None:
    variables(KERAS_BACKEND="torch")
    import_library(monkeypatch)
    with pytest.raises(ImplementationError, match=r"it is 'torch', and lib, which reads it once"):
        environment.set_variables(JAX, is_ours=is_ours)


@pytest.mark.usefixtures("variables")
def test_hidden_devices_matter_where_there_are_some(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import_library(monkeypatch)
    monkeypatch.setattr(environment, "shows_gpu", lambda: False)
    environment.set_variables(HIDDEN)
    monkeypatch.setattr(environment, "shows_gpu", lambda: True)
    with pytest.raises(ImplementationError, match="CUDA_VISIBLE_DEVICES=-1; it is not set"):
        environment.set_variables(HIDDEN)
    # Nothing keeps it from the device.
    environment.set_variables(GPU)


def test_what_decides_nothing_stays_without_a_word(
    variables: Setter, monkeypatch: pytest.MonkeyPatch
) -> None:
    variables(TF_CPP_MIN_LOG_LEVEL="0")
    environment.set_variables(LOUD)
    import_library(monkeypatch)
    environment.set_variables(LOUD, is_ours=True)
    assert os.environ["TF_CPP_MIN_LOG_LEVEL"] == "0"


def test_a_device_that_another_implementation_hid_is_spoken_of(variables: Setter) -> None:
    environment.set_variables(HIDDEN)
    with pytest.raises(ImplementationError, match="on-gpu finds no device, because CUDA_VISIBLE"):
        environment.set_variables(GPU)
    variables(CUDA_VISIBLE_DEVICES="0")
    environment.set_variables(GPU)


def test_what_one_process_cannot_import_is_refused_before_anything_is_trained(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(environment, "shows_gpu", lambda: False)
    other = Row("on-torch", "m:C", "s", ("lib",), environment={"KERAS_BACKEND": "torch"})
    apart = Row("apart", "m:C", "s", ("elsewhere",), environment={"KERAS_BACKEND": "torch"})
    environment.require_agreement([JAX, JAX, LOUD, HIDDEN, GPU, apart])
    said = "on-jax needs KERAS_BACKEND=jax, on-torch needs KERAS_BACKEND=torch, and lib reads it"
    with pytest.raises(UsageError, match=said):
        environment.require_agreement([LOUD, JAX, other])
    monkeypatch.setattr(environment, "shows_gpu", lambda: True)
    environment.require_agreement([JAX, GPU, LOUD])
    with pytest.raises(UsageError, match=r"hidden hides all devices .* on-gpu needs one"):
        environment.require_agreement([JAX, GPU, HIDDEN])


def test_the_estimator_sets_what_its_implementation_needs(
    tmp_path: Path, variables: Setter, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "engine.py"
    file.write_text(
        "import os\n"
        "from impls.numpy import optimized\n"
        "assert os.environ['KERAS_BACKEND'] == 'jax'\n"
        "class Trainer(optimized.Trainer): ...\n"
    )
    row = Row("engine", f"{file}:Trainer", "s", ("lib",), environment=JAX.environment)
    monkeypatch.setattr(registry, "ROWS", (*registry.ROWS, row))
    X, y = np.eye(6), np.arange(6) % 3
    assert impls.load("engine", epochs=1).fit(X, y).predict(X).shape == (6,)
    variables(KERAS_BACKEND="torch")
    with pytest.raises(ImplementationError, match="it is 'torch'"):
        impls.load("engine", epochs=1).fit(X, y)
