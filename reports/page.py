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
from bench.stats.verdicts import MARGIN
from impls.errors import BenchError
from reports import figures, folding, templates
from reports.answer import headline
from reports.context import Context
from reports.gather import build_context
from reports.remarks import provisional
from reports.section import PARTS, Absence, PagePart, Section, Shown, Status


@dataclass(frozen=True)
class Filled:
    """A section with its body and its status, or with the reason why it has no body.

    ``left_out`` says how many cells the body does not show; it is empty where it shows all.
    """

    section: Section[Any]
    body: Markup | None
    reason: str
    status: Status | None = None
    left_out: str = ""


Group = tuple[PagePart | None, list[Filled]]
"""The sections of one part that have a body; without a part they stand by themselves."""


def build_report(results: Sequence[Results], margin: float = MARGIN) -> str:
    """Return one complete HTML document that needs no network, no scripts and no other file.

    Several documents form one grid where they fit together, and separate runs where not.
    Differences up to ``margin`` (a share, such as 0.03) count as the same.

    Raises:
        UsageError: no document was given.
    """
    return render(build_context(results, margin))


def render(context: Context, first: Iterable[Section[Context]] = ()) -> str:
    """Return the page of documents that are put in order already; ``first`` stand before all."""
    shown = folding.folded(context)
    networks = dict.fromkeys(document.plan.network.name for document in context.results)
    machines = dict.fromkeys(document.machine.cpu for document in context.results)
    dates = dict.fromkeys(document.created_at[:10] for document in context.results)
    return laid_out(
        "page.html",
        filled((*first, *discover()), context, shown, folding.left_out(shown)),
        title=", ".join(" and ".join(each) for each in (networks, machines, dates)),
        description=" ".join([*provisional(context), headline(context)]),
        documents=context.results,
        filters=_filters(shown),
    )


def laid_out(
    template: str, sections: Sequence[Filled], *, more_style: str = "", **values: object
) -> str:
    """Return a page of ``sections``: those with a body by part, links to them, and the absent.

    ``more_style`` is a style sheet below ``reports`` for this kind of page alone.
    """
    present = [filled for filled in sections if filled.body is not None]
    groups: list[Group] = []
    links: list[PagePart | Section[Any]] = []
    for part in (*PARTS, None):
        some = [filled for filled in present if filled.section.part == part]
        if some:
            groups.append((part, some))
            links += [part] if part else [filled.section for filled in some]
    style = templates.asset("style.css") + (templates.asset(more_style) if more_style else "")
    page = templates.fill(
        template,
        groups=groups,
        links=links,
        absent=[filled for filled in sections if filled.body is None],
        style=Markup(style),  # noqa: S704 - our own file
        script=Markup(templates.asset("script.js")),  # noqa: S704 - our own file
        **values,
    )
    return str(page)


def filled(
    sections: Iterable[Section[Shown]],
    context: Shown,
    shown: Shown | None = None,
    left_out: str = "",
) -> list[Filled]:
    """Return each section with what it shows of ``context``, or of ``shown`` unless it is whole."""
    bodies = []
    for section in sections:
        is_whole = section.whole or shown is None
        body = section.render(context if is_whole or shown is None else shown)
        if isinstance(body, Absence):
            bodies.append(Filled(section, None, body.reason))
        else:
            status = section.status(context) if section.status else None
            bodies.append(Filled(section, body, "", status, "" if is_whole else left_out))
    return bodies


def discover(package: ModuleType = reports.sections) -> tuple[Section[Any], ...]:
    """Return every section in ``package``, in order.

    Raises:
        BenchError: a module without ``SECTION``, or two sections with the same id or order.
    """
    sections = []
    for module in pkgutil.iter_modules(package.__path__, package.__name__ + "."):
        section = getattr(importlib.import_module(module.name), "SECTION", None)
        if not isinstance(section, Section):
            raise BenchError(
                f"{module.name} has no SECTION: every module in {package.__name__} must define "
                "SECTION = Section(id, title, order, render)"
            )
        sections.append(section)
    return ordered(sections)


def ordered(sections: Sequence[Section[Any]]) -> tuple[Section[Any], ...]:
    """Return ``sections`` by their order.

    Raises:
        BenchError: two of them share an id or an order.
    """
    for field in ("id", "order"):
        counted = Counter(getattr(section, field) for section in sections)
        for value, number in counted.items():
            if number > 1:
                raise BenchError(f"{number} sections have the {field} {value!r}: give each its own")
    parts = (*PARTS, None)
    return tuple(sorted(sections, key=lambda section: (parts.index(section.part), section.order)))


def _filters(context: Context) -> dict[str, list[tuple[str, str, str]]]:
    """Return what filters a page: for each field, value, label and series of every choice."""
    sizes = sorted({size for scope in context.scopes for size in context.batch_sizes(scope)})
    slots = {name: figures.style(context, name).series for name in context.implementations}
    return {
        "implementation": [(name, name, slots[name]) for name in context.implementations],
        "batch": [(str(size), str(size), "") for size in sizes],
        "place": [
            (str(context.place(condition)), context.label(condition), "")
            for condition in context.conditions
        ],
    }
