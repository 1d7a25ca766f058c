"""What the user exported that decides on threads and kernels, and what does not fit together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from bench.planning.variables import VARIABLES, thread_count

FIXED_KERNELS = ("OPENBLAS_CORETYPE", "MKL_ENABLE_INSTRUCTIONS", "MKL_CBWR", "BLIS_ARCH_TYPE")
"""Variables that override the kernels a BLAS would choose for the processor."""
PINNING = ("OMP_PROC_BIND", "OMP_PLACES", "GOMP_CPU_AFFINITY", "KMP_AFFINITY")


def remarks(environment: Mapping[str, str], cpus: int) -> Iterator[str]:
    """Yield sentences about ``environment`` on a machine with ``cpus`` usable processors."""
    counts = {name: environment[name] for name in VARIABLES if name in environment}
    numbers = {name: number for name, text in counts.items() if (number := thread_count(text))}
    for name, text in counts.items():
        if name not in numbers:
            yield (
                f"{name}={text!r} is not a number of threads, and libraries interpret it "
                f"differently: unset {name}, or give it a number from 1."
            )
    yield from _disagreeing(numbers)
    yield from _too_many(numbers, cpus)
    yield from _silent(numbers, cpus)
    yield from _named(environment, FIXED_KERNELS, "overrides the kernels that a BLAS would choose")
    yield from _named(
        environment, PINNING, "pins the threads of all processes to the same processors"
    )


def _disagreeing(numbers: Mapping[str, int]) -> Iterator[str]:
    if len(set(numbers.values())) > 1:
        yield (
            f"The exported thread counts differ ({_listed(numbers)}), and each library "
            "prefers its own variable: export one number for all, or use 'mlpbench run --threads'."
        )


def _too_many(numbers: Mapping[str, int], cpus: int) -> Iterator[str]:
    above = {name: number for name, number in numbers.items() if number > cpus}
    if above:
        yield (
            f"{_listed(above)} asks for more threads than the {cpus} usable processors, so that "
            f"threads wait for each other: export {cpus} at most."
        )


def _silent(numbers: Mapping[str, int], cpus: int) -> Iterator[str]:
    """Yield a limit for some libraries only: the others start a thread per processor."""
    absent = [name for name in VARIABLES if name not in numbers]
    limit = min(numbers.values(), default=cpus)
    if limit < cpus and absent:
        yield (
            f"{_listed(numbers)} is exported, but not {', '.join(absent)}: libraries that read "
            f"those take up to {cpus} threads; export all of them, or use "
            f"'mlpbench run --threads {limit}'."
        )


def _named(environment: Mapping[str, str], names: tuple[str, ...], effect: str) -> Iterator[str]:
    for name in names:
        if name in environment:
            yield (
                f"{name}={environment[name]} is exported and {effect}: unset it unless this is "
                "what you want to measure."
            )


def _listed(numbers: Mapping[str, int]) -> str:
    return ", ".join(f"{name}={number}" for name, number in numbers.items())
