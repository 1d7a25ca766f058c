"""What the rungs of the NumPy ladder change, and why that gains: Markdown, written by hand.

Sizes are those of a network 784-70-30-10.  How much is gained stands in the tables beside it.
"""

from __future__ import annotations

from reports.walk.excerpts import Excerpt
from reports.walk.explanation import Explanation

_NAIVE = "impls/numpy/naive.py"
_LAYOUT = "impls/numpy/layout.py"
_CACHED = "impls/numpy/cached.py"
_OPTIMIZED = "impls/numpy/optimized.py"
_TILE = "impls/numpy/tile.py"

RUNGS = {
    "impls.numpy.naive:Trainer": Explanation(
        title="the network as one writes it down first",
        change="Columns are examples, and a row of ones on top of every layer turns the biases "
        "into column 0 of the weights, so that `Z = W A` is all there is to a layer.",
        why="Nothing is gained here; this is what the others are measured against. NumPy's "
        "default is float64, eight bytes for every number. The row of ones is put on by copying "
        "the whole matrix, on the way forward and once more on `Z` on the way back, where it is "
        "dropped again. The slope `s (1 - s)` evaluates the sigmoid twice, and each operation in "
        "it is a pass over all numbers of its own. All of it is done for the input layer as well, "
        "whose delta nobody uses: a product as large as the first one, and two exponentials for "
        "each of 784 pixels, where the whole forward pass needs one for each of 110 nodes.",
        excerpts=(
            Excerpt(
                _NAIVE,
                "with_bias_row",
                "The copy under a row of ones.",
                first="augmented: Floats",
            ),
            Excerpt(
                _NAIVE,
                "Trainer.delta_below",
                "The delta of a layer, in rows that are one too many.",
                first="slope =",
            ),
            Excerpt(
                "impls/mathematics/functions.py",
                "_sigmoid_slope",
                "The slope that it asks for.",
                first="return",
            ),
        ),
    ),
    "impls.numpy.float32:Trainer": Explanation(
        title="single precision, and no delta for the input",
        change="Two attributes: the dtype, and the lowest layer whose delta is computed.",
        why="float32 takes half the bytes, so each pass over memory moves half as much, and a "
        "vector register holds twice as many numbers, in BLAS as in NumPy's loops. What is left "
        "out is one of the three largest of nine products. With it go a copy of the input under "
        "its row of ones, two exponentials for each of its numbers, and several arrays of its "
        "size, each 126 MB in float64 at a batch of 20000.",
        excerpts=(
            Excerpt(
                "impls/numpy/float32.py",
                "Trainer",
                "The whole rung.",
                first="dtype",
            ),
            Excerpt(
                _NAIVE,
                "Trainer.backward",
                "What the second line decides.",
                first="for layer in",
                last="delta = self.delta_below",
            ),
        ),
    ),
    "impls.numpy.layout:Trainer": Explanation(
        title="no copy against the order of memory",
        change="The ones of the input are stored as a column of the data, once, when the data are "
        "bound. `augmented` has nothing left to do.",
        why="`X[rows]` gathers rows in row order, and its transpose is the same memory in column "
        "order, for free. Before, this was copied under a row of ones into a matrix in row order: "
        "of the two, one is walked against its order, so that neighbours in the loop lie in "
        "different cache lines. That copy goes away, with the 63 MB that it allocates at a batch "
        "of 20000. The product does not care, since BLAS takes either order by a flag. While a "
        "batch fits into the cache, a line is still there when its next number is needed, which "
        "is why large batches gain the most.",
        excerpts=(
            Excerpt(_LAYOUT, "Trainer.bind", "Outside of every clock."),
            Excerpt(_LAYOUT, "Trainer.augmented", "Inside: nothing."),
            Excerpt(
                _NAIVE,
                "Trainer.prepare",
                "How the batch arrives, on all of these rungs.",
            ),
        ),
    ),
    "impls.numpy.cached:Trainer": Explanation(
        title="derivatives from what the forward pass kept",
        change="The delta of a hidden layer takes the slope from the activations, and slices "
        "instead of rows of ones.",
        why="`A` is `s(Z)` already, so the slope is `A (1 - A)`: two of the three exponentials "
        "per hidden node and example go away. `A[1:]` and `(W.T @ delta)[1:]` are views, so that "
        "`Z` is no longer copied under a row of ones, and the row that would be dropped is not "
        "multiplied first. All of this is in the backward pass, and in the 100 hidden nodes only; "
        "the products are the same as before.",
        excerpts=(
            Excerpt(
                _CACHED,
                "Trainer.delta_below",
                "The delta, beside the one of the first rung (dropout left out).",
                first="slope =",
            ),
            Excerpt(
                "impls/mathematics/functions.py",
                "SLOPES_FROM_OUTPUT",
                "The slopes that it asks for.",
            ),
        ),
    ),
    "impls.numpy.optimized:Trainer": Explanation(
        title="buffers, one vector of parameters, tiles",
        change="Written anew: examples are rows, every result goes into a buffer that exists, and "
        "a large batch runs through the network a thousand rows at a time.",
        why="A steady step allocates no array, and each element-wise operation works in place "
        "instead of writing to fresh memory. The column of ones stays in its buffer, so the "
        "product itself adds the biases, and the product of the gradients sums their deltas. A "
        "tile of 1000 rows takes 3 MB of input instead of 63: its rows and activations can stay "
        "in the cache from the gather to the last gradient. All parameters are one vector, so "
        "penalty and update are a handful of calls instead of as many for each layer, which "
        "counts at small batches. The sigmoid is computed by `tanh`, for which NumPy has a faster "
        "vector routine than for `exp`.",
        excerpts=(
            Excerpt(
                _TILE,
                "Tile.forward",
                "A layer: one product into a buffer, its activation in place.",
                first="np.matmul(",
                last="A[:, -1] = 1",
            ),
            Excerpt(
                _OPTIMIZED,
                "Trainer.step",
                "A step: every tile uses the same buffers.",
                first="for index, part",
                last="self._add_gradients",
            ),
            Excerpt(
                "impls/numpy/inplace.py",
                "sigmoid",
                "The sigmoid in four passes without a temporary.",
                first="np.multiply",
            ),
        ),
    ),
}
