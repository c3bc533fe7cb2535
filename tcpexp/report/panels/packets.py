"""Packet tables for the panels: one per connection, as the capture beside its data's sender saw it,
with what became of each packet.

Columns: ``t``, ``number`` (frame number), ``out`` (1: from the data's sender), ``flags`` (bits, in
the order of ``FLAG_WORDS``), ``seq`` and ``ack`` (relative), ``len`` (payload bytes), ``win``
(scaled bytes), ``flight`` (Wireshark's bytes in flight), ``labels`` (bits, in the order of the
column's words), ``again`` (1: all of its bytes were sent before), ``other`` (frame number at the
other end), ``delay`` (ns, one way), ``fate`` (bits, in the order of ``FATES``). ``ABSENT`` (-1)
where there is no value. ``line`` (the highest byte acknowledged so far) is there where resets
without an ACK number have to be placed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tcpexp.analysis.segments import mark_resent
from tcpexp.late import polars as pl
from tcpexp.plan.flows import addresses_of, receiver_of
from tcpexp.report.panels.bits import flag_bits, label_bits
from tcpexp.report.panels.common import codes
from tcpexp.report.panels.common import numbers as _numbers
from tcpexp.report.panels.focus import flows_in_order
from tcpexp.report.panels.model import PanelColumn, PanelTable
from tcpexp.views.bothends import FATES, fate_bits
from tcpexp.views.labels import WORDS
from tcpexp.views.packets import FLAG_WORDS, has_label
from tcpexp.views.subflows import subflow_names

if TYPE_CHECKING:
    from tcpexp.plan.types import FlowPlan
    from tcpexp.store.rundata import RunData

#: A page holds so many packets in all, and packets of so many connections; beyond that it holds a
#: part, and says so.
MOST_PACKETS, MOST_CONNECTIONS = 400_000, 60

#: Columns of ``packets`` that the panels are made of: a large capture is not copied whole.
_SHOWN = (
    "capture", "node", "number", "t_ns", "protocol", "src", "dst", "src_port", "dst_port", "flow",
    "connection", "stream", "flags", "seq", "seq_rel", "ack_rel", "payload_bytes", "window_bytes",
    "sack_blocks", "in_flight_bytes", "labels",
)  # fmt: skip


@dataclass(frozen=True)
class Connection:
    """One connection's packets: ``frame`` is part of the table ``packets`` with ``outgoing``,
    ``again`` and what journeys say added.
    """

    id: str
    label: str
    flow: str
    frame: pl.DataFrame
    left_out: int
    facts: dict[str, Any]


def connections_of(run: RunData) -> list[Connection]:
    """Return the connections that panels show: those of the flow that the question is about first,
    of one flow those with most payload first.
    """
    turns = {name: turn for turn, name in enumerate(flows_in_order(run.plan))}
    packets = run.table("packets").select(_SHOWN)
    found: list[tuple[FlowPlan | None, pl.DataFrame]] = []
    for flow in run.plan.flows:
        found += [(flow, part) for part in _parts(run, packets, flow)]
    found += [(None, part) for part in _strangers(run, packets)]
    found.sort(
        key=lambda connection: (
            turns[connection[0].name] if connection[0] is not None else len(turns),
            -int(connection[1]["payload_bytes"].sum()),
            connection[1]["t_ns"][0],
            connection[1]["capture"][0],
        )
    )
    kept = found[:MOST_CONNECTIONS]
    total = sum(part.height for _, part in kept)
    every = max(1, -(-total // MOST_PACKETS))
    journeys = _journeys(run)
    return [
        _connection(run, index, flow, part, journeys, every)
        for index, (flow, part) in enumerate(kept)
    ]


def _parts(run: RunData, packets: pl.DataFrame, flow: FlowPlan) -> list[pl.DataFrame]:
    """Return the flow's connections as captures at its sender saw them, else at its receiver, else
    at the first place in between.
    """
    mine = packets.filter((pl.col("flow") == flow.name) & (pl.col("protocol") == "tcp"))
    between = mine["node"].unique(maintain_order=True).head(1).to_list()
    for node in (flow.sender, receiver_of(flow), *between):
        there = mine.filter(pl.col("node") == node)
        if not there.is_empty():
            own = pl.col("src").is_in(sorted(addresses_of(run.plan, flow.sender)))
            return there.with_columns(own.alias("outgoing")).partition_by(
                "capture", "stream", maintain_order=True
            )
    return []


def _strangers(run: RunData, packets: pl.DataFrame) -> list[pl.DataFrame]:
    """Return connections that belong to no flow of the plan, each as one capture saw it.

    The client's data count as outgoing.
    """
    rows = run.table("connections").filter(
        pl.col("flow").is_null() & pl.col("stream").is_not_null()
    )
    if rows.is_empty():
        return []
    rows = (
        rows.select("capture", "stream", pl.col("client_address").alias("own"))
        .unique(["capture", "stream"], maintain_order=True)
        .head(MOST_CONNECTIONS)
    )
    mine = packets.filter(pl.col("protocol") == "tcp").join(
        rows, on=["capture", "stream"], how="inner", maintain_order="left"
    )
    mine = mine.with_columns(
        (pl.col("src") == pl.col("own")).fill_null(True).alias("outgoing")
    ).drop("own")
    return mine.partition_by("capture", "stream", maintain_order=True)


def _journeys(run: RunData) -> pl.DataFrame:
    """Return what became of packets by node and frame number: at both ends, since a packet is
    looked up where it was seen.
    """
    journeys = run.table("journeys")
    fate = fate_bits()
    delay = (pl.col("received_ns") - pl.col("sent_ns")).alias("delay")
    ends = (
        ("from_node", "sent_number", "sent_ns", "received_number"),
        ("to_node", "received_number", "received_ns", "sent_number"),
    )
    sent, arrived = (
        journeys.select(
            pl.col(node).alias("node"),
            pl.col(number).alias("number"),
            pl.col(at).alias("t_ns"),
            pl.col(other).alias("other"),
            delay,
            fate,
        )
        for node, number, at, other in ends
    )
    return pl.concat([sent, arrived.drop_nulls("number")]).unique(
        ["node", "number", "t_ns"], keep="first", maintain_order=True
    )


def _connection(
    run: RunData,
    index: int,
    flow: FlowPlan | None,
    part: pl.DataFrame,
    journeys: pl.DataFrame,
    every: int,
) -> Connection:
    frame = mark_resent(run, part)
    frame = frame.join(journeys, on=["node", "number", "t_ns"], how="left", maintain_order="left")
    if not frame["t_ns"].is_sorted():
        frame = frame.sort("t_ns", maintain_order=True)
    whole = frame.height
    if every > 1:
        special = (
            (pl.col("labels").list.len() > 0)
            | (pl.col("fate") > 0)
            | pl.col("again")
            | pl.col("flags").str.contains("[SFR]")
        )
        frame = frame.filter(special.fill_null(False) | (pl.int_range(pl.len()) % every == 0))
    capture, stream = frame["capture"][0], frame["stream"][0]
    first = frame.filter(pl.col("outgoing")).head(1) if frame["outgoing"].any() else frame.head(1)
    src, dst, sport, dport = (first[name][0] for name in ("src", "dst", "src_port", "dst_port"))
    label = f"{_name(run, flow, frame['connection'][0])}: {src}:{sport} → {dst}:{dport}"
    facts = {
        "capture": capture,
        "stream": stream,
        "connection": label,
        "from": f"{src}:{sport}",
        "to": f"{dst}:{dport}",
        **_ends(run, flow, frame["node"][0]),
    }
    return Connection(
        f"c{index}", label, flow.name if flow else "", frame, whole - frame.height, facts
    )


def _name(run: RunData, flow: FlowPlan | None, connection: int | None) -> str:
    """Return what a connection is called: a subflow of MPTCP by its own name."""
    if flow is None:
        return _stranger(run, connection)
    return subflow_names(run).get(connection or 0, flow.name)


def _stranger(run: RunData, connection: int | None) -> str:
    """Return what a connection without flow is called: by the action whose process opened it, if
    one did.
    """
    if run.captured:
        return f"connection {connection}"
    steps = dict(run.table("connections").select("connection", "step").iter_rows())
    step = steps.get(connection)
    return "no flow" if step is None else f"no flow (opened by {step})"


def _ends(run: RunData, flow: FlowPlan | None, node: str) -> dict[str, str]:
    """Return at whose ``side`` (the data's ``sender`` or ``receiver``) the capture was made, and
    the ``peer`` that the journeys lead to.
    """
    if flow is not None:
        if node == receiver_of(flow):
            return {"side": "receiver", "peer": flow.sender}
        return {
            "side": "sender" if node == flow.sender else "between",
            "peer": receiver_of(flow),
        }
    others = sorted(set(run.table("journeys")["to_node"].unique().drop_nulls().to_list()) - {node})
    return {"side": "sender", "peer": others[0] if len(others) == 1 else "the other end"}


def packet_table(connection: Connection) -> PanelTable:
    """Return the connection's packets as a table of whole numbers."""
    frame = connection.frame
    plain = {
        "number": "number",
        "seq": "seq_rel",
        "ack": "ack_rel",
        "len": "payload_bytes",
        "win": "window_bytes",
        "flight": "in_flight_bytes",
    }
    columns = {
        "t": PanelColumn(_numbers(frame["t_ns"]), "time", "ns"),
        "out": PanelColumn(_numbers(frame["outgoing"])),
        "flags": PanelColumn(flag_bits(frame), "flags", words=tuple(FLAG_WORDS.values())),
        "labels": PanelColumn(label_bits(frame), "labels", words=tuple(WORDS.values())),
        "again": PanelColumn(_numbers(frame["again"])),
        "other": PanelColumn(_numbers(frame["other"])),
        "delay": PanelColumn(_numbers(frame["delay"]), "one-way delay", "ns"),
        "fate": PanelColumn(_numbers(frame["fate"].fill_null(0)), "on the way", words=FATES),
        **{name: PanelColumn(_numbers(frame[source])) for name, source in plain.items()},
    }
    if bare_resets(frame).any():
        columns["line"] = PanelColumn(_numbers(_ack_line(frame)), "ACK line")
    return PanelTable(connection.id, "packets", columns, connection.facts)


def bare_resets(frame: pl.DataFrame) -> pl.Series:
    """Return which packets from the data's receiver are resets without an ACK number."""
    flags = frame["flags"].fill_null("")
    return ~frame["outgoing"] & flags.str.contains("R") & ~flags.str.contains("A")


def _ack_line(frame: pl.DataFrame) -> pl.Series:
    """Return the highest byte that the data's receiver had acknowledged when each packet passed."""
    known = ~pl.col("outgoing") & pl.col("flags").fill_null("").str.contains("A")
    acked = pl.when(known).then(pl.col("ack_rel"))
    return frame.select(acked.cum_max().forward_fill().fill_null(0)).to_series()


def has(frame: pl.DataFrame, *names: str) -> pl.Series:
    """Return 1 for each row that carries any of Wireshark's labels ``names``, else 0."""
    if frame["labels"].null_count() == frame.height:
        return pl.zeros(frame.height, dtype=pl.Int64, eager=True)
    return frame.select(has_label(*names).cast(pl.Int64)).to_series()


def sack_table(connection: Connection) -> PanelTable | None:
    """Return one row per SACK block of the connection's ACKs: ``t``, ``left``, ``right`` (relative)
    and ``packet`` (its row); None without any.
    """
    rows = connection.frame.with_row_index("packet").filter(
        ~pl.col("outgoing") & (pl.col("sack_blocks").list.len() > 1)
    )
    if rows.is_empty():
        return None
    edges = rows.select("packet", "t_ns", pl.col("sack_blocks")).explode("sack_blocks")
    pairs = edges.with_columns((pl.int_range(pl.len()).over("packet", "t_ns") % 2).alias("side"))
    left, right = (pairs.filter(pl.col("side") == side) for side in (0, 1))
    columns = {
        "t": PanelColumn(_numbers(left["t_ns"]), "time", "ns"),
        "left": PanelColumn(_numbers(left["sack_blocks"]), "SACK left edge", "bytes"),
        "right": PanelColumn(_numbers(right["sack_blocks"]), "SACK right edge", "bytes"),
        "packet": PanelColumn(_numbers(left["packet"])),
    }
    return PanelTable(f"{connection.id}-sack", "samples", columns, {"packets": connection.id})


def fault_table(run: RunData, connection: Connection) -> PanelTable | None:
    """Return the faults that acted on the connection's segments: ``t``, ``y`` (relative sequence
    number after the segment); None without any.

    Of segments from the data's receiver there is no place on this axis; panels mark their moments.
    """
    sent = connection.frame.filter(pl.col("outgoing") & pl.col("seq_rel").is_not_null()).head(1)
    if sent.is_empty() or not run.has("faults"):
        return None
    ends = {name: sent[name][0] for name in ("connection", "src", "src_port")}
    rows = run.table("faults").filter(
        pl.all_horizontal([pl.col(name) == value for name, value in ends.items()])
    )
    if rows.is_empty():
        return None
    start = int(sent["seq"][0]) - int(sent["seq_rel"][0])
    named: list[str] = []
    columns = {
        "t": PanelColumn(_numbers(rows["t_ns"]), "time", "ns"),
        "y": PanelColumn(
            _numbers((rows["seq"] - start) % 2**32 + rows["payload_bytes"].fill_null(0)),
            "sequence number after it",
            "bytes",
        ),
        "effect": PanelColumn(codes(rows["effect"], named), "effect", words=tuple(named)),
        "number": PanelColumn(_numbers(rows["number"]), "number of its kind in the flow"),
        "transmission": PanelColumn(_numbers(rows["transmission"]), "transmission"),
        "len": PanelColumn(_numbers(rows["payload_bytes"]), "payload", "bytes"),
    }
    return PanelTable(f"{connection.id}-fault", "samples", columns, {"flow": connection.flow})
