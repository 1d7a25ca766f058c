"""The page: sections found, ordered and filled into the shell."""

from __future__ import annotations

import importlib
import pkgutil
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

import reports.sections
from bench.errors import BenchError
from bench.results import Results
from bench.verdicts import MARGIN
from reports import figures, templates
from reports.context import Context
from reports.findings import findings
from reports.gather import build_context
from reports.section import Absence, Section
from reports.summary import headline


@dataclass(frozen=True)
class _Filled:
    """A section with its body, or with the reason why it has none."""

    section: Section
    body: Markup | None
    reason: str


def build_report(results: Sequence[Results], margin: float = MARGIN) -> str:
    """The complete HTML page; see :func:`reports.build_report`."""
    context = build_context(results, margin)
    return render(context, discover())


def render(context: Context, sections: Iterable[Section]) -> str:
    """The page with these sections, in the order given."""
    filled = []
    for section in sections:
        body = section.render(context)
        if isinstance(body, Absence):
            filled.append(_Filled(section, None, body.reason))
        else:
            filled.append(_Filled(section, body, ""))
    found = findings(context)
    page = templates.fill(
        "page.html",
        sections=filled,
        style=Markup(templates.asset("style.css")),  # noqa: S704 - our own file
        script=Markup(templates.asset("script.js")),  # noqa: S704 - our own file
        description=headline(context, found[0]) if found else "Nothing was measured.",
        documents=context.results,
        filters=_filters(context),
    )
    return str(page)


def discover() -> tuple[Section, ...]:
    """Every section in ``reports/sections``, in order.

    Raises:
        BenchError: a module without ``SECTION``, or two sections with the same id or order.
    """
    package = reports.sections
    found = []
    for module in pkgutil.iter_modules(package.__path__, package.__name__ + "."):
        section = getattr(importlib.import_module(module.name), "SECTION", None)
        if not isinstance(section, Section):
            raise BenchError(
                f"{module.name} has no SECTION: every module in reports/sections must define "
                "SECTION = Section(id, title, order, render)"
            )
        found.append(section)
    return ordered(found)


def ordered(sections: Sequence[Section]) -> tuple[Section, ...]:
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
