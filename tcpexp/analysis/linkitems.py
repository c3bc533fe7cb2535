"""The certificate's items on links and interfaces: asked by the plan, read back from the kernel,
measured.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from tcpexp.analysis.items import Item
from tcpexp.analysis.links import Epoch, find_epochs
from tcpexp.analysis.measured import (
    Measurement,
    carried_rate,
    measured_class,
    measured_class_queue,
    measured_delay,
    measured_policer,
    measured_queue,
    probed_rate,
)
from tcpexp.analysis.settings import (
    CLASS,
    CLASS_QUEUE,
    ComparedSetting,
    compare_settings,
    describe,
    has_readings,
)
from tcpexp.late import polars as pl
from tcpexp.plan.types import LinkRates, QueuePlan
from tcpexp.record.disciplines import agrees
from tcpexp.record.files import READBACK
from tcpexp.store.rundata import NANOSECONDS, RunData

#: Those whose rate the packets show (``judge_faults``): they have an item of their own.
FAULTS = ("loss", "duplicate", "corrupt", "reorder")
#: With more values than this an item gives their number.
MOST_VALUES = 4
MOST_NAMES = 6
#: The root qdisc of an interface to which nobody gave one.
WITHOUT_QDISC = ("noqueue", "")
#: Why these have only what was read back.
NOT_MEASURABLE = {
    "discipline": "what a discipline does follows from its name and settings",
    "settings": "what a discipline does follows from its name and settings",
    "policer": "what it dropped is counted (packets of the link)",
    "jitter": "a queue's waiting time hides it in the packets' times; the base RTT has its range",
}
OLDER = "the run was recorded by a version that did not keep what was read back"
ETHERNET_BYTES = 14


def judge_links(run: RunData, clock: str) -> Iterator[Item]:
    """Yield an item for each parameter that a direction was asked for, and for each that was found
    otherwise.
    """
    known = has_readings(run)
    if (
        not known
        and run.engine.get("readback") == READBACK
        and any(link.wire for link in run.plan.network.links)
    ):
        yield Item(
            "settings of links",
            "read back at the start, after each change and at the end",
            "",
            "suspect",
            f"raw/{READBACK} has nothing of it",
        )
    epochs = find_epochs(run)
    for compared in compare_settings(run):
        if compared.differences or (compared.is_asked and compared.parameter not in FAULTS):
            own = [
                epoch
                for epoch in epochs
                if (epoch.link, epoch.towards) == (compared.link, compared.towards)
            ]
            yield _item(run, compared, own, clock, known)


def faults_read_back(run: RunData) -> dict[tuple[str, str, str], str]:
    """Return in words what was read back of each fault, by (link, towards, fault)."""
    known = has_readings(run)
    return {
        (compared.link, compared.towards, compared.parameter): _read_back(compared, known)
        for compared in compare_settings(run)
        if compared.parameter in FAULTS
    }


def _item(
    run: RunData, compared: ComparedSetting, epochs: list[Epoch], clock: str, known: bool
) -> Item:
    name = f"{compared.parameter} of {compared.link} towards {compared.towards}"
    if compared.parameter in FAULTS:
        name = f"{compared.parameter} read back on {compared.link} towards {compared.towards}"
    measured = _measure(run, compared.parameter, epochs, clock)
    wrong = [compared.differences[0].words()] if compared.differences else []
    wrong += [measured.wrong] if measured.wrong else []
    wrong += [f"not measured: {measured.why}"] if measured.due else []
    asked, read_back = _values(compared), _read_back(compared, known)
    if wrong:
        more = len(compared.differences) - 1
        return Item(
            name,
            asked,
            measured.text,
            "suspect",
            "; ".join(wrong) + (f" (and {more} more readings)" if more > 0 else ""),
            read_back,
        )
    if measured.text:
        return Item(name, asked, measured.text, "ok", measured.why, read_back)
    if compared.readings:
        return Item(
            name, asked, "", "ok", f"by what was read back; not measured: {measured.why}", read_back
        )
    return Item(
        name,
        asked,
        "",
        "not measured",
        measured.why if known else f"{measured.why}; {OLDER}",
        read_back,
    )


def _values(compared: ComparedSetting) -> str:
    """Return the asked values by time: ``10 Mbit/s; 5 Mbit/s from 4 s``."""
    spans = compared.spans
    if len(spans) > MOST_VALUES:
        return f"{describe(compared.parameter, spans[0][1])} and {len(spans) - 1} changes"
    words = [
        describe(compared.parameter, value)
        + (f" from {begin / NANOSECONDS:.6g} s" if index else "")
        for index, (begin, value) in enumerate(spans)
    ]
    return "; ".join(words)


def _read_back(compared: ComparedSetting, known: bool) -> str:
    if compared.differences:
        return compared.differences[0].words()
    if not compared.readings:
        return "" if known else OLDER
    return f"as asked, {compared.readings} time" + ("s" if compared.readings != 1 else "")


def _measure(run: RunData, parameter: str, epochs: list[Epoch], clock: str) -> Measurement:
    """Return what was measured of a parameter in all epochs: of those that ask for the same, the
    one that says most.
    """
    parts: dict[Any, list[Measurement]] = {}
    frame = _frame_bytes(run, epochs[0].link)
    for index, epoch in enumerate(epochs):
        direction = epoch.direction
        if parameter == "rate":
            if index == 0:
                parts["burst"] = [probed_rate(run, epoch)]
            if epoch.up and direction.rate_bps:
                parts.setdefault(direction.rate_bps, []).append(_carried(run, epoch, frame, clock))
        elif parameter == "queue" and direction.queue is not None:
            parts.setdefault(direction.queue, []).append(
                measured_queue(run, epoch, direction.queue, frame, first=index == 0)
            )
        elif parameter.startswith(CLASS_QUEUE) and direction.queue is not None:
            name = parameter.removeprefix(CLASS_QUEUE)
            parts.setdefault(parameter, []).append(measured_class_queue(run, epoch, name))
        elif parameter.startswith(CLASS) and direction.queue is not None:
            parts.setdefault(parameter, []).append(
                measured_class(run, epoch, parameter.removeprefix(CLASS), frame, clock)
            )
        elif parameter == "policer" and direction.policer is not None:
            parts.setdefault(parameter, []).append(measured_policer(run, epoch, frame, clock))
        elif parameter == "delay" and epoch.up:
            parts.setdefault(direction.delay_ns, []).append(measured_delay(run, epoch, clock))
    if not parts:
        return Measurement(
            why=NOT_MEASURABLE.get(parameter, "there was no time in which it was on")
        )
    every = [part for same in parts.values() for part in same]
    best = [
        min(told, key=lambda part: part.value)
        for same in parts.values()
        if (told := [part for part in same if part.text])
    ]
    texts = list(dict.fromkeys(part.text for part in best))
    text = (
        "; ".join(texts)
        if len(texts) <= MOST_VALUES
        else f"{texts[0]}, and {len(texts) - 1} others after changes"
    )
    due = [part.why for part in every if part.due]
    why = next((part.why for part in every if part.why), "") if not texts else ""
    return Measurement(
        text,
        next((part.wrong for part in every if part.wrong), ""),
        due[0] if due else why,
        bool(due),
    )


def _carried(run: RunData, epoch: Epoch, frame: int, clock: str) -> Measurement:
    for step in run.plan.steps:
        if isinstance(step.do, LinkRates) and (step.do.link, step.do.towards) == (
            epoch.link,
            epoch.towards,
        ):
            until = run.end_ns if step.until_ns is None else step.until_ns
            if (step.at_ns or 0) < epoch.to_ns and until > epoch.from_ns:
                return Measurement(why="the rate follows a list")
    return carried_rate(run, epoch, frame, judge=clock == "virtual")


def _frame_bytes(run: RunData, name: str) -> int:
    """Return the bytes of a full frame at the link's end with the larger MTU."""
    link = run.plan.network.link(name)
    ends = {(end.node, end.interface) for end in (link.a, link.b)}
    return ETHERNET_BYTES + max(
        interface.mtu
        for node in run.plan.network.nodes
        for interface in node.interfaces
        if (node.name, interface.name) in ends
    )


