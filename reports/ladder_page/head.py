"""What was measured on what: the facts at the head of the page."""

from __future__ import annotations

from bench.documents.results import Measured, Results
from bench.provenance.records import Machine
from bench.stats.disturbed import DISTURBED_SHARE
from reports import disturbed_rounds
from reports import format as text
from reports.context import Context


def facts(context: Context) -> list[tuple[str, str]]:
    """Pairs of what and value, of the first document."""
    document = context.results[0]
    machine, network, data = document.machine, document.plan.network, document.dataset
    layers = "-".join(map(str, network.layers))
    exported = [f"{name}={value}" for name, value in sorted(machine.environment.items())]
    return [
        ("Processor", _processor(machine)),
        ("BLAS", "; ".join(_pools(document)) or "unknown"),
        ("Versions", ", ".join([machine.python, *_versions(document)])),
        ("System", machine.system),
        ("Exported", ", ".join(exported) or "no relevant variables"),
        ("Network", f"{network.name}: {layers}, {network.activation}, {network.loss}"),
        (
            "Data",
            f"{data.name}, {document.plan.examples} examples, normalised: {data.normalisation}",
        ),
        ("Measured", f"{document.created_at[:10]}, by {document.generator}{_commit(document)}"),
        ("Disturbed", _disturbed(*disturbed_rounds.disturbed_rounds(context.points.values()))),
    ]


def _processor(machine: Machine) -> str:
    caches = [f"{name} {size}" for name, size in machine.caches.items()]
    parts = [machine.cpu, text.count(machine.usable_cpus, "usable CPU")]
    if machine.vectors:
        parts.append(machine.vectors)
    if machine.hypervisor:
        parts.append("virtual")
    return ", ".join([*parts, *caches])


def _pools(document: Results) -> list[str]:
    """Return every BLAS that a worker found loaded, with its kernels, each once."""
    found = {
        f"{pool.library} {pool.version} ({pool.detail})"
        for outcome in document.outcomes
        if isinstance(outcome, Measured)
        for pool in outcome.process.pools
        if pool.detail
    }
    return sorted(found)


def _versions(document: Results) -> list[str]:
    """Return what the workers found installed of the packages that their implementations need."""
    found = {
        f"{name} {version}"
        for outcome in document.outcomes
        if isinstance(outcome, Measured)
        for name, version in outcome.process.versions.items()
    }
    return sorted(found)


def _disturbed(number: int, rounds: int) -> str:
    if not rounds:
        return "not recorded"
    return (
        f"{number} of {text.count(rounds, 'round')}, in which something else took more than "
        f"{text.percent(DISTURBED_SHARE)} of the time"
    )


def _commit(document: Results) -> str:
    code = document.code
    if code is None or code.commit is None:
        return ""
    return f", commit {code.commit[:12]}{' with changes' if code.modified else ''}"
