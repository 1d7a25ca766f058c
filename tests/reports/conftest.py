"""One full document and its page, made once: drawing is what takes the time."""

from __future__ import annotations

import pytest

from bench.results import Results
from reports import build_report
from reports.context import Context
from reports.gather import build_context
from tests.reports import sample


@pytest.fixture(scope="session")
def document() -> Results:
    return sample.document()


@pytest.fixture(scope="session")
def context(document: Results) -> Context:
    return build_context([document])


@pytest.fixture(scope="session")
def page(document: Results) -> str:
    return build_report([document])
