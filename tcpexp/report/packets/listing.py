"""The packet list's columns: every packet of every capture, as whole numbers.

A capture is put together from parts. A part that has a ``base`` takes what it can from a packet
table of the panels (``tcpexp.report.panels.packets``), and holds only what that one lacks; the
capture's other packets are a part without base. The columns of a part are in the order of its
rows (``ends`` and ``number``), or sorted by ``ends`` (a stable sort: ``page/packets.js`` undoes
it), so that what one end of a connection counts up lies together and costs next to nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tcpexp.analysis.segments import mark_resent
from tcpexp.late import numpy as np
from tcpexp.late import polars as pl
from tcpexp.report.panels.bits import flag_bits, label_bits
from tcpexp.report.panels.common import codes, numbers
from tcpexp.views.bothends import fate_bits

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tcpexp.report.packets.recorded import Recorded
    from tcpexp.report.panels.columns import ColumnStore
    from tcpexp.report.panels.model import PanelTable
    from tcpexp.store.rundata import RunData

    Int64 = NDArray[np.int64]

PROTOCOLS = ("other", "tcp", "udp", "icmp", "arp", "nd", "mld")
#: What tells one way of a conversation from all others: the columns of the table of ends.
ENDS = ("src", "dst", "src_port", "dst_port", "protocol", "stream", "connection", "flow")
#: From the table ``packets``; panels do not have these.
_PLAIN = {
    "id": "ip_id",
    "sum": "checksum",
    "ttl": "ttl",
    "ecn": "ecn",
    "mss": "mss",
    "wscale": "wscale",
    "sackok": "sack_permitted",
    "tsval": "ts_val",
    "tsecr": "ts_ecr",
    "bad": "checksum_bad",
    "cut": "options_cut",
}
#: From the table ``packets``; panels have these of the packets that they show.
_SHARED = {
    "t": "t_ns",
    "seq": "seq_rel",
    "ack": "ack_rel",
    "len": "payload_bytes",
    "win": "window_bytes",
    "flight": "in_flight_bytes",
    "again": "again",
    "other": "other",
    "fate": "fate",
}
#: Of a smaller table of the panels, columns are shorter than saying where they are.
FEWEST_SHARED = 100
#: A page lists so many packets; of captures beyond, only those with a label, a loss, a SYN, FIN or
#: RST, and what is not TCP.
MOST_LISTED = 600_000


@dataclass(frozen=True)
class Capture:
    """One capture's packets in the order of their numbers: rows of ``packets``, with what became
    of them.

    ``whole`` is how many there are; fewer are listed where the page would grow too large.
    """

    name: str
    node: str
    frame: pl.DataFrame
    whole: int


def captures_of(run: RunData, first: str | None) -> list[Capture]:
    """Return the run's captures, ``first`` before the others."""
    packets = run.table("packets")
    one = packets["capture"].n_unique() == 1  # a large capture is not copied
    parts = [packets] if one else packets.partition_by("capture", maintain_order=True)
    parts.sort(key=lambda part: part["capture"][0] != first)
    if not parts:
        return []
    ways = _journeys(run)
    captures, left = [], MOST_LISTED
    for part in parts:
        place = ["capture", "number"]
        fates = part.select(place).join(ways, on=place, how="left", maintain_order="left")
        frame = mark_resent(run, part).hstack(fates.drop(place))
        if frame.height > left:
            frame = frame.filter(_special())
        left -= frame.height
        captures.append(Capture(part["capture"][0], part["node"][0], frame, part.height))
    return captures


def _special() -> pl.Expr:
    wanted = (
        (pl.col("labels").list.len() > 0)
        | (pl.col("fate") > 0)
        | pl.col("again")
        | pl.col("flags").str.contains("[SFR]")
        | (pl.col("protocol") != "tcp")
    )
    return wanted.fill_null(False)


def _journeys(run: RunData) -> pl.DataFrame:
    """Return what became of packets by capture and frame number, and where they are at the other
    end; at both ends.
    """
    fate = fate_bits()
    ends = (("sent", "received"), ("received", "sent"))
    sent, arrived = (
        run.table("journeys").select(
            pl.col(f"{here}_capture").alias("capture"),
            pl.col(f"{here}_number").alias("number"),
            pl.col(f"{there}_capture").alias("other_capture"),
            pl.col(f"{there}_number").alias("other"),
            fate,
        )
        for here, there in ends
    )
    return (
        pl.concat([sent, arrived])
        .drop_nulls(["capture", "number"])
        .unique(["capture", "number"], keep="first", maintain_order=True)
    )


