"""What is wrong with a time or a segment, in packetdrill's words.

The rules are those of run_packet.c of github.com/google/packetdrill, for which scripts are written:
what a script does not name is not compared.
"""

from __future__ import annotations

from tcpexp.packetdrill.script import Event, Ip, Option, Tcp
from tcpexp.packetdrill.text import option_text

#: packetdrill's tolerance of times: at least so much, or this part of the time since the event
#: before (config.c).
TOLERANCE_NS = 4_000_000
TOLERANCE_PART = 0.125
MASK = 0xFFFFFFFF
ECN_BITS = {"noecn": (0,), "ect1": (1,), "ect0": (2,), "ce": (3,), "ect01": (1, 2)}
_FLAGS = (
    ("tcp_fin", "F"),
    ("tcp_syn", "S"),
    ("tcp_rst", "R"),
    ("tcp_psh", "P"),
    ("tcp_ack", "."),
    ("tcp_urg", "U"),
)


def tolerance_ns(least_ns: int, since_ns: int | None) -> int:
    """Return how far a time may be off: ``since_ns`` is the time since the event before."""
    return max(least_ns, 0 if since_ns is None else round(TOLERANCE_PART * since_ns))


def seconds(ns: int) -> str:
    """Return nanoseconds as packetdrill writes times."""
    return f"{ns / 1e9:.6f}"


def wrong_time(event: Event, base_ns: int, at_ns: int, tolerance: int, what: str) -> str | None:
    """Return in which way an event happened at the wrong time, None when it did not."""
    when = event.when
    if when.kind == "any":
        return None
    first = base_ns + when.at_ns
    last = base_ns + when.until_ns if when.until_ns is not None else first
    if first - tolerance <= at_ns <= last + tolerance:
        return None
    if when.until_ns is not None:
        plus = "relative " if when.kind == "relative_range" else ""
        origin = base_ns if when.kind == "relative_range" else 0
        return (
            f"timing error: expected {what} in {plus}time range {seconds(first - origin)}~"
            f"{seconds(last - origin)} sec but happened at {seconds(at_ns - origin)} sec"
        )
    return (
        f"timing error: expected {what} at {seconds(first)} sec but happened at {seconds(at_ns)}"
        f" sec; tolerance {seconds(tolerance)} sec"
    )


def wrong_field(name: str, expected: int, actual: int) -> str | None:
    """Return the words for a field that is not as expected."""
    if expected == actual:
        return None
    return (
        f"live packet field {name}: expected: {expected} (0x{expected:x}) vs actual: {actual}"
        f" (0x{actual:x})"
    )


def wrong_ip(script: Ip, tos: int, ttl: int) -> str | None:
    """Return what is wrong with an IP header that has this TOS octet and TTL."""
    if script.tos is not None and (wrong := wrong_field("tos", script.tos, tos)):
        return wrong
    if script.ecn is not None and tos & 3 not in ECN_BITS[script.ecn]:
        return wrong_field("ip_ecn", ECN_BITS[script.ecn][0], tos & 3)
    return None if script.ttl is None else wrong_field("ttl", script.ttl, ttl)


def wrong_segment(script: Tcp, seen: Tcp) -> str | None:
    """Return what is wrong with a segment, options left out; ``seen`` has all its fields."""
    checks = [wrong_field("tcp_payload_len", script.length, seen.length)]
    checks += [
        wrong_field(name, int(letter in script.flags), int(letter in seen.flags))
        for name, letter in _FLAGS
    ]
    if script.ace is not None:
        checks.append(wrong_field("tcp_ace", script.ace, ace_of(seen.flags)))
    else:
        checks += [
            wrong_field(name, int(letter in script.flags), int(letter in seen.flags))
            for name, letter in (("tcp_ece", "E"), ("tcp_cwr", "W"), ("tcp_ae", "A"))
        ]
    if script.seq is not None:
        checks.append(wrong_field("tcp_seq", script.seq & MASK, (seen.seq or 0) & MASK))
    checks.append(wrong_field("tcp_ack_seq", (script.ack or 0) & MASK, (seen.ack or 0) & MASK))
    if script.window is not None:
        checks.append(wrong_field("tcp_window", script.window, seen.window or 0))
    checks.append(wrong_field("tcp_urg_ptr", script.urgent or 0, seen.urgent or 0))
    return next((words for words in checks if words is not None), None)


def ace_of(flags: str) -> int:
    """Return AccECN's counter from a header's flags. RFC 9768 section 3.1.1."""
    return 4 * ("A" in flags) + 2 * ("W" in flags) + ("E" in flags)


def wrong_options(script: tuple[Option, ...], seen: tuple[Option, ...]) -> str | None:
    """Return what is wrong with the options, compared by kind and value.

    Their order and the padding between them are a system's habit, which the RFCs leave open (RFC
    9293 section 3.1), and are not compared. Timestamps are compared by whoever knows their clock.
    """
    wanted = {option.kind: option for option in script if option.kind not in ("nop", "eol")}
    found = {option.kind: option for option in seen if option.kind not in ("nop", "eol")}
    if wanted.keys() != found.keys():
        return f"bad outbound TCP options: expected {_kinds(wanted)}, actual {_kinds(found)}"
    for kind, option in wanted.items():
        if kind != "TS" and option != found[kind]:
            texts = (option_text(option), option_text(found[kind]))
            return "bad value in outbound TCP option {}: expected <{}>, got <{}>".format(
                kind, *texts
            )
    return None


def _kinds(options: dict[str, Option]) -> str:
    return ",".join(options) or "none"
