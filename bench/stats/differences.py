"""The guard of a comparison: what differs between the conditions of two documents.

What a difference means is said field by field in :mod:`bench.stats.conditions`.
"""

from __future__ import annotations

import dataclasses
import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from bench.documents.results import Results
from bench.planning.variables import VARIABLES
from bench.provenance.records import Process
from bench.stats.conditions import NOT_SAID, OF_THE_MACHINE, Kind, Path, rule_of
from impls.contract import Pool
from impls.networks import Training

UNKNOWN = "not recorded"
_SOURCES: Path = ("code", "sha256")
"""Where this is the same the code is, whatever the commit."""
_ABSENT = {"environment": "unset", "versions": "absent"}
"""What it means that a mapping has no such entry; elsewhere it means that nobody looked."""


@dataclass(frozen=True)
class Difference:
    """A field that differs.

    ``document_index`` counts the document compared with the reference, from 0; ``where`` names
    the implementations concerned, and is empty where the field is one of the whole document.
    """

    field: str
    kind: Kind
    reason: str
    reference: str
    other: str
    document_index: int
    where: tuple[str, ...] = ()


@dataclass(frozen=True)
class Described:
    """A document with everything that it says of itself as text, but for its training settings."""

    document: Results
    facts: Mapping[Path, str]

    @classmethod
    def of(cls, document: Results) -> Described:
        """Describe ``document``, which takes longer than to compare two that are described."""
        content = msgspec.to_builtins(msgspec.structs.replace(document, outcomes=()))
        del content["outcomes"], content["plan"]["trainings"]
        facts = dict(_flat((), content))
        python, system = document.machine.python, document.machine.system.split()
        minor = re.match(r"\D*\d+\.\d+", python)
        facts["machine", "python"] = minor[0] if minor else python
        facts["machine", "python", "patch"] = python
        facts["machine", "system"] = " ".join([*system[:1], *system[2:]])
        facts["machine", "system", "release"] = " ".join(system[1:2])
        return cls(document, facts)


def between_documents(
    reference: Described,
    other: Described,
    *,
    document_index: int,
    coordinate: str,
    batch_sizes: Collection[int],
) -> list[Difference]:
    """Return what differs between two documents but for what is compared, the ``coordinate``.

    Training settings are compared for ``batch_sizes``; where the documents share none of them,
    the learning rate, which goes with the batch size, is left out.
    """
    sizes = [
        {training.batch_size for training in side.document.plan.trainings} & set(batch_sizes)
        for side in (reference, other)
    ]
    shared = sizes[0] & sizes[1]
    ours, theirs = (
        {**side.facts, **_training_facts(side.document.plan.trainings, shared, own)}
        for side, own in zip((reference, other), sizes, strict=True)
    )
    is_same_code = ours.get(_SOURCES, UNKNOWN) == theirs.get(_SOURCES)
    return [
        difference
        for difference in _differences(ours, theirs, document_index, coordinate)
        if not (is_same_code and difference.field.startswith("code."))
    ]


def between_processes(
    reference: Iterable[Process],
    other: Iterable[Process],
    *,
    document_index: int,
    coordinate: str,
    where: str,
) -> list[Difference]:
    """Return what differs between the processes of two cells but for the ``coordinate`` compared.

    A field that varies among the processes of a cell is shown with all its values.
    """
    return _differences(_pooled(reference), _pooled(other), document_index, coordinate, (where,))


def merged(differences: Iterable[Difference]) -> list[Difference]:
    """Return ``differences`` with one entry for all cells that say the same.

    What a process found is left out where the whole document says it as well.
    """
    kept: dict[tuple[str, str, str, int], Difference] = {}
    for difference in differences:
        values = difference.reference, difference.other, difference.document_index
        scope, _, name = difference.field.partition(".")
        if scope == "process" and (f"machine.{name}", *values) in kept:
            continue
        before = kept.get((difference.field, *values), difference)
        where = tuple(dict.fromkeys((*before.where, *difference.where)))
        kept[difference.field, *values] = dataclasses.replace(difference, where=where)
    return list(kept.values())


