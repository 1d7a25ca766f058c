"""The reference in float32 with its factors rounded to TF32, as a GPU would multiply them."""

from __future__ import annotations

import numpy as np

from impls.mathematics import patches, reference
from impls.parameters import Floats

KEPT = np.uint32(0xFFFFE000)
"""Sign, exponent and 10 bits."""


def rounded(A: Floats) -> Floats:
    """``A`` with each number rounded to the nearest of TF32."""
    bits = np.ascontiguousarray(A, np.float32).view(np.uint32)
    return ((bits + np.uint32(0x1000)) & KEPT).view(np.float32)


def cut(A: Floats) -> Floats:
    """``A`` with the bits beyond TF32 left out, as units that multiply leave them out."""
    return (np.ascontiguousarray(A, np.float32).view(np.uint32) & KEPT).view(np.float32)


class Undeclared(reference.Trainer):
    """Products with rounded factors, and sums in float32."""

    dtype = np.float32
    factor = staticmethod(rounded)

    def _with_factors(self) -> tuple[list[Floats], list[Floats]]:
        kept = self.W, self.A
        self.W = [self.factor(W) for W in self.W]
        self.A = [self.factor(A) for A in self.A]
        return kept

    def weighted(self, layer: int, A: Floats) -> Floats:
        Z: Floats = self.factor(A) @ self.factor(self.W[layer]) + self.b[layer]
        return Z

    def convolved(self, layer: int, A: Floats) -> tuple[Floats, patches.Places]:
        conv, W = self.network.conv_layers[layer], self.factor(self.W[layer])
        return patches.forward(conv, self.factor(A), W, self.b[layer])

    def gradient(self, layer: int, delta: Floats) -> Floats:
        kept = self._with_factors()
        found = super().gradient(layer, self.factor(delta))
        self.W, self.A = kept
        return found

    def passed_back(self, layer: int, delta: Floats) -> Floats:
        kept = self._with_factors()
        found = super().passed_back(layer, self.factor(delta))
        self.W, self.A = kept
        return found


class Trainer(Undeclared):
    """The same, declared."""

    @classmethod
    def declared(cls) -> dict[str, str]:
        return {"TF32": "on"}


class Cut(Trainer):
    """The same with factors cut off."""

    factor = staticmethod(cut)


def in_tf32(mutant: type[reference.Trainer]) -> type[reference.Trainer]:
    """A mutant whose other products are in TF32, declared."""

    class Mutant(mutant, Trainer):  # type: ignore[misc, valid-type]
        pass

    Mutant.__name__ = mutant.__name__
    return Mutant
