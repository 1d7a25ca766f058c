"""What a page states of a network and its training, each fact with its value."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from impls.networks import Network, Training
from reports import format as text

Facts = list[tuple[str, str]]
_BY = " \N{MULTIPLICATION SIGN} "


def shape(sizes: Sequence[int]) -> str:
    """Sizes along the axes of an array."""
    return _BY.join(map(str, sizes))


def described(network: Network, trainings: Sequence[Training]) -> Facts:
    """Return what is computed, and how its weights move as far as ``trainings`` tell."""
    dropout = "none"
    if network.dropout:
        dropout = f"{text.listing(f'{rate:g}' for rate in network.dropout)} of the hidden layers"
    losses = _each(f"{network.loss}, {loss_sum(training)}" for training in trainings)
    facts = [
        ("network", f"{network.name}, {network.parameter_count} parameters in {network.dtype}"),
        *_layers(network),
        ("activation", f"{network.activation}, {network.output} at the output"),
        ("dropout", dropout),
        ("loss", losses or network.loss),
    ]
    if not trainings:
        return facts
    sizes: dict[str, list[int]] = {}
    for training in sorted(trainings, key=lambda training: training.batch_size):
        sizes.setdefault(rate(training), []).append(training.batch_size)
    rates = [
        f"{words} at batch {text.listing(batch_sizes)}" for words, batch_sizes in sizes.items()
    ]
    return [
        *facts,
        ("optimiser", _each(map(optimiser, trainings))),
        ("learning rate", "; ".join(sizes if len(sizes) == 1 else rates)),
        ("penalty", _each(f"l2 {training.l2:g}, l1 {training.l1:g}" for training in trainings)),
        ("start weights", _each(map(start, trainings))),
    ]


def structure(network: Network) -> str:
    """Return the sizes of all layers on one line."""
    return ", ".join(f"{what} {sizes}".removeprefix("layers ") for what, sizes in _layers(network))


def loss_sum(training: Training) -> str:
    """Return how the losses of a batch become one number."""
    return f"{training.reduction} over the examples of a batch"


def optimiser(training: Training) -> str:
    """Return the optimiser with what it remembers."""
    memory = {
        "sgd": f"momentum {training.momentum:g}, of the previous step alone",
        "adam": f"betas {training.beta1:g} and {training.beta2:g}, epsilon {training.epsilon:g}",
        "rmsprop": f"rho {training.rho:g}, epsilon {training.epsilon:g}",
    }[training.optimiser]
    return f"{training.optimiser}, {memory}"


def rate(training: Training) -> str:
    """Return the learning rate and how it falls."""
    return f"{training.learning_rate:g}, decay {training.decay:g}"


def start(training: Training) -> str:
    """Return where the weights come from."""
    scale = f" within {training.start_scale:g} / \N{SQUARE ROOT}inputs"
    return training.start + (scale if training.start == "uniform" else "")


def _layers(network: Network) -> Facts:
    """Return the sizes, from input to output."""
    sizes = "-".join(map(str, network.dense))
    if not network.convolutions or network.image is None:
        return [("layers", sizes)]
    convolutions = [
        f"{conv.filters} of {shape((conv.kernel, conv.kernel))}"
        + (f", pooled by {shape((conv.pool, conv.pool))}" if conv.pool > 1 else "")
        for conv in network.conv_layers
    ]
    return [
        ("image", shape(network.image)),
        ("convolutions", "; ".join(convolutions)),
        ("dense layers", sizes),
    ]


def _each(words: Iterable[str]) -> str:
    """Return what all trainings share, or all that there is."""
    return "; ".join(dict.fromkeys(words))
