"""Flags and labels of packets as bits of a number, as panels and the packet list hold them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcpexp.late import numpy as np
from tcpexp.late import polars as pl
from tcpexp.report.panels.common import numbers
from tcpexp.views.labels import WORDS
from tcpexp.views.packets import FLAG_WORDS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Int64 = NDArray[np.int64]


def flag_bits(frame: pl.DataFrame) -> Int64:
    """Return a segment's flags as bits, in the order of ``FLAG_WORDS``; 0 of what is no TCP."""
    letters = frame["flags"].fill_null("")
    different = letters.unique()
    bits = [
        sum(1 << bit for bit, letter in enumerate(FLAG_WORDS) if letter in text)
        for text in different
    ]
    return numbers(letters.replace_strict(different, bits, return_dtype=pl.Int64))


def label_bits(frame: pl.DataFrame) -> Int64:
    """Return a packet's labels as bits, in the order of ``WORDS``."""
    bits = np.zeros(frame.height, dtype=np.int64)
    labelled = (
        frame.select("labels", row=pl.int_range(pl.len()))
        .filter(pl.col("labels").list.len() > 0)
        .explode("labels")
    )
    codes_of = {name: bit for bit, name in enumerate(WORDS)}
    known = labelled["labels"].replace_strict(codes_of, default=None, return_dtype=pl.Int64)
    own = known.is_not_null().to_numpy()
    rows, which = labelled["row"].to_numpy()[own], known.drop_nulls().to_numpy()
    np.bitwise_or.at(bits, rows, 1 << which)
    return bits
