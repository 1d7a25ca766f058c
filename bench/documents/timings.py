"""What a worker finds out about one cell: checks, rounds, what disturbed them, memory, learning.

All durations are in seconds and every raw round is kept.
"""

from __future__ import annotations

import msgspec

STEP = "step"
EPOCH = "epoch"


class Check(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One comparison of the gate: relative error, its bound, and where the error is largest.

    ``error`` is None where a compared value is not finite: JSON has no word for NaN.
    """

    name: str
    error: float | None
    tolerance: float
    place: str = ""

    @property
    def passed(self) -> bool:
        """Whether the error is finite and within the bound."""
        return self.error is not None and self.error <= self.tolerance


class Disturbance(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What else happened while one round was timed, in seconds.

    ``waited`` is how long threads of this process were ready to run but had no processor,
    ``foreign`` the processor time that other processes took, ``stolen`` what the hypervisor gave
    to other machines; ``switches`` counts how often a thread was made to yield.  None where the
    system does not record it.  ``foreign`` and ``stolen`` are counted in ticks of the system,
    commonly 10 ms, and added up over its ``processors``, whose number older documents do not hold.
    ``siblings`` is the processor time that waiting workers of the same block took.
    """

    waited: float | None
    foreign: float | None
    stolen: float | None
    switches: int
    processors: int | None = None
    siblings: float | None = None


class Peaks(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The machine's limits as found in one process, with its threads and its library.

    ``gemm`` is the best rate of a large matrix product in operations per second, in the dtype of
    the network; ``copy`` and ``cached_copy`` are the best rates of copying arrays far larger than
    the caches and of ones that stay in them, in bytes read and written per second.
    """

    gemm: float
    copy: float
    cached_copy: float


class Memory(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Resident bytes of the process at moments of its life; None where they are not recorded.

    ``started`` is before the implementation is imported (interpreter, NumPy and the harness),
    ``imported`` after it, ``loaded`` with the examples read as well.  ``begun`` is when this cell's
    turn came, with what earlier batch sizes of the process left behind, and ``bound`` when its
    trainer had taken the data set.  ``peak_of_timing`` says that the recorded peak of memory
    counts from the gate on; otherwise the gate and earlier batch sizes are in it.
    ``device_peak_of_timing`` says the same of the peak on a device.
    """

    started: int | None = None
    imported: int | None = None
    loaded: int | None = None
    begun: int | None = None
    bound: int | None = None
    peak_of_timing: bool = False
    device_peak_of_timing: bool = False


class Timing(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The rounds of one phase (or ``step``, ``epoch``) of one cell in one process.

    ``round_seconds`` and ``round_cpu_seconds`` are wall and CPU time per iteration; the latter is
    empty for phases, between which only one clock is read.  ``examples`` is the number of
    training examples that one iteration processes.  ``disturbances`` has one entry per round of
    the step and of the epoch, and is empty for phases.  ``sweeps`` numbers the sweep of each round
    within its block: rounds of different implementations in one sweep of one block were timed
    within seconds of each other.  It is empty in documents older than version 4.
    """

    phase: str
    iterations: int
    examples: int
    round_seconds: tuple[float, ...]
    round_cpu_seconds: tuple[float, ...]
    disturbances: tuple[Disturbance, ...] = ()
    sweeps: tuple[int, ...] = ()


class Learning(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the accuracy on the test examples grew in one training.

    ``accuracies`` holds it after each epoch; ``reached_epoch`` is the first epoch, counted from 1,
    from which on ``target`` was held, and None where it was not.  Start weights and orders come
    from ``seed``.
    """

    target: float
    seed: int
    accuracies: tuple[float, ...]
    reached_epoch: int | None
