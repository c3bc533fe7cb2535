"""Events of the user-space TCP (``raw/logs/<step>/tcp.jsonl``) to ``tcp_events``, and to the tables
that the kernel's tracepoints fill.

The kernel's words are used: cwnd and ssthresh in whole segments, RFC 9293's names of states,
``Open``, ``Recovery`` and ``Loss`` for congestion states.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl

from tcpexp.ingest.jsonlines import parse_lines, table_of_rows
from tcpexp.record.tables.kernel import INFINITE_SSTHRESH

#: ssthresh from here on limits nothing: tcpexp.tcp.core.congestion.base.NO_LIMIT.
NO_LIMIT = 1 << 30
FILE = "tcp.jsonl"
TABLES = ("tcp_events", "tcp_probe", "states", "retransmits", "ca_states")
#: Columns of ``tcp_events`` whose names differ from the fields of an event.
_RENAMED = {
    "old": "old_state",
    "new": "new_state",
    "in_flight": "flight_bytes",
    "flight": "flight_bytes",
    "in_ns": "expires_in_ns",
}


def read_utcp(raw: Path, t0_realtime_ns: int) -> dict[str, pl.DataFrame]:
    """Return the tables, without ``node`` and ``flow``, of all programs that left events; all are
    empty where none did.

    Raises ``DataError`` naming file and line for a damaged one; a last line that was cut off is
    left out.
    """
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in TABLES}
    for path in sorted((raw / "logs").glob(f"*/{FILE}")):
        parse_utcp(
            path.read_text(errors="replace"), str(path), path.parent.name, t0_realtime_ns, rows
        )
    return {
        name: table_of_rows(found, name).sort("t_ns", maintain_order=True)
        for name, found in rows.items()
    }


def parse_utcp(
    text: str, source: str, step: str, t0_realtime_ns: int, rows: dict[str, list[dict[str, Any]]]
) -> None:
    """Append one program's events to ``rows`` by table."""
    connections: dict[int, _Connection] = {}
    for line in parse_lines(text, source):
        number = line.get("c")
        if line.get("event") == "connection":
            connections[number] = _Connection(line)  # type: ignore[index]
        known = connections.get(number)  # type: ignore[arg-type]
        if known is None or not isinstance(line.get("time_ns"), int):
            continue
        line["t_ns"] = line["time_ns"] - t0_realtime_ns
        known.take(line, step, rows)


class _Connection:
    """One connection while its events are read: its ends, and what its congestion state follows
    from.
    """

    def __init__(self, line: dict[str, Any]) -> None:
        self.ends = {
            name: line.get(name)
            for name in ("local_address", "local_port", "peer_address", "peer_port")
        }
        self.four = dict(
            zip(("src", "src_port", "dst", "dst_port"), self.ends.values(), strict=True)
        )
        self.control = line.get("congestion_control")
        self.congestion_state = "Open"
        self.last_probe: dict[str, Any] = {}
        self.recover: int | None = None

    def take(self, line: dict[str, Any], step: str, rows: dict[str, list[dict[str, Any]]]) -> None:
        """Append what one event says to each table that it concerns."""
        event, t_ns = line["event"], line["t_ns"]
        own = {_RENAMED.get(name, name): value for name, value in line.items()}
        rows["tcp_events"].append(
            {
                "step": step,
                "number": line["c"],
                "congestion_control": self.control,
                **self.ends,
                **own,
            }
        )
        if event == "probe":
            self._leave_loss(line, rows)
            self.last_probe = line
            rows["tcp_probe"].append(
                {**line, **self.four, **_in_segments(line), "sock_cookie": line["c"]}
            )
        elif event == "state_changed":
            rows["states"].append(
                {"t_ns": t_ns, "old_state": line["old"], "new_state": line["new"], **self.ends}
            )
        elif event == "retransmitted":
            rows["retransmits"].append({"t_ns": t_ns, "state": line.get("state"), **self.four})
        elif event == "congestion_changed":
            if line["cause"] == "timeout":
                self.recover = (self.last_probe.get("snd_nxt", 0)) if self.last_probe else None
                self._go_to("Loss", t_ns, rows, again=True)
            elif line["mode"] == "fast recovery":
                self._go_to("Recovery", t_ns, rows)
            elif self.congestion_state == "Recovery":
                self._go_to("Open", t_ns, rows)

    def _leave_loss(self, line: dict[str, Any], rows: dict[str, list[dict[str, Any]]]) -> None:
        """End Loss once all that had been sent when the timer expired is acknowledged: RFC 6582's
        ``recover``.
        """
        if (
            self.congestion_state == "Loss"
            and self.recover is not None
            and (line["snd_una"] - self.recover) % 2**32 < 2**31
        ):
            self._go_to("Open", line["t_ns"], rows)

    def _go_to(
        self, state: str, t_ns: int, rows: dict[str, list[dict[str, Any]]], *, again: bool = False
    ) -> None:
        """Note a change of state.

        With ``again`` also one to the same state, as the kernel does at every timeout.
        """
        if again or state != self.congestion_state:
            self.congestion_state = state
            rows["ca_states"].append({"t_ns": t_ns, "ca_state": state, **self.four})


def _in_segments(line: dict[str, Any]) -> dict[str, int]:
    """Return cwnd and ssthresh of a probe in whole segments."""
    mss = max(1, int(line["mss"]))
    ssthresh = int(line["ssthresh"])
    return {
        "cwnd": int(line["cwnd"]) // mss,
        "ssthresh": INFINITE_SSTHRESH if ssthresh >= NO_LIMIT else ssthresh // mss,
    }
