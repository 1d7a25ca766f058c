"""One full document and its page, made once: drawing is what takes the time."""

from __future__ import annotations

import pytest

from bench.documents.results import Results
from impls.registry import ROWS
from reports import build_report
from reports.context import Context
from reports.gather import build_context
from tests.reports import sample
from tests.reports.repeated import with_control

LAST = max((row for row in ROWS if row.rung is not None), key=lambda row: row.rung or 0).name


@pytest.fixture(scope="session")
def document() -> Results:
    # Alike in one block, then a little faster and a little slower than itself.
    factors = (1.0, 1.02, 0.985)
    return with_control(sample.document(), LAST, lambda block: factors[block])


@pytest.fixture(scope="session")
def context(document: Results) -> Context:
    return build_context([document])


@pytest.fixture(scope="session")
def page(document: Results) -> str:
    return build_report([document])
