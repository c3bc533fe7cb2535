"""A script's outcome as text: the failing line as packetdrill's users know it, and a ladder of what
was and what should have been.
"""

from __future__ import annotations

from dataclasses import replace

from tcpexp.packetdrill.outcome import Happened, Judged
from tcpexp.packetdrill.script import Ip, Packet, Script
from tcpexp.packetdrill.text import packet_text, text_of

#: Columns between the peer's line and this end's.
WIDTH = 78
#: Packets that went out afterwards, of which so many are shown.
MOST_BESIDES = 5


def complaint(script: Script, judged: Judged) -> str:
    """Return packetdrill's message for the first event that was wrong, "" for a script that agrees.

    ``file:line: error handling packet: live packet field tcp_ack: expected: ...``, then the
    script's packet and the one that went out.
    """
    if judged.verdict == "agrees":
        return ""
    failing = _failing(judged)
    what = "packet" if failing and isinstance(failing.event.action, Packet) else "event"
    lines = [f"{script.name}:{judged.line or 1}: error handling {what}: {judged.wrong}"]
    if failing is not None and failing.seen is not None:
        lines.append(f"script packet: {_time(failing.expected_ns)} {_plain(failing.event.action)}")
        lines.append(f"actual packet: {_time(failing.at_ns)} {_plain(_as_asked(failing))}")
    elif judged.line:
        lines.append(f"script line:   {script.source(judged.line).strip()}")
    return "\n".join(lines)


def ladder(judged: Judged, last: int | None = None) -> list[str]:
    """Return the packets as arrows between the peer, left, and the TCP under test, right, with its
    program's calls; one line each, and two for the packet that is wrong: what should have been,
    marked ``x``, and what was.

    ``last`` is how many events to show at most, the failing one and those before it.
    """
    happened = judged.happened if last is None else judged.happened[-last:]
    rows = [f"{'line':>4} {'time':>10}  peer{'TCP under test':>{WIDTH - 2}}"]
    for each in happened:
        rows += _rows(each)
    for at, packet in judged.besides[:MOST_BESIDES] if judged.verdict != "agrees" else ():
        bare = replace(packet, ip=Ip())
        rows.append(_row("", at, _arrow(bare, "<", "-"), " no line names it"))
    return rows


def _rows(happened: Happened) -> list[str]:
    """Return one event's lines."""
    event, action = happened.event, happened.event.action
    at = happened.at_ns if happened.at_ns is not None else happened.expected_ns
    if not isinstance(action, Packet):
        row = _row(str(event.line), at, _inside(text_of(action)), "", "x" if happened.wrong else "")
        return [row] if happened.wrong is None else [row, _row("", None, _inside(happened.wrong))]
    if action.direction == "in":
        mark = "x" if happened.wrong else ""
        return [_row(str(event.line), at, _arrow(action, ">", "-"), happened.wrong or "", mark)]
    if happened.wrong is None:
        return [_row(str(event.line), at, _arrow(_as_asked(happened), "<", "-"))]
    should = _arrow(action, "<", ".")
    lines = [_row(str(event.line), happened.expected_ns, should, " should have been", "x")]
    if happened.seen is None:
        return [*lines, _row("", happened.at_ns, _inside(happened.wrong))]
    return [*lines, _row("", happened.at_ns, _arrow(_as_asked(happened), "<", "-"), " was")]


def _as_asked(happened: Happened) -> Packet:
    """Return the packet that went out, with its IP header only if the script speaks of it."""
    script, seen = happened.event.action, happened.seen
    assert isinstance(script, Packet)
    if seen is None or script.ip != Ip():
        return seen or script
    return replace(seen, ip=Ip())


def _inside(text: str) -> str:
    """Return what happens at this end, beside its line."""
    text = " ".join(text.split())
    return f"|{text if len(text) < WIDTH else text[: WIDTH - 4] + '...':>{WIDTH - 1}} |"


def _row(line: str, at: int | None, middle: str, after: str = "", mark: str = "") -> str:
    return f"{mark:1}{line:>3} {_time(at):>10}  {middle}{after}".rstrip()


def _arrow(packet: Packet, head: str, stroke: str) -> str:
    """Return a packet as an arrow with its text on it."""
    text = f" {_plain(packet)} "
    if len(text) > WIDTH - 4:
        text = f" {text[1 : WIDTH - 9]}... "
    if head == ">":
        return f"|{stroke * 2}{text}{stroke * (WIDTH - len(text) - 3)}>|"
    return f"|<{stroke * (WIDTH - len(text) - 3)}{text}{stroke * 2}|"


def _plain(packet: object) -> str:
    """Return a packet without its direction, which the arrow shows."""
    assert isinstance(packet, Packet)
    return packet_text(packet)[2:]


def _time(at_ns: int | None) -> str:
    return "-" if at_ns is None else f"{at_ns / 1e9:.6f}"


def _failing(judged: Judged) -> Happened | None:
    return next((each for each in judged.happened if each.wrong is not None), None)
