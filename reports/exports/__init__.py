"""Results in the formats of other tools, which have dashboards and histories already."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from bench.documents.results import Results
from bench.stats.verdicts import MARGIN
from reports.exports.asv import Existing, Revision, to_asv
from reports.exports.dashboards import to_bmf, to_github
from reports.exports.markdown import to_markdown
from reports.exports.pyperf import to_pyperf
from reports.exports.table import tidy, to_csv, to_parquet


@dataclass(frozen=True)
class Request:
    """What is exported.

    ``phases`` is empty where the format chooses, ``notes`` are sentences for people to read first,
    ``revisions`` holds the commit of each document
    where the format needs them, and ``existing`` gives the files of the folder that is written to.
    """

    results: tuple[Results, ...]
    phases: tuple[str, ...] = ()
    margin: float = MARGIN
    notes: tuple[str, ...] = ()
    revisions: tuple[Revision, ...] = ()
    existing: Existing = lambda _: None


@dataclass(frozen=True)
class Format:
    """A format: the files that it makes of a request, by path.

    ``options`` names what else it takes.  A ``folder`` is one of several files;
    otherwise there is one, without a path.  Only ``is_text`` can be printed.
    """

    summary: str
    make: Callable[[Request], Mapping[str, bytes]]
    options: frozenset[str] = frozenset()
    is_folder: bool = False
    is_text: bool = True


def _one(make: Callable[[Request], str]) -> Callable[[Request], Mapping[str, bytes]]:
    return lambda request: {"": make(request).encode()}


_PHASES = frozenset({"phases"})

FORMATS: Mapping[str, Format] = {
    "csv": Format("the tidy table", _one(lambda r: to_csv(tidy(r.results)))),
    "parquet": Format(
        "the tidy table, which report and compare read",
        lambda r: {"": to_parquet(r.results)},
        is_text=False,
    ),
    "pyperf": Format("pyperf", _one(lambda r: to_pyperf(r.results, r.phases)), _PHASES),
    "asv": Format(
        "a results folder of asv",
        lambda r: to_asv(r.results, r.phases, r.revisions, r.existing),
        _PHASES | {"commit"},
        is_folder=True,
        is_text=False,
    ),
    "bmf": Format("Bencher", _one(lambda r: to_bmf(r.results, r.phases)), _PHASES),
    "github": Format(
        "github-action-benchmark", _one(lambda r: to_github(r.results, r.phases)), _PHASES
    ),
    "markdown": Format(
        "the answer and a table",
        _one(lambda r: to_markdown(r.results, r.margin, r.notes)),
        frozenset({"margin"}),
    ),
}
"""Every format by its name."""
