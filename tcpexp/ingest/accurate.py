"""Accurate ECN (RFC 9768): what its three header bits mean in the connections that agreed on it.

The bits AE, CWR and ECE of a SYN ask for it, all three set; the SYN-ACK agrees by a pattern that
also tells how the SYN arrived (section 3.1.1, table 2). Behind the handshake they are one number,
ACE: how many packets with CE have arrived, modulo 8, beginning with 5 (section 3.2.1).
"""

from __future__ import annotations

import polars as pl

#: ACE of a SYN that asks, and of SYN-ACKs that agree: Not-ECT, ECT(1), ECT(0), CE arrived.
_ASKING, _AGREEING = 0b111, (0b010, 0b011, 0b100, 0b110)


def ace_number() -> pl.Expr:
    """Return the three bits as a number: AE 4, CWR 2, ECE 1."""
    flags = pl.col("flags")
    return sum(
        (
            pl.when(flags.str.contains(letter, literal=True)).then(value).otherwise(0)
            for letter, value in (("e", 4), ("C", 2), ("E", 1))
        ),
        start=pl.lit(0),
    ).cast(pl.Int64)


def with_ace(packets: pl.DataFrame) -> pl.DataFrame:
    """Return packets with the column ``ace``: the number in those of connections that agreed on
    accurate ECN, null in all others and in their SYNs.
    """
    is_syn = pl.col("flags").str.contains("S", literal=True)
    answers = pl.col("flags").str.contains("A", literal=True)
    number = ace_number()
    syns = packets.filter(is_syn & pl.col("connection").is_not_null()).select(
        "connection",
        asks=~answers & (number == _ASKING),
        agrees=answers & number.is_in(_AGREEING),
    )
    accurate = (
        syns.group_by("connection")
        .agg(pl.col("asks").any(), pl.col("agrees").any())
        .filter(pl.col("asks") & pl.col("agrees"))["connection"]
        .to_list()
    )
    if not accurate:
        return packets.with_columns(ace=pl.lit(None, dtype=pl.Int64))
    own = pl.col("connection").is_in(accurate) & ~is_syn
    return packets.with_columns(ace=pl.when(own).then(number))
