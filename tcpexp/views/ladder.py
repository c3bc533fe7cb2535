"""What a ladder diagram shows: the segments of one connection on both hosts, the states, and the
row of each event.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from tcpexp.analysis.transitions import FROM_SS, transitions
from tcpexp.late import polars as pl
from tcpexp.views.faults import effects_on
from tcpexp.views.packets import FLAG_WORDS, connection_packets

if TYPE_CHECKING:
    from tcpexp.store.rundata import RunData


#: Wireshark's labels that explain a segment on the diagram.
SHORT = {
    "window_full": "Window Full",
    "zero_window": "Zero Window",
    "window_update": "Window Update",
    "keep_alive": "Keep-Alive",
    "zero_window_probe": "Zero-Window Probe",
    "duplicate_ack": "Duplicate ACK",
    "out_of_order": "Out-Of-Order",
}


@dataclass(frozen=True)
class Arrow:
    """One segment. Rows count from 0 downwards; ``crossed`` says that it meets another arrow on its
    way, ``fault`` what a fault did to it (its effect).

    ``isn`` is a SYN's absolute sequence number.
    """

    to_right: bool
    sent_ns: int
    received_ns: int | None
    text: str
    data: bool
    again: bool
    fault: str | None = None
    isn: int | None = None
    from_row: float = 0.0
    to_row: float = 0.0
    crossed: bool = False

    @property
    def lost(self) -> bool:
        """Whether it never arrived."""
        return self.received_ns is None


@dataclass(frozen=True)
class StateChange:
    """A state that an end entered. ``t_ns`` None: the state before the first segment.

    ``late``: no segment is near in time.
    """

    left: bool
    state: str
    t_ns: int | None
    from_ss: bool = False
    late: bool = False
    row: float = 0.0


@dataclass(frozen=True)
class LadderView:
    """Everything that the diagram shows.

    ``rows`` is its height, ``more`` how many segments it leaves out.
    """

    name: str
    left: str
    right: str
    left_address: str
    right_address: str
    arrows: tuple[Arrow, ...]
    states: tuple[StateChange, ...]
    rows: float
    more: int


def ladder_view(
    run: RunData, flow: str, which: int, limit: int, between: tuple[int, int] | None = None
) -> LadderView | None:
    """Return the diagram of the ``which``-th connection (of ``flow`` when given).

    Only segments sent ``between`` two times, ns. None when there is none.
    """
    connections = run.table("connections").filter(pl.col("syn_ns").is_not_null()).sort("syn_ns")
    if flow:
        connections = connections.filter(pl.col("flow") == flow)
    if connections.height < which:
        return None
    one = connections.row(which - 1, named=True)
    everything = _arrows(run, one)
    arrows = [
        arrow
        for arrow in everything
        if between is None or between[0] <= arrow.sent_ns <= between[1]
    ]
    if not arrows:
        return None
    shown = arrows[:limit]
    end_ns = None if len(shown) == len(arrows) else shown[-1].sent_ns
    placed, states, rows = place_rows(
        shown, _shown_states(_state_changes(run, one, everything), between, end_ns)
    )
    return LadderView(
        name=f"{one['client']} to {one['server']}:{one['server_port']}",
        left=one["client"],
        right=one["server"],
        left_address=f"{one['client_address']}:{one['client_port']}",
        right_address=f"{one['server_address']}:{one['server_port']}",
        arrows=tuple(placed),
        states=tuple(states),
        rows=rows,
        more=len(arrows) - len(shown),
    )


def _arrows(run: RunData, one: dict[str, Any]) -> list[Arrow]:
    """Return the connection's segments in the order of sending, each joined with its arrival."""
    mine = connection_packets(run, one)
    both = {one["client"], one["server"]} <= {
        *mine["node"].unique().to_list(),
        *_captured_nodes(run),
    }
    arrows = []
    for sender, receiver, address in (
        (one["client"], one["server"], one["client_address"]),
        (one["server"], one["client"], one["server_address"]),
    ):
        sent = mine.filter(
            (pl.col("src") == address) & (pl.col("node") == (sender if both else mine["node"][0]))
        )
        got = (
            mine.filter((pl.col("src") == address) & (pl.col("node") == receiver)) if both else None
        )
        arrows += _joined(sent, got, run.table("faults").to_dicts(), sender == one["client"])
    return sorted(arrows, key=lambda arrow: arrow.sent_ns)