# -------------------------------------------------------------------------------------------------
# interfaces


def judge_interfaces(run: RunData) -> Iterator[Item]:
    """Say whether each interface had its MTU and no qdisc of its own, at the start, at the end and
    in between.
    """
    rows = run.table("settings").filter(
        pl.col("interface").is_not_null()
        | ((pl.col("source") == "during") & pl.col("node").is_not_null())
    )
    planned = {
        (node.name, interface.name)
        for node in run.plan.network.nodes
        for interface in node.interfaces
    }
    if rows.is_empty():
        if run.engine.get("readback") == READBACK:
            yield Item(
                "interfaces",
                "read back at the start and at the end",
                "",
                "suspect",
                f"raw/{READBACK} has nothing of them",
            )
        return
    told = [(row, json.loads(row["options"])) for row in rows.iter_rows(named=True)]
    asked = asked_mtus(run)
    for mtus in dict.fromkeys(asked.values()):
        yield _mtu_item(
            mtus,
            [interface for (_, interface), its_mtus in asked.items() if its_mtus == mtus],
            told,
        )
    yield _qdiscs_item(planned, told, host_queues(run))
    yield from _host_items(run, told)


def host_queues(run: RunData) -> dict[tuple[str, str], QueuePlan]:
    """Return the disciplines in front of hosts' interfaces, by (node, interface)."""
    return {
        (node.name, interface.name): interface.queue
        for node in run.plan.network.nodes
        for interface in node.interfaces
        if interface.queue is not None
    }


