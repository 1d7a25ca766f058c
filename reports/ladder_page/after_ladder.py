"""The same for what comes after the ladder: compiled code, and the matrix products alone."""

from __future__ import annotations

from reports.ladder_page.excerpts import Excerpt, Explanation

_LAYERS = "impls/numba/layers.py"
_REGISTERS = "impls/numba/registers.py"
_PRODUCTS = "impls/numba/sparse_products.py"

BEYOND = {
    "impls.numba.trainer:Trainer": Explanation(
        title="compiled, fused, products in registers",
        change="The epoch is one call of a compiled function. It splits each batch over the "
        "threads, and every thread takes its rows, tile by tile, through all layers and back, "
        "with one-thread products of its own.",
        why="NumPy goes over an array once per operation; here a sigmoid is one pass over what "
        "the product has just left in the cache, with the exponential as a polynomial in vector "
        "instructions. OpenBLAS packs the operands of a product first, and its tiles are wider "
        "than these layers. Here a result of 4 rows and 80 columns stays in registers while its "
        "sums run over all 784 pixels. Examples are read where they lie, without a gather. The "
        "rows of a shuffled batch lie anywhere and no processor foresees the next one; asked for "
        "eight rows ahead, it is on its way before its turn. The products of the gradients add to "
        "what is there, and penalty, its gradient and the update are one pass over the parameters "
        "instead of several. Threads meet once per step instead of once per product, and no batch "
        "pays for calls from Python.",
        excerpts=(
            Excerpt(
                _REGISTERS,
                "_product_tile",
                "A tile of a product: rows by number, terms, and the store at the end.",
                first="starts =",
                last="tile.store",
            ),
            Excerpt(
                _REGISTERS,
                "ask_for",
                "Rows that are asked for ahead.",
                first="for i in",
                last="prefetch",
            ),
            Excerpt(
                "impls/numba/elementwise.py",
                "activate",
                "Sigmoids: all rows of a tile as one vector, one pass.",
                first="z = Z.reshape",
                last="z[k] = ZERO if",
            ),
            Excerpt(
                _LAYERS,
                "gradients",
                "The gradients: `share` is 1 from the second tile on.",
                first="if net.in_registers",
                last="gradient_product",
            ),
            Excerpt(
                "impls/numba/update.py",
                "sgd",
                "Penalty, its gradient and descent in one pass.",
                first="for k",
                last="g[k] =",
            ),
            Excerpt(
                "impls/numba/epoch.py",
                "work_on_rows",
                "The batch split over the threads.",
                first="first, end",
                last="share = ",
            ),
        ),
    ),
    "impls.numba.sparse:Trainer": Explanation(
        title="background left out",
        change="Columns of the input in which fewer than a fifth of the examples differ from one "
        "value `c`, the background, leave the product of the first layer for loops that skip it.",
        why="`X W = X_dense W_dense + c W_sparse + (X_sparse - c) W_sparse` holds exactly, "
        "whatever `c` is, so standardised data need not be 0 where they are background. The last "
        "factor is nearly empty: of standardised MNIST's 784 columns some 500 are sparse, with "
        "about 16 numbers per example that are not background. BLAS multiplies, and the gather "
        "copies, little more than a third of the input. The loops take eight numbers at a time, "
        "so that a row of the result is loaded and stored once for eight rows of weights. This "
        "can pass the floor by doing less than it.",
        excerpts=(
            Excerpt(
                "impls/numba/sparse_rows.py",
                "split",
                "What counts as sparse.",
                first="background =",
                last="sparse =",
            ),
            Excerpt(
                _PRODUCTS,
                "add_products",
                "The sparse part of the product.",
                first="for k in",
            ),
            Excerpt(
                _PRODUCTS,
                "add_sparse_gradients",
                "And that of its gradient.",
                first="for k in",
            ),
        ),
    ),
    "impls.numpy.floor:Trainer": Explanation(
        title="the matrix products alone",
        change="No rung: the products of a step, eight for this network, in NumPy, of operands "
        "that lie ready, into buffers. It gathers nothing, has no bias and no activation, and "
        "trains nothing.",
        why="Every implementation has to multiply these shapes, so this says how much of its time "
        "is left to gain by everything else. It is the limit of this way to multiply them, not of "
        "the arithmetic: products of whole batches pack their operands and, where these are "
        "large, fetch them from memory. Tiles that stay in the cache and need no packing can be "
        "faster, and so can input that is mostly left out.",
        excerpts=(
            Excerpt(
                "impls/numpy/floor.py",
                "Trainer.forward",
                "Two loops are the whole step: forward,",
            ),
            Excerpt(
                "impls/numpy/floor.py",
                "Trainer.backward",
                "and back.",
            ),
        ),
    ),
}
