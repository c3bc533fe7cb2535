"""What the kernel did, held against what a script says: packets, results of calls, times.

The rules are packetdrill's (run_packet.c and run_system_call.c of github.com/google/packetdrill),
which scripts are written for: a window or options that the script does not name are not compared,
a timestamp only when the script says how long its tick is.
"""

from __future__ import annotations

import struct
from typing import Any

from tcpexp.packetdrill.fields import seconds, tolerance_ns, wrong_field, wrong_ip, wrong_segment
from tcpexp.packetdrill.guest import wire
from tcpexp.packetdrill.kernel.constants import errno_words
from tcpexp.packetdrill.kernel.expressions import errno_number, number, octets, required, single
from tcpexp.packetdrill.kernel.packets import protocol_of
from tcpexp.packetdrill.kernel.syscalls import epoll_data
from tcpexp.packetdrill.outcome import Unplayable
from tcpexp.packetdrill.script import Call, Expression, Icmp, Option, Packet, Tcp, Udp

#: Calls whose result is a descriptor: which one does not matter.
GIVE_DESCRIPTORS = ("socket", "accept", "open", "epoll_create")
IP_RECVERR, IPV6_RECVERR = (0, 11), (41, 25)
TIMESTAMPING, OPT_STATS = (1, 37), (1, 54)
#: Members of struct tcp_nla (SCM_TIMESTAMPING_OPT_STATS): their lengths by number.
_ERROR_WORDS = ("ee_errno", "ee_origin", "ee_type", "ee_code", "ee_info", "ee_data")


class PacketJudge:
    """Compares packets that go out with a script's; remembers what it learns of flow labels.

    Args:
        family: The version of IP on the wire.
        tick_us: How long a tick of the kernel's timestamps is in the script, 0 to compare none.
        least_ns: The script's tolerance of times.
    """

    def __init__(self, family: int, tick_us: int, least_ns: int) -> None:
        self.family = family
        self.tick_us = tick_us
        self.least_ns = least_ns
        self.label: tuple[int, int] | None = None

    def wrong(self, script: Packet, seen: Packet, data: bytes, entry: dict[str, Any]) -> str | None:
        """Return what is wrong with the packet ``seen``, whose octets are ``data``; None if it is
        as the script says. ``entry`` is what the guest wrote down of it, ``expected_ns`` among it.
        """
        if type(script.content) is not type(seen.content):
            return f"expected {_kind(script)} but saw {_kind(seen)}"
        headers = wire.read_headers(data)
        if headers is None or headers.protocol != protocol_of(script, self.family):
            return "live packet of another protocol"
        found = wrong_ip(script.ip, seen.ip.tos or 0, seen.ip.ttl or 0)
        if found is None and isinstance(script.content, Tcp) and isinstance(seen.content, Tcp):
            found = self._wrong_tcp(script.content, seen.content, entry)
            if found is None and any(data[len(data) - seen.content.length :]):
                found = "incorrect outbound data payload"
        elif found is None and isinstance(script.content, Udp) and isinstance(seen.content, Udp):
            found = wrong_field("udp_len", 8 + script.content.length, 8 + seen.content.length)
        elif found is None and isinstance(script.content, Icmp) and isinstance(seen.content, Icmp):
            words = [(each.type, each.code) for each in (script.content, seen.content)]
            if words[0] != words[1]:
                found = f"expected icmp {words[0]} but saw {words[1]}"
        return found or self._wrong_label(script, seen)

    def _wrong_tcp(self, script: Tcp, seen: Tcp, entry: dict[str, Any]) -> str | None:
        wrong = wrong_segment(script, seen)
        if wrong is None and script.options is not None:
            wrong = self._wrong_options(script.options, seen.options or (), entry)
        return wrong

    def _wrong_options(
        self, script: tuple[Option, ...], seen: tuple[Option, ...], entry: dict[str, Any]
    ) -> str | None:
        """Compare options in the order in which Linux sends them, padding among them."""
        if [option.kind for option in script] != [option.kind for option in seen]:
            return "bad outbound TCP options"
        for expected, actual in zip(script, seen, strict=True):
            if expected.kind == "TS":
                found = self._wrong_stamp(expected, actual, entry)
            elif expected.kind == "sack":
                moved = tuple((a & 0xFFFFFFFF, b & 0xFFFFFFFF) for a, b in expected.blocks)
                found = None if moved == actual.blocks else "bad value"
            else:
                found = None if expected == actual else "bad value"
            if found is not None:
                return f"{found} in outbound TCP option {expected.kind}"
        return None

    def _wrong_stamp(self, script: Option, seen: Option, entry: dict[str, Any]) -> str | None:
        if not self.tick_us or entry["first_ts"] is None:
            return None
        first_script, first_live = entry["first_ts"]
        mapped = (first_script + (seen.value or 0) - first_live) & 0xFFFFFFFF
        off = (mapped - (script.value or 0) + 0x80000000 & 0xFFFFFFFF) - 0x80000000
        allowed = tolerance_ns(self.least_ns, entry["expected_ns"])
        if abs(off) * self.tick_us * 1000 <= allowed:
            return None
        return f"bad timestamp value (expected {script.value}, actual {mapped})"

    def _wrong_label(self, script: Packet, seen: Packet) -> str | None:
        asked, live = script.ip.flow_label, seen.ip.flow_label
        if not asked or self.family != 6:
            return None
        if not live:
            return "flowlabel unmarked in the live packet"
        known = self.label
        if known is None or (asked != known[0] and live != known[1]):
            self.label = (asked, live)
            return None
        if asked != known[0]:
            return "expected a different flowlabel but got the same"
        if live == known[1]:
            return None
        return f"inconsistent flowlabels for this packet: expected: {known[1]:#x} vs {live:#x}"


