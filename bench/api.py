"""Results in Python: read them, get the tidy table, get every ratio with its verdict."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from bench.documents.results import Results
from bench.documents.sources import read_any
from bench.observations.table import setting_words, tabulate
from bench.stats.verdicts import MARGIN
from impls.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

RATIO_COLUMNS = (
    "network", "batch_size",
    "reference", "reference_threads", "reference_setting", "reference_seconds",
    "implementation", "threads", "setting", "seconds",
    "ratio", "low", "high", "verdict", "p", "blocks", "paired", "reason",
)  # fmt: skip
"""The columns of :meth:`Loaded.ratios`."""


@dataclass(frozen=True)
class Loaded:
    """Results documents that were read together; see :func:`load`."""

    documents: tuple[Results, ...]

    def frame(self) -> pd.DataFrame:
        """Return the observation table: one row per round.

        Its columns are :data:`bench.observations.table.COLUMNS`.  ``seconds`` are per iteration.
        An outcome that was not timed has one row without a phase.
        """
        return tabulate(self.documents).frame.copy()

    def ratios(self, margin: float = MARGIN) -> pd.DataFrame:
        """Return one row per pair that the report judges, with :data:`RATIO_COLUMNS`.

        ``ratio`` is how many times faster ``implementation`` is than ``reference``, ``low`` and
        ``high`` its 95 % interval, missing where there are too few blocks.  Seconds are those of an
        epoch.  ``verdict`` is faster, slower, same, likely faster, likely slower or unclear, at a
        ``margin`` below which differences do not matter; it is the one of the report.
        """
        import pandas as pd  # noqa: PLC0415 - heavy, and not needed to import bench

        from reports.gather import build_context  # noqa: PLC0415 - the same

        judged = build_context(self.documents, margin).judged
        rows = [
            (
                other.cell.network,
                other.batch_size,
                reference.implementation,
                reference.cell.threads,
                setting_words(reference.cell.setting),
                reference.epoch.value if reference.epoch else None,
                other.implementation,
                other.cell.threads,
                setting_words(other.cell.setting),
                other.epoch.value if other.epoch else None,
                verdict.ratio.value,
                verdict.ratio.low,
                verdict.ratio.high,
                verdict.kind,
                verdict.p,
                verdict.ratio.blocks,
                verdict.ratio.paired,
                verdict.reason,
            )
            for reference, other, verdict in judged.everything()
        ]
        frame = pd.DataFrame(rows, columns=list(RATIO_COLUMNS))
        numbers = dict.fromkeys(("low", "high", "p"), float)
        return frame.astype({"threads": "Int64", "reference_threads": "Int64", **numbers})

    def plot(self, margin: float = MARGIN) -> Figure:
        """Return the top picture of the report: epoch times per batch size, fastest first.

        Save it with ``.savefig("picture.svg")``; its axes are in ``.axes``.

        Raises:
            ValueError: nothing was measured.
        """
        from reports import plot  # noqa: PLC0415 - draws with matplotlib
        from reports.gather import build_context  # noqa: PLC0415 - heavy

        return plot.draw(build_context(self.documents, margin))

    def _repr_html_(self) -> str:
        """Return what Jupyter shows: every pair with its ratio and verdict."""
        columns = ["batch_size", "reference", "implementation", "threads", "seconds", "ratio"]
        shown = self.ratios()[[*columns, "low", "high", "verdict"]]
        return str(shown.to_html(index=False, float_format="{:.3g}".format))


def run(**options: object) -> Loaded:
    """Measure as ``mlpbench run`` does, in a separate process, and read the results.

    Options are those of the command, with underscores: ``bench.run(impl=["numba", "numpy-naive"],
    batch_size=[500], threads=[1, 2], profile="quick")``.  Lists are joined by commas; True stands
    for an option without a value.  Progress goes to the standard error stream.

    Raises:
        UsageError: the command refused an option, or ended without results.
    """
    arguments = ["run", "--json"]
    for name, value in options.items():
        option = f"--{name.replace('_', '-')}"
        if value is True:
            arguments.append(option)
        elif isinstance(value, (list, tuple)):
            arguments += [option, ",".join(map(str, value))]
        elif value not in (None, False):
            arguments += [option, str(value)]
    command = [sys.executable, "-m", "bench", *arguments]
    ended = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)  # noqa: S603 - our own command
    if not ended.stdout.strip():
        shown = shlex.join(["mlpbench", *arguments])
        raise UsageError(f"{shown} ended with exit code {ended.returncode}: see its message above")
    return load(json.loads(ended.stdout)["results"])


def load(*paths: str | PathLike[str]) -> Loaded:
    """Read results.json, journal.jsonl or pytest-benchmark's JSON; several are shown together.

    Raises:
        ResultsError: a file cannot be read, or holds no results.
        ValueError: no path.
    """
    if not paths:
        raise ValueError("nothing to load: give at least one path, such as 'results.json'")
    return Loaded(tuple(read_any(Path(path)) for path in paths))
