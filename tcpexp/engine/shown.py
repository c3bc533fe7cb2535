"""What netlink tells of qdiscs, classes and policers in the form of ``tc -j qdisc show``, so that
one comparison reads both. Pure functions.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tcpexp.plan.types import LinkPlan, QueuePlan
from tcpexp.record.disciplines import DISCIPLINES
from tcpexp.record.qdiscoptions import decode_class, decode_options
from tcpexp.record.rtnetlink import FIRST_CLASS, ROOT, PolicerSample, QdiscRole, QdiscSample

#: The kinds of what is no qdisc.
CLASS, POLICER = "htb class", "police"


def shown_qdisc(sample: QdiscSample, names: Mapping[int, str]) -> dict[str, Any]:
    """Return a qdisc with its device, its handle and its settings."""
    return {
        "kind": sample.kind,
        "handle": f"{sample.handle >> 16:x}:",
        "dev": names.get(sample.ifindex, ""),
        **({"root": True} if sample.parent == ROOT else {"parent": number_words(sample.parent)}),
        "options": decode_options(sample.kind, sample.options),
    }


def shown_class(sample: QdiscSample, device: str) -> dict[str, Any]:
    """Return a class; ``leaf`` is its own queue's handle."""
    return {
        "kind": CLASS,
        "handle": number_words(sample.handle),
        "dev": device,
        "options": decode_class(sample.options),
    }


def shown_policer(sample: PolicerSample, device: str) -> dict[str, Any]:
    """Return the policer of what comes in at a device."""
    return {
        "kind": POLICER,
        "handle": "",
        "dev": device,
        "options": {
            "rate": sample.rate_bps,
            "burst": sample.burst_bytes,
            "overhead": sample.overhead,
        },
    }


def number_words(number: int) -> str:
    """Return the number of a class or qdisc as tc writes it: ``10:1f``."""
    minor = number & 0xFFFF
    return f"{number >> 16:x}:" + (f"{minor:x}" if minor else "")


def class_name(shown: Mapping[str, Any], queue: QueuePlan | None) -> str | None:
    """Return the name of a shown class of htb, None for the one from which the others borrow."""
    number = int(str(shown["handle"]).partition(":")[2] or "0", 16) - FIRST_CLASS
    classes = queue.classes if queue is not None else ()
    return classes[number].name if 0 <= number < len(classes) else None


def wire_roles(link: LinkPlan) -> dict[str, QdiscRole]:
    """Return what the interfaces of a link's wire are for, by their names."""
    found: dict[str, QdiscRole] = {}
    for forward, side, towards in (
        (True, link.forward, link.b.node),
        (False, link.backward, link.a.node),
    ):
        classes = tuple(one.name for one in side.queue.classes) if side.queue is not None else ()
        if link.wire_queue:
            found["x0" if forward else "x1"] = QdiscRole(towards, "shaper", classes)
        if link.wire_netem:
            found["w1" if forward else "w0"] = QdiscRole(towards, "netem")
    # a direction is policed where it comes in, which is where the other leaves
    for entry, side, towards in (
        ("w0", link.forward, link.b.node),
        ("w1", link.backward, link.a.node),
    ):
        if side.policer is not None:
            there = found.get(entry, QdiscRole("", ""))
            found[entry] = QdiscRole(there.towards, there.role, (), towards)
    return found


def settings_words(queue: QueuePlan) -> list[str]:
    """Return the settings of a discipline that tc does not know, for the list of commands."""
    words = ["limit", str(queue.limit_packets)]
    for one in DISCIPLINES[queue.discipline]:
        value = queue.setting(one.name)
        if value is not None:
            words += [one.name, f"{value / 1000:.0f}us" if one.unit == "time" else f"{value:g}"]
    return words
