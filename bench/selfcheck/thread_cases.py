"""Thread settings that do not take, and ones that do, each for a worker process of its own."""

from __future__ import annotations

from dataclasses import dataclass

from bench.planning.plan import Setting

IMPOSSIBLE = "not possible here: "
"""What a trainer raises, with the reason, where this machine cannot be set up that way."""


@dataclass(frozen=True)
class Case:
    """A setting of ``threads``, and what must be said of it.

    The worker gets the variables of ``setting`` beside those of ``threads`` and imports ``text``
    in front of a subclass of the trainer in ``impls.<module>``, with ``body``; ``held`` starts it
    on one processor only.  ``reason`` is a pattern of what must be said, None where all is right.
    ``threads`` of :data:`MORE` asks for one more than there are processors.
    """

    what: str
    threads: int | None
    reason: str | None = None
    setting: Setting = ()
    text: str = ""
    body: str = ""
    module: str = "numpy.optimized"
    batch_size: int = 500
    held: bool = False


MORE = -1

HEAD = '''
import hashlib
import threading
from pathlib import Path

from threadpoolctl import ThreadpoolController

import impls.{module}


def pools():
    return {{pool.filepath: pool for pool in ThreadpoolController().lib_controllers}}


def limit(threads, without=()):
    """Set the pools that are loaded now, but for those loaded before."""
    chosen = [pool for path, pool in pools().items() if path not in without]
    if not chosen:
        raise RuntimeError("{impossible}no such second copy of a library")
    for pool in chosen:
        pool.set_num_threads(threads)


'''
TAIL = '''
class Trainer(impls.{module}.Trainer):
    """The original, but for what is written here."""

{body}'''

_SCIPY = "before = pools()\nimport scipy.linalg\n"
_OPENMP = "before = pools()\nimport sklearn.utils._openmp_helpers\n"
_QUOTA = """
from bench.provenance import machine

machine._CGROUPS = Path(__file__).parent / "cgroups"
machine._CGROUPS.mkdir(exist_ok=True)
(machine._CGROUPS / "cpu.max").write_text("150000 100000")
"""
_RAISED = """
    def epoch(self, order):
        limit(2)
        losses = super().epoch(order)
        limit(1)
        return losses
"""
_OWN_THREADS = """
    def epoch(self, order):
        done = threading.Event()
        data = bytes(2**20)

        def work():
            while not done.is_set():
                hashlib.sha256(data)

        helper = threading.Thread(target=work)
        helper.start()
        try:
            return super().epoch(order)
        finally:
            done.set()
            helper.join()
"""

FEWER, TOO_MANY = r"2 threads requested, but .* reports 1$", r"1 thread requested, but .* reports "
BUSY = r"1 thread requested, but \d\.\d+ were busy while it was timed"

MIS_SET = (
    Case("NumPy's BLAS limited at import", 2, FEWER, text="limit(1)\n"),
    Case("only SciPy's copy of BLAS limited", 2, FEWER, text=f"{_SCIPY}limit(1, before)\n"),
    Case("both copies limited", 2, FEWER, text=f"{_SCIPY}limit(1)\n"),
    Case("BLAS enlarged at import", 1, f"{TOO_MANY}2$", text="limit(2)\n"),
    Case("BLAS enlarged inside the clock only", 1, BUSY, body=_RAISED),
    Case(
        "the library's own variable says less",
        2,
        FEWER,
        (("BLIS_NUM_THREADS", "1"), ("MKL_NUM_THREADS", "1"), ("OPENBLAS_NUM_THREADS", "1")),
    ),
    Case(
        "only variables of other libraries set",
        1,
        rf"{TOO_MANY}\d",
        (("OMP_NUM_THREADS", None), ("OPENBLAS_NUM_THREADS", None)),
    ),
    Case("one processor for two threads", 2, "may run on 1 of the processors", held=True),
    Case("more threads than processors", MORE, r"may run on \d+ of the processors"),
    Case("a container's quota below the threads", 2, "may use 1.5 processors", text=_QUOTA),
    Case(
        "a second runtime with more threads",
        1,
        r"1 thread requested, but openmp .* reports 2$",
        (("OMP_NUM_THREADS", "2"),),
        text=_OPENMP,
    ),
    Case("threads of its own beside BLAS", 1, BUSY, body=_OWN_THREADS),
    Case(
        "Numba's variable says less",
        2,
        r"2 threads requested, but numba .* reports 1$",
        (("NUMBA_NUM_THREADS", "1"),),
        module="numba.trainer",
    ),
    Case(
        "Numba's pool limited at import",
        2,
        r"2 threads requested, but numba .* reports 1$",
        text="import numba\n\nnumba.set_num_threads(1)\n",
        module="numba.trainer",
    ),
)
RIGHT = (
    Case("one thread", 1),
    Case("two threads", 2),
    Case("nothing asked", None),
    Case("nothing asked, threads of its own", None, body=_OWN_THREADS),
    Case("two copies of BLAS that agree", 2, text=_SCIPY),
    Case("a second runtime that agrees", 2, text=_OPENMP),
    Case("two threads for tiny batches", 2, batch_size=10),
    Case("one thread on one processor", 1, held=True),
    Case("Numba with one thread", 1, module="numba.trainer"),
    Case("Numba with two, its BLAS held to one", 2, module="numba.trainer"),
)
