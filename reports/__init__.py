"""Results as people read them: an HTML page, a table in a terminal, sentences, a data frame."""

from reports.page import build_report

__all__ = ["build_report"]