def _captured_nodes(run: RunData) -> set[str]:
    """Return the nodes at which packets were captured, also those that saw none of a connection."""
    captures = run.engine.get("captures") or {}
    return {
        node.name
        for node in run.plan.network.nodes
        if any(interface.name in captures for interface in node.interfaces)
    }


def _joined(
    sent: pl.DataFrame, got: pl.DataFrame | None, faults: list[dict[str, Any]], to_right: bool
) -> list[Arrow]:
    """Join each sent segment with its first arrival of the same IP id (over IPv6: checksum) and
    numbers; without a second capture, none is lost.

    What a fault dropped never arrived, although its retransmission may look the same: a SYN-ACK's
    IP id is always 0.
    """
    waiting: dict[tuple[Any, ...], list[int]] = {}
    for row in got.iter_rows(named=True) if got is not None else ():
        waiting.setdefault(_identity(row), []).append(row["t_ns"])
    rows, arrived = list(sent.iter_rows(named=True)), []
    acted = effects_on(rows, faults)
    for index, row in enumerate(rows):
        arrivals = [] if acted.get(index) == "drop" else waiting.get(_identity(row), [])
        arrived.append(arrivals.pop(0) if arrivals else None)
    if got is not None:
        _join_pieces(rows, arrived, acted, got, waiting)
    return [
        Arrow(
            to_right,
            row["t_ns"],
            row["t_ns"] if got is None else arrived[index],
            segment_text(row)
            + (f"  [fault: {acted[index]}]" if acted.get(index, "drop") != "drop" else ""),
            bool(row["payload_bytes"]),
            not {
                "retransmission",
                "fast_retransmission",
                "spurious_retransmission",
                "rto",
            }.isdisjoint(row["labels"] or ()),
            acted.get(index),
            row["seq"] if "S" in (row["flags"] or "") else None,
        )
        for index, row in enumerate(rows)
    ]


def _join_pieces(
    rows: list[dict[str, Any]],
    arrived: list[int | None],
    acted: dict[int, str],
    got: pl.DataFrame,
    waiting: dict[tuple[Any, ...], list[int]],
) -> None:
    """Fill in when the last byte arrived of segments that were cut or joined on the way by
    segmentation offload: their bytes came in segments that nobody sent so.
    """
    pieces = [
        (row["seq_rel"], row["seq_rel"] + row["payload_bytes"], row["t_ns"])
        for row in got.iter_rows(named=True)
        if row["payload_bytes"]
        and row["seq_rel"] is not None
        and row["t_ns"] in waiting.get(_identity(row), ())
    ]
    pieces.sort()
    for index, row in enumerate(rows):
        unseen = arrived[index] is None and acted.get(index) != "drop"
        if unseen and row["payload_bytes"] and row["seq_rel"] is not None:
            arrived[index] = _covered(row["seq_rel"], row["payload_bytes"], pieces)


def _covered(first: int, size: int, pieces: list[tuple[int, int, int]]) -> int | None:
    """Return when the last of these bytes arrived, None unless all did in pieces of other sizes."""
    reached, latest = first, None
    for begin, end, t_ns in pieces:
        if end <= reached or (begin, end) == (first, first + size):
            continue
        if begin > reached:
            return None
        reached, latest = end, max(t_ns, latest or t_ns)
        if reached >= first + size:
            return latest
    return None


def _identity(row: dict[str, Any]) -> tuple[Any, ...]:
    # IPv6 does not number packets
    number = row["ip_id"] if row["ip_id"] is not None else row["checksum"]
    return (number, *(row[key] for key in ("flags", "seq", "ack", "payload_bytes")))


