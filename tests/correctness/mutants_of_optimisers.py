"""The reference with a planted bug in Adam, in RMSprop or in the average over the batch."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from impls.contract import Loss
from impls.mathematics import reference
from impls.mathematics.optimisers import Memory, new_memory, sgd
from impls.parameters import Floats, Indices


class _Rewritten(reference.Trainer):
    """Updates by a formula of its own."""

    def update(self) -> None:
        self.updates += 1
        for values, gradients, memories in (
            (self.W, self.G, self.memory_of_W),
            (self.b, self.g, self.memory_of_b),
        ):
            for i, (gradient, memory) in enumerate(zip(gradients, memories, strict=True)):
                values[i] = values[i] - self.learning_rate * self.direction(gradient, memory)

    def direction(self, g: Floats, memory: Memory) -> Floats:
        raise NotImplementedError


class Adam(_Rewritten):
    """Adam in pieces that its mutants replace; itself without a bug."""

    def direction(self, g: Floats, memory: Memory) -> Floats:
        beta1, beta2 = self.betas()
        memory[0] = beta1 * memory[0] + (1 - beta1) * g
        memory[1] = beta2 * memory[1] + (1 - beta2) * self.square(g)
        first, second = self.corrections(self.updates)
        return self.quotient(memory[0] / first, memory[1], second)

    def betas(self) -> tuple[float, float]:
        return self.training.beta1, self.training.beta2

    def square(self, g: Floats) -> Floats:
        return g * g

    def corrections(self, t: int) -> tuple[float, float]:
        beta1, beta2 = self.betas()
        return 1 - beta1**t, 1 - beta2**t

    def quotient(self, m: Floats, v: Floats, second: float) -> Floats:
        return m * math.sqrt(second) / (np.sqrt(v) + self.training.epsilon)


class NoCorrection(Adam):
    def corrections(self, t: int) -> tuple[float, float]:
        return 1.0, 1.0


class FirstMomentNotCorrected(Adam):
    def corrections(self, t: int) -> tuple[float, float]:
        return 1.0, super().corrections(t)[1]


class SecondMomentNotCorrected(Adam):
    def corrections(self, t: int) -> tuple[float, float]:
        return super().corrections(t)[0], 1.0


class CorrectionOfTheFirstStepForever(Adam):
    def corrections(self, t: int) -> tuple[float, float]:
        return super().corrections(1)


class CorrectionOneStepLate(Adam):
    def corrections(self, t: int) -> tuple[float, float]:
        return super().corrections(t + 1)


class CorrectionCountedAnewEachEpoch(Adam):
    def epoch(self, order: Indices) -> npt.NDArray[np.float64]:
        self.updates = 0
        return super().epoch(order)


class BetasSwapped(Adam):
    def betas(self) -> tuple[float, float]:
        beta1, beta2 = super().betas()
        return beta2, beta1


class EpsilonUnderTheRoot(Adam):
    def quotient(self, m: Floats, v: Floats, second: float) -> Floats:
        return m * math.sqrt(second) / np.sqrt(v + self.training.epsilon)


class EpsilonAfterCorrection(Adam):
    """Algorithm 1 of the paper, and PyTorch: right elsewhere, but not what is asked for here."""

    def quotient(self, m: Floats, v: Floats, second: float) -> Floats:
        return m / (np.sqrt(v / second) + self.training.epsilon)


class NoEpsilon(Adam):
    def quotient(self, m: Floats, v: Floats, second: float) -> Floats:
        return m * math.sqrt(second) / (np.sqrt(v) + 1e-30)


class EpsilonFixed(Adam):
    def quotient(self, m: Floats, v: Floats, second: float) -> Floats:
        return m * math.sqrt(second) / (np.sqrt(v) + 1e-7)


class NoRoot(Adam):
    def quotient(self, m: Floats, v: Floats, second: float) -> Floats:
        return m * math.sqrt(second) / (v + self.training.epsilon)


class MagnitudeForSquare(Adam):
    def square(self, g: Floats) -> Floats:
        return np.abs(g)


class SquareOfFirstMoment(Adam):
    def direction(self, g: Floats, memory: Memory) -> Floats:
        beta1 = self.training.beta1
        kept = beta1 * memory[0] + (1 - beta1) * g
        self.square = lambda _: kept * kept  # type: ignore[method-assign]
        return super().direction(g, memory)


class SecondMomentForgets(Adam):
    def direction(self, g: Floats, memory: Memory) -> Floats:
        memory[1] = np.zeros_like(g)
        return super().direction(g, memory)


class SecondMomentNeverFades(Adam):
    """``v = v + (1 - beta2) g**2``."""

    def direction(self, g: Floats, memory: Memory) -> Floats:
        memory[1] = memory[1] / self.training.beta2
        return super().direction(g, memory)


class NoRestOfTheBeta(Adam):
    """``m = beta1 m + g``."""

    def quotient(self, m: Floats, v: Floats, second: float) -> Floats:
        return super().quotient(m / (1 - self.training.beta1), v, second)


class DecoupledPenalty(Adam):
    """AdamW: the penalty's share of the gradient goes past the moments."""

    def update(self) -> None:
        before = list(self.W)
        self.G = [G - self.training.l2 * W for G, W in zip(self.G, self.W, strict=True)]
        super().update()
        share = self.learning_rate * self.training.l2
        self.W = [W - share * old for W, old in zip(self.W, before, strict=True)]


