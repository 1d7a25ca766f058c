"""What modules do when imported, read without running them.

Who may import whom stands in pyproject.toml, under ``tool.importlinter``.
"""

from __future__ import annotations

import ast
import graphlib
import os
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import bench
from impls import registry

ROOT = Path(bench.__file__).parents[1]
OURS = ("bench", "impls", "reports")

IMPLEMENTATION_PACKAGES = {"jax", "keras", "numba", "sklearn", "tensorflow", "torch"}
WRITES_INTO_A_PIPE = "bench.running.processes"
HEAVY = {*IMPLEMENTATION_PACKAGES, "matplotlib", "pandas"}


def _name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {_name(path): path for folder in OURS for path in sorted((ROOT / folder).rglob("*.py"))}


@cache
def tree(module: str) -> ast.Module:
    return ast.parse(MODULES[module].read_text(encoding="utf-8"))


def _absolute(module: str, statement: ast.ImportFrom) -> str:
    """The module that ``from ... import`` names, relative dots resolved."""
    if not statement.level:
        return statement.module or ""
    parts = module.split(".")
    up = statement.level - (MODULES[module].name == "__init__.py")
    return ".".join([*parts[: len(parts) - up], *filter(None, [statement.module])])


def _named(module: str, statement: ast.stmt) -> Iterator[str]:
    """The modules that one statement imports; a submodule counts, its package does not."""
    if isinstance(statement, ast.Import):
        yield from (alias.name for alias in statement.names)
    elif isinstance(statement, ast.ImportFrom):
        source = _absolute(module, statement)
        for alias in statement.names:
            submodule = f"{source}.{alias.name}"
            yield submodule if submodule in MODULES else source


def _at_import(nodes: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Statements that run when the module is imported: everything outside functions."""
    for node in nodes:
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        yield node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from _at_import(
                [n for n in ast.iter_child_nodes(node) if isinstance(n, ast.stmt)]
            )


@cache
def imports(module: str) -> frozenset[str]:
    """Everything that ``module`` imports, anywhere in it."""
    statements = [node for node in ast.walk(tree(module)) if isinstance(node, ast.stmt)]
    return frozenset(name for node in statements for name in _named(module, node))


def ours(module: str) -> set[str]:
    """What ``module`` imports of this project."""
    return {name for name in imports(module) if name.partition(".")[0] in OURS}


def implementations() -> set[str]:
    """The modules that rows of the registry name, and all others of their folders."""
    folders = {row.target.partition(":")[0].rpartition(".")[0] for row in registry.ROWS}
    return {name for name in MODULES if name.startswith(tuple(f"{one}." for one in folders))}


def in_package(package: str) -> list[str]:
    return [name for name in MODULES if name.partition(".")[0] == package]


def _python(program: str, folder: Path) -> str:
    """What a fresh interpreter prints, on both streams, while it runs ``program``."""
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def _loaded(statement: str, folder: Path) -> set[str]:
    """Top-level modules that a fresh interpreter holds after ``statement``."""
    listing = "import sys; print(*{name.partition('.')[0] for name in sys.modules})"
    return set(_python(f"{statement}; {listing}", folder).split())


def test_no_modules_import_each_other_in_a_circle() -> None:
    graphlib.TopologicalSorter({module: ours(module) for module in MODULES}).prepare()


def test_heavy_packages_are_imported_with_an_implementation_or_a_report_only() -> None:
    # Whoever imports the estimator works with scikit-learn.
    inside = {*implementations(), *in_package("reports"), "impls.training.estimator"}
    wrong = {
        (module, name)
        for module in MODULES.keys() - inside
        for statement in _at_import(tree(module).body)
        for name in _named(module, statement)
        if name.partition(".")[0] in HEAVY
    }
    assert not wrong


def test_a_worker_starts_without_any_heavy_package(tmp_path: Path) -> None:
    loaded = _loaded("import impls.registry, bench.measuring.worker, bench.planning.plan", tmp_path)
    assert {"bench", "impls", "numpy"} <= loaded
    assert not loaded & (HEAVY | {"click", "reports", "rich", "scipy"})


def test_the_command_line_starts_without_any_implementation(tmp_path: Path) -> None:
    loaded = _loaded("import bench.cli", tmp_path)
    assert "click" in loaded
    assert not loaded & {*IMPLEMENTATION_PACKAGES, "pandas"}


def _calls(module: str) -> Iterator[str]:
    """The dotted text of everything called in ``module``, such as ``sys.exit``."""
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func)


@pytest.mark.parametrize("module", [m for m in MODULES if not m.startswith("bench.cli")])
def test_only_the_command_line_prints(module: str) -> None:
    printing = {"print", "echo", "secho", "pprint"}
    streams = {"sys.stdout.write", "sys.stderr.write"}
    if module != WRITES_INTO_A_PIPE:
        streams.add("os.write")
    found = {call for call in _calls(module) if call.rpartition(".")[2] in printing}
    assert found | (set(_calls(module)) & streams) == set()


@pytest.mark.parametrize("module", [m for m in MODULES if not m.startswith("bench.cli")])
def test_only_a_start_of_a_process_ends_it(module: str) -> None:
    started = [
        node
        for node in tree(module).body
        if isinstance(node, ast.If) and ast.unparse(node.test) == "__name__ == '__main__'"
    ]
    allowed = {call for start in started for call in ast.walk(start)}
    ending = {"sys.exit", "exit", "quit", "os._exit", "os.abort", "SystemExit"}
    found = {
        node.lineno
        for node in ast.walk(tree(module))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ending and node not in allowed
    }
    assert not found, f"line {sorted(found)} of {MODULES[module].name}"


def test_importing_prints_nothing_and_leaves_the_environment_alone(tmp_path: Path) -> None:
    """Implementations are left out: what their packages do at import is not ours to promise."""
    names = sorted(MODULES.keys() - implementations() - {"bench.__main__"})
    program = (
        "import importlib, os\n"
        # threadpoolctl sets the first where it is not, scikit-learn the second.
        "os.environ.update(KMP_DUPLICATE_LIB_OK='True', KMP_INIT_AT_FORK='FALSE')\n"
        "before = dict(os.environ)\n"
        f"for name in {names}:\n"
        "    importlib.import_module(name)\n"
        "    assert dict(os.environ) == before, name\n"
    )
    assert _python(program, tmp_path) == ""


@pytest.mark.parametrize("module", sorted(MODULES.keys() - {"impls.environment"}))
def test_one_module_writes_environment_variables(module: str) -> None:
    """A worker's are set before it exists, and what is set later comes too late for its pools."""
    written = {
        ast.unparse(node)
        for node in ast.walk(tree(module))
        if isinstance(node, ast.Subscript)
        and isinstance(node.ctx, ast.Store | ast.Del)
        and ast.unparse(node.value).endswith("environ")
    }
    changing = {f"os.environ.{verb}" for verb in ("setdefault", "update", "pop", "clear")}
    assert written | (set(_calls(module)) & {*changing, "os.putenv", "os.unsetenv"}) == set()
