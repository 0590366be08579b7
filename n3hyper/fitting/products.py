"""Products of a batch with matrices that all models share, whose bits do not depend on the batch.

A model's fit is to be the same whichever models are trained beside it, to the last bit, so that a
batch can be split where memory is short. XLA's products on CPUs add in another order when the
number of rows changes, unless the sum runs along the rows of both factors. Hence both factors are
given in that form, here and in the gradient, which needs the matrix transposed as well. It costs
no time (measured), and holds for three models or more; on a GPU the last bits may differ.
"""

from __future__ import annotations

from collections.abc import Callable

from n3hyper.fitting.backend import Tensor, tensorflow


def product(values: Tensor, transposed: Tensor) -> Tensor:
    """Return values @ matrix without a gradient, (m, k) and its transposed (n, k) -> (m, n)."""
    return tensorflow().matmul(values, transposed, transpose_b=True)


def differentiable_product(values: Tensor, transposed: Tensor, matrix: Tensor) -> Tensor:
    """Return values @ matrix with a gradient by the values, (m, k) -> (m, n).

    Parameters
    ----------
    values
        (m, k)
    transposed, matrix
        (n, k) and (k, n), the same numbers.
    """

    tf = tensorflow()
    alone = values.shape[0] == 1

    def gradient_of(gradient: Tensor) -> Tensor:
        # a single model has no batch to depend on, and finds in the cache what it has just read
        return tf.matmul(gradient, transposed) if alone else product(gradient, matrix)

    def product_and_gradient(values: Tensor) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
        return product(values, transposed), gradient_of

    return tf.custom_gradient(product_and_gradient)(values)


def product_with_each(matrix: Tensor, values: Tensor) -> Tensor:
    """Return matrix @ values of each model, (p, q) and (m, q, f) -> (m, p, f)."""
    tf = tensorflow()
    # one product for all models would add up in an order that depends on their number
    return tf.matmul(tf.broadcast_to(matrix, (values.shape[0], *matrix.shape)), values)
