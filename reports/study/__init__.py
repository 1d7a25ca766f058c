"""What one parameter does to learning, as one HTML page."""

from reports.study.page import build_study

__all__ = ["build_study"]
