"""Broken and hostile ``.keras`` files: an error of ours, or the same weights.

``MLPBENCH_FUZZ=N`` tries N examples of each kind in place of a few.
"""

from __future__ import annotations

import functools
import json
import os
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from impls import registry
from impls.errors import ModelError
from impls.keras import files as keras_files
from impls.networks import Network, Training
from impls.parameters import start_parameters

ROW = registry.find("keras-tf")
pytestmark = [
    pytest.mark.skipif(registry.missing(ROW) is not None, reason="Keras is not installed"),
    # Keras' way of saving weights meets a signature that NumPy 2 no longer likes.
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    # What Keras says of layers that a changed file describes strangely.
    pytest.mark.filterwarnings("ignore::UserWarning"),
]

TRIALS = int(os.environ.get("MLPBENCH_FUZZ", "12"))
FEW = settings(max_examples=TRIALS, deadline=None, suppress_health_check=list(HealthCheck))
NETWORK = Network(
    name="net", layers=(6, 5, 3), activation="tanh", loss="cross-entropy", dropout=(0.5,)
)
START = start_parameters(NETWORK, Training(), seed=2)


@functools.cache
def whole() -> bytes:
    """A sound file."""
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as folder:
        for name, value in ROW.environment.items():
            patch.setitem(os.environ, name, value)
        keras_files.save(NETWORK, START, Path(folder) / "net.keras")
        return (Path(folder) / "net.keras").read_bytes()


def load(content: bytes) -> keras_files.Stored | None:
    """The network in a file of this content; None where it is refused."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "net.keras"
        path.write_bytes(content)
        try:
            return keras_files.load(path)
        except ModelError:
            return None


@FEW
@given(
    st.lists(
        st.tuples(st.integers(0, 1 << 20), st.integers(0, 255), st.booleans()),
        min_size=1,
        max_size=3,
    )
)
def test_a_changed_file_is_refused_or_holds_the_same_weights(
    edits: list[tuple[int, int, bool]],
) -> None:
    altered = bytearray(whole())
    for place, value, cut in edits:
        at = place % max(1, len(altered))
        if cut:
            del altered[at:]
        elif altered:
            altered[at] = value
    stored = load(bytes(altered))
    if stored is not None:
        for (name, ours), (_, theirs) in zip(
            START.arrays(), stored.parameters.arrays(), strict=True
        ):
            np.testing.assert_array_equal(ours, theirs, err_msg=name)


def places(part: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The ways to every value in a description."""
    inner = (
        part.items()
        if isinstance(part, dict)
        else enumerate(part)
        if isinstance(part, list)
        else ()
    )
    return [path, *(way for key, one in inner for way in places(one, (*path, key)))]


VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 40), st.floats(allow_nan=False),
    st.sampled_from(
        [
            "", "relu", "linear", "softmax", "Dense", "Lambda", "Flatten", "float16", "keras",
            "channels_first", "os", "system", [], {}, [1], [None, 6], [None, None], [None, 3, 2],
            {"class_name": "Dense"}, {"class_name": "function", "config": "eval"}, 10**7, 1e308,
        ]
    ),
)  # fmt: skip


@FEW
@given(st.data())
def test_a_file_with_another_description_is_refused_or_computes_what_it_says(
    data: st.DataObject,
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "net.keras"
        path.write_bytes(whole())
        with zipfile.ZipFile(path) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
        config = json.loads(members["config.json"])
        for _ in range(data.draw(st.integers(1, 2))):
            way = data.draw(st.sampled_from(places(config)[1:]))
            parent = config
            for key in way[:-1]:
                parent = parent[key]
            if data.draw(st.booleans()) and isinstance(parent, dict):
                del parent[way[-1]]
            else:
                parent[way[-1]] = data.draw(VALUES)
        members["config.json"] = json.dumps(config).encode()
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in members.items():
                archive.writestr(name, content)
        stored = load(path.read_bytes())
    # What was read has been proven to compute what Keras does with it.
    if stored is not None:
        assert stored.network.layers[-1] == 3
        assert all(np.isfinite(array).all() for _, array in stored.parameters.arrays())
