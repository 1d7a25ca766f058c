"""Implementations from outside, as files: right ones, wrong ones and ones that misbehave."""

from __future__ import annotations

from pathlib import Path

_HEAD = """
import os, signal, sys, time
import numpy as np
from impls.mathematics import reference


class Trainer(reference.Trainer):
"""

BODIES = {
    "right": "    pass\n",
    "raises": (
        '    @classmethod\n    def declared(cls):\n        return {"TF32": "on"}\n\n'
        '    def update(self):\n        raise ValueError("planted trouble")\n'
    ),
    "exits": "    def update(self):\n        os._exit(3)\n",
    "killed": "    def update(self):\n        os.kill(os.getpid(), signal.SIGKILL)\n",
    "hangs": "    def update(self):\n        time.sleep(600)\n",
    "nan": "    def predict(self, X):\n        return super().predict(X) * np.nan\n",
    "wrong": (
        "    def backward(self):\n        super().backward()\n        self.g[0] = self.g[0] * 0\n"
    ),
    "chatty": (
        "    @classmethod\n    def unavailable(cls):\n"
        '        print("words " * 1_000_000)\n        print("more", file=sys.stderr)\n'
    ),
    "chatty_death": (
        '    def update(self):\n        print("x" * 3_000_000 + " the end", flush=True)\n'
        "        os._exit(4)\n"
    ),
    "declines": (
        "    @classmethod\n    def supports(cls, network, training):\n"
        '        return "nothing for me" if training.batch_size == 50 else None\n'
    ),
    "no_device": (
        "    @classmethod\n    def unavailable(cls):\n"
        '        open(__file__ + ".asked", "a").write("asked ")\n'
        '        return "no quantum computer found"\n'
    ),
    "one_bad_size": (
        "    def forward(self):\n        super().forward()\n"
        '        if self.training.batch_size == 50:\n            raise MemoryError("too large")\n'
    ),
    "full_device": (
        "    def forward(self):\n        super().forward()\n"
        "        if self.training.batch_size == 50:\n            raise OutOfMemoryError\n\n\n"
        "class OutOfMemoryError(RuntimeError):\n"
        '    """As PyTorch calls it."""\n'
    ),
    "undecided": (
        '    @classmethod\n    def declared(cls):\n        return {"chosen": str(os.getpid())}\n'
    ),
    "quits": "    def update(self):\n        sys.exit(0)\n",
}


def write(folder: Path, name: str) -> str:
    """Write the file of one implementation; return what goes after ``--impl``."""
    file = folder / f"{name}.py"
    file.write_text(_HEAD.lstrip() + BODIES[name])
    return f"{file}:Trainer"


def write_text(folder: Path, name: str, text: str) -> str:
    """Write any text as an implementation; return what goes after ``--impl``."""
    file = folder / f"{name}.py"
    file.write_text(text)
    return f"{file}:Trainer"
