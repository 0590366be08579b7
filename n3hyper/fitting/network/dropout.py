"""Dropout whose random numbers are a function of the model's seed, the epoch and the place."""

from __future__ import annotations

from typing import NamedTuple

from n3hyper.fitting.backend import Tensor, tensorflow
from n3hyper.fitting.network.layout import Architecture


class DropoutArrays(NamedTuple):
    """Rate and seeds of the dropout of m models."""

    rate: Tensor
    """()"""
    seeds: Tensor
    """(m,) uint32"""


def dropout_factors(
    shape: Architecture, arrays: DropoutArrays, nodes: int, epoch: Tensor
) -> Tensor | None:
    """Return random factors 0 or 1 / (1 - rate), (m * blocks, nodes, hidden); None without dropout.

    They are a hash (MurmurHash3's finalizer), so that a model's fit does not depend on its batch.
    """
    if not shape.dropout:
        return None
    tf = tensorflow()
    shift = tf.bitwise.right_shift

    def mix(value: Tensor) -> Tensor:
        for multiplier, bits in ((0x85EBCA6B, 16), (0xC2B2AE35, 13)):
            value = tf.bitwise.bitwise_xor(value, shift(value, tf.constant(bits, tf.uint32)))
            value = value * tf.constant(multiplier, tf.uint32)
        return tf.bitwise.bitwise_xor(value, shift(value, tf.constant(16, tf.uint32)))

    places = tf.reshape(
        tf.range(shape.blocks * nodes * shape.hidden, dtype=tf.int32),
        (1, shape.blocks, nodes, shape.hidden),
    )
    seeds = mix(arrays.seeds + mix(tf.cast(epoch, tf.uint32)))
    bits = mix(seeds[:, None, None, None] + mix(tf.cast(places, tf.uint32)))
    uniform = tf.cast(shift(bits, tf.constant(8, tf.uint32)), arrays.rate.dtype) * 2.0**-24
    kept = tf.cast(uniform >= arrays.rate, arrays.rate.dtype)
    return tf.reshape(
        kept / (1.0 - arrays.rate), (shape.models * shape.blocks, nodes, shape.hidden)
    )
