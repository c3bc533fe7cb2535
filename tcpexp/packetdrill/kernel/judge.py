"""A script's log from the guest, event by event: what was seen, and what was wrong first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from tcpexp.packetdrill.assertions import Assertions
from tcpexp.packetdrill.fields import TOLERANCE_NS, tolerance_ns, wrong_time
from tcpexp.packetdrill.kernel.compare import PacketJudge, wrong_call
from tcpexp.packetdrill.kernel.packets import decode, joined
from tcpexp.packetdrill.kernel.tcpinfo import variables
from tcpexp.packetdrill.kernel.ways import Way
from tcpexp.packetdrill.outcome import Happened, Judged
from tcpexp.packetdrill.script import Call, Code, Command, Event, Ip, Packet, Script, Tcp

#: What the guest writes down of a packet that did not come.
NO_PACKET = "no packet"


def judge(script: Script, way: Way, log: dict[str, Any]) -> Judged:
    """Return what became of a script.

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
    assertions = Assertions()
    cut_short = any(entry.get("error") == NO_PACKET for entry in log["events"])
    happened: list[Happened] = []
    before_ns: int | None = None
    for event, entry in zip(script.events, log["events"], strict=False):
        one, before_ns = _one(
            event, entry, packets, least_ns, before_ns, log["begin_ns"], assertions, cut_short
        )
        happened.append(one)
    return _whole(script, log, happened)


def _whole(script: Script, log: dict[str, Any], happened: list[Happened]) -> Judged:
    """Return the verdict: a script ends with the first thing that is wrong in it."""
    wrongs = [place for place, each in enumerate(happened) if each.wrong is not None]
    end = wrongs[0] + 1 if wrongs else len(happened)
    besides = tuple(
        (each.at_ns, each.seen)
        for each in happened[end:]
        if each.at_ns is not None and each.seen is not None
    )
    besides += tuple(_left(log))
    done = tuple(happened[:end])
    if wrongs:
        return Judged("disagrees", done, done[-1].wrong, done[-1].event.line, besides)
    if log["ended"]:
        line = done[-1].event.line if done else 1
        return Judged("disagrees", done, log["ended"], line, besides)
    if log["final"]:
        wrong = f"error executing cleanup command: {log['final']}"
        return Judged("disagrees", done, wrong, script.events[-1].line, besides)
    return Judged("agrees", done, besides=besides)


def _left(log: dict[str, Any]) -> Iterator[tuple[int, Packet]]:
    """Yield the packets that were there when the script had ended."""
    for entry in log["left"]:
        offsets = entry["isn"], entry["remote_isn"], entry["isn"] - entry["script_isn"]
        seen = decode(bytes.fromhex(entry["bytes"]), *offsets)
        if seen is not None:
            yield entry["t"], shown(seen, None, entry["first_ts"])


def shown(seen: Packet, script: Packet | None, first_ts: list[int] | None) -> Packet:
    """Return a packet as a script would write it: timestamps in the script's numbers, and of the IP
    header and the ports what the script names, or what is not usual.
    """
    asked = script.ip if script is not None else Ip()
    ip = Ip(
        ecn=seen.ip.ecn if asked.ecn is not None or seen.ip.ecn != "noecn" else None,
        tos=seen.ip.tos if asked.tos is not None else None,
        flow_label=seen.ip.flow_label if asked.flow_label is not None else None,
        ttl=seen.ip.ttl if asked.ttl is not None else None,
    )
    content = seen.content
    if isinstance(content, Tcp) and first_ts is not None:
        script_ts, live_ts = first_ts
        options = tuple(
            replace(option, value=((option.value or 0) - live_ts + script_ts) & 0xFFFFFFFF)
            if option.kind == "TS"
            else option
            for option in content.options or ()
        )
        content = replace(content, options=options)
    ports = seen.ports if script is not None and script.ports is not None else None
    return replace(seen, content=content, ip=ip, ports=ports)


def _one(
    event: Event,
    entry: dict[str, Any],
    packets: PacketJudge,
    least_ns: int,
    before_ns: int | None,
    begin_ns: int,
    assertions: Assertions,
    cut_short: bool,
) -> tuple[Happened, int]:
    """Return what became of an event, and its time in the script.

    ``cut_short``: a later event ended the script, so a call that still blocked then is not wrong.
    """
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
            seen = shown(seen, action, entry["first_ts"]) if seen else None
    elif isinstance(action, Command):
        what, wrong = "command", entry["failed"]
    elif isinstance(action, Code):
        what = "data collection for code"
        wrong = "no TCP_INFO"
        if entry["tcp_info"]:
            wrong = assertions.check(action.text, variables(entry))
    if before_ns is not None or isinstance(action, Packet):
        wrong = wrong or wrong_time(event, base_ns, at_ns, allowed, what)
    if isinstance(action, Call) and not (cut_short and "result" not in entry):
        wrong = wrong or wrong_call(action, entry, begin_ns, least_ns)
        wrong = wrong or _wrong_end(event, action, entry, base_ns, least_ns)
    happened = Happened(
        event, expected_ns, at_ns, entry.get("end"), seen, entry.get("result"), wrong
    )
    return happened, expected_ns


def _error(event: Event, words: str) -> str:
    action = event.action
    if isinstance(action, Packet) and words == NO_PACKET:
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
