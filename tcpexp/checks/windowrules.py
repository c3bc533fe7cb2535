"""The rules of RFC 5681 for cwnd, each applied to the events of the user-space TCP: which changes
it is about, and whether they are what it says.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from tcpexp.late import polars as pl
from tcpexp.views.spans import Span

Rule = Literal[
    "slow_start",
    "congestion_avoidance",
    "third_duplicate",
    "further_duplicate",
    "new_ack",
    "restart",
    "timeout",
]
#: What each rule says, for the verdict.
RULES: dict[str, str] = {
    "slow_start": "in slow start each new ACK adds one MSS",
    "congestion_avoidance": (
        "in congestion avoidance cwnd grows by one MSS with the ACK that completes a whole cwnd"
    ),
    "third_duplicate": (
        "at the third duplicate ACK ssthresh = flight / 2 and cwnd = ssthresh + 3 MSS"
    ),
    "further_duplicate": "each further duplicate ACK adds one MSS",
    "new_ack": "the ACK that ends recovery sets cwnd = ssthresh",
    "restart": "at the third duplicate ACK ssthresh = flight / 2 and cwnd = 1 MSS",
    "timeout": "at a time-out cwnd = 1 MSS",
}


@dataclass
class _Sender:
    """What a sender knows, rebuilt from its events: ``una`` is relative to the ISN, the others are
    octets.
    """

    flight: int = 0  # outstanding when the segment under way arrived
    una: int | None = None
    counted: int = 0  # acknowledged in congestion avoidance since cwnd last grew

    def take(self, ack: int | None, before: dict[str, Any] | None) -> bool:
        """Take an acknowledgment; return whether it completes a window, so that cwnd has to grow.

        RFC 5681 section 3.1.
        """
        if ack is None:
            return False
        octets = 0 if self.una is None else ack - self.una
        if not 0 <= octets <= max(self.flight, 0) and self.una is not None:
            return False
        self.una = ack
        if (
            before is None
            or before["mode"] != "congestion avoidance"
            or octets == 0
            or self.flight + before["mss"] <= before["cwnd"]
        ):
            return False
        self.counted += octets
        return bool(self.counted >= before["cwnd"])


def judge(rows: pl.DataFrame, rule: str, span: Span) -> list[tuple[dict[str, Any], bool]]:
    """Return each change of cwnd that ``rule`` is about, and whether it is what the rule says;
    ``rows`` are one connection's events in order.

    A growth in congestion avoidance that was due and did not come is among them, with the ACK that
    should have brought it.
    """
    found: list[tuple[dict[str, Any], bool]] = []
    before: dict[str, Any] | None = None
    sender = _Sender()
    due: dict[str, Any] | None = None
    for row in rows.filter(
        rows["event"].is_in(["probe", "congestion_changed", "segment_received"])
    ).iter_rows(named=True):
        if row["event"] == "probe":
            if due is not None and rule == "congestion_avoidance" and _inside(due, span):
                found.append((due, False))
            due = None
            sender.flight = (row["snd_nxt"] - row["snd_una"]) % 2**32
        elif row["event"] == "segment_received":
            due = row if sender.take(row["ack"], before) else None
        else:
            if before is not None and _inside(row, span) and _is_about(rule, before, row):
                found.append((row, _obeys(rule, before, row, sender.flight, due is not None)))
            grown = (
                before is not None
                and row["cause"] == "new ACK"
                and before["mode"] == "congestion avoidance"
            )
            sender.counted = (
                max(0, sender.counted - before["cwnd"]) if grown and before is not None else 0
            )
            before, due = row, None
    return found


def _inside(row: dict[str, Any], span: Span) -> bool:
    return bool(span[0] <= row["t_ns"] <= span[1])


def _is_about(rule: str, before: dict[str, Any], row: dict[str, Any]) -> bool:
    """Return whether a change is one that the rule speaks of."""
    cause = row["cause"]
    if rule in ("slow_start", "congestion_avoidance"):
        return bool(cause == "new ACK" and before["mode"] == rule.replace("_", " "))
    if rule == "new_ack":
        return bool(before["mode"] == "fast recovery" and cause in ("new ACK", "full ACK"))
    causes = {
        "third_duplicate": "fast retransmit",
        "restart": "fast retransmit",
        "further_duplicate": "duplicate ACK",
        "timeout": "timeout",
    }
    return bool(cause == causes[rule])


def _obeys(rule: str, before: dict[str, Any], row: dict[str, Any], flight: int, due: bool) -> bool:
    """Return whether a change is what the rule says; RFC 5681 sections 3.1 and 3.2."""
    mss, grown = row["mss"], row["cwnd"] - before["cwnd"]
    half = max(flight // 2, 2 * mss)
    if rule in ("slow_start", "further_duplicate"):
        return bool(grown == mss)
    if rule == "congestion_avoidance":
        return bool(grown == mss and due)
    if rule == "third_duplicate":
        return bool(row["ssthresh"] == half and row["cwnd"] == half + 3 * mss)
    if rule == "restart":
        return bool(row["ssthresh"] == half and row["cwnd"] == mss)
    return bool(row["cwnd"] == (row["ssthresh"] if rule == "new_ack" else mss))
