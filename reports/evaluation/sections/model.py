"""What was trained, and how."""

from __future__ import annotations

import math

from markupsafe import Markup

from impls.networks import Network
from impls.training.evaluation import Trained
from reports import format as text
from reports import tables, templates
from reports.evaluation.context import Learned
from reports.facts import network_facts
from reports.facts.network_facts import Facts, shape
from reports.section import Absence, Section
from reports.tables import Table, TableCell, TableRow


def render(learned: Learned) -> Markup | Absence:
    """Return a summary of each network that differs from the others in layers or training."""
    alike: dict[str, list[Trained]] = {}
    for trained in learned.trained:
        settings = (trained.model.network, trained.model.training, trained.model.order)
        alike.setdefault(repr(settings), []).append(trained)
    return templates.fill(
        "evaluation/sections/model.html",
        described=[
            (
                text.listing(trained.name for trained in some),
                layers(some[0].model.network),
                facts(some[0]),
            )
            for some in alike.values()
        ],
    )


def layers(network: Network) -> Table:
    """Return one row per layer with its parameters, and their sum."""
    inputs = TableCell(str(network.layers[0]), network.layers[0])
    if network.convolutions and network.image:
        inputs = TableCell(shape(network.image), network.layers[0])
    rows = [_layer("input", inputs, "-", 0.0, (0, 0))]
    for number, conv in enumerate(network.conv_layers, start=1):
        side = shape((conv.kernel, conv.kernel))
        pool = f", pooled by {shape((conv.pool, conv.pool))}" if conv.pool > 1 else ""
        nodes = TableCell(shape(conv.pooled), conv.outputs, (f"kernels {side}{pool}",))
        sizes = (math.prod(conv.shape), conv.filters)
        rows.append(_layer(f"convolution {number}", nodes, network.activation, 0.0, sizes))
    dense = network.shapes[len(network.conv_layers) :]
    activations = [*[network.activation] * (len(dense) - 1), network.output]
    rates = (*network.dropout_rates, 0.0)
    for number, ((n_in, n_out), activation, rate) in enumerate(
        zip(dense, activations, rates, strict=True), start=1
    ):
        name = "output" if number == len(dense) else f"hidden {number}"
        rows.append(
            _layer(name, TableCell(str(n_out), n_out), activation, rate, (n_in * n_out, n_out))
        )
    weights = sum(n_in * n_out for n_in, n_out in network.shapes)
    total = network.parameter_count
    sums = [TableCell(str(n), n, strong=True) for n in (weights, total - weights, total)]
    rows.append(TableRow((TableCell("all", strong=True), *[TableCell("")] * 3, *sums)))
    size = text.byte_count(total * (4 if network.dtype == "float32" else 8))
    titles = ("Layer", "Nodes", "Activation", "Dropout", "Weights", "Biases", "Parameters")
    return Table(
        f"Network {network.name}, {size} in {network.dtype}", tables.columns(*titles), tuple(rows)
    )


def _layer(
    name: str, nodes: TableCell, activation: str, rate: float, parameters: tuple[int, int]
) -> TableRow:
    """Return one layer; ``parameters`` counts weights and biases."""
    weights, biases = parameters
    numbers = map(tables.whole, (weights, biases, weights + biases))
    drops = TableCell(f"{rate:g}", rate) if rate else tables.word("-")
    return TableRow((TableCell(name), nodes, TableCell(activation), drops, *numbers))


def facts(trained: Trained) -> Facts:
    """Return how a network was trained, one line per setting."""
    network, training, order = trained.model.network, trained.model.training, trained.model.order
    epochs = trained.model.history.epochs
    count = f", {len(epochs[-1].losses)} in an epoch" if epochs else ""
    cap = f", which is capped at {order.max_batches}" if order.max_batches else ""
    return [
        ("loss", f"{network.loss}, {network_facts.loss_sum(training)}"),
        ("optimiser", network_facts.optimiser(training)),
        ("learning rate", network_facts.rate(training)),
        ("penalty", f"l2 {training.l2:g}, l1 {training.l1:g}"),
        ("batches", f"{training.batch_size} examples{count}{cap}"),
        ("batch order", "new in every epoch" if order.shuffle else "the same in every epoch"),
        ("start weights", network_facts.start(training)),
        ("seed", str(order.seed)),
        ("epochs", f"{trained.model.epochs} of {max(training.epochs, trained.model.epochs)}"),
    ]


SECTION = Section("model", "Network and training", 80, render)
