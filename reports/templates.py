"""Templates of the report: one environment, with escaping on and no silent gaps."""

from __future__ import annotations

import functools

import jinja2
from markupsafe import Markup

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
        "listing": text.listing,
        "percent": text.percent,
        "seconds": text.seconds,
        "significant": text.significant,
        "sortable": text.sortable,
        "tied": text.tied,
        "times": text.times,
    }
    return environment


def fill(template: str, **values: object) -> Markup:
    """Return the template, a path below ``reports``, filled with ``values``, which are escaped."""
    return Markup(_environment().get_template(template).render(values))  # noqa: S704 - see above


def section(name: str, **values: object) -> Markup:
    """Return the template ``sections/<name>.html``, filled."""
    return fill(f"sections/{name}.html", **values)


def asset(name: str) -> str:
    """Return a file below ``reports``, as it is."""
    loader = _environment().loader
    assert loader is not None  # noqa: S101 - set above; jinja2's type allows None
    return loader.get_source(_environment(), name)[0]
