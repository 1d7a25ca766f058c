"""Fixtures of the commands that read results."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench.documents import files
from bench.documents.results import Results
from tests.cli.compared_files import Compare, Data


@pytest.fixture
def compare(mlpbench: Callable[..., Any], tmp_path: Path) -> Compare:
    """Save documents as base.json, new.json, ... and compare them."""

    def run(*results: Results, options: tuple[object, ...] = ()) -> Any:
        names = ["base.json", "new.json", "newer.json"]
        for name, one in zip(names, results, strict=False):
            files.save(one, tmp_path / name)
        return mlpbench("compare", *names[: len(results)], *options)

    return run


@pytest.fixture
def data(compare: Compare) -> Data:
    """The same as plain data."""

    def run(*results: Results, options: tuple[object, ...] = ()) -> dict[str, Any]:
        said = compare(*results, options=("--json", *options))
        assert said.err == ""
        found: dict[str, Any] = json.loads(said.out)
        assert found["exit_code"] == said.code
        return found

    return run
