"""What the rungs of the NumPy ladder change, and why that gains: Markdown, written by hand.

Sizes are those of a network 784-70-30-10.  How much is gained stands in the tables beside it.
"""

from __future__ import annotations

from reports.ladder_page.excerpts import Excerpt, Explanation

_NAIVE = "impls/numpy/naive.py"
_LAYOUT = "impls/numpy/layout.py"
_ROWS = "impls/numpy/rows.py"
_BUFFERS = "impls/numpy/buffers.py"
_FORMULAS = "impls/numpy/formulas.py"
_FLAT = "impls/numpy/flat.py"
_TILES = "impls/numpy/tiles.py"
_FUNCTIONS = "impls/mathematics/functions.py"

RUNGS = {
    "impls.numpy.naive:Trainer": Explanation(
        title="the network as one writes it down first",
        change="Nothing yet. Columns are examples. A row of ones on top of each layer turns the "
        "biases into column 0 of the weights, so that `Z = W A` is all there is to a layer.",
        why="This is what the others are measured against. NumPy's default is float64, eight bytes "
        "for every number. Putting the row of ones on copies the whole matrix. It happens on the "
        "way forward, and once more to `Z` on the way back, where the row is dropped again. The "
        "slope `s (1 - s)` evaluates the sigmoid twice. All of this is done for the input layer "
        "as well, whose delta nobody needs.",
        excerpts=(
            Excerpt(
                _NAIVE,
                "with_ones",
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
                _FUNCTIONS,
                "_sigmoid_slope",
                "The slope that it asks for.",
                first="return",
            ),
        ),
    ),
    "impls.numpy.no_input_delta:Trainer": Explanation(
        title="no delta for the input",
        change="One attribute: the lowest layer whose delta is computed.",
        why="The outputs of the input layer are pixels, which no training changes. Their delta is "
        "one of the three largest of nine products. With it go a copy of the input under a row of "
        "ones, two exponentials for each of 784 pixels, and several arrays of the size of the "
        "input. Each of them takes 126 MB at a batch of 20000.",
        excerpts=(
            Excerpt(
                "impls/numpy/no_input_delta.py",
                "Trainer",
                "The whole rung.",
                first="lowest_delta",
            ),
            Excerpt(
                _NAIVE,
                "Trainer.backward",
                "What it decides.",
                first="for layer in",
                last="delta = self.delta_below",
            ),
        ),
    ),
    "impls.numpy.float32:Trainer": Explanation(
        title="single precision",
        change="One attribute: the dtype of all arrays.",
        why="float32 takes half the bytes, so each pass over memory moves half as much. A vector "
        "register holds twice as many numbers, in BLAS as in NumPy's loops. Seven decimal digits "
        "are enough: a gradient of a batch is a rough estimate, and pixels have 256 levels.",
        excerpts=(
            Excerpt(
                "impls/numpy/float32.py",
                "Trainer",
                "The whole rung.",
                first="dtype",
            ),
        ),
    ),
    "impls.numpy.layout:Trainer": Explanation(
        title="no copy against the order of memory",
        change="The ones of the input are stored as a column of the data, once, when the data are "
        "bound. A step no longer copies the input under a row of ones.",
        why="`X[rows]` gathers rows in row order, and its transpose is the same memory in column "
        "order, for free. Before, it was copied into a matrix in row order. Of the two, one is "
        "walked against its order, so that neighbours in the loop lie in different cache lines. "
        "That copy goes away, with the 63 MB that it allocates at a batch of 20000. While a batch "
        "fits into the cache, a line is still there when its next number is needed, which is why "
        "large batches gain the most.",
        excerpts=(
            Excerpt(_LAYOUT, "Trainer.bind", "Outside of every clock."),
            Excerpt(_LAYOUT, "Trainer.forward", "Inside: the batch as it was gathered."),
            Excerpt(
                _NAIVE,
                "Trainer.prepare",
                "How the batch arrives, on all rungs so far.",
            ),
        ),
    ),
    "impls.numpy.slices:Trainer": Explanation(
        title="slices instead of rows of ones on the way back",
        change="The first row of `W.T delta`, which belongs to the biases, is dropped before the "
        "element-wise product and not after it.",
        why="`[1:]` is a view and copies nothing. Before, `Z` was copied under a row of ones so "
        "that both matrices had the same shape. That copy goes away, for each hidden layer, and "
        "so does the slope of the ones.",
        excerpts=(
            Excerpt(
                "impls/numpy/slices.py",
                "Trainer.delta_below",
                "The delta, with the one of the first rung to compare.",
                first="slope =",
            ),
        ),
    ),
    "impls.numpy.cached:Trainer": Explanation(
        title="derivatives from what the forward pass kept",
        change="The delta of a hidden layer takes the slope from the activations.",
        why="`A` is `s(Z)` already, so the slope is `A (1 - A)`. Two of the three exponentials per "
        "hidden node and example go away. All of this is in the backward pass, and in the 100 "
        "hidden nodes only; the products are the same as before.",
        excerpts=(
            Excerpt(
                "impls/numpy/cached.py",
                "Trainer.delta_below",
                "The delta.",
                first="slope =",
            ),
            Excerpt(
                _FUNCTIONS,
                "SLOPES_FROM_OUTPUT",
                "The slopes that it asks for.",
            ),
        ),
    ),
    "impls.numpy.rows:Trainer": Explanation(
        title="examples in rows",
        change="The step is turned on its side. Rows are examples, the ones are the last column of "
        "a layer, and the biases are the last row of its weights.",
        why="A gathered batch has an example per row already. Targets are now gathered as whole "
        "rows too, and no longer number by number from ten rows far apart. The biases are the end "
        "of `M`, so `M[:-1]` is one piece of memory and the product of the deltas leaves them "
        "out. No matrix is copied to be transposed: BLAS takes `A.T` and `M.T` by a flag.",
        excerpts=(
            Excerpt(_ROWS, "Trainer.prepare", "The gather.", first="self.input"),
            Excerpt(_ROWS, "Trainer.outputs", "Forward.", first="A = [A0]"),
            Excerpt(_ROWS, "Trainer.delta_below", "One step back.", first="slope ="),
        ),
    ),
    "impls.numpy.buffers:Trainer": Explanation(
        title="every result into memory that exists",
        change="The batch, activations, deltas and gradients have buffers that are made once. "
        "Products write into them by `out=`, and activations work in place.",
        why="Each operation that returns a new array asks for memory. A large array comes as fresh "
        "pages, which the system maps one by one at their first use. A buffer is mapped already, "
        "and a small one is still in the cache. The ones are part of the buffer, so the copy of "
        "every layer into a wider matrix goes away.",
        excerpts=(
            Excerpt(
                _BUFFERS,
                "Trainer.hidden",
                "A layer: one product into a buffer, its activation in place.",
                first="A = self.A",
            ),
            Excerpt(
                _BUFFERS,
                "Trainer.delta_below",
                "And one step back.",
                first="below, scratch",
            ),
            Excerpt(
                "impls/numpy/inplace.py",
                "sigmoid",
                "The sigmoid, pass by pass.",
                first="np.negative",
            ),
        ),
    ),
    "impls.numpy.formulas:Trainer": Explanation(
        title="the same functions by cheaper formulas",
        change="The sigmoid is `(1 + tanh(Z / 2)) / 2`, and the log loss takes one logarithm per "
        "output instead of two.",
        why="NumPy has a faster vector routine for `tanh` than for `exp`, and this form has no "
        "division. Nothing overflows, so no warning has to be switched off and on again, which "
        "costs as much as a small layer. Targets are 0 or 1: the probability of the truth is "
        "`1 - |A - Y|`, and the mean error needs that difference anyway.",
        excerpts=(
            Excerpt(_FORMULAS, "sigmoid", "The sigmoid.", first="np.multiply"),
            Excerpt(
                _FORMULAS,
                "Trainer.sums",
                "The loss from the absolute deviation.",
                first="np.subtract(_ONE",
            ),
        ),
    ),
    "impls.numpy.flat:Trainer": Explanation(
        title="one vector of parameters",
        change="Weight matrices are views of one vector, and so are their gradients. Penalty and "
        "update are computed for the vector, in place.",
        why="Each call of NumPy costs about a microsecond before it computes anything. Penalty and "
        "update are now a handful of calls instead of as many for each layer. Nothing is left "
        "that allocates an array. The step computes the penalty and its gradient in one pass. "
        "Small batches gain the most, since they update most often.",
        excerpts=(
            Excerpt(
                "impls/numpy/vector.py",
                "Vector.__init__",
                "Matrices as views of a vector.",
                first="for n_in",
            ),
            Excerpt(
                _FLAT,
                "Trainer.penalty",
                "L2 of all weights; the biases have the coefficient 0.",
                first="if self.training.l2",
                last="np.add",
            ),
            Excerpt(
                "impls/mathematics/optimisers.py",
                "InPlace._sgd",
                "The update of all parameters.",
                first="np.multiply(g",
            ),
        ),
    ),
    "impls.numpy.optimized:Trainer": Explanation(
        title="large batches in tiles",
        change="A large batch runs through the network a thousand rows at a time. The top of the "
        "ladder also has dropout, Adam and whatever else a network may ask for.",
        why="A tile of 1000 rows takes 3 MB of input instead of 63. Its rows and activations can "
        "stay in the cache from the gather to the last gradient. Gradients of the tiles add up to "
        "those of the batch. A batch of up to 1000 rows is one tile, so small batches gain "
        "nothing here.",
        excerpts=(
            Excerpt(
                _TILES,
                "Trainer.step",
                "A step: every tile uses the same buffers.",
                first="for place, part",
                last="self.add_gradients",
            ),
            Excerpt(
                _TILES,
                "Trainer.add_gradients",
                "The sum of the gradients.",
                first="self.gradients_into",
            ),
        ),
    ),
}
