"""What networks have learned, as one HTML page in the style of the timing report."""

from reports.evaluation.page import build_evaluation

__all__ = ["build_evaluation"]