def _host_items(run: RunData, told: list[tuple[dict[str, Any], dict[str, Any]]]) -> Iterator[Item]:
    """Say of each discipline in front of a host whether it was there with its settings."""
    for (node, interface), queue in host_queues(run).items():
        read = [
            (row["source"], row["kind"], options.get("settings", {}))
            for row, options in told
            if (row["node"], row["interface"]) == (node, interface) and "mtu" in options
        ]
        wrong = [] if read else [f"{interface} was not read back"]
        for source, kind, settings in read:
            if kind != queue.discipline:
                wrong.append(f"{interface} has a {kind} at the {source}")
            wrong += [
                f"{one.name} of {interface} reads back {settings.get(one.name)} at the {source},"
                f" asked {one.value:g}"
                for one in queue.settings
                if kind == queue.discipline
                and not agrees(kind, one.name, one.value, settings.get(one.name))
            ]
        read_back = "; ".join(wrong) if wrong else f"as asked, {len(read)} times"
        yield Item(
            f"discipline of {interface}",
            queue.discipline,
            "",
            "suspect" if wrong else "ok",
            wrong[0] if wrong else "by what was read back",
            read_back,
        )


def asked_mtus(run: RunData) -> dict[tuple[str, str], tuple[int, ...]]:
    """Return each interface's MTUs by (node, interface), in the order in which the plan asks for
    them.
    """
    found = {
        (node.name, interface.name): [interface.mtu]
        for node in run.plan.network.nodes
        for interface in node.interfaces
    }
    for step in sorted(run.plan.steps, key=lambda step: step.at_ns or 0):
        change = vars(step.do)
        if change["kind"] == "link_mtu":
            link = run.plan.network.link(change["link"])
            for end, mtu in ((link.a, change["a_mtu"]), (link.b, change["b_mtu"])):
                found[end.node, end.interface].append(mtu)
    return {place: tuple(mtus) for place, mtus in found.items()}


def _mtu_item(
    mtus: tuple[int, ...], names: list[str], told: list[tuple[dict[str, Any], dict[str, Any]]]
) -> Item:
    title = f"MTU of {_names(names)}"
    own = [(row, options) for row, options in told if row["interface"] in names]
    read = [
        (row["interface"], row["source"], options["mtu"])
        for row, options in own
        if "mtu" in options
    ]
    wrong = [
        f"{name} reads back {value} at the {source}"
        for name, source, value in read
        if value != (mtus[0] if source == "start" else mtus[-1])
    ]
    given = [f"MTU {mtu}" for mtu in mtus]
    changes = [(row["interface"], str(options.get("change", ""))) for row, options in own]
    wrong += [
        f"{name} was given {change} during the run"
        for name, change in changes
        if change.startswith("MTU") and change not in given
    ]
    missing = sorted(set(names) - {name for name, _, _ in read})
    wrong += [f"{name} was not read back" for name in missing]
    read_back = "; ".join(wrong) if wrong else f"as asked, {len(read)} times"
    asked = ", then ".join(f"{mtu} bytes" for mtu in mtus)
    return Item(
        title,
        asked,
        "",
        "suspect" if wrong else "ok",
        wrong[0] if wrong else "by what was read back",
        read_back,
    )


def _qdiscs_item(
    planned: set[tuple[str, str]],
    told: list[tuple[dict[str, Any], dict[str, Any]]],
    hosts: dict[tuple[str, str], QueuePlan],
) -> Item:
    wrong = []
    for row, options in told:
        change = str(options.get("change", ""))
        if change and not change.startswith(("MTU", "noqueue")):
            wrong.append(f"{row['interface'] or row['node']} during the run: {change}")
        elif (
            not change
            and row["kind"] not in WITHOUT_QDISC
            and (row["node"], row["interface"]) in planned
            and (row["node"], row["interface"]) not in hosts
        ):
            wrong.append(
                f"{row['interface']} has a {row['kind']}, read back at the {row['source']}"
            )
    times = sum(1 for _, options in told if "mtu" in options)
    read_back = (
        "; ".join(dict.fromkeys(wrong)) if wrong else f"none, {times} times, and no change noticed"
    )
    why = f"{wrong[0]}: nothing in links: asks for it" if wrong else "by what was read back"
    return Item(
        "qdiscs of hosts and routers",
        "none but those asked for" if hosts else "none of their own",
        "",
        "suspect" if wrong else "ok",
        why,
        read_back,
    )


def _names(names: list[str]) -> str:
    return (
        ", ".join(names)
        if len(names) <= MOST_NAMES
        else f"{', '.join(names[: MOST_NAMES - 1])} and {len(names) - MOST_NAMES + 1} more"
    )
