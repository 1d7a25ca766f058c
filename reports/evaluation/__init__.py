"""What networks have learned, as HTML pages in the style of the timing report.

An evaluation is about any trained networks, a study about those that differ in one parameter.
"""

from reports.evaluation.page import build_evaluation, build_study

__all__ = ["build_evaluation", "build_study"]
