"""A script's log from the guest, event by event: what was seen, and what was wrong first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from tcpexp.packetdrill.kernel.compare import (
    TOLERANCE_NS,
    PacketJudge,
    tolerance_ns,
    wrong_call,
    wrong_time,
)
from tcpexp.packetdrill.kernel.packets import Unplayable, decode, joined
from tcpexp.packetdrill.kernel.tcpinfo import variables
from tcpexp.packetdrill.kernel.ways import Way
from tcpexp.packetdrill.script import Call, Code, Command, Event, Packet, Script

#: Checks Python of a script with names and numbers; returns why it fails, None when it holds.
Assert = Callable[[str, dict[str, int]], str | None]
Verdict = Literal["agrees", "disagrees", "broken"]


@dataclass(frozen=True)
class Happened:
    """What became of one event.

    ``at_ns`` is when, after the script's begin; ``expected_ns`` when it should have been, at the
    earliest. ``seen`` is the packet that went out or was injected, in the script's numbers.
    """

    event: Event
    expected_ns: int | None = None
    at_ns: int | None = None
    end_ns: int | None = None
    seen: Packet | None = None
    result: int | None = None
    wrong: str | None = None


@dataclass(frozen=True)
class Judged:
    """A script played: ``wrong`` says what the first event that was wrong is wrong in.

    ``broken`` is not the kernel's doing: the guest could not play it.
    """

    verdict: Verdict
    happened: tuple[Happened, ...]
    wrong: str | None = None
    line: int | None = None

    @property
    def latest_ns(self) -> int:
        """Return how far at most a packet that went out was off its time."""
        return max((abs(_off(each)) for each in self.happened), default=0)


def _off(happened: Happened) -> int:
    packet = happened.event.action
    if not isinstance(packet, Packet) or packet.direction != "out":
        return 0
    if happened.at_ns is None or happened.expected_ns is None:
        return 0
    when = happened.event.when
    if when.kind == "any":
        return 0
    last = happened.expected_ns + ((when.until_ns or when.at_ns) - when.at_ns)
    return min(happened.at_ns - happened.expected_ns, 0) or max(happened.at_ns - last, 0)


def judge(script: Script, way: Way, log: dict[str, Any], holds: Assert) -> Judged:
    """Return what became of a script; ``holds`` checks its Python.

    Raises:
        Unplayable: the script compares with something that this player does not know.
    """
    if log.get("broken"):
        return Judged("broken", (), str(log["broken"]))
    if log.get("initial"):
        return Judged("disagrees", (), f"error executing init command: {log['initial']}", 1)
    tolerance = script.option("tolerance_usecs")
    least_ns = int(tolerance) * 1000 if tolerance else TOLERANCE_NS
    tick = int(script.option("tcp_ts_tick_usecs") or 0)
    packets = PacketJudge(way.wire, tick, least_ns)
    happened: list[Happened] = []
    before_ns: int | None = None
    blocking: list[tuple[int, Call, dict[str, Any]]] = []
    for event, entry in zip(script.events, log["events"], strict=False):
        one, before_ns = _one(event, entry, packets, least_ns, before_ns, log["begin_ns"], holds)
        if isinstance(event.action, Call) and event.action.end_ns is not None:
            blocking.append((len(happened), event.action, entry))
        happened.append(one)
    first = next((each for each in happened if each.wrong is not None), None)
    if first is not None:
        return Judged("disagrees", tuple(happened), first.wrong, first.event.line)
    if log["ended"]:
        line = happened[-1].event.line if happened else 1
        return Judged("disagrees", tuple(happened), log["ended"], line)
    if log["final"]:
        wrong = f"error executing cleanup command: {log['final']}"
        return Judged("disagrees", tuple(happened), wrong, script.events[-1].line)
    return Judged("agrees", tuple(happened))


def _one(
    event: Event,
    entry: dict[str, Any],
    packets: PacketJudge,
    least_ns: int,
    before_ns: int | None,
    begin_ns: int,
    holds: Assert,
) -> tuple[Happened, int]:
    """Return what became of an event, and its time in the script."""
    base_ns = entry.get("base", 0)
    expected_ns = base_ns + event.when.at_ns
    if entry.get("error"):
        return Happened(event, expected_ns, wrong=_error(event, entry["error"])), expected_ns
    at_ns = entry["t"]
    since = None if before_ns is None else expected_ns - before_ns
    allowed = tolerance_ns(least_ns, since)
    action = event.action
    seen, wrong, what = None, None, "system call start"
    if isinstance(action, Packet):
        what = "outbound packet" if action.direction == "out" else "inbound packet"
        offsets = entry["isn"], entry["remote_isn"], entry["isn"] - entry["script_isn"]
        if action.direction == "out":
            data, wrong = joined([bytes.fromhex(part) for part in entry["parts"]])
            seen = decode(data, *offsets)
            timed = {**entry, "expected_ns": expected_ns}
            wrong = wrong or (packets.wrong(action, seen, data, timed) if seen else "no IP packet")
    elif isinstance(action, Command):
        what, wrong = "command", entry["failed"]
    elif isinstance(action, Code):
        what = "data collection for code"
        wrong = holds(action.text, variables(entry)) if entry["tcp_info"] else "no TCP_INFO"
    if before_ns is not None or isinstance(action, Packet):
        wrong = wrong or wrong_time(event, base_ns, at_ns, allowed, what)
    if isinstance(action, Call):
        wrong = wrong or wrong_call(action, entry, begin_ns, least_ns)
        wrong = wrong or _wrong_end(event, action, entry, base_ns, least_ns)
    happened = Happened(
        event, expected_ns, at_ns, entry.get("end"), seen, entry.get("result"), wrong
    )
    return happened, expected_ns


def _error(event: Event, words: str) -> str:
    action = event.action
    if isinstance(action, Packet) and words == "no packet":
        return "Timed out waiting for packet"
    return words


def _wrong_end(
    event: Event, call: Call, entry: dict[str, Any], base_ns: int, least_ns: int
) -> str | None:
    """Return whether a call that blocks returned at the wrong time (``0...0.100``)."""
    if call.end_ns is None:
        return None
    relative = event.when.kind == "relative"
    expected = call.end_ns + (base_ns if relative else 0)
    allowed = tolerance_ns(least_ns, expected - base_ns - event.when.at_ns if relative else None)
    if not relative:
        allowed = tolerance_ns(least_ns, expected - event.when.at_ns)
    off = entry["end"] - expected
    if abs(off) <= allowed:
        return None
    return (
        f"timing error: expected system call return at {expected / 1e9:.6f} sec but happened at"
        f" {entry['end'] / 1e9:.6f} sec; tolerance {allowed / 1e9:.6f} sec"
    )


__all__ = ["Assert", "Happened", "Judged", "Unplayable", "Verdict", "judge"]
