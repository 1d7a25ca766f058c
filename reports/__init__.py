"""Results as people read them: an HTML page, a table in a terminal, sentences, a data frame."""

from __future__ import annotations

from collections.abc import Sequence

from bench.documents.results import Results
from bench.stats.verdicts import MARGIN
from reports import page


def build_report(results: Sequence[Results], margin: float = MARGIN) -> str:
    """Return one complete HTML document that needs no network, no scripts and no other file.

    Several documents form one grid where they fit together, and separate runs where not.
    Differences up to ``margin`` (a share, such as 0.03) count as the same.

    Raises:
        UsageError: no document was given.
    """
    return page.build_report(results, margin)
