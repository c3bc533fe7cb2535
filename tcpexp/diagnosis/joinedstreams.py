"""Which connection of one capture is which of another, though a middlebox may have changed
addresses, ports and sequence numbers on the way.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from tcpexp.late import polars as pl

if TYPE_CHECKING:
    from collections.abc import Callable

#: By what two streams were joined, from the strongest to the weakest.
JoinedBy = Literal["addresses", "numbers", "time stamps", "ports"]
_WRAP = 1 << 32


@dataclass(frozen=True)
class StreamPair:
    """One connection in two captures.

    ``first`` and ``second`` are rows of :func:`streams_of`. ``client_shift`` and ``server_shift``
    are by how much sequence numbers are larger in the second capture, modulo 2**32.
    """

    first: dict[str, Any]
    second: dict[str, Any]
    by: JoinedBy
    client_shift: int = 0
    server_shift: int = 0

    @property
    def translated(self) -> bool:
        """Whether an address or a port differs."""
        return _ends(self.first) != _ends(self.second)


def streams_of(packets: pl.DataFrame, capture: str) -> list[dict[str, Any]]:
    """Return the TCP connections of a capture: their ends as its packets show them, initial
    sequence numbers (null where no SYN was captured), the SYN's time stamp and window, bytes, and
    from when to when.

    The client sent the SYN, or else the packet that came first.
    """
    rows = packets.filter(
        pl.col("capture") == capture, pl.col("protocol") == "tcp", pl.col("stream").is_not_null()
    ).sort("number")
    if rows.is_empty():
        return []
    flags = pl.col("flags").fill_null("").str
    rows = rows.with_columns(
        syn=flags.contains("S") & ~flags.contains("A"),
        answer=flags.contains("S") & flags.contains("A"),
    )
    first = pl.coalesce(
        pl.col("src").filter("syn").first(),
        pl.col("dst").filter("answer").first(),
        pl.col("src").first(),
    )
    port = pl.coalesce(
        pl.col("src_port").filter("syn").first(),
        pl.col("dst_port").filter("answer").first(),
        pl.col("src_port").first(),
    )
    ends = rows.group_by("stream", maintain_order=True).agg(client=first, client_port=port)
    named = rows.join(ends, on="stream", maintain_order="left").with_columns(
        forth=(pl.col("src") == pl.col("client")) & (pl.col("src_port") == pl.col("client_port"))
    )
    found = named.group_by("stream", maintain_order=True).agg(
        pl.col("capture").first(),
        pl.col("client").first(),
        pl.col("client_port").first(),
        server=pl.coalesce(
            pl.col("dst").filter("forth").first(), pl.col("src").filter(~pl.col("forth")).first()
        ),
        server_port=pl.coalesce(
            pl.col("dst_port").filter("forth").first(),
            pl.col("src_port").filter(~pl.col("forth")).first(),
        ),
        client_iss=pl.col("seq").filter("syn").first(),
        server_iss=pl.col("seq").filter("answer").first(),
        stamp=pl.col("ts_val").filter("syn").first(),
        connection=pl.col("connection").first(),
        from_ns=pl.col("t_ns").min(),
        to_ns=pl.col("t_ns").max(),
        payload=pl.col("payload_bytes").sum(),
        low=pl.col("seq").filter(pl.col("forth")).first(),
    )
    return found.to_dicts()


def pair_streams(first: list[dict[str, Any]], second: list[dict[str, Any]]) -> list[StreamPair]:
    """Return the connections that both captures have, each once, the surest evidence first.

    Same addresses, ports and initial numbers; then, translated on the way, the same initial
    numbers; then new initial numbers under the same addresses or with the same time stamp in the
    SYN. Of several that are alike the ones in the same order belong together.
    """
    pairs: list[StreamPair] = []
    left, right = list(first), list(second)
    for by, key, fits in _RULES:
        found = list(_by_key(left, right, key, fits))
        pairs += [_pair(one, other, by) for one, other in found]
        left = [one for one in left if all(one is not pair[0] for pair in found)]
        right = [one for one in right if all(one is not pair[1] for pair in found)]
    return sorted(pairs, key=lambda pair: (pair.first["from_ns"], pair.first["stream"]))


def _ends(row: dict[str, Any]) -> tuple[Any, ...]:
    return row["client"], row["client_port"], row["server"], row["server_port"]


def _isns(row: dict[str, Any]) -> tuple[Any, ...] | None:
    return None if row["client_iss"] is None else (row["client_iss"],)


def _stamped(row: dict[str, Any]) -> tuple[Any, ...] | None:
    return None if row["stamp"] is None else (row["stamp"], row["server_port"])


def _agree(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Return whether initial numbers are the same as far as both are known."""
    return all(
        None in (one[name], other[name]) or one[name] == other[name]
        for name in ("client_iss", "server_iss")
    )


def _always(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return None not in (one["client_iss"], other["client_iss"])


_RULES: tuple[tuple[JoinedBy, Callable[..., Any], Callable[..., bool]], ...] = (
    ("addresses", _ends, _agree),
    ("numbers", _isns, _agree),
    ("ports", _ends, _always),
    ("time stamps", _stamped, _always),
)


def _by_key(
    left: list[dict[str, Any]],
    right: list[dict[str, Any]],
    key: Callable[..., Any],
    fits: Callable[..., bool],
) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    waiting: dict[Any, list[dict[str, Any]]] = {}
    for row in right:
        if key(row) is not None:
            waiting.setdefault(key(row), []).append(row)
    for row in left:
        candidates = waiting.get(key(row), []) if key(row) is not None else []
        for at, other in enumerate(candidates):
            if fits(row, other):
                yield row, candidates.pop(at)
                break


def _pair(one: dict[str, Any], other: dict[str, Any], by: JoinedBy) -> StreamPair:
    shifts = [
        0 if None in (one[name], other[name]) else (int(other[name]) - int(one[name])) % _WRAP
        for name in ("client_iss", "server_iss")
    ]
    return StreamPair(one, other, by, *shifts)
