"""What is particular to PyTorch: two libraries for products, and a compiler that must be there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import msgspec
import numpy as np
import pytest

from bench.correctness import gate
from impls.contract import Pool
from impls.networks import Network, Training
from impls.parameters import epoch_order, start_parameters

from .conftest import made_up_data

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

from impls.torch import compiled as torch_compiled  # noqa: E402  # needs PyTorch
from impls.torch import device as torch_device  # noqa: E402  # needs PyTorch
from impls.torch import mlp as torch_mlp  # noqa: E402  # needs PyTorch
from impls.torch import tile as torch_tile  # noqa: E402  # needs PyTorch

NETWORK = Network(
    name="n", layers=(20, 15, 12, 5), activation="relu", loss="cross-entropy", dropout=(0.2, 0.4)
)
TRAINING = Training(batch_size=33, l1=0.1)


def refusal(batch_size: int) -> str:
    training = Training(batch_size=batch_size, l1=0.1)
    examples = gate.rows_needed(batch_size, 10**9)
    data, order = made_up_data(NETWORK, examples), epoch_order(examples, 1, 0)
    start = start_parameters(NETWORK, training, seed=1)
    trainer_class = torch_mlp.Trainer
    return gate.refusal(gate.inspect(trainer_class, NETWORK, training, start, data, order))


@pytest.mark.parametrize("batch_size", [1, 33, 1100])
@pytest.mark.parametrize("least", [1, 1 << 62], ids=["oneDNN", "MKL"])
def test_both_libraries_give_products_that_pass_the_gate(
    monkeypatch: pytest.MonkeyPatch, least: int, batch_size: int
) -> None:
    if least == 1 and not torch_tile.ONEDNN:
        pytest.skip("this PyTorch was built without oneDNN")
    monkeypatch.setattr(torch_tile, "ONEDNN_MULTIPLICATIONS", least)
    assert refusal(batch_size) == ""


def test_large_products_alone_go_to_onednn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch_tile, "ONEDNN", True)
    W, enough = torch.zeros(64, 64), torch_tile.ONEDNN_MULTIPLICATIONS // 64**2
    assert torch_tile.worth_onednn(torch.zeros(enough, 64), W)
    assert not torch_tile.worth_onednn(torch.zeros(enough - 1, 64), W)
    assert not torch_tile.worth_onednn(torch.zeros(enough, 64), W.double())


def test_its_pool_has_the_threads_that_it_says() -> None:
    (pool,) = torch_mlp.Trainer.pools()
    assert pool.threads == torch.get_num_threads()
    assert pool.used
    # Their version is a subclass of text that no document takes.
    assert msgspec.json.decode(msgspec.json.encode(pool), type=Pool) == pool


@pytest.mark.parametrize("there", [True, False])
def test_which_products_go_to_onednn_is_declared(
    monkeypatch: pytest.MonkeyPatch, *, there: bool
) -> None:
    monkeypatch.setattr(torch_mlp, "ONEDNN", there)
    ours = torch_compiled.Trainer.declared()
    told = "for products of 2097152 multiplications or more" if there else "not in this PyTorch"
    assert ours == {
        "oneDNN": told,
        "precision of products": "highest",
        **torch_device.cpu_kernels(),
    }


def test_kernels_of_its_libraries_are_declared() -> None:
    program = (
        "from impls.torch import device; found = device.cpu_kernels(); "
        "import json; print(json.dumps(found)); assert device.cpu_kernels() == found"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": ROOT},
        stdout=subprocess.PIPE,
        check=True,
    )
    # What the libraries print is caught: the output is ours alone.
    found = json.loads(done.stdout)
    assert found["CPU capability"] == torch.backends.cpu.get_cpu_capability()
    assert ("MKL kernels" in found) == torch.backends.mkl.is_available()
    assert "not told" not in found.values()


ROOT = str(Path(torch_device.__file__).parents[2])
VERBOSE = "MKL_VERBOSE oneMKL 2024.0 Product build 1 for Intel(R) 64 architecture {}, Lnx 2GHz"
GENERIC = "Intel(R) Architecture processors"
AVX2 = "Intel(R) Advanced Vector Extensions 2 (Intel(R) AVX2) enabled processors"


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (VERBOSE.format(GENERIC), f"generic ({GENERIC})"),
        (VERBOSE.format(AVX2), AVX2),
        ("", "not told"),
    ],
)
def test_the_slow_path_of_mkl_is_named(said: str, expected: str) -> None:
    assert torch_device.mkl_kernels(said) == expected


def test_the_instructions_of_onednn_are_read() -> None:
    said = "onednn_verbose,v1,info,cpu,runtime:OpenMP\nonednn_verbose,v1,info,cpu,isa:Intel AVX2\n"
    assert torch_device.onednn_kernels(said) == "Intel AVX2"
    assert torch_device.onednn_kernels("") == "not told"


def test_phases_leave_buffers_that_a_step_can_write_to() -> None:
    start = start_parameters(NETWORK, TRAINING, seed=1)
    trainer = torch_mlp.Trainer(NETWORK, TRAINING, start)
    trainer.bind(*made_up_data(NETWORK, 40))
    trainer.prepare(np.arange(33))
    trainer.forward()
    assert not trainer._tile(0, 33).T.is_inference()  # noqa: SLF001


def test_without_a_compiler_the_compiled_one_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    assert torch_compiled.Trainer.unavailable() == (
        "no C++ compiler: no-such-compiler is not on the path; install one, or name it in CXX"
    )


def test_without_the_headers_of_python_the_compiled_one_says_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "compiler").touch(mode=0o755)
    monkeypatch.setenv("CXX", str(tmp_path / "compiler"))
    monkeypatch.setattr("sysconfig.get_path", lambda _: str(tmp_path))
    reason = torch_compiled.Trainer.unavailable()
    assert reason is not None
    assert reason.startswith(f"no headers of Python: {tmp_path}/Python.h does not exist")
    (tmp_path / "Python.h").touch()
    assert torch_compiled.Trainer.unavailable() is None


@pytest.mark.filterwarnings("ignore::DeprecationWarning:torch")
def test_the_compilers_graph_computes_what_the_eager_operators_do() -> None:
    if torch_compiled.Trainer.unavailable():
        pytest.skip(str(torch_compiled.Trainer.unavailable()))
    X, Y = made_up_data(NETWORK, 33)
    start = start_parameters(NETWORK, TRAINING, seed=1)
    eager, compiled = (
        module.Trainer(NETWORK, TRAINING, start) for module in (torch_mlp, torch_compiled)
    )
    for trainer in (eager, compiled):
        trainer.bind(X, Y)
    expected, found = eager.step(np.arange(33)), compiled.step(np.arange(33))
    assert found == pytest.approx(expected, rel=1e-5)
    for (name, ours), (_, theirs) in zip(
        compiled.parameters().arrays(), eager.parameters().arrays(), strict=True
    ):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6, err_msg=name)


def test_a_new_learning_rate_and_a_shorter_batch_compile_at_most_once_more() -> None:
    traced = []

    def count(graph: torch.fx.GraphModule, _: object, **__: object) -> object:
        traced.append(graph)
        return graph.forward

    class Counted(torch_compiled.Trainer):
        backend = staticmethod(count)

    network = Network(name="counted", layers=(20, 7, 5))
    trainer = Counted(network, TRAINING, start_parameters(network, TRAINING, seed=1))
    trainer.bind(*made_up_data(network, 200))
    order = epoch_order(200, 1, 0)
    trainer.epoch(order)
    assert len(traced) == 2
    trainer.learning_rate /= 2
    trainer.epoch(order)
    trainer.epoch(order[:107])
    trainer.step(order[:20])
    assert len(traced) == 2


@torch._dynamo.config.patch(recompile_limit=1, fail_on_recompile_limit_hit=True)  # noqa: SLF001
def test_graphs_for_other_formulas_do_not_count_towards_the_compilers_limit() -> None:
    class Traced(torch_compiled.Trainer):
        backend = "eager"

    for nodes in (5, 6, 7):
        network = Network(name="one", layers=(20, nodes, 5))
        trainer = Traced(network, TRAINING, start_parameters(network, TRAINING, seed=1))
        trainer.bind(*made_up_data(network, 66))
        trainer.step(np.arange(33))