def obstacles(differences: Iterable[Difference], *, across_machines: bool) -> list[Difference]:
    """Return those of ``differences`` that forbid the comparison."""
    return [
        difference
        for difference in differences
        if difference.kind == "forbids"
        or (difference.field in OF_THE_MACHINE and not across_machines)
    ]


def _differences(
    reference: Mapping[Path, str],
    other: Mapping[Path, str],
    document_index: int,
    coordinate: str,
    where: tuple[str, ...] = (),
) -> list[Difference]:
    differences = []
    for path in {**reference, **other}:
        absent = _ABSENT.get(path[-2], UNKNOWN) if len(path) > 1 else UNKNOWN
        ours, theirs = reference.get(path, absent), other.get(path, absent)
        if ours != theirs and not _follows(path, coordinate):
            rule = NOT_SAID if UNKNOWN in {ours, theirs} else rule_of(path)
            differences.append(
                Difference(
                    ".".join(path), rule.kind, rule.reason, ours, theirs, document_index, where
                )
            )
    return differences


def _follows(path: Path, coordinate: str) -> bool:
    """Return whether what stands at ``path`` differs because the ``coordinate`` does."""
    is_variable = len(path) > 2 and path[-2] == "environment"
    if coordinate == "implementation":
        return path[0] == "process"
    if coordinate == "threads":
        asked = ("process", "affinity"), ("process", "cpus"), ("process", "pools", "threads")
        return path in asked or (is_variable and path[-1] in VARIABLES)
    return is_variable and path[-1] == coordinate


def _training_facts(
    trainings: Sequence[Training], shared: Collection[int], own: Collection[int]
) -> dict[Path, str]:
    """Training settings of the batch sizes that are compared."""
    facts: dict[Path, str] = {}
    for field in Training.__struct_fields__:
        if not shared and field in {"batch_size", "learning_rate"}:
            continue
        by_size = {
            training.batch_size: str(getattr(training, field))
            for training in trainings
            if training.batch_size in (shared or own)
        }
        values = sorted(set(by_size.values()))
        if len(values) == 1 or not shared:
            text = " or ".join(values)
        else:
            text = ", ".join(f"{value} at {size}" for size, value in sorted(by_size.items()))
        facts["plan", "trainings", field] = text
    return facts


_OF_POOLS: tuple[tuple[str, bool, Callable[[Pool], str]], ...] = (
    ("library", True, lambda pool: f"{pool.library} {pool.version}"),
    ("detail", True, lambda pool: pool.detail or UNKNOWN),
    ("threads", True, lambda pool: UNKNOWN if pool.threads is None else str(pool.threads)),
    ("unused", False, lambda pool: f"{pool.library} {pool.version}"),
)
"""What is compared of a pool: name, whether of the used ones, and text."""


def _pooled(processes: Iterable[Process]) -> dict[Path, str]:
    """Return what several processes of a cell say, with every value that occurs."""
    texts_by_path: dict[Path, set[str]] = defaultdict(set)
    for process in processes:
        content = msgspec.to_builtins(process)
        del content["pools"]
        for path, text in _flat(("process",), content):
            texts_by_path[path].add(text)
        for name, used, text_of in _OF_POOLS:
            texts = sorted({text_of(pool) for pool in process.pools if pool.used == used})
            texts_by_path["process", "pools", name].add(", ".join(texts) or "none")
    return {path: " or ".join(sorted(texts)) for path, texts in texts_by_path.items()}


def _flat(path: Path, content: Any) -> Iterator[tuple[Path, str]]:
    """Yield every value in nested mappings as text; what is not recorded is left out."""
    if isinstance(content, dict):
        for name, value in content.items():
            yield from _flat((*path, name), value)
    elif isinstance(content, list):
        yield path, ", ".join(map(str, content))
    elif content is not None:
        yield path, str(content)
    elif path[-1:] == ("quota_cpus",):
        yield path, "none"
