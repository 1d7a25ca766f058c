"""The page: sections found, ordered and filled into the shell."""

from __future__ import annotations

import importlib
import pkgutil
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from markupsafe import Markup

import reports.sections
from bench.documents.results import Results
from bench.errors import BenchError
from bench.judging.verdicts import MARGIN
from reports import figures, templates
from reports.context import Context
from reports.findings import findings
from reports.gather import build_context
from reports.section import Absence, Section, Shown
from reports.summary import headline, nothing, provisional


@dataclass(frozen=True)
class Filled:
    """A section with its body, or with the reason why it has none."""

    section: Section[Any]
    body: Markup | None
    reason: str


def build_report(results: Sequence[Results], margin: float = MARGIN) -> str:
    """The complete HTML page; see :func:`reports.build_report`."""
    context = build_context(results, margin)
    return render(context, discover())


def render(context: Context, sections: Iterable[Section[Context]]) -> str:
    """The page with these sections, in the order given."""
    ranking = context.ranked
    found = findings(ranking)
    answer = headline(ranking, found[0]) if found else nothing(context)
    page = templates.fill(
        "page.html",
        sections=filled(sections, context),
        **assets(),
        description=" ".join([*provisional(context), answer]),
        documents=context.results,
        filters=_filters(context),
    )
    return str(page)


def filled(sections: Iterable[Section[Shown]], context: Shown) -> list[Filled]:
    """Each section with what it shows of ``context``."""
    bodies = [(section, section.render(context)) for section in sections]
    return [
        Filled(section, None, body.reason)
        if isinstance(body, Absence)
        else Filled(section, body, "")
        for section, body in bodies
    ]


def assets() -> dict[str, Markup]:
    """Style and script, which every kind of page has."""
    return {
        "style": Markup(templates.asset("style.css")),  # noqa: S704 - our own file
        "script": Markup(templates.asset("script.js")),  # noqa: S704 - our own file
    }


def discover(package: ModuleType = reports.sections) -> tuple[Section[Any], ...]:
    """Every section in ``package``, in order.

    Raises:
        BenchError: a module without ``SECTION``, or two sections with the same id or order.
    """
    found = []
    for module in pkgutil.iter_modules(package.__path__, package.__name__ + "."):
        section = getattr(importlib.import_module(module.name), "SECTION", None)
        if not isinstance(section, Section):
            raise BenchError(
                f"{module.name} has no SECTION: every module in {package.__name__} must define "
                "SECTION = Section(id, title, order, render)"
            )
        found.append(section)
    return ordered(found)


def ordered(sections: Sequence[Section[Any]]) -> tuple[Section[Any], ...]:
    """``sections`` by their order.

    Raises:
        BenchError: two of them share an id or an order.
    """
    for field in ("id", "order"):
        counted = Counter(getattr(section, field) for section in sections)
        for value, number in counted.items():
            if number > 1:
                raise BenchError(f"{number} sections have the {field} {value!r}: give each its own")
    return tuple(sorted(sections, key=lambda section: section.order))


def _filters(context: Context) -> dict[str, list[tuple[str, str]]]:
    """What tables and figures can be filtered by: for each field, pairs of value and label."""
    sizes = sorted({size for scope in context.scopes for size in context.batch_sizes(scope)})
    slots = {name: figures.style(context, name).series for name in context.implementations}
    return {
        "implementation": [(name, slots[name]) for name in context.implementations],
        "batch": [(str(size), "") for size in sizes],
        "place": [(str(n), context.label(one)) for n, one in enumerate(context.conditions)],
    }
