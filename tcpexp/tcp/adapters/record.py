"""The core's events as lines of JSON, one per event, for ``raw/logs/<step>/tcp.jsonl`` of a run
(docs/concepts/tcp.md has the fields).

Times are nanoseconds of the system's clock, sequence numbers relative to the connection's ISNs (a
SYN is 0), sizes bytes. ``c`` numbers the connections.
"""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Any

from tcpexp.tcp.core import events
from tcpexp.tcp.core.connection import Connection
from tcpexp.tcp.core.segment import ACK, Segment
from tcpexp.tcp.core.seqnum import MASK
from tcpexp.tcp.core.states import State
from tcpexp.tcp.core.window import receive_window

#: States in which a connection has both sequence numbers.
SYNCHRONIZED = frozenset(State) - {State.CLOSED, State.LISTEN, State.SYN_SENT, State.SYN_RECEIVED}


class JsonRecorder:
    """Writes events to a file.

    What an event's class is called, in lower case with underscores, is its ``event``.
    """

    def __init__(self, path: Path, *, offset_ns: int | None = None) -> None:
        """Open ``path``; ``offset_ns`` is what turns the loop's clock into the system's (measured
        now when None).
        """
        self._file = path.open("w", encoding="utf-8", buffering=1 << 16)
        self._offset_ns = time.time_ns() - time.monotonic_ns() if offset_ns is None else offset_ns
        self._numbers: dict[int, int] = {}
        self._kept: list[Connection] = []  # so that no id is used again
        self._names: dict[type, str] = {}

    def arriving(self, connection: Connection, segment: Segment, now: int) -> None:
        """Write what the connection knows before it takes a segment: what the kernel's tracepoint
        tcp:tcp_probe shows.
        """
        tcb = connection.tcb
        if tcb.state not in SYNCHRONIZED:
            return
        facts = {
            "data_len": len(segment.payload),
            "snd_nxt": tcb.snd_nxt & MASK,
            "snd_una": tcb.snd_una & MASK,
            "cwnd": tcb.congestion.cwnd,
            "ssthresh": tcb.congestion.ssthresh,
            "snd_wnd": tcb.snd_wnd,
            "srtt_us": (tcb.rtt.srtt_ns or 0) // 1000,
            "rcv_wnd": receive_window(tcb),
            "mss": tcb.eff_snd_mss,
            "rto_ns": tcb.rtt.rto_ns,
        }
        self._write(connection, now, "probe", facts)

    def happened(self, connection: Connection, event: events.Event) -> None:
        """Write an event."""
        kind = type(event)
        name = self._names.get(kind)
        if name is None:
            name = self._names[kind] = re.sub(r"(?<!^)(?=[A-Z])", "_", kind.__name__).lower()
        self._write(connection, event.at_ns, name, facts_of(connection, event))

    def _write(self, connection: Connection, at_ns: int, name: str, facts: dict[str, Any]) -> None:
        number = self._numbers.get(id(connection)) or self._introduce(connection, at_ns)
        self._file.write(
            json.dumps({"time_ns": at_ns + self._offset_ns, "event": name, "c": number, **facts})
            + "\n"
        )

    def _introduce(self, connection: Connection, at_ns: int) -> int:
        """Number a connection, and write whose it is."""
        number = len(self._kept) + 1
        self._kept.append(connection)
        self._numbers[id(connection)] = number
        local, remote = connection.tcb.local, connection.tcb.remote
        facts = {
            "local_address": local.address,
            "local_port": local.port,
            "peer_address": remote.address,
            "peer_port": remote.port,
            "iss": connection.tcb.iss & MASK,
            "congestion_control": connection.config.congestion_control,
        }
        self._file.write(
            json.dumps(
                {"time_ns": at_ns + self._offset_ns, "event": "connection", "c": number, **facts}
            )
            + "\n"
        )
        return number

    def close(self) -> None:
        """Write the rest."""
        self._file.close()


def facts_of(connection: Connection, event: events.Event) -> dict[str, Any]:
    """Return an event's own fields for JSON."""
    tcb = connection.tcb
    if isinstance(event, events.SegmentSent):
        return {**_segment(event.segment, tcb.iss, tcb.irs), "in_flight": event.in_flight}
    if isinstance(event, events.SegmentReceived):
        return _segment(event.segment, tcb.irs or event.segment.seq, tcb.iss)
    if isinstance(event, events.SegmentDropped):
        return {**_segment(event.segment, tcb.irs, tcb.iss), "reason": event.reason}
    if isinstance(event, events.Retransmitted):
        facts = {
            "seq": event.seq - tcb.iss,
            "end": event.end - tcb.iss,
            "reason": event.reason,
            "times": event.times,
        }
        return {**facts, "state": tcb.state.label, "rto_ns": tcb.rtt.rto_ns}
    if isinstance(event, events.StateChanged):
        return {"old": event.old.label, "new": event.new.label, "cause": event.cause}
    if isinstance(event, events.TimerChanged):
        facts = {"timer": event.timer, "what": event.what}
        return (
            facts
            if event.expires_ns is None
            else {**facts, "in_ns": event.expires_ns - event.at_ns}
        )
    if isinstance(event, events.CongestionChanged):
        return {
            "cwnd": event.cwnd,
            "ssthresh": event.ssthresh,
            "mode": event.mode,
            "cause": event.cause,
            "mss": tcb.eff_snd_mss,
            "flight": tcb.flight,
        }
    slots = [name for kind in type(event).__mro__ for name in getattr(kind, "__slots__", ())]
    return {name: getattr(event, name) for name in slots if name != "at_ns"}


def _segment(segment: Segment, first: int, acked: int) -> dict[str, Any]:
    facts: dict[str, Any] = {"flags": segment.letters, "seq": (segment.seq - first) & MASK}
    if segment.flags & ACK:
        facts["ack"] = (segment.ack - acked) & MASK
    facts |= {"payload_bytes": len(segment.payload), "window": segment.window}
    if segment.options.sack:
        facts["sack"] = [(edge - acked) & MASK for block in segment.options.sack for edge in block]
    return facts
