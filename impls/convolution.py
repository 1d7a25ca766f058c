"""Convolutions: what they are, and the sizes of the maps that they meet and leave."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from impls.errors import UsageError


class Convolution(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Square filters moved by one over the inside of a map, the activation, then max pooling.

    The result has one channel per filter and loses ``kernel - 1`` rows and columns.  Pooling takes
    the largest of each ``pool x pool`` square, squares side by side, and drops what is left over at
    the lower and right edges; 1 pools nothing.

    Raises:
        UsageError: a size below 1.
    """

    filters: int
    kernel: int = 3
    pool: int = 1

    def __post_init__(self) -> None:
        if min(self.filters, self.kernel, self.pool) < 1:
            raise UsageError(f"{self} is not possible: filters, kernel and pool are at least 1")


class ConvLayer(NamedTuple):
    """A convolution together with the size of the map that it meets.

    Its weights have the shape ``(kernel * kernel * channels, filters)``: rows run over the height
    of the kernel, its width and the channels, channels fastest.  So a patch of a map that lies as
    ``(height, width, channels)``, flattened, times the weights is what each filter sees.
    """

    height: int
    width: int
    channels: int
    filters: int
    kernel: int
    pool: int

    @property
    def shape(self) -> tuple[int, int]:
        """That of the weights."""
        return self.kernel * self.kernel * self.channels, self.filters

    @property
    def filtered(self) -> tuple[int, int]:
        """Height and width of the map before it is pooled."""
        return self.height - self.kernel + 1, self.width - self.kernel + 1

    @property
    def pooled(self) -> tuple[int, int, int]:
        """Height, width and channels of the map that comes out."""
        height, width = self.filtered
        return height // self.pool, width // self.pool, self.filters

    @property
    def places(self) -> int:
        """Places of the map before it is pooled, without those that pooling drops."""
        height, width, _ = self.pooled
        return height * width * self.pool**2

    @property
    def outputs(self) -> int:
        """Values in the map that comes out."""
        height, width, filters = self.pooled
        return height * width * filters


def conv_layers(
    image: tuple[int, int, int], convolutions: tuple[Convolution, ...]
) -> tuple[ConvLayer, ...]:
    """Return each convolution with the map that it meets, from an ``image`` on.

    Raises:
        UsageError: a kernel or a pool is larger than the map that it meets.
    """
    found = []
    height, width, channels = image
    for convolution in convolutions:
        conv = ConvLayer(
            height, width, channels, convolution.filters, convolution.kernel, convolution.pool
        )
        if min(conv.pooled) < 1:
            raise UsageError(
                f"a kernel of {convolution.kernel} and a pool of {convolution.pool} leave nothing "
                f"of a map of {height} x {width}: use smaller ones, or fewer convolutions"
            )
        found.append(conv)
        height, width, channels = conv.pooled
    return tuple(found)
