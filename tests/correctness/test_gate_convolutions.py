"""Convolutions: right ones pass the gate, wrong ones do not, and doubts are where they belong."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from bench.correctness import gate, gate_settings, nonsmooth, reference_run
from bench.correctness.tolerance import Rounding, tolerances
from impls.contract import Trainer
from impls.convolution import Convolution
from impls.errors import UsageError
from impls.mathematics import reference
from impls.networks import Activation, Network, Optimiser, Training
from impls.parameters import Floats, epoch_order, start_parameters
from impls.presets import PRESETS
from tests.correctness import im2col, mutants, mutants_of_convolutions
from tests.stand_ins import fakes

NETWORK = Network(
    name="small",
    layers=(9 * 8 * 2, 6, 4),
    activation="relu",
    loss="cross-entropy",
    image=(9, 8, 2),
    convolutions=(Convolution(filters=3, pool=2), Convolution(filters=4, kernel=2)),
)
"""Its first pool drops a row; the image has two channels, so that their order shows."""
SINGLE = Rounding(2**-23)
TRAINING = Training(batch_size=12, l2=1e-4, reduction="mean", start="glorot", optimiser="adam")


def images(network: Network, examples: int, seed: int = 5) -> tuple[Floats, Floats]:
    """Shapes of random values on a background of zeros, which fills the upper rows."""
    X, Y = fakes.examples(examples, network.layers[0], network.layers[-1], seed)
    assert network.image is not None
    maps = X.reshape(examples, *network.image)
    maps[:, : network.image[0] // 2] = 0
    return X, Y


def refusal(
    kind: type[Trainer], network: Network, training: Training, examples: int = 60, seed: int = 1
) -> str:
    data = images(network, examples)
    order = epoch_order(examples, seed, 0)[: gate.rows_needed(training.batch_size, examples)]
    start = start_parameters(network, training, seed)
    with np.errstate(all="ignore"):
        return gate.refusal(gate.inspect(kind, network, training, start, data, order))


@pytest.mark.parametrize(
    "kind", [reference.Trainer, im2col.Trainer], ids=lambda kind: kind.__module__
)
@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "relu"])
@pytest.mark.parametrize("optimiser", ["sgd", "adam", "rmsprop"])
def test_right_convolutions_pass(
    kind: type[Trainer], activation: Activation, optimiser: Optimiser
) -> None:
    network = msgspec.structs.replace(NETWORK, activation=activation)
    training = msgspec.structs.replace(TRAINING, optimiser=optimiser)
    assert [refusal(kind, network, training, seed=seed) for seed in (1, 2, 3)] == [""] * 3


@pytest.mark.parametrize("mutant", mutants_of_convolutions.ALL, ids=lambda mutant: mutant.__name__)
@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "relu"])
def test_a_bug_in_a_convolution_is_refused(mutant: type[Trainer], activation: Activation) -> None:
    network = msgspec.structs.replace(NETWORK, activation=activation)
    assert refusal(mutant, network, TRAINING)
    assert refusal(mutant, network, msgspec.structs.replace(TRAINING, optimiser="sgd"))


@pytest.mark.parametrize(
    "mutant",
    [
        mutants.NoBiasGradient,
        mutants.BiasSumOverWrongAxis,
        mutants.GradientsOfPreviousBatch,
        mutants.NoPenaltyGradient,
        mutants.NoMomentum,
        mutants.StaleTargets,
        mutants.Float16Weights,
        mutants.WrongStartWeights,
    ],
)
def test_a_bug_elsewhere_is_refused_behind_convolutions_too(mutant: type[Trainer]) -> None:
    training = msgspec.structs.replace(TRAINING, optimiser="sgd")
    assert refusal(mutant, NETWORK, training)


@pytest.mark.parametrize(
    "mutant",
    [
        im2col.Trainer,
        mutants_of_convolutions.NoBias,
        mutants_of_convolutions.BiasOfOnePlace,
        mutants_of_convolutions.BackWithTheFlippedKernel,
        mutants_of_convolutions.DeltaToAllThatAreLargest,
        mutants_of_convolutions.HalfPrecisionProducts,
        mutants_of_convolutions.FiltersUpdatedOnce,
    ],
)
def test_bugs_and_nothing_else_are_refused_in_a_network_of_the_articles(
    mutant: type[Trainer],
) -> None:
    network, training = PRESETS["cnn-small"].network, PRESETS["cnn-small"].training_at(16)
    assert bool(refusal(mutant, network, training)) is (mutant is not im2col.Trainer)


@st.composite
def networks(draw: st.DrawFn) -> Network:
    image = (draw(st.integers(2, 9)), draw(st.integers(2, 9)), draw(st.integers(1, 3)))
    one = st.builds(
        Convolution, filters=st.integers(1, 5), kernel=st.integers(1, 4), pool=st.integers(1, 3)
    )
    hidden = draw(st.lists(st.integers(1, 9), max_size=2))
    try:
        return Network(
            name="random",
            layers=(image[0] * image[1] * image[2], *hidden, draw(st.integers(2, 5))),
            activation=draw(st.sampled_from(["sigmoid", "tanh", "relu"])),
            loss=draw(st.sampled_from(["logloss", "mse", "cross-entropy"])),
            dropout=tuple(draw(st.sampled_from([0.0, 0.5])) for _ in hidden),
            image=image,
            convolutions=tuple(draw(st.lists(one, min_size=1, max_size=3))),
        )
    except UsageError:
        reject()


@settings(max_examples=60, deadline=None)
@given(
    networks(),
    st.sampled_from(["sgd", "adam", "rmsprop"]),
    st.sampled_from(["sum", "mean"]),
    st.sampled_from(["uniform", "glorot"]),
    st.integers(1, 30),
    st.integers(0, 1000),
)
def test_random_convolutions_in_float32_are_accepted(
    network: Network, optimiser: str, reduction: str, start: str, batch_size: int, seed: int
) -> None:
    training = Training(
        batch_size=batch_size, optimiser=optimiser, reduction=reduction, start=start, l2=0.01
    )
    assert refusal(im2col.Trainer, network, training, examples=40, seed=seed) == ""


def one_filter(weights: list[float], X: list[list[float]], pool: int = 2) -> reference.Trainer:
    """A trainer of one ``1 x 1`` filter on 2 x 2 images of as many channels as weights."""
    network = Network(
        name="one",
        layers=(4 * len(weights), 2),
        activation="relu",
        loss="cross-entropy",
        image=(2, 2, len(weights)),
        convolutions=(Convolution(filters=1, kernel=1, pool=pool),),
    )
    training = Training(batch_size=len(X))
    start = start_parameters(network, training, 1).astype(np.float64)
    start.weights[0][:, 0], start.biases[0][:] = weights, 0.5
    trainer = reference.Trainer(network, training, start)
    trainer.bind(np.array(X), fakes.examples(len(X), 1, 2)[1])
    return trainer


def doubtful(trainer: reference.Trainer) -> list[bool]:
    rows = np.arange(len(trainer.X))
    return nonsmooth.doubtful(trainer, rows, trainer.draw_masks(len(rows)), SINGLE).tolist()


def test_a_tie_of_different_patches_is_in_doubt_and_one_of_equal_patches_is_not() -> None:
    apart, equal, near = [1, 2, 9, 0], [2, 1, 2, 1], [2, 1, 1, 2 + 1e-7]
    different = [2.0, 1, 1, 2]
    others = [0.0, 0, 0, 0]
    trainer = one_filter(
        [1, 1], [[*apart, *others], [*equal, *others], [*near, *others], [*different, *others]]
    )
    assert doubtful(trainer) == [False, False, True, True]


def test_patches_that_differ_by_a_rounding_of_their_sum_are_alike() -> None:
    # The bound is 8 eps sqrt(2) of a size of sqrt(5): 3.0e-6.
    others = [0.0, 0, 0, 0]
    trainer = one_filter([1, 1], [[2.0, 1, 2, 1 + d, *others] for d in (2.7e-6, 4e-6)])
    assert doubtful(trainer) == [False, True]


def test_a_tie_below_the_kink_is_in_nobody_s_way() -> None:
    negative = [-2.0, -1, -1, -2, -3, -3, -3, -3]
    assert doubtful(one_filter([1, 1], [negative])) == [False]
    assert doubtful(one_filter([-1, -1], [negative])) == [False]
    assert doubtful(one_filter([-1, -1], [[*negative[:4], 1, 1, 1, 1]])) == [True]


def test_only_the_largest_of_a_square_can_be_at_a_kink() -> None:
    at, below = -0.25 + 1e-9, -1.0
    lower = [at, at, 0, 0, below, below, below, below]
    highest = [at, at, below, below, below, below, below, below]
    assert doubtful(one_filter([1, 1], [lower, highest])) == [False, True]
    assert doubtful(one_filter([1, 1], [lower, highest], pool=1)) == [True, True]


def test_examples_in_doubt_are_replaced_or_said_to_remain() -> None:
    tied, apart = [2.0, 1, 1, 2, 0, 0, 0, 0], [1.0, 2, 9, 0, 0, 0, 0, 0]
    trainer = one_filter([1, 1], [tied, apart, tied])
    rows, certain = nonsmooth.away_from_kinks(trainer, np.arange(3), SINGLE)
    assert (rows.tolist(), certain) == ([1, 1, 1], True)
    rows, certain = nonsmooth.away_from_kinks(
        one_filter([1, 1], [tied, tied]), np.arange(2), SINGLE
    )
    assert (len(rows), certain) == (2, False)


class OtherPlaces(im2col.Trainer):
    """Among values that are nearly the same it takes the last, as rounding may."""

    def largest(self, outputs: Floats) -> im2col.Places:
        near = outputs >= outputs.max(axis=0) - 2e-6
        return len(outputs) - 1 - near[::-1].argmax(axis=0)


NEAR_TIES = msgspec.structs.replace(NETWORK, image=(9, 8, 8), layers=(9 * 8 * 8, 6, 4))


def checked_with_near_ties(kind: type[Trainer]) -> str:
    """What the gate says where every image has squares whose values are the same but for 1e-6."""
    X, Y = images(NEAR_TIES, 60)
    maps = X.reshape(60, 9, 8, 8)
    # With weights that are the same for all channels, such pairs of channels leave no difference.
    noise = 2e-6 * np.random.default_rng(2).normal(size=(60, 9, 4, 4))
    maps[:, :, :4, :4] = 1 - maps[:, :, :4, 4:] + noise
    start = start_parameters(NEAR_TIES, TRAINING, 1)
    W = start.weights[0].reshape(9, 8, 3)
    W[:] = W[:, :1]
    order = epoch_order(60, 1, 0)[: gate.rows_needed(12, 60)]
    return gate.refusal(gate.inspect(kind, NEAR_TIES, TRAINING, start, (X, Y), order))


def test_what_remains_in_doubt_is_granted_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate_settings, "DITHER", 0.0)
    right = (im2col.Trainer, OtherPlaces)
    assert [checked_with_near_ties(kind) for kind in right] == ["", ""]
    for mutant in (mutants_of_convolutions.DeltaToAllOfSquare, mutants_of_convolutions.NoBias):
        assert checked_with_near_ties(mutant)
    monkeypatch.setattr(reference_run.Perturbed, "convolved", reference.Trainer.convolved)
    assert all(checked_with_near_ties(kind) for kind in right), "nothing is granted unless thrown"


def test_pixels_get_factors_and_a_background_of_zeros_stays() -> None:
    X, Y = images(NETWORK, 1100)
    dithered, same = gate_settings.gate_data(NETWORK, (X, Y))
    assert same is Y
    assert ((X == 0) == (dithered == 0)).all()
    factors = dithered[X != 0] / X[X != 0]
    assert (np.abs(factors - 1) <= gate_settings.DITHER + 1e-6).all()
    assert factors.std() == pytest.approx(gate_settings.DITHER / np.sqrt(3), rel=0.01)
    dense = Network(name="dense", layers=(144, 4))
    assert gate_settings.gate_data(dense, (X, Y))[0] is X


def test_a_filter_sums_over_the_places_of_its_pooled_map() -> None:
    network, eps = PRESETS["cnn-small"].network, 2**-23
    found = tolerances(network, 128, SINGLE)
    assert found.outputs == pytest.approx(8 * eps * np.sqrt(800))
    expected = [8 * eps * np.sqrt(n) for n in (128 * 169, 128 * 25, 800, 800)]
    assert found.layers == pytest.approx(expected)