def _kind(packet: Packet) -> str:
    return type(packet.content).__name__.upper()


def wrong_call(call: Call, entry: dict[str, Any], begin_ns: int, least_ns: int) -> str | None:
    """Return in which way a call's result is not the script's, None when it is.

    ``begin_ns`` is the begin of the script in nanoseconds of the real-time clock, which control
    messages tell times in.

    Raises:
        Unplayable: the script compares with something that no player knows.
    """
    if entry.get("blocked"):
        return "the call blocks"
    if "result" not in entry:
        return "the call has not returned"
    result, errno = entry["result"], entry["errno"]
    said = f" with errno {errno_words(errno)}" if errno else ""
    if call.result.kind != "ellipsis":
        expected = number(call.result)
        if call.name in GIVE_DESCRIPTORS and expected >= 0:
            if result < 0:
                return f"Expected non-negative result but got {result}{said}"
        elif result != expected:
            return f"Expected result {expected} but got {result}{said}"
    if call.errno is not None and result < 0 and errno_number(call.errno) != errno:
        expected = errno_number(call.errno)
        return f"Expected errno {errno_words(expected)} but got {errno_words(errno)}"
    if result < 0:
        return None
    return _wrong_outputs(call, entry["outputs"], begin_ns, least_ns)


def _wrong_outputs(call: Call, outputs: dict[str, Any], begin_ns: int, least_ns: int) -> str | None:
    arguments = call.arguments
    if call.name == "getsockopt":
        return _wrong_option(arguments, outputs)
    if call.name == "ioctl" and len(arguments) == 3 and arguments[2].kind == "list":
        expected = _signed(number(single(arguments[2])))
        actual = struct.unpack("=i", bytes.fromhex(outputs["2"]))[0]
        if expected != actual:
            return f"Bad ioctl optval: expected: {expected} actual: {actual}"
    if call.name == "poll":
        for index, (item, actual) in enumerate(zip(arguments[0].items, outputs["0"], strict=True)):
            expected = number(required(item, "revents")) & 0xFFFF
            if expected != actual:
                return f"Expected revents of {expected:#x} but got {actual:#x} for pollfd {index}"
    if call.name == "epoll_wait":
        return _wrong_epoll(arguments[1], outputs["1"][0])
    if call.name == "recvmsg" and arguments[1].kind == "struct":
        return _wrong_message(arguments[1], outputs["1"], begin_ns, least_ns)
    return None


