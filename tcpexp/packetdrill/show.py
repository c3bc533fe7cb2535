"""A script that failed, for people: the line as packetdrill names it, what should have been and
what was, and a ladder of the events up to there.
"""

from __future__ import annotations

from collections.abc import Iterator

from tcpexp.packetdrill.outcome import Happened, Judged
from tcpexp.packetdrill.script import Packet, Script
from tcpexp.packetdrill.text import packet_text, text_of, time_text

#: So many events before the one that failed are shown.
BEFORE = 8


def failure_lines(script: Script, judged: Judged) -> list[str]:
    """Return the lines that tell of a script that does not agree, none of one that does.

    ``<file>:<line>: error: <what>`` as packetdrill prints it; below it, where packets are compared,
    the script's and the one that was seen; then the ladder.
    """
    if judged.verdict == "agrees":
        return []
    place = script.name if judged.line is None else f"{script.name}:{judged.line}"
    lines = [f"{place}: error: {judged.wrong or 'the player failed'}"]
    failed = next((each for each in judged.happened if each.wrong is not None), None)
    if failed is not None and isinstance(failed.event.action, Packet):
        lines.append(
            f"  script packet: {_seconds(failed.expected_ns)} {_bare(failed.event.action)}"
        )
        if failed.seen is not None:
            lines.append(f"  actual packet: {_seconds(failed.at_ns)} {_bare(failed.seen)}")
        else:
            lines.append("  actual packet: none came")
    return [*lines, "", *ladder_lines(judged)]


def ladder_lines(judged: Judged) -> list[str]:
    """Return the last events with their times: the script's side, an arrow for packets, and what
    went wrong beside it.

    Packets that went out and that no line names are among them, marked as such.
    """
    rows = [*_events(judged), *((at_ns, _besides(packet)) for at_ns, packet in judged.besides)]
    first = len(judged.happened) - BEFORE - 1
    since = judged.happened[first].at_ns or 0 if first > 0 else -1
    shown = sorted((row for row in rows if row[0] >= since), key=lambda row: row[0])
    return [f"  {at_ns / 1e9:10.6f}  {text}" for at_ns, text in shown]


def _events(judged: Judged) -> Iterator[tuple[int, str]]:
    at_ns = 0
    for (
        each
    ) in judged.happened:  # in the script's order: what was answered stands before its answer
        seen_ns = each.at_ns if each.at_ns is not None else each.expected_ns or 0
        at_ns = max(at_ns, seen_ns)
        mark = "" if each.wrong is None else "  <-- here"
        yield at_ns, f"{_arrow(each)} {each.event.line:>4}  {_what(each)}{mark}"


def _arrow(happened: Happened) -> str:
    action = happened.event.action
    if not isinstance(action, Packet):
        return "   "
    return "-->" if action.direction == "in" else "<--"


def _what(happened: Happened) -> str:
    return f"{time_text(happened.event)} {text_of(happened.event.action)}"


def _besides(packet: Packet) -> str:
    return f"<--       {_bare(packet)}  (no line names it)"


def _bare(packet: Packet) -> str:
    return packet_text(packet).lstrip("<> ")


def _seconds(at_ns: int | None) -> str:
    return "-" if at_ns is None else f"{at_ns / 1e9:.6f}"