class Lister:
    """Puts captures into a column store, and collects the words that columns count in."""

    def __init__(self, store: ColumnStore, captures: list[str]) -> None:
        self.store, self.captures = store, captures
        self.words: dict[str, list[str]] = {"addresses": [], "flows": []}

    def listed(
        self, capture: Capture, tables: list[PanelTable], recorded: Recorded | None
    ) -> dict[str, Any]:
        """Return the description of a capture: its parts and where their columns are.

        ``tables`` are the panels' packet tables of this capture.
        """
        frame = capture.frame
        ends, ways = self._ends(frame)
        free = np.ones(frame.height, dtype=bool)
        own = frame["number"].to_numpy()
        parts = []
        for table in tables:
            rows = _rows_of(table.columns["number"].values, own)
            if rows is None or rows.size < FEWEST_SHARED:
                continue
            free[rows] = False
            parts.append(self._part(frame, rows, ways, recorded, table.name))
        rest = np.flatnonzero(free)
        if rest.size or not parts:
            parts.append(self._part(frame, rest, ways, recorded, None))
        return {
            "name": capture.name,
            "node": capture.node,
            "packets": capture.whole,
            "listed": frame.height,
            "ends": ends,
            "parts": parts,
            **_described(recorded),
        }

    def _ends(self, frame: pl.DataFrame) -> tuple[dict[str, Any], Int64]:
        """Return the table of ends, and which of its rows each packet is."""
        keys = list(ENDS)
        different = frame.select(keys).unique(maintain_order=True).with_row_index("way")
        ways = frame.select(keys).join(
            different, on=keys, how="left", nulls_equal=True, maintain_order="left"
        )["way"]
        values = {name: different[name] for name in keys}
        coded = {
            **{name: codes(values[name], self.words["addresses"]) for name in ("src", "dst")},
            "protocol": codes(values["protocol"], list(PROTOCOLS)),
            "flow": codes(values["flow"], self.words["flows"]),
            **{
                name: numbers(values[name])
                for name in ("src_port", "dst_port", "stream", "connection")
            },
        }
        return {name: self.store.add(column) for name, column in coded.items()}, numbers(ways)

    def _part(
        self,
        frame: pl.DataFrame,
        rows: Int64,
        ways: Int64,
        recorded: Recorded | None,
        base: str | None,
    ) -> dict[str, Any]:
        part = frame[rows]
        order = np.argsort(ways[rows], kind="stable")
        columns = {name: numbers(part[source]) for name, source in _PLAIN.items()}
        columns["over"] = numbers(part["frame_bytes"] - part["payload_bytes"].fill_null(0))
        columns |= _raw_numbers(part, order)
        columns["ocap"] = codes(part["other_capture"], list(self.captures))
        columns["acked"] = _acknowledged(frame, rows)
        if base is None:
            columns |= {name: numbers(part[source]) for name, source in _SHARED.items()}
            columns["fate"] = np.maximum(columns["fate"], 0)
            columns["flags"], columns["labels"] = flag_bits(part), label_bits(part)
        if recorded is not None:
            columns |= {name: values[rows] for name, values in recorded.columns.items()}
            columns["captured"] = columns["captured"] - np.minimum(
                part["frame_bytes"].to_numpy(), recorded.snap
            )
        plain = {"ends": ways[rows]}
        if base is None:
            plain["number"] = numbers(part["number"])
        described: dict[str, Any] = {
            "base": base,
            "plain": {name: self.store.add(values) for name, values in plain.items()},
            "columns": {name: self.store.add(values[order]) for name, values in columns.items()},
        }
        sack = self._sack(part, base)
        return {**described, "sack": sack} if sack else described

    def _sack(self, part: pl.DataFrame, base: str | None) -> dict[str, Any] | None:
        """Return SACK blocks by row of the part: ``row``, ``left``, ``right``. None without any."""
        rows = (
            part.select("sack_blocks", row=pl.int_range(pl.len()))
            .filter(pl.col("sack_blocks").list.len() > 1)
            .explode("sack_blocks")
        )
        if rows.is_empty():
            return None
        edges = rows["sack_blocks"].to_numpy()
        return {
            "row": self.store.add(rows["row"].to_numpy()[0::2]),
            "left": self.store.add(edges[0::2]),
            "right": self.store.add(edges[1::2]),
        }


def _described(recorded: Recorded | None) -> dict[str, Any]:
    if recorded is None:
        return {"recorded": None}
    return {
        "recorded": {
            "snap": recorded.snap,
            "links": recorded.links,
            "layouts": recorded.layouts,
            "raw": {str(number): data.hex() for number, data in recorded.raw.items()},
        }
    }


def _rows_of(wanted: Int64, own: Int64) -> Int64 | None:
    """Return where the frame numbers ``wanted`` are in ``own`` (ascending); None unless all are."""
    rows = np.minimum(np.searchsorted(own, wanted), own.size - 1)
    return rows if own.size and (own[rows] == wanted).all() else None


def _raw_numbers(part: pl.DataFrame, order: Int64) -> dict[str, Int64]:
    """Return what makes raw numbers of the relative ones, and of the scaled window.

    ``base`` and ``aback``: raw minus relative. ``shift``: by how many bits the window is scaled;
    where that does not explain all windows, ``field`` has them.
    """
    columns = {
        name: numbers((part[raw] - part[relative]) % 2**32)
        for name, raw, relative in (("base", "seq", "seq_rel"), ("aback", "ack", "ack_rel"))
    }
    field, scaled = numbers(part["window"]), numbers(part["window_bytes"])
    known = (field > 0) & (scaled > 0)
    shift = np.zeros(field.size, dtype=np.int64)
    shift[known] = np.rint(np.log2(scaled[known] / field[known])).astype(np.int64)
    columns["shift"] = np.maximum(shift, 0)
    if not ((field << columns["shift"] == scaled) | (field < 0)).all():
        columns["field"] = field
    return columns


def _acknowledged(frame: pl.DataFrame, rows: Int64) -> Int64:
    """Return how many packets of the capture before each of ``rows`` the segment is that its
    sample of the round-trip time was taken from; 0 without a sample.

    ``page/packets.js`` makes the round-trip time of it; a sample that this does not give again is
    left out (which a test forbids for ordinary captures).
    """
    t_ns, rtt = frame["t_ns"].to_numpy(), numbers(frame["rtt_ns"])
    few = np.flatnonzero(rtt[rows] >= 0)
    found = np.zeros(rows.size, dtype=np.int64)
    if not few.size:
        return found
    own = rows[few]
    sent = t_ns[own] - rtt[own]
    order = np.argsort(t_ns, kind="stable")
    place = np.minimum(np.searchsorted(t_ns[order], sent), t_ns.size - 1)
    at = order[place]
    found[few] = np.where((t_ns[at] == sent) & (at < own), own - at, 0)
    return found
