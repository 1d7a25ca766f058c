"""The networks of the articles, each with the training that suits it."""

from __future__ import annotations

import msgspec

from impls.convolution import Convolution
from impls.errors import UnknownNameError
from impls.networks import Activation, LossName, Network, Training


class Preset(msgspec.Struct, frozen=True, kw_only=True):
    """A network with the training settings that suit it.

    ``rates`` lists ``(from_batch_size, learning_rate)``: where gradients are sums over the batch,
    large batches need a smaller rate.  ``normalise`` names what its source did to the features, one
    of :data:`impls.data.normalise.NORMALISATIONS`.
    """

    summary: str
    network: Network
    training: Training
    rates: tuple[tuple[int, float], ...]
    normalise: str = "standard"

    def training_at(self, batch_size: int, seed: int = 1) -> Training:
        """Return the training for batches of ``batch_size``, dropout drawn from ``seed``."""
        rate = max((start, rate) for start, rate in self.rates if start <= max(batch_size, 1))[1]
        return msgspec.structs.replace(
            self.training, batch_size=batch_size, learning_rate=rate, dropout_seed=seed
        )


# The articles trained batches of 500 at 1e-3 and of 15000 and 20000 at 1e-4.
_ARTICLE_RATES = ((1, 1e-3), (5000, 1e-4))

# The defaults of Keras' layers and of its Adam.
_KERAS = Training(
    batch_size=128,
    epochs=20,
    decay=0.0,
    momentum=0.0,
    l2=0.0,
    optimiser="adam",
    reduction="mean",
    start="glorot",
)

PRESETS: dict[str, Preset] = {
    preset.network.name: preset
    for preset in (
        Preset(
            summary="the articles' network: sigmoid, log loss",
            network=Network(name="blog", layers=(784, 70, 30, 10)),
            training=Training(),
            rates=_ARTICLE_RATES,
        ),
        Preset(
            summary="the wider one of the articles' thread study",
            network=Network(name="blog-wide", layers=(784, 300, 140, 10)),
            training=Training(),
            rates=_ARTICLE_RATES,
        ),
        Preset(
            summary="the ISLR book's Keras lab: ReLU, dropout, Adam",
            network=Network(
                name="islr",
                layers=(784, 256, 128, 10),
                activation="relu",
                loss="cross-entropy",
                dropout=(0.2, 0.2),
            ),
            training=_KERAS,
            rates=((1, 1e-3),),
            # Standardised features cost it half a percent of accuracy: rare pixels become large.
            normalise="range",
        ),
        Preset(
            summary="the articles' CNN: cross-entropy, RMSprop",
            network=Network(
                name="cnn-blog",
                layers=(784, 70, 10),
                activation="relu",
                loss="cross-entropy",
                image=(28, 28, 1),
                convolutions=(
                    Convolution(filters=32, pool=2),
                    Convolution(filters=64, pool=2),
                    Convolution(filters=64),
                ),
            ),
            training=msgspec.structs.replace(_KERAS, batch_size=64, epochs=5, optimiser="rmsprop"),
            rates=((1, 1e-3),),
        ),
        Preset(
            summary="the CNN of their notebook: cross-entropy, Adam",
            network=Network(
                name="cnn-small",
                layers=(784, 128, 10),
                activation="relu",
                loss="cross-entropy",
                image=(28, 28, 1),
                convolutions=(Convolution(filters=16, pool=2), Convolution(filters=32, pool=2)),
            ),
            training=msgspec.structs.replace(_KERAS, epochs=10),
            rates=((1, 1e-3),),
            normalise="range",
        ),
    )
}


def find_preset(text: str, *, activation: Activation | None, loss: LossName | None) -> Preset:
    """Return the preset called ``text``, or a network from sizes such as ``784-512-10``.

    ``activation`` and ``loss`` override the preset's where given.

    Raises:
        UnknownNameError: neither a preset nor sizes joined by hyphens.
        UsageError: sizes that make no network.
    """
    preset = PRESETS.get(text)
    if preset is None:
        sizes = text.split("-")
        if not all(size.isdecimal() for size in sizes):
            hint = "Or give layer sizes, such as 784-512-10."
            raise UnknownNameError("network", text, PRESETS, hint=hint)
        preset = Preset(
            summary="given on the command line",
            network=Network(name=text, layers=tuple(map(int, sizes))),
            training=Training(),
            rates=_ARTICLE_RATES,
        )
    network = preset.network
    changed = msgspec.structs.replace(
        network, activation=activation or network.activation, loss=loss or network.loss
    )
    if changed != network:
        marks = [network.name, changed.activation, changed.loss]
        changed = msgspec.structs.replace(changed, name="/".join(marks))
    return msgspec.structs.replace(preset, network=changed)
