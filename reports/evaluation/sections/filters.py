"""What the convolutions look for, and what they find in an example."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from markupsafe import Markup

from impls.convolution import ConvLayer
from impls.training.evaluation import feature_maps, kernels
from reports import format as text
from reports import pictures, templates
from reports.evaluation.context import Learned
from reports.facts.network_facts import shape
from reports.pictures import Scale
from reports.section import Absence, Section

Numbers = npt.NDArray[np.floating[Any]]

_CHOSEN = (4, 7, 10, 13)
"""The filters whose maps the articles show."""
_EXAMPLE = 0


def render(learned: Learned) -> Markup | Absence:
    """Return pictures of the first network that has convolutions."""
    trained = next(
        (trained for trained in learned.trained if trained.model.network.convolutions), None
    )
    if trained is None:
        return Absence("No network here begins with convolutions.")
    data, network, parameters = learned.data, trained.model.network, trained.model.state.parameters
    seen = pictures.are_pictures(data.pixels_test)
    layers = feature_maps(network, parameters, data.X_test[_EXAMPLE])
    weights = parameters.weights[: len(layers)]
    return templates.fill(
        "evaluation/sections/filters.html",
        network=trained.name,
        several=len(learned.trained) > 1,
        name=data.class_names[data.labels_test[_EXAMPLE]],
        picture=pictures.uri(data.pixels_test[_EXAMPLE]) if seen else None,
        convolutions=[
            _convolved(conv, W, maps)
            for conv, W, maps in zip(network.conv_layers, weights, layers, strict=True)
        ],
        first_channel=any(conv.channels > 1 for conv in network.conv_layers),
    )


def _convolved(conv: ConvLayer, W: Numbers, maps: Numbers) -> dict[str, Any]:
    """Return one convolution: the kernels of all filters, and the maps of some."""
    squares = kernels(conv, W)[:, :, :, 0]
    chosen = chosen_filters(conv.filters)
    kernel_scale, map_scale = Scale.of(squares), Scale.of(maps[chosen])
    filters = text.count(conv.filters, "filter")
    channels = text.count(conv.channels, "channel")
    return {
        "title": f"{filters} of {shape((conv.kernel, conv.kernel))} over {channels}",
        "size": shape(conv.filtered),
        "kernel_scale": kernel_scale,
        "kernels": map(kernel_scale.uri, squares),
        "map_scale": map_scale,
        "maps": [(number, map_scale.uri(maps[number])) for number in chosen],
    }


def chosen_filters(filters: int) -> npt.NDArray[np.intp]:
    """Return the filters whose maps are shown: those of the articles, or some spread over all."""
    if filters > max(_CHOSEN):
        return np.array(_CHOSEN)
    spread = np.linspace(0, filters - 1, min(len(_CHOSEN), filters))
    return np.rint(spread).astype(np.intp)


SECTION = Section("filters", "Kernels and maps", 65, render)
