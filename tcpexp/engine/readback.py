"""Compare what tc and ip say is there with what was asked: pure functions on their JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from tcpexp.engine.wire import (
    ETHERNET_HEADER_BYTES,
    UNSHAPED_BPS,
    Qdisc,
    class_handle,
    class_minor,
)
from tcpexp.errors import RunError
from tcpexp.plan.types import LinkPlan, QueuePlan
from tcpexp.record.disciplines import BY_NETLINK, agrees

#: tc prints fractions and times with six digits, and the kernel stores them in 32 bits.
RELATIVE_TOLERANCE = 1e-4
#: tc hands a shaper's burst over, and shows it, as a time in whole microseconds.
TICK_NS = 1_000
_UNITS = {"ns": 1e-3, "us": 1.0, "ms": 1e3, "s": 1e6, "": 1.0}


def parse_documents(text: str) -> list[Any]:
    """Return the JSON documents that ``ip -j -batch`` or ``tc -j -batch`` printed one after the
    other.
    """
    decoder = json.JSONDecoder()
    found, at = [], 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        document, at = decoder.raw_decode(text, at)
        found.append(document)
    return found


def check_qdisc(asked: Qdisc, shown: Sequence[dict[str, Any]]) -> None:
    """Compare one qdisc with ``tc -j qdisc show``.

    Raises:
        RunError: it is not there, is of another kind, or a parameter reads back different; both
            values are named.
    """
    found = find_qdisc(asked, shown)
    where = f"{asked.kind} on {asked.device}"
    if found is None:
        raise RunError(
            f"{where}: asked '{' '.join(asked.words)}', but there is no qdisc {asked.handle}"
        )
    if found["kind"] != asked.kind:
        raise RunError(f"{where}: the kernel reads back a {found['kind']}")
    options = found.get("options", {})
    if asked.queue is not None and asked.queue.discipline in BY_NETLINK:
        _check_settings(asked, asked.queue, options, where)
        _check_classes(asked, asked.queue, shown)
        return
    checks = {"tbf": _tbf, "netem": _netem}.get(asked.kind, _queue)
    for name, wanted, value in checks(list(asked.words), options):
        if not same(wanted, value):
            raise RunError(f"{where}: {name} asked {wanted}, reads back {value}")


def _check_settings(asked: Qdisc, queue: QueuePlan, options: dict[str, Any], where: str) -> None:
    """Compare the settings of a discipline of :mod:`tcpexp.record.disciplines`."""
    if queue.classes:
        return
    wanted: list[Comparison] = [
        ("limit (packets)", queue.limit_packets, options.get("limit")),
        ("ecn", queue.ecn, bool(options.get("ecn", False))),
    ]
    for name, value, found in wanted:
        if not same(value, found):
            raise RunError(f"{where}: {name} asked {value}, reads back {found}")
    for one in queue.settings:
        found = options.get(one.name)
        if not agrees(asked.kind, one.name, one.value, found):
            raise RunError(f"{where}: {one.name} asked {one.value:g}, reads back {found}")


def _check_classes(asked: Qdisc, queue: QueuePlan, shown: Sequence[dict[str, Any]]) -> None:
    """Compare the classes of htb and their queues."""
    for one in queue.classes:
        minor = class_minor(queue, one.name)
        where = f"class {one.name} on {asked.device}"
        own = next(
            (
                entry
                for entry in shown
                if entry["dev"] == asked.device and entry["handle"] == f"{asked.handle}{minor:x}"
            ),
            None,
        )
        if own is None:
            raise RunError(f"{where}: there is no class {asked.handle}{minor:x}")
        options = own["options"]
        leaf: dict[str, Any] = next(
            (
                entry
                for entry in shown
                if entry["dev"] == asked.device and entry["handle"] == class_handle(minor)
            ),
            {"options": {}},
        )
        ceil = UNSHAPED_BPS if one.ceil_bps is None else one.ceil_bps
        for name, wanted, found in (
            ("rate (bit/s)", one.rate_bps // 8 * 8, options.get("rate")),
            ("ceil (bit/s)", ceil // 8 * 8, options.get("ceil")),
            ("prio", one.prio, options.get("prio")),
            ("quantum (byte)", one.quantum, options.get("quantum")),
            ("limit (packets)", one.limit_packets, leaf["options"].get("limit")),
        ):
            if not same(wanted, found):
                raise RunError(f"{where}: {name} asked {wanted}, reads back {found}")


def check_policer(link: LinkPlan, source: str, shown: Sequence[dict[str, Any]]) -> None:
    """Compare the policer of what comes in at one of a wire's interfaces; raises ``RunError``."""
    side = {"w0": link.forward, "w1": link.backward}.get(source)
    asked = None if side is None else side.policer
    found = [
        entry["options"] for entry in shown if (entry["kind"], entry["dev"]) == ("police", source)
    ]
    if asked is None:
        if found:
            raise RunError(f"policer on {source}: none was asked, reads back {found[0]}")
        return
    if len(found) != 1:
        raise RunError(f"policer on {source}: asked one, reads back {len(found)}")
    rounding = 2 + TICK_NS * asked.rate_bps // (8 * 10**9)
    if (
        not same(asked.rate_bps // 8 * 8, found[0]["rate"])
        or abs(asked.burst_bytes - found[0]["burst"]) > rounding
        or found[0]["overhead"] != ETHERNET_HEADER_BYTES
    ):
        raise RunError(f"policer on {source}: asked {asked}, reads back {found[0]}")


def find_qdisc(asked: Qdisc, shown: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """Return the entry of ``tc -j qdisc show`` at the asked device and handle."""
    for entry in shown:
        if entry.get("handle") == asked.handle and entry.get("dev", asked.device) == asked.device:
            return entry
    return None


def same(wanted: Any, value: Any) -> bool:
    """Return whether two settings agree, numbers within tc's own rounding."""
    if (
        isinstance(wanted, bool)
        or isinstance(value, bool)
        or value is None
        or isinstance(wanted, str)
    ):
        return bool(wanted == value)
    return abs(float(wanted) - float(value)) <= max(RELATIVE_TOLERANCE * abs(float(wanted)), 1e-9)


Comparison = tuple[str, Any, Any]


def _tbf(words: list[str], options: dict[str, Any]) -> list[Comparison]:
    """Compare rate and burst.

    tc shows tbf's limit as a latency; what it limits is the leaf, which is compared itself.
    """
    named = dict(zip(words[::2], words[1::2], strict=True))
    burst = int(named["burst"].removesuffix("b"))
    found_burst = int(options.get("burst", 0))
    rate = int(named["rate"].removesuffix("bit")) // 8
    rounding = 2 + TICK_NS * rate // 10**9
    near = burst if abs(burst - found_burst) <= rounding else found_burst
    return [
        ("rate (byte/s)", rate, options.get("rate")),
        ("burst (byte)", burst, near),
    ]


def _netem(words: list[str], options: dict[str, Any]) -> list[Comparison]:
    delay = options.get("delay", {})
    times = [
        float(word.removesuffix("us")) / 1e6 for word in words if re.fullmatch(r"[\d.]+us", word)
    ]
    found: list[Comparison] = [
        ("limit (packets)", int(words[words.index("limit") + 1]), options.get("limit")),
        ("delay (s)", _near_tick(times[0], delay.get("delay", 0)), delay.get("delay", 0)),
        (
            "jitter (s)",
            _near_tick(times[1] if len(times) > 1 else 0.0, delay.get("jitter", 0)),
            delay.get("jitter", 0),
        ),
    ]
    if len(times) > 1:
        correlation = _fraction(words[words.index("delay") + 3])
        found.append(("jitter correlation", correlation, delay.get("correlation", 0)))
    for name in ("duplicate", "corrupt", "reorder"):
        at = words.index(name)
        shown = options.get(name, {})
        found.append((name, _fraction(words[at + 1]), shown.get(name, 0)))
        found.append(
            (
                f"{name} correlation",
                _fraction(words[at + 2]),
                shown.get("correlation", 0) if shown else 0,
            )
        )
    return found + _netem_loss(words, options)


def _netem_loss(words: list[str], options: dict[str, Any]) -> list[Comparison]:
    at = words.index("loss")
    if words[at + 1] == "random":
        return [("loss", _fraction(words[at + 2]), options.get("loss-random", {}).get("loss", 0))]
    shown = options.get("loss-gemodel", {})
    names = ("p", "r", "1-h", "1-k")
    return [
        (f"loss gemodel {name}", _fraction(words[at + 2 + index]), shown.get(name))
        for index, name in enumerate(names)
    ]


def _queue(words: list[str], options: dict[str, Any]) -> list[Comparison]:
    found: list[Comparison] = []
    for name, word in zip(words, [*words[1:], ""], strict=True):
        if name == "limit":
            found.append(("limit", int(word.removesuffix("b")), options.get("limit")))
        elif name in ("target", "interval", "ce_threshold") and name in options:
            found.append(
                (f"{name} (us)", _near_us(_microseconds(word), options[name]), options[name])
            )
        elif name in ("quantum", "flows", "min", "max") and name in options and word.isdigit():
            found.append((name, int(word), options[name]))
        elif name in ("ecn", "noecn"):
            found.append(("ecn", name == "ecn", bool(options.get("ecn", False))))
        elif name == "nodrop":
            found.append(("nodrop", True, bool(options.get("nodrop", False))))
    return found


def _fraction(word: str) -> float:
    return float(word.removesuffix("%")) / 100


def _microseconds(word: str) -> float:
    match = re.fullmatch(r"([\d.]+)([a-z]*)", word)
    assert match is not None, word
    return float(match[1]) * _UNITS[match[2]]


def _near_us(wanted: float, shown: float) -> float:
    """Return ``shown`` where it differs from ``wanted`` by codel's rounding only (its unit is 1.024
    us).
    """
    return shown if abs(wanted - shown) <= 2 else wanted


def _near_tick(wanted_s: float, shown_s: float) -> float:
    """Return ``shown_s`` where it differs from ``wanted_s`` only because tc shows whole
    microseconds, cut off.
    """
    return shown_s if wanted_s > 0 and abs(wanted_s - shown_s) * 1e9 < 1.1 * TICK_NS else wanted_s


def check_node(
    node: str,
    addresses: Sequence[dict[str, Any]],
    wanted: Sequence[tuple[str, str, str, int]],
) -> None:
    """Compare ``ip -j address show`` with ``wanted``: (interface, MAC, address with prefix length,
    MTU).

    Raises:
        RunError: an interface is missing, down, or differs.
    """
    by_name = {entry.get("ifname"): entry for entry in addresses}
    for name, mac, address, mtu in wanted:
        entry = by_name.get(name)
        if entry is None:
            raise RunError(f"{node}: interface {name} is not there")
        found = [f"{info['local']}/{info['prefixlen']}" for info in entry.get("addr_info", ())]
        for what, asked, value in (
            ("MAC", mac.lower(), entry.get("address")),
            ("addresses", [address], found),
            ("MTU", mtu, entry.get("mtu")),
            ("up", True, "UP" in entry.get("flags", ())),
        ):
            if asked != value:
                raise RunError(f"{node}: {what} of {name}: asked {asked}, reads back {value}")


def check_routes(
    node: str, routes: Sequence[dict[str, Any]], wanted: Sequence[tuple[str, str]]
) -> None:
    """Compare ``ip -j route show`` with ``wanted``: (destination, gateway). Raises ``RunError``."""
    found = {(entry.get("dst"), entry.get("gateway")) for entry in routes}
    for destination, via in wanted:
        if (destination, via) not in found:
            raise RunError(
                f"{node}: route to {destination} via {via} is not there; there is"
                f" {sorted(map(str, found))}"
            )


def check_neighbours(
    node: str, neighbours: Sequence[dict[str, Any]], wanted: Sequence[tuple[str, str]]
) -> None:
    """Compare ``ip -j neighbour show`` with ``wanted``: (address, MAC), permanent.

    Raises ``RunError``.
    """
    found = {entry.get("dst"): (entry.get("lladdr"), entry.get("state")) for entry in neighbours}
    for address, mac in wanted:
        if found.get(address) != (mac.lower(), ["PERMANENT"]):
            raise RunError(
                f"{node}: neighbour {address}: asked {mac} permanent, reads back"
                f" {found.get(address)}"
            )


def check_filters(device: str, target: str, filters: Sequence[dict[str, Any]]) -> None:
    """Compare ``tc -j filter show dev DEVICE ingress`` with the one mirror that should be there.

    Raises ``RunError``.
    """
    actions = [
        (
            action.get("mirred_action"),
            action.get("direction"),
            action.get("to_dev"),
            action.get("control_action", {}).get("type"),
        )
        for entry in filters
        for action in entry.get("options", {}).get("actions", ())
    ]
    if actions != [("mirror", "egress", target, "drop")]:
        raise RunError(
            f"filter on {device}: asked mirror to {target} and drop, reads back {actions}"
        )