def segment_text(row: dict[str, Any]) -> str:
    """Return what stands on an arrow, such as ``SYN, ACK  seq 0  ack 1  win 65160``."""
    letters, labels, window = row["flags"] or "", row["labels"] or (), row["window_bytes"]
    again = not {"retransmission", "fast_retransmission", "rto"}.isdisjoint(labels)
    ace = row.get("ace")
    # with accurate ECN three flags are one number
    named = letters if ace is None else "".join(each for each in letters if each not in "ECe")
    parts = [", ".join(FLAG_WORDS.get(letter, letter) for letter in named)]
    parts += [f"ACE {ace}"] if ace is not None else []
    if row["seq_rel"] is not None:
        initial = (
            f" = {row['seq']}" if "S" in letters and row["seq"] is not None and not again else ""
        )
        parts.append(f"seq {row['seq_rel']:,}{initial}")
    if "A" in letters and row["ack_rel"] is not None:
        parts.append(f"ack {row['ack_rel']:,}")
    if row["payload_bytes"]:
        parts.append(f"len {row['payload_bytes']:,}")
    telling = ("S" in letters and not again) or window == 0 or "window_update" in labels
    if telling and window is not None and "R" not in letters:
        parts.append(f"win {window:,}")
    if again:
        parts.append("(again)")
    parts += [f"[{SHORT[name]}]" for name in labels if name in SHORT]
    # what every segment of MPTCP carries says nothing
    parts += [word for word in (row["mptcp"] or "").split() if word != "DSS"]
    return "  ".join(parts)


def _state_changes(run: RunData, one: dict[str, Any], arrows: list[Arrow]) -> list[StateChange]:
    """Return both ends' states in time order: the kernel's changes, and those that only ``ss`` saw
    or that the segments show.
    """
    changes: list[StateChange] = []
    everything = transitions(run)
    for left, port in ((True, one["client_port"]), (False, one["server_port"])):
        node = one["client"] if left else one["server"]
        if node is None:  # a forged or absent end: nobody knows its states
            continue
        of_socket = [
            change
            for change in everything
            if (change.node, change.port, change.connection) == (node, port, one["connection"])
        ]
        mine = [
            StateChange(left, change.new, change.t_ns, from_ss=change.source == "ss")
            for change in of_socket
        ]
        if of_socket:
            mine.insert(0, StateChange(left, of_socket[0].old, None))
        ends = (pl.col("node") == node) & (pl.col("local_port") == port)
        if (
            not left
            and not run.table("sockets").filter(ends & (pl.col("state") == "listen")).is_empty()
        ):
            mine = [
                StateChange(left, "LISTEN", None),
                *[change for change in mine if change.t_ns is not None],
            ]
        traced = any(change.source == "trace" for change in of_socket)
        if not traced:
            mine = _with_snapshots(
                run, ends & (pl.col("connection") == one["connection"]), left, mine
            )
        changes += mine if left else _half_open(run, node, arrows, mine, traced)
    return sorted(
        changes,
        key=lambda change: (change.t_ns if change.t_ns is not None else -1, not change.left),
    )


def _half_open(
    run: RunData, server: str, arrows: list[Arrow], changes: list[StateChange], traced: bool
) -> list[StateChange]:
    """Let the server's SYN-RECEIVED begin with its first SYN-ACK, as RFC 9293 has it: the
    tracepoint shows it only once the handshake is complete.

    A half-open connection that was given up and begun anew has another initial sequence number. A
    server that answers with SYN cookies keeps no such state, and one that ``ss`` never saw in it
    and that never got further is left alone.
    """
    begun: dict[int | None, int] = {}
    for arrow in arrows:
        if not arrow.to_right and arrow.text.startswith("SYN, ACK"):
            begun.setdefault(arrow.isn, arrow.sent_ns)
    cookies = run.table("counters").filter(
        (pl.col("node") == server) & (pl.col("counter") == "TcpExt.SyncookiesSent")
    )["value"]
    if not begun or (len(cookies) and cookies[-1] != cookies[0]):
        return changes
    moved = []
    for change in changes:
        if change.state == "SYN-RECEIVED" and change.t_ns is not None:
            answered = max(
                (t_ns for t_ns in begun.values() if t_ns <= change.t_ns),
                default=next(iter(begun.values())),
            )
            moved.append(replace(change, t_ns=answered, from_ss=traced or change.from_ss))
        else:
            moved.append(change)
    return moved


