"""Documents that several tests of ``mlpbench compare`` save and compare."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from tests.stats.compared import (
    Grid,
    cell,
    document,
    times,
)

Compare = Callable[..., Any]
Data = Callable[..., dict[str, Any]]
NOISY = (1.0, 1.3, 0.8, 1.2, 0.9)
GRID = Grid({"numpy-naive": 4.0, "numba": 1.0}, {1: 1.0, 2: 0.5}, (8, 20))
ONE = Grid({"numba": 1.0}, {1: 1.0})
SLOWER = document({cell(): times(2.0)})
UNCLEAR = document({cell(): times(1.0, NOISY)})
OTHER_DATA = msgspec.structs.replace(
    ONE.document(), dataset=msgspec.structs.replace(ONE.document().dataset, sha256="1" * 64)
)
