"""What an examination found: plain data, in the form in which it is printed as JSON.

Durations are in seconds, shares are numbers such as 0.02, processor time is in processors: 0.5 is
half of one.  None stands for what is unknown.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from bench.provenance.records import Accelerator, Machine
from impls.contract import Pool


class PoolsOf(msgspec.Struct, frozen=True, kw_only=True):
    """The thread pools of a fresh process that imported ``modules`` and did nothing else.

    ``reason`` says why there are none, such as a package that is not installed.
    """

    modules: tuple[str, ...]
    pools: tuple[Pool, ...] = ()
    reason: str = ""


class ClockQuality(msgspec.Struct, frozen=True, kw_only=True):
    """The smallest step that the clock was seen to make, and what one reading costs."""

    step: float
    cost: float


class OtherLoad(msgspec.Struct, frozen=True, kw_only=True):
    """What else ran while this process slept for a moment.

    ``load`` is the system's load average over 1, 5 and 15 minutes; ``pressure`` the share of the
    last 10 s in which something waited for a processor; ``foreign`` and ``stolen`` the processors
    that other processes used and that the hypervisor gave away.
    """

    load: tuple[float, float, float]
    pressure: float | None
    foreign: float | None
    stolen: float | None


@dataclass
class Others:
    """Processors that others used while something was watched; filled at its end."""

    foreign: float | None = None
    stolen: float | None = None


class StepTime(msgspec.Struct, frozen=True, kw_only=True):
    """How long the matrix products of a training step take; ``reason`` where they have no time."""

    batch_size: int
    threads: int
    seconds: float | None
    reason: str = ""


class ThreadChoice(msgspec.Struct, frozen=True, kw_only=True):
    """The thread count that is fastest at a batch size, and the variables that give it.

    Of counts that differ by less than the margin it is the smallest.  ``gain`` is how many times
    faster it is than a thread for each usable processor, which is what libraries take unasked;
    None where that was not measured.
    """

    batch_size: int
    threads: int
    gain: float | None
    variables: dict[str, str]


class Scaling(msgspec.Struct, frozen=True, kw_only=True):
    """Times by thread count, and what follows; ``foreign`` as in :class:`OtherLoad`, meanwhile.

    ``reason`` says why nothing follows from times that were measured.
    """

    times: tuple[StepTime, ...]
    choices: tuple[ThreadChoice, ...]
    foreign: float | None
    reason: str = ""


class PrecisionForecast(msgspec.Struct, frozen=True, kw_only=True):
    """What a comparison of two implementations can show in a number of minutes.

    ``half_width`` is that of the ratio's 95 % interval; ``detectable`` the smallest difference
    that 4 of 5 such comparisons would find.  None where there is time for too few blocks.
    """

    minutes: int
    blocks: int
    half_width: float | None
    detectable: float | None


class Noise(msgspec.Struct, frozen=True, kw_only=True):
    """An implementation measured against itself, under two names, in blocks of fresh processes.

    ``apparent`` is the ratio of the two with the ends of its interval, and is 1 in truth;
    ``scatter`` is the standard deviation of its logarithm from block to block.  ``waited`` is the
    share of the timed work in which threads were ready but had no processor; ``foreign`` and
    ``stolen`` are as in :class:`OtherLoad`, over the whole of it.  ``reason`` says why there is no
    forecast.
    """

    implementation: str
    batch_size: int
    threads: int | None
    blocks: int
    block_seconds: float
    apparent: tuple[float, float, float] | None = None
    scatter: float | None = None
    waited: float | None = None
    foreign: float | None = None
    stolen: float | None = None
    forecasts: tuple[PrecisionForecast, ...] = ()
    reason: str = ""


class Gpus(msgspec.Struct, frozen=True, kw_only=True):
    """What the driver says of the devices, each with one reading.

    ``reason`` says why there are none; ``seen`` is whether the machine shows a GPU.
    """

    devices: tuple[Accelerator, ...] = ()
    reason: str = ""
    seen: bool = False


class Diagnosis(msgspec.Struct, frozen=True, kw_only=True):
    """All that was found; ``answer`` is the one sentence, ``advice`` has one for each remark."""

    answer: str
    advice: tuple[str, ...]
    machine: Machine
    neighbours: OtherLoad
    clock: ClockQuality
    pools: tuple[PoolsOf, ...]
    scaling: Scaling
    noise: Noise
    gpus: Gpus = Gpus()