def _wrong_option(arguments: tuple[Expression, ...], outputs: dict[str, Any]) -> str | None:
    value, length = bytes.fromhex(outputs["3"]), number(single(arguments[4]))
    actual_length = struct.unpack("=I", bytes.fromhex(outputs["4"]))[0]
    if actual_length != length:
        return f"Bad getsockopt optlen: expected: {length} actual: {actual_length}"
    expression = arguments[3]
    if expression.kind == "string":
        expected = octets(expression)
        if value[: len(expected)] != expected or len(value) != len(expected):
            return f"Bad getsockopt optval: expected: {expected!r} actual: {value!r}"
    elif expression.kind == "list":
        wanted, found = _signed(number(single(expression))), struct.unpack_from("=i", value)[0]
        if wanted != found:
            return f"Bad getsockopt optval: expected: {wanted} actual: {found}"
    elif expression.kind != "ellipsis":
        raise Unplayable(f"a getsockopt() with a value of the kind {expression.kind}")
    return None


def _wrong_epoll(expression: Expression, actual: list[int]) -> str | None:
    events, kind, datum = epoll_data(expression)
    if events != actual[0]:
        words = f"expected: {events:#x} actual: {actual[0]:#x}"
        return f"epoll_event->events does not match script: {words}"
    mask = 0xFFFFFFFF if kind in ("fd", "u32") else 2**64 - 1
    if datum & mask != actual[1] & mask:
        return f"epoll_event->data does not match script: expected: {datum} actual: {actual[1]}"
    return None


def _wrong_message(
    expression: Expression, actual: dict[str, Any], begin_ns: int, least_ns: int
) -> str | None:
    flags = expression.member("msg_flags")
    expected = number(flags) if flags is not None else 0
    if expected != actual["flags"]:
        return f"Expected msg_flags 0x{expected:08X} but got 0x{actual['flags']:08X}"
    control = expression.member("msg_control")
    wanted = list(control.items) if control is not None else []
    found = control_messages(bytes.fromhex(actual["control"])) if control is not None else []
    for index, (item, (level, kind, data)) in enumerate(zip(wanted, found, strict=False)):
        for word, value in (("level", level), ("type", kind)):
            asked = number(required(item, f"cmsg_{word}"))
            if asked != value:
                return f"Bad {word} in cmsg {index}: expected={asked} actual={value}"
        words = _wrong_control(required(item, "cmsg_data"), (level, kind), data, begin_ns, least_ns)
        if words is not None:
            return f"Bad data in cmsg {index}: {words}"
    if len(found) > len(wanted):
        return f"received more than {len(wanted)} cmsgs"
    if len(found) < len(wanted):
        return f"received only {len(found)} cmsgs"
    return None


def control_messages(data: bytes) -> list[tuple[int, int, bytes]]:
    """Return the control messages of a buffer, cmsg(3): level, type, data."""
    found, place = [], 0
    while place + 16 <= len(data):
        length, level, kind = struct.unpack_from("=Qii", data, place)
        if length < 16 or place + length > len(data):
            break
        found.append((level, kind, data[place + 16 : place + length]))
        place += (length + 7) & ~7
    return found


def _wrong_control(
    expression: Expression, what: tuple[int, int], data: bytes, begin_ns: int, least_ns: int
) -> str | None:
    if what in (IP_RECVERR, IPV6_RECVERR):
        actual = dict(zip(_ERROR_WORDS, struct.unpack_from("=IBBBxII", data), strict=True))
        for name in _ERROR_WORDS:
            wanted = expression.member(name) if expression.kind == "struct" else None
            if wanted is not None and number(wanted) & 0xFFFFFFFF != actual[name]:
                return f"{name}: expected={number(wanted)} actual={actual[name]}"
        return None
    if what == TIMESTAMPING:
        asked = number(required(expression, "scm_sec")) * 1_000_000_000
        asked += number(required(expression, "scm_nsec"))
        second, nanosecond = struct.unpack_from("=qq", data)
        happened = second * 1_000_000_000 + nanosecond - begin_ns
        if asked and abs(happened - asked) > least_ns:
            return f"timestamp: expected={seconds(asked)} actual={seconds(happened)}"
        return None
    if expression.kind in ("integer", "word", "or"):
        wanted_data = struct.pack("=i", _signed(number(expression)))
        return None if data == wanted_data else f"expected={wanted_data.hex()} actual={data.hex()}"
    raise Unplayable(f"a control message with data of the kind {expression.kind}")


def _signed(value: int) -> int:
    value &= 0xFFFFFFFF
    return value - (1 << 32) if value >> 31 else value
