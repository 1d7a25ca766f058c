"""Named grids: which batch sizes and threads are measured where nothing else is asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bench.planning.plan import Effort


@dataclass(frozen=True)
class Profile:
    """A grid and its effort.

    ``threads`` maps the number of usable processors to the thread counts.  ``examples`` limits the
    training examples, and with them the length of an epoch; None takes all.
    """

    name: str
    summary: str
    batch_sizes: tuple[int, ...]
    threads: Callable[[int], tuple[int, ...]]
    effort: Effort
    examples: int | None = None


# OpenBLAS starts a second thread for a product of m*n*k multiply-adds above a threshold, and has
# small kernels of its own below others.  For 784-70-30-10 these lie between the pairs 9/10, 18/19,
# 124/125, 249/250 and 476/477 (reference: OpenBLAS interface/gemm.c).
_STRADDLING = (
    1, 4, 9, 10, 18, 19, 32, 64, 124, 125, 249, 250, 476, 477, 500, 1000, 2000, 5000, 20000,
)  # fmt: skip

PROFILES: dict[str, Profile] = {
    profile.name: profile
    for profile in (
        Profile(
            name="quick",
            summary="one batch size, all threads, a third of the data, two blocks; about a minute",
            batch_sizes=(500,),
            threads=lambda cpus: (cpus,),
            examples=20000,
            effort=Effort(
                blocks=2, sweeps=12, round_seconds=0.02, cell_seconds=0.8, warmup_seconds=0.2,
            ),
        ),
        Profile(
            name="default",
            summary="three batch sizes, one thread and all, two blocks; about five minutes",
            batch_sizes=(32, 500, 5000),
            threads=lambda cpus: tuple(sorted({1, cpus})),
            examples=20000,
            effort=Effort(
                blocks=2, sweeps=10, round_seconds=0.02, cell_seconds=0.5, warmup_seconds=0.2,
            ),
        ),
        Profile(
            name="full",
            summary="batch sizes on both sides of BLAS thresholds, threads 1 to all, five blocks",
            batch_sizes=_STRADDLING,
            # Powers of two, and all.
            threads=lambda cpus: tuple(sorted({cpus, *(1 << n for n in range(cpus.bit_length()))})),
            effort=Effort(
                blocks=5, sweeps=15, round_seconds=0.05, cell_seconds=4.0, warmup_seconds=1.0,
            ),
        ),
    )
}  # fmt: skip
