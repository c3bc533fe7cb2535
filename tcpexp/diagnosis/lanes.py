"""What findings about one direction share: whom they are about, and packets by direction."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tcpexp.diagnosis.finding import Finding, Side, Sure
from tcpexp.diagnosis.segments import LANE
from tcpexp.late import polars as pl

Row = dict[str, Any]


@dataclass(frozen=True)
class Lane:
    """One direction of one connection: by whom it is sent, and where it was seen."""

    connection: int
    by: Side
    capture: str

    @property
    def other(self) -> Side:
        """The end that receives."""
        return "server" if self.by == "client" else "client"

    def say(
        self,
        kind: str,
        sentence: str,
        packets: Sequence[int] = (),
        *,
        sure: Sure = "certain",
        because: str = "",
        source: str = "",
    ) -> Finding:
        """Return a finding about this direction."""
        return Finding(
            self.connection, kind, sentence, tuple(packets), self.capture, sure, because, source,
            self.by,
        )  # fmt: skip


#: Columns that no sentence needs: rows become dictionaries, which are large.
_UNUSED = (
    "protocol", "node", "flow", "src", "dst", "flags", "labels", "sack_blocks", "mptcp", "seq",
    "ack", "checksum", "dsn", "data_ack", "in_flight_bytes",
)  # fmt: skip


def lanes_with(segments: pl.DataFrame, where: pl.Expr) -> Iterator[tuple[Lane, list[Row]]]:
    """Yield each direction that has packets for which ``where`` holds, with these packets."""
    few = segments.filter(where).drop(_UNUSED, strict=False)
    for _, part in few.group_by(LANE, maintain_order=True):
        rows = part.to_dicts()
        yield lane_of(rows[0]), rows


def with_facts(segments: pl.DataFrame, facts: pl.DataFrame) -> pl.DataFrame:
    """Add what is known of each direction, null where nothing is; ``facts`` has a row for each.

    No other column is copied: there are many, and segments are many.
    """
    keys = list(LANE)
    found = segments.select(keys).join(facts, on=keys, how="left", maintain_order="left")
    return segments.hstack(found.drop(keys))


def lane_of(row: Row) -> Lane:
    """Return the direction of a packet."""
    return Lane(row["connection"], "client" if row["from_client"] else "server", row["capture"])


def summed(row: Row) -> Lane:
    """Return the direction of a row of the table ``summary``."""
    return Lane(row["connection"], row["sender"], row["capture"])


def numbers_of(rows: Sequence[Row]) -> tuple[int, ...]:
    """Return the frame numbers of packets."""
    return tuple(row["number"] for row in rows)


def many(count: int, word: str) -> str:
    """Return ``1 packet`` or ``3 packets``; ``retransmission`` and ``ACK`` likewise."""
    return f"{count} {word}{'' if count == 1 else 's'}"
