"""Which scripts are plain: sockets as POSIX knows them, with the options that the RFCs of TCP and
common systems share, and bare segments of TCP.

What else a script may ask for is a table of words, each with what it is. No script is named. A
plain script can be judged by any TCP; what is not plain is about one system's own interfaces, or
about packets that are no bare segments.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from tcpexp.packetdrill.script import Call, Code, Command, Expression, Packet, Script, Tcp, Udp
from tcpexp.packetdrill.variants import system_of

ZERO_COPY = "zero copy"
STAMPS = "timestamps of packets, for the program"
SIGNATURES = "signatures of segments (RFC 2385)"
HELD_BACK = "data that the program holds back or keeps apart (MSG_MORE, TCP_CORK, MSG_EOR)"
EDGES = "epoll by edges"
LOW_WATER = "TCP_NOTSENT_LOWAT, and what poll() makes of it"
FILES = "data from files and pipes"
POINTERS = "pointers that lead nowhere"
MESSAGES = "control messages and the error queue"
PATH_MTU = "path MTU discovery"
ROUTES = "routes, queues and devices of the system"
CLOCKS = "how long Linux was kept from sending, by its own clocks"
COOKIE_KEY = "the key of Fast Open's cookies"
DISCONNECT = "connect() that disconnects"
BSD_OPTIONS = "BSD's ways to send fewer options"
OUTER = "packets in UDP or in tunnels"
CONTROL = "the innards of Linux's CUBIC"
BUFFERS = "how Linux accounts memory"
COUNTERS = "Linux's counters of events (nstat)"

#: Symbols in calls, and names of calls.
WORDS = {
    "SO_ZEROCOPY": ZERO_COPY,
    "MSG_ZEROCOPY": ZERO_COPY,
    "SO_TIMESTAMPING": STAMPS,
    "TCP_MD5SIG": SIGNATURES,
    "MSG_EOR": HELD_BACK,
    "MSG_MORE": HELD_BACK,
    "TCP_CORK": HELD_BACK,
    "EPOLLET": EDGES,
    "EPOLLONESHOT": EDGES,
    "EPOLLEXCLUSIVE": EDGES,
    "TCP_NOTSENT_LOWAT": LOW_WATER,
    "sendfile": FILES,
    "splice": FILES,
    "pipe": FILES,
    "open": FILES,
    "NULL": POINTERS,
    "TCP_INQ": MESSAGES,
    "MSG_ERRQUEUE": MESSAGES,
    "IP_MTU_DISCOVER": PATH_MTU,
    "frag_needed": PATH_MTU,
    "packet_too_big": PATH_MTU,
    "TCP_FASTOPEN_KEY": COOKIE_KEY,
    "AF_UNSPEC": DISCONNECT,
    "TCP_NOOPT": BSD_OPTIONS,
}
#: Options of scripts.
OPTIONS = {
    "udp_encapsulation": OUTER,
    "psp_udp_port": OUTER,
    "tcp_md5_secret": SIGNATURES,
}
#: Calls that send, and can wait for room.
SENDING = frozenset({"write", "writev", "send", "sendto", "sendmsg"})
#: What commands and assertions say, by expressions.
TEXTS = (
    (re.compile(r"\b(?:ip (?:-6 )?route|tc qdisc (?:add|replace)\b.*\b(?:fq|limit 0))\b"), ROUTES),
    (re.compile(r"rexmit_drop_options=1"), BSD_OPTIONS),
    (re.compile(r"tcp_mtu_prob"), PATH_MTU),
    (re.compile(r"/sys/module/tcp_cubic"), CONTROL),
    (re.compile(r"tcp_shrink_window|\btcp_mem\b|\bSK_MEMINFO"), BUFFERS),
    (re.compile(r"\bnstat\b[^\n;]*\|\s*grep"), COUNTERS),
    (re.compile(r"tcp_notsent_lowat"), LOW_WATER),
    (re.compile(r"tcpi_(?:rwnd_limited|sndbuf_limited|busy_time)"), CLOCKS),
)


def why_not_plain(script: Script) -> str | None:
    """Return what a script asks for that is not plain, None for a plain one."""
    for name, _ in script.options:
        if name in OPTIONS:
            return OPTIONS[name]
    for event in script.events:
        reason = _why(event.action)
        if reason is not None:
            return reason
    if script.initial is not None and (reason := _of_text(script.initial.text)) is not None:
        return reason
    return BUFFERS if _follows_from_memory(script) else None


def _follows_from_memory(script: Script) -> bool:
    """Return whether a script for Linux chooses a buffer, and asks what follows: the window that it
    offers, or when a call that sends goes on. Linux counts the memory of its packets against
    both, with all that is beside the octets (tcp_win_from_space(), sk_wmem_queued).
    """
    if system_of(script.text) != "Linux":
        return False
    calls = [event.action for event in script.events if isinstance(event.action, Call)]
    chosen = {
        word
        for call in calls
        if call.name == "setsockopt"
        for expression in call.arguments
        for word in _words(expression)
    }
    commands = script.initial.text if script.initial is not None else ""
    if "SO_RCVBUF" in chosen or "tcp_rmem" in commands:
        return any(_offers(event.action) for event in script.events)
    blocked = any(call.end_ns is not None and call.name in SENDING for call in calls)
    return "SO_SNDBUF" in chosen and blocked


def _offers(action: Packet | Call | Command | Code) -> bool:
    """Return whether a line says which window a packet that goes out offers."""
    if not isinstance(action, Packet) or action.direction != "out":
        return False
    return isinstance(action.content, Tcp) and action.content.window is not None


def _why(action: Packet | Call | Command | Code) -> str | None:
    """Return what an event asks for that is not plain."""
    if isinstance(action, Packet):
        return _of_packet(action)
    if isinstance(action, Call):
        words = {action.name}
        for expression in (*action.arguments, action.result):
            words |= set(_words(expression))
        return next((WORDS[word] for word in sorted(words) if word in WORDS), None)
    return _of_text(action.text)


def _of_packet(packet: Packet) -> str | None:
    content = packet.content
    if packet.outer or packet.udp_ports is not None or isinstance(content, Udp):
        return OUTER
    if isinstance(content, Tcp):
        signed = any(option.kind == "md5" for option in content.options or ())
        return SIGNATURES if signed else None
    return WORDS.get(content.code or "") or WORDS.get(content.type)


def _of_text(text: str) -> str | None:
    return next((reason for pattern, reason in TEXTS if pattern.search(text)), None)


def _words(expression: Expression) -> Iterator[str]:
    """Yield the symbols in an argument, however deep."""
    if expression.kind == "word":
        yield str(expression.value)
    for item in expression.items:
        yield from _words(item)
