"""Templates of the report: one environment, with escaping on and no silent gaps."""

from __future__ import annotations

import functools
from importlib import resources
from typing import Any

import jinja2
from markupsafe import Markup

from bench.stats import verdicts
from reports import format as text
from reports import tables


@functools.cache
def _environment() -> jinja2.Environment:
    """Templates lie beside the code; an undefined name is an error."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("reports", "."),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "byte_count": text.byte_count,
        "compact": tables.compact,
        "count": text.count,
        "interval": verdicts.interval,
        "listing": text.listing,
        "percent": text.percent,
        "readable": verdicts.readable,
        "seconds": text.seconds,
        "setting": text.setting,
        "significant": text.significant,
        "sortable": text.sortable,
        "target": text.target,
        "threads": text.threads,
        "tied": text.tied,
        "within": verdicts.within,
    }
    return environment


def fill(template: str, **values: object) -> Markup:
    """Return the template, a path below ``reports``, filled with ``values``, which are escaped."""
    return Markup(_environment().get_template(template).render(values))  # noqa: S704 - see above


def section(name: str, **values: object) -> Markup:
    """Return the template ``sections/<name>.html``, filled."""
    return fill(f"sections/{name}.html", **values)


def sentence(page: str, name: str, **facts: object) -> str:
    """Return what the macro ``name`` of ``sentences/<page>.jinja`` says with ``facts``.

    It is plain text: HTML and Markdown escape it where they show it.
    """
    macros: Any = _plain().get_template(f"sentences/{page}.jinja").module
    return str(getattr(macros, name)(**facts))


@functools.cache
def _plain() -> jinja2.Environment:
    return _environment().overlay(autoescape=False)


def asset(name: str) -> str:
    """Return a file below ``reports``, as it is."""
    return resources.files("reports").joinpath(name).read_text(encoding="utf-8")