class BiasesByDescent(Adam):
    def update(self) -> None:
        b = [
            value - sgd(g, new_memory("sgd", g), self.learning_rate, 1, self.training)
            for value, g in zip(self.b, self.g, strict=True)
        ]
        super().update()
        self.b = b


class OneMemoryForWeightsAndBiases(Adam):
    def update(self) -> None:
        self.memory_of_b = [[M.mean(axis=0) for M in memory] for memory in self.memory_of_W]
        super().update()


ADAM = tuple(
    found
    for found in list(globals().values())
    if isinstance(found, type) and issubclass(found, Adam) and found is not Adam
)


class RMSprop(_Rewritten):
    """RMSprop in pieces that its mutants replace; itself without a bug."""

    def direction(self, g: Floats, memory: Memory) -> Floats:
        memory[0] = self.mean_square(g, memory[0])
        return g / np.sqrt(memory[0] + self.training.epsilon)

    def mean_square(self, g: Floats, before: Floats) -> Floats:
        return self.training.rho * before + (1 - self.training.rho) * g * g


class RhoForItsRest(RMSprop):
    def mean_square(self, g: Floats, before: Floats) -> Floats:
        return (1 - self.training.rho) * before + self.training.rho * g * g


class SquaresNeverFade(RMSprop):
    """AdaGrad."""

    def mean_square(self, g: Floats, before: Floats) -> Floats:
        return before + (1 - self.training.rho) * g * g


class NoMemory(RMSprop):
    def mean_square(self, g: Floats, before: Floats) -> Floats:
        return (1 - self.training.rho) * g * g


class EpsilonBesideTheRoot(RMSprop):
    """PyTorch's place for it."""

    def direction(self, g: Floats, memory: Memory) -> Floats:
        memory[0] = self.mean_square(g, memory[0])
        return g / (np.sqrt(memory[0]) + self.training.epsilon)


class RootOfEpsilonBesideTheRoot(RMSprop):
    def direction(self, g: Floats, memory: Memory) -> Floats:
        memory[0] = self.mean_square(g, memory[0])
        return g / (np.sqrt(memory[0]) + math.sqrt(self.training.epsilon))


class SquareOfThisStepLeftOut(RMSprop):
    def direction(self, g: Floats, memory: Memory) -> Floats:
        before = memory[0]
        memory[0] = self.mean_square(g, before)
        return g / np.sqrt(before + self.training.epsilon)


RMSPROP = tuple(
    found
    for found in list(globals().values())
    if isinstance(found, type) and issubclass(found, RMSprop) and found is not RMSprop
)


class SummedGradient(reference.Trainer):
    """The loss is averaged, its gradient is not."""

    def backward(self) -> None:
        super().backward()
        count = len(self.T)
        shares = [self.training.l2 * W + self.training.l1 * np.sign(W) for W in self.W]
        self.G = [count * (G - s) + s for G, s in zip(self.G, shares, strict=True)]
        self.g = [count * g for g in self.g]


class SummedLoss(reference.Trainer):
    def loss(self) -> Loss:
        data, penalty, mean_error = super().loss()
        return Loss(float(data) * len(self.T), penalty, mean_error)


class AveragedPenalty(reference.Trainer):
    def backward(self) -> None:
        super().backward()
        shares = [self.training.l2 * W + self.training.l1 * np.sign(W) for W in self.W]
        self.G = [G - s + s / len(self.T) for G, s in zip(self.G, shares, strict=True)]


class AveragedOverOutputsToo(reference.Trainer):
    """Keras' log loss and squared error are means over the outputs as well."""

    def backward(self) -> None:
        super().backward()
        nodes = self.network.layers[-1]
        self.G = [G / nodes for G in self.G]
        self.g = [g / nodes for g in self.g]


class AveragedByTheSetBatchSize(reference.Trainer):
    """The last batch of an epoch is shorter, and divided by the length of the others."""

    def backward(self) -> None:
        super().backward()
        share = len(self.T) / self.training.batch_size
        self.G = [G * share for G in self.G]
        self.g = [g * share for g in self.g]


MEAN = (
    SummedGradient,
    SummedLoss,
    AveragedPenalty,
    AveragedOverOutputsToo,
    AveragedByTheSetBatchSize,
)
