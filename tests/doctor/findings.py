"""A finding of each kind, quiet and unremarkable unless a test says otherwise."""

from __future__ import annotations

import msgspec

from bench.doctor.findings import (
    ClockQuality,
    Diagnosis,
    Noise,
    OtherLoad,
    PoolsOf,
    PrecisionForecast,
    Scaling,
    StepTime,
    ThreadChoice,
)
from bench.provenance.records import Machine
from tests.stand_ins import fakes

NEIGHBOURS = OtherLoad(load=(0.25, 0.5, 0.75), pressure=0.01, foreign=0.0, stolen=0.0)
CLOCK = ClockQuality(step=2e-8, cost=5e-8)
CHOICE = ThreadChoice(batch_size=500, threads=1, gain=1.25, variables={"OMP_NUM_THREADS": "1"})
SCALING = Scaling(
    times=(
        StepTime(batch_size=500, threads=1, seconds=0.002),
        StepTime(batch_size=500, threads=2, seconds=0.0025),
        StepTime(batch_size=500, threads=4, seconds=None, reason="2 processors only"),
    ),
    choices=(CHOICE,),
    foreign=0.0,
)
NOISE = Noise(
    implementation="one",
    batch_size=500,
    threads=1,
    blocks=10,
    block_seconds=2.0,
    apparent=(1.01, 0.99, 1.03),
    scatter=0.02,
    waited=0.0,
    foreign=0.0,
    stolen=0.0,
    forecasts=(
        PrecisionForecast(minutes=1, blocks=30, half_width=0.0123, detectable=0.0234),
        PrecisionForecast(minutes=5, blocks=0, half_width=None, detectable=None),
    ),
)
POOLS = (
    PoolsOf(modules=("numpy",), pools=(fakes.pool(2),)),
    PoolsOf(modules=("scipy.linalg",), pools=(fakes.pool(2), fakes.pool(None, "mkl (two.so)"))),
    PoolsOf(modules=("absent",), reason="absent not installed"),
)


def machine(**changes: object) -> Machine:
    """A machine about which there is nothing to remark."""
    return msgspec.structs.replace(fakes.document().machine, **changes)


def noise(**changes: object) -> Noise:
    return msgspec.structs.replace(NOISE, **changes)


def neighbours(**changes: object) -> OtherLoad:
    return msgspec.structs.replace(NEIGHBOURS, **changes)


def diagnosis(**changes: object) -> Diagnosis:
    whole = Diagnosis(
        answer="The answer.",
        advice=("A fact [with brackets]: a remedy.",),
        machine=machine(),
        neighbours=NEIGHBOURS,
        clock=CLOCK,
        pools=POOLS,
        scaling=SCALING,
        noise=NOISE,
    )
    return msgspec.structs.replace(whole, **changes)


def choice(**changes: object) -> ThreadChoice:
    return msgspec.structs.replace(CHOICE, **changes)


def scaling(**changes: object) -> Scaling:
    return msgspec.structs.replace(SCALING, **changes)
