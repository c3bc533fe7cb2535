"""What a receiver says about marks: ECE, or the number that accurate ECN has instead."""

from __future__ import annotations

from tcpexp.late import polars as pl


def is_echo() -> pl.Expr:
    """Whether an acknowledgment tells of a packet that arrived with CE, for rows of ``packets`` of
    one sender in the order of time.

    Without accurate ECN that is the flag ECE (RFC 3168 section 6.1.3). With it, it is a change of
    ACE since the acknowledgment before (RFC 9768 section 3.2.2); the number of the first, which
    tells how the SYN-ACK arrived, is none.
    """
    changed = (
        pl.col("ace").ne_missing(pl.col("ace").shift(1)) & pl.col("ace").shift(2).is_not_null()
    )
    return (
        pl.when(pl.col("ace").is_null())
        .then(pl.col("flags").str.contains("E", literal=True))
        .otherwise(changed)
    )
