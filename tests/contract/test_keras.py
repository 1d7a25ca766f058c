"""Keras on each of its engines, one process per engine; what is particular to its rows."""

from __future__ import annotations

import json

import numpy as np
import pytest

from impls import precision, registry
from impls.errors import ImplementationError, UsageError
from impls.keras.engine import JIT_COMPILE, STEPS_PER_EXECUTION, steps_per_execution
from impls.mathematics import dropout
from impls.networks import Network

from .engines import ENGINES, ROWS, Engines

ROW_NAMES = [row.name for rows in ROWS.values() for row in rows]


def test_each_engine_has_rows_of_its_own() -> None:
    assert {engine: len(rows) for engine, rows in ROWS.items()} == dict(
        zip(ENGINES, (3, 3, 2), strict=True)
    )


@pytest.mark.parametrize("name", ROW_NAMES)
def test_a_row_passes_the_gate_and_takes_a_training_up(engines: Engines, name: str) -> None:
    found = engines.about(name)
    passed = {case for case, said in found.items() if not said}
    expected = {"islr", "blog, as the GPU has it"}
    if not name.endswith("-step"):
        expected |= {"convolutions", "resumed"}
    if name.endswith("-fit"):
        expected |= {"small table"} if "torch" in name else {"small table", "three steps at once"}
    if name in {"keras-tf", "keras-tf-fit"}:
        expected.add("by XLA")
    if "jax" in name:
        expected.add("binding")
    if name == "keras-jax":
        expected.add("convolutions in loops")
    assert passed == expected, found


@pytest.mark.parametrize("name", ROW_NAMES)
def test_without_a_gpu_its_row_says_so(engines: Engines, name: str) -> None:
    assert engines.about(name)["gpu"].startswith("no device: ")


@pytest.mark.parametrize("name", ROW_NAMES)
def test_wrong_settings_are_a_reason_and_not_a_crash(engines: Engines, name: str) -> None:
    found = engines.about(name)
    assert "MLPBENCH_KERAS_STEPS_PER_EXECUTION=0 is not possible: use" in found["no steps"]
    assert "MLPBENCH_TF32=yes is not possible: use 0 or 1" in found["no switch"]


@pytest.mark.parametrize("name", ROW_NAMES)
def test_what_holds_is_declared_and_what_cannot_hold_is_declined(
    engines: Engines, name: str
) -> None:
    found = engines.about(name)
    _, engine, *loop = name.split("-")
    usual = json.loads(found["by itself"])
    assert usual["jit_compile"] == ("on" if engine == "jax" else "off")
    for case, value in (("compiled", "on"), ("eager", "off")):
        if (engine, case, loop == ["fit"]) in {
            ("torch", "compiled", False),
            ("jax", "eager", False),
        }:
            assert "MLPBENCH_KERAS_JIT_COMPILE" in found[case]
        else:
            assert json.loads(found[case]) == {**usual, "jit_compile": value}
    if loop != ["fit"]:
        assert json.loads(found["several steps"]) == usual
    elif engine == "torch":
        assert "takes one step at a time: leave it unset" in found["several steps"]
    else:
        assert json.loads(found["several steps"]) == {**usual, "steps_per_execution": "3"}


@pytest.mark.parametrize("name", [row.name for row in ROWS["jax"]])
def test_products_of_jax_on_a_gpu_are_as_one_variable_says(engines: Engines, name: str) -> None:
    found = engines.about(name)
    for case, asked, switch in (("in full", "float32", "off"), ("in TF32", "tensorfloat32", "on")):
        declared = json.loads(found[case])
        assert (declared["precision of products"], declared["TF32"]) == (asked, switch)
    assert found["in bfloat16"] == (
        "JAX_DEFAULT_MATMUL_PRECISION=bfloat16 is not possible on a GPU, where MLPBENCH_TF32 "
        "decides, which asks for float32: leave JAX' own variable unset"
    )


@pytest.mark.parametrize("value", ["", "2", "on", "-1"])
def test_a_switch_is_0_or_1(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv(JIT_COMPILE, value)
    with pytest.raises(UsageError, match=f"JIT_COMPILE={value} is not possible: use 0 or 1"):
        precision.switch(JIT_COMPILE)


@pytest.mark.parametrize("value", ["", "0", "1.5", "-1", "many", "²"])
def test_steps_are_a_whole_number_of_at_least_1(
    monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv(STEPS_PER_EXECUTION, value)
    with pytest.raises(UsageError, match=f"EXECUTION={value} is not possible: use a whole number"):
        steps_per_execution()


def test_unset_leaves_it_to_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (JIT_COMPILE, STEPS_PER_EXECUTION):
        monkeypatch.delenv(name, raising=False)
    assert precision.switch(JIT_COMPILE) is None
    assert steps_per_execution() == 1


def test_a_process_of_another_engine_is_refused() -> None:
    pytest.importorskip("tensorflow", reason="TensorFlow is not installed")
    pytest.importorskip("torch", reason="PyTorch is not installed")
    with pytest.raises(ImplementationError, match=r"uses tensorflow in this process .*once"):
        registry.load(registry.find("keras-torch"))


def test_masks_are_those_of_every_implementation() -> None:
    pytest.importorskip("tensorflow", reason="TensorFlow is not installed")
    import keras  # noqa: PLC0415 - takes seconds

    from impls.keras.model import HashedDropout  # noqa: PLC0415 - needs Keras

    network = Network(name="odd", layers=(4, 7, 3), dropout=(0.4,))
    updates = keras.Variable(5, trainable=False, dtype="int")
    layer = HashedDropout(0.4, 2**31 + 3, dropout.column_keys(network, 1), updates)
    _, expected = dropout.masks(network, 2**31 + 3, 5, 9, np.float32)
    ones = np.ones((9, 7), np.float32)
    np.testing.assert_array_equal(layer(ones, training=True).numpy(), expected)
    np.testing.assert_array_equal(layer(ones, training=False).numpy(), ones)