def _with_snapshots(
    run: RunData, mine: pl.Expr, left: bool, known: list[StateChange]
) -> list[StateChange]:
    """Add the states that only ``ss`` saw, each at the first snapshot that shows it, and CLOSED
    when it shows the socket no longer.
    """
    sockets = run.table("sockets")
    seen = (
        sockets.filter(mine)
        .group_by("state")
        .agg(pl.col("t_ns").min().alias("first"), pl.col("t_ns").max().alias("last"))
        .sort("first")
    )
    names = {change.state for change in known}
    changes = list(known)
    for row in seen.iter_rows(named=True):
        name = FROM_SS.get(row["state"], row["state"].upper())
        if name not in names and name != "CLOSED":
            changes.append(StateChange(left, name, row["first"], from_ss=True))
    if changes and changes[-1].state == "CLOSED":
        return changes
    last = seen["last"].max()
    later = sockets.filter(pl.col("t_ns") > last)["t_ns"].min() if isinstance(last, int) else None
    if isinstance(later, int):
        changes.append(StateChange(left, "CLOSED", later, from_ss=True))
    return changes


def _shown_states(
    changes: list[StateChange], span: tuple[int, int] | None, end_ns: int | None
) -> list[StateChange]:
    """Return the changes within ``span`` and up to ``end_ns``.

    Of those before the span the last one of each end, as the state at its beginning.
    """
    before: dict[bool, StateChange] = {}
    shown = []
    for change in changes:
        if span is not None and (change.t_ns is None or change.t_ns < span[0]):
            before[change.left] = replace(change, t_ns=None)
        elif (end_ns is None or change.t_ns is None or change.t_ns <= end_ns) and (
            span is None or change.t_ns is None or change.t_ns <= span[1]
        ):
            shown.append(change)
    return [*before.values(), *shown]


def place_rows(
    arrows: list[Arrow], changes: list[StateChange]
) -> tuple[list[Arrow], list[StateChange], float]:
    """Give each event a row: time runs downwards and every sending has room for its label.

    Returns the arrows, the states and the number of rows. Times of both hosts are put in one order;
    a sending takes a whole row, an arrival seven tenths. A state stands at the row of the event
    that caused it, moved down when another is there.
    """
    events = [(arrow.sent_ns, 1, index) for index, arrow in enumerate(arrows)]
    events += [
        (arrow.received_ns, 0, index)
        for index, arrow in enumerate(arrows)
        if arrow.received_ns is not None
    ]
    rows: dict[tuple[int, int], float] = {}
    times: list[tuple[int, float]] = []
    row = 0.0
    for t_ns, is_sending, index in sorted(events):
        same_moment = times and t_ns - times[-1][0] < 1000 and not is_sending
        row += 0.0 if not times else 0.35 if same_moment else 1.0 if is_sending else 0.7
        rows[(is_sending, index)] = row
        times.append((t_ns, row))
    placed = []
    for index, arrow in enumerate(arrows):
        start = rows[(1, index)]
        end = rows.get((0, index), start + 1.2)
        placed.append(replace(arrow, from_row=start, to_row=max(end, start + 0.05)))
    placed = [
        replace(arrow, crossed=any(_crosses(arrow, other) for other in placed)) for arrow in placed
    ]
    height = max([row, *(arrow.to_row for arrow in placed)])
    states = _place_states(changes, times)
    return placed, states, max([height, *(state.row for state in states)])


def _crosses(one: Arrow, other: Arrow) -> bool:
    return (
        one.to_right != other.to_right
        and one.from_row < other.to_row
        and other.from_row < one.to_row
    )


def _place_states(changes: list[StateChange], times: list[tuple[int, float]]) -> list[StateChange]:
    """Put a state beside the event that caused it.

    ``late``: with its own time, because no event is near.
    """
    placed: list[StateChange] = []
    lowest = {True: -2.0, False: -2.0}
    for change in changes:
        late = False
        row = -0.9
        if change.t_ns is not None and times:
            distance, nearest = min((abs(t_ns - change.t_ns), row) for t_ns, row in times)
            before = max((row for t_ns, row in times if t_ns <= change.t_ns), default=nearest)
            late = distance > 500_000_000
            row = before + 0.8 if late else nearest
        row = max(row, lowest[change.left] + 0.88)
        lowest[change.left] = row
        placed.append(replace(change, row=row, late=late))
    return placed
