"""Where right implementations may differ by more than rounding, and examples that avoid it.

*Kinks.*  The slope of ReLU jumps at 0.  Where its input is as near to 0 as rounding reaches, two
right implementations may differ by one example's whole share of a gradient.

*Ties.*  Max pooling sends the delta of a square to the place of the largest value.  Where another
value is as near to it as rounding reaches, two right implementations may send it to different
places.  Not every tie counts:

- where the slope of the activation is 0, or vanishes in rounding, nothing is sent to any place;
- where both values come from patches that are alike, as in a background of one colour, the delta
  meets the same numbers in either place.  It makes the same gradient, and what it does further
  below is the same again: numbers that are alike there come from patches that are alike in turn.
  Such ties are everywhere, and harmless.

*How far rounding reaches.*  The terms of a sum have independent errors, so they add up like the
root of the sum of their squares, times the gate's tolerance for the longest sum on the way from
the examples to this layer.  A convolution has short sums.  So although it has thousands of places
in each example, of MNIST's examples 10 to 35 % have a doubtful one in the networks of the articles,
with tanh up to half of them, with sigmoids, whose outputs vary little, nearly all.

Doubtful examples are replaced by others.  Where that is hopeless they stay, and the gate's bound
grows by the effect of a random choice at each doubtful place: see
:class:`bench.correctness.reference_run.Perturbed`.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from bench.correctness.tolerance import SAFETY, Rounding, forward_tolerance
from impls.convolution import ConvLayer
from impls.mathematics import patches, reference
from impls.mathematics.functions import ACTIVATIONS, SLOPES_FROM_INPUT
from impls.networks import Network
from impls.parameters import Floats, Indices

ATTEMPTS = 20
HOPELESS = 0.8
"""With this share of doubtful examples, attempts would leave one in a hundred after all."""
ALIKE = 1e-6
"""Patches whose distance is below this share of their size are alike, at the least."""
EXAMPLES_AT_ONCE = 64

Flags = npt.NDArray[np.bool_]


def away_from_kinks(
    trainer: reference.Trainer, rows: Indices, rounding: Rounding
) -> tuple[Indices, bool]:
    """Return ``rows`` with others in place of those at which ``trainer`` is in doubt.

    Also whether all doubts are gone; where the data hold too few other examples some remain.
    """
    network = trainer.network
    if network.activation != "relu" and all(conv.pool == 1 for conv in network.conv_layers):
        return rows, True
    rng = np.random.default_rng(1)
    rows = rows.copy()
    masks = trainer.draw_masks(len(rows))
    places = np.arange(len(rows))
    for _ in range(ATTEMPTS):
        tried = places.size
        places = places[doubtful(trainer, rows[places], _of(masks, places), rounding)]
        if not places.size:
            return rows, True
        if tried > EXAMPLES_AT_ONCE and places.size > HOPELESS * tried:
            break
        rows[places] = rng.integers(0, len(trainer.X), places.size)
    return rows, False


def doubtful(
    trainer: reference.Trainer, rows: Indices, masks: list[Floats | None], rounding: Rounding
) -> Flags:
    """Return which of ``rows`` have an input in doubt; ``masks`` are those of their dropout."""
    flags = np.zeros(len(rows), dtype=bool)
    for some in parts(len(rows)):
        X = trainer.X[rows[some]].astype(np.float64)
        passed = trainer.layers(X, _of(masks, some))
        for layer, places in enumerate(passed.places):
            kinks, rivals = in_squares(trainer, layer, passed.A[layer], rounding)
            flags[some] |= (kinks | (rivals != places)).any(axis=1)
        for layer in range(len(passed.places), len(trainer.W) - 1):
            kinks = at_kinks(trainer, layer, passed.A[layer], passed.Z[layer], rounding)
            mask = masks[layer - len(passed.places) + 1]
            # What is dropped is dropped on either side.
            flags[some] |= (kinks if mask is None else kinks & (mask[some] > 0)).any(axis=1)
    return flags


def parts(examples: int) -> Iterator[slice]:
    """Return slices of a few examples: places in doubt are looked for among all inputs at once."""
    return (
        slice(start, start + EXAMPLES_AT_ONCE) for start in range(0, examples, EXAMPLES_AT_ONCE)
    )


def at_kinks(
    trainer: reference.Trainer,
    layer: int,
    A: Floats,
    Z: Floats,
    rounding: Rounding,
    safety: float = SAFETY,
) -> Flags:
    """Return where inputs ``Z`` of a dense layer, from ``A``, may be on either side of a kink."""
    error = np.sqrt(A**2 @ trainer.W[layer] ** 2 + trainer.b[layer] ** 2)
    bound = forward_tolerance(trainer.network, rounding, layer, safety)
    return _kinks(trainer.network, Z, bound * error)


def in_squares(
    trainer: reference.Trainer,
    layer: int,
    A: Floats,
    rounding: Rounding,
    safety: float = SAFETY,
) -> tuple[Flags, patches.Places]:
    """Return what is in doubt in a convolution that meets ``A``, of a few examples.

    That is whether the largest input of each square may be on either side of a kink, and the place
    in the square that may be the largest instead; where there is none it is the place that is.
    Both have the shape of the outputs, ``(examples, conv.outputs)``.
    """
    network, W, b = trainer.network, trainer.W[layer], trainer.b[layer]
    conv, bound = network.conv_layers[layer], forward_tolerance(network, rounding, layer, safety)
    maps = A.reshape(-1, conv.height, conv.width, conv.channels)
    spread = np.sqrt(patches.convolved(maps**2, W**2, conv.kernel) + b**2)
    # Shape (examples, height, width, squares of the pool, filters) from here on.
    error = bound * patches.squares(spread, conv.pool)
    Z = patches.squares(patches.convolved(maps, W, conv.kernel) + b, conv.pool)
    place = Z.argmax(axis=3)[:, :, :, None]
    largest = np.take_along_axis(Z, place, axis=3)
    largest_error = np.take_along_axis(error, place, axis=3)
    slope = SLOPES_FROM_INPUT[network.activation](largest)
    # Outputs are rounded as well, and it may be outputs that are compared.
    rounded = safety * rounding.numbers * np.abs(ACTIVATIONS[network.activation](largest))
    reach = largest_error + error + rounded / np.maximum(slope, bound)
    ties = (slope > bound) & (largest - Z <= reach)
    ties &= ~np.take_along_axis(_alike(conv, maps, bound), place, axis=4)
    rivals = np.where(ties, Z, -np.inf).argmax(axis=3)[:, :, :, None]
    rivals = np.where(ties.any(axis=3, keepdims=True), rivals, place)
    kinks = _kinks(network, largest, largest_error)
    return kinks.reshape(len(A), -1), rivals.reshape(len(A), -1)


def _of(masks: list[Floats | None], rows: slice | Indices) -> list[Floats | None]:
    return [mask if mask is None else mask[rows] for mask in masks]


def _kinks(network: Network, Z: Floats, error: Floats) -> Flags:
    """Return where an input may be on either side of 0; a sum of zeros is 0 for everyone."""
    kinks: Flags = (np.abs(Z) <= error) & (error > 0)
    return kinks if network.activation == "relu" else np.zeros_like(kinks)


def _alike(conv: ConvLayer, maps: Floats, bound: float) -> Flags:
    """Return which patches of a square are alike, ``(examples, height, width, square, square)``."""
    height, width = conv.filtered
    rows = patches.patches(maps, conv.kernel).reshape(len(maps), height, width, -1)
    P = patches.squares(rows, conv.pool)
    products = P @ P.swapaxes(3, 4)
    sizes = np.einsum("...ii->...i", products)
    one, other = sizes[..., :, None], sizes[..., None, :]
    near: Flags = one + other - 2 * products <= max(bound, ALIKE) ** 2 * np.maximum(one, other)
    return near
