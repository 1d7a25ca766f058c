"""Documents of older versions, each written by mlpbench as it was then."""

from __future__ import annotations

import os
import re
from pathlib import Path

import msgspec
import pytest

from bench.documents import files
from bench.documents.results import (
    SCHEMA_VERSION,
    Failed,
    Invalid,
    Measured,
    Unavailable,
    Unverified,
)
from reports import build_report

SAMPLES = sorted((Path(__file__).parents[1] / "data").glob("results_v*.json"))


def test_every_older_version_has_its_sample() -> None:
    assert [path.stem for path in SAMPLES] == [
        f"results_v{version}" for version in range(1, SCHEMA_VERSION)
    ]
    for version, path in enumerate(SAMPLES, start=1):
        assert msgspec.json.decode(path.read_bytes())["schema_version"] == version


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_a_sample_loads_as_the_newest_and_makes_a_report(path: Path) -> None:
    found = files.load(path)
    assert found.schema_version == SCHEMA_VERSION
    kinds = {type(outcome) for outcome in found.outcomes}
    assert kinds <= {Measured, Unverified, Invalid, Unavailable, Failed}
    assert {Measured, Invalid, Unavailable, Failed} <= kinds
    assert files.decode(files.encode(found), origin="again") == found
    page = build_report([found])
    for outcome in found.outcomes:
        assert outcome.cell.implementation in page


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_a_sample_names_no_machine(path: Path) -> None:
    text = path.read_text()
    assert not re.search(r"""["'= ]/\w""", text), "no path"
    assert not re.search(rf"\b{re.escape(os.uname().nodename)}\b", text)
    assert len(text) < 60_000
