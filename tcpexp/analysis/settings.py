"""What links were asked to do against what the kernel said that they do: at the start, after each
change, at every sample and at the end.

The asked values come from the plan alone, not from the commands that the engine ran, so that a
wrong command is found out as well.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from tcpexp.analysis.links import Epoch, find_epochs
from tcpexp.late import polars as pl
from tcpexp.plan.types import DirectionPlan, LinkPlan, LinkRates, LossPlan, QueuePlan
from tcpexp.record.disciplines import agrees, setting
from tcpexp.spec.disciplines import setting_words
from tcpexp.store.rundata import NANOSECONDS, RunData

#: A value of a parameter: numbers and words that are compared one by one. None: the parameter is
#: off.
Value = tuple[float | str | bool, ...] | None
#: Where a parameter is read.
ROLES = {
    "rate": "shaper",
    "queue": "queue",
    "discipline": "queue",
    "delay": "netem",
    "jitter": "netem",
    "loss": "netem",
    "duplicate": "netem",
    "corrupt": "netem",
    "reorder": "netem",
}
#: The rate of a shaper that stands for none (engine/wire.py), bit/s.
UNSHAPED_BPS = 2e10
#: tc prints fractions with six digits, times in whole microseconds, and the kernel keeps rates in
#: byte/s.
RELATIVE = 1e-4
SMALLEST = {"rate": 8.0, "delay": 1.6e-6, "jitter": 1.6e-6, "policer": 16.0}
#: So far around a change either setting is right, ns: a sample takes a time of its own.
AROUND_CHANGE_NS = 60_000_000
_BYTE_LIMITS = ("bfifo", "red", "cake")
#: The parameters that are a class of htb, and its queue, by the class's name.
CLASS, CLASS_QUEUE = "class ", "queue of class "


@dataclass(frozen=True)
class Reading:
    """What the kernel said once of one qdisc; ``kind`` None when it was not there."""

    t_ns: int
    source: str
    kind: str | None
    options: dict[str, Any]


@dataclass(frozen=True)
class SettingDifference:
    """A reading that is not what was asked at its time."""

    t_ns: int
    parameter: str
    asked: Value
    found: Value
    gone: str | None = None

    def words(self) -> str:
        """Return it for people, with its time."""
        when = "before t0" if self.t_ns < 0 else f"at {self.t_ns / NANOSECONDS:.3f} s"
        if self.gone is not None:
            return f"{when} the {self.gone} that carries it was gone"
        return (
            f"{when} asked {describe(self.parameter, self.asked)}, the kernel reads back"
            f" {describe(self.parameter, self.found)}"
        )


@dataclass(frozen=True)
class ComparedSetting:
    """One parameter of one direction over the run: its values by time, how often it was read, and
    where it was not as asked.
    """

    link: str
    towards: str
    parameter: str
    spans: tuple[tuple[int, Value], ...]
    readings: int
    differences: tuple[SettingDifference, ...]

    @property
    def is_asked(self) -> bool:
        """Whether the parameter was on at any time."""
        return any(value is not None for _, value in self.spans)


def has_readings(run: RunData) -> bool:
    """Whether the run kept what was read back; one of a version before this does not."""
    return bool(run.table("settings").filter(pl.col("source") == "start").height)


def compare_settings(run: RunData) -> list[ComparedSetting]:
    """Return every parameter of every direction that has a wire, in the plan's order."""
    readings = _readings(run)
    epochs = find_epochs(run)
    found = []
    for link in run.plan.network.links:
        for towards, start in ((link.b.node, link.forward), (link.a.node, link.backward)):
            own = [epoch for epoch in epochs if (epoch.link, epoch.towards) == (link.name, towards)]
            for parameter, role in _roles(start).items():
                if _is_there(link, role):
                    told = readings.get((link.name, towards, role), [])
                    found.append(_compare(run, own, start, parameter, told))
    return found


def _roles(start: DirectionPlan) -> dict[str, str]:
    """Return each parameter of a direction, and where it is read."""
    found = dict(ROLES)
    if start.policer is not None:
        found["policer"] = "policer"
    if start.queue is not None:
        found |= {"settings": "queue"} if start.queue.settings else {}
        for one in start.queue.classes:
            # the limits are those of the classes' own queues
            found.pop("queue", None)
            for kind in (CLASS, CLASS_QUEUE):
                found[f"{kind}{one.name}"] = f"{kind}{one.name}"
    return found


def _is_there(link: LinkPlan, role: str) -> bool:
    """Whether a link's wire carries what has that role."""
    if role == "policer":
        return True
    return link.wire_netem if role == "netem" else link.wire_queue


def _compare(
    run: RunData, epochs: list[Epoch], start: DirectionPlan, parameter: str, told: list[Reading]
) -> ComparedSetting:
    def asked(direction: DirectionPlan) -> Value:
        return asked_value(parameter, direction, start.queue)

    spans: list[tuple[int, Value]] = []
    for epoch in epochs:
        if not spans or spans[-1][1] != asked(epoch.direction):
            spans.append((epoch.from_ns, asked(epoch.direction)))
    link, towards = epochs[0].link, epochs[0].towards
    lists = _lists(run, link, towards) if parameter == "rate" else []
    differences, count = [], 0
    for reading in told:
        if any(
            begin - AROUND_CHANGE_NS <= reading.t_ns <= end + AROUND_CHANGE_NS
            for begin, end in lists
        ):
            continue
        count += 1
        around = [
            epoch.direction for epoch in epochs if _is_around(epoch, min(reading.t_ns, run.end_ns))
        ]
        wanted = [
            asked(direction) for direction in (around if reading.source != "start" else [start])
        ]
        if reading.kind is None:
            if any(value is not None for value in wanted):
                gone = _roles(start)[parameter]
                differences.append(SettingDifference(reading.t_ns, parameter, None, None, gone))
            continue
        value = read_value(parameter, reading.kind, reading.options, start.queue)
        if parameter in ("queue", "discipline", "settings") and None in wanted:
            continue  # without a bottleneck the queue is nobody's business
        same = _settings_agree(start.queue) if parameter == "settings" else agree
        if wanted and not any(same(parameter, allowed, value) for allowed in wanted):
            differences.append(SettingDifference(reading.t_ns, parameter, wanted[0], value))
    return ComparedSetting(link, towards, parameter, tuple(spans), count, tuple(differences))


def _is_around(epoch: Epoch, t_ns: int) -> bool:
    return epoch.from_ns - AROUND_CHANGE_NS <= t_ns <= epoch.to_ns + AROUND_CHANGE_NS


def _lists(run: RunData, link: str, towards: str) -> list[tuple[int, int]]:
    """Return the times in which the rate of a direction follows a list, which the engine reads back
    itself entry by entry (table ``link_rates``).
    """
    return [
        (step.at_ns or 0, run.end_ns if step.until_ns is None else step.until_ns)
        for step in run.plan.steps
        if isinstance(step.do, LinkRates) and (step.do.link, step.do.towards) == (link, towards)
    ]


def _readings(run: RunData) -> dict[tuple[str, str, str], list[Reading]]:
    """Return what was read by (link, towards, qdisc), in the order of time.

    A qdisc that a reading of its link should have shown is one without kind.
    """
    rows = run.table("settings").filter(pl.col("link").is_not_null())
    found: dict[tuple[str, str, str], list[Reading]] = {}
    whole: dict[tuple[int, str, str], set[tuple[str, str]]] = {}
    for t_ns, source, link, towards, qdisc, kind, options in rows.select(
        "t_ns", "source", "link", "towards", "qdisc", "kind", "options"
    ).iter_rows():
        found.setdefault((link, towards, qdisc), []).append(
            Reading(t_ns, source, kind, json.loads(options))
        )
        if source != "sample":
            whole.setdefault((t_ns, source, link), set()).add((towards, qdisc))
    for (t_ns, source, name), shown in whole.items():
        for towards, qdisc in _places(run.plan.network.link(name)):
            if (towards, qdisc) not in shown:
                found.setdefault((name, towards, qdisc), []).append(Reading(t_ns, source, None, {}))
    return {
        place: sorted(value, key=lambda reading: reading.t_ns) for place, value in found.items()
    }


def _places(link: LinkPlan) -> Iterator[tuple[str, str]]:
    for towards, side in ((link.b.node, link.forward), (link.a.node, link.backward)):
        for role in dict.fromkeys(_roles(side).values()):
            if _is_there(link, role):
                yield towards, role


# ------------------------------------------------------------------------------
# values


def asked_value(parameter: str, direction: DirectionPlan, at_start: QueuePlan | None) -> Value:
    """Return what the plan asks of a parameter.

    A direction without a rate keeps the queue of the start, in which nothing waits.
    """
    queue = direction.queue or at_start
    if parameter.startswith((CLASS, CLASS_QUEUE)):
        return _class(queue, parameter)
    match parameter:
        case "rate":
            return None if direction.rate_bps is None else (float(direction.rate_bps),)
        case "queue":
            return (
                None
                if queue is None
                else (_limit(queue), "B" if queue.limit_packets is None else "packets")
            )
        case "discipline":
            return None if queue is None else _discipline(queue)
        case "settings":
            return None if queue is None else _settings(queue, queue)
        case "policer":
            policer = direction.policer
            return (
                None if policer is None else (float(policer.rate_bps), float(policer.burst_bytes))
            )
        case "delay":
            return _time(direction.delay_ns)
        case "jitter":
            return (
                (direction.jitter_ns / 1e9, direction.jitter_correlation)
                if direction.jitter_ns
                else None
            )
        case "loss":
            return _loss(direction.loss)
        case "reorder":
            return (
                (
                    direction.reorder,
                    direction.reorder_correlation,
                    float(direction.reorder_gap or 1),
                )
                if direction.reorder
                else None
            )
        case _:
            asked = float(getattr(direction, parameter))
            return (asked, float(getattr(direction, f"{parameter}_correlation"))) if asked else None


def _class(queue: QueuePlan | None, parameter: str) -> Value:
    """Return what is asked of a class: rate, ceiling, priority, quantum."""
    for one in queue.classes if queue is not None else ():
        if f"{CLASS}{one.name}" == parameter:
            ceil = UNSHAPED_BPS if one.ceil_bps is None else float(one.ceil_bps)
            return (float(one.rate_bps), ceil, float(one.prio), float(one.quantum))
        if f"{CLASS_QUEUE}{one.name}" == parameter:
            return (float(one.limit_packets), "packets")
    return None


def read_value(
    parameter: str, kind: str, options: dict[str, Any], at_start: QueuePlan | None = None
) -> Value:
    """Return what a qdisc's settings, as ``tc -j qdisc show`` prints them, say of a parameter.

    ``at_start`` names the settings of a discipline that are compared.
    """
    if parameter.startswith(CLASS):
        return tuple(float(options.get(name, -1)) for name in ("rate", "ceil", "prio", "quantum"))
    if parameter.startswith(CLASS_QUEUE):
        return (float(options.get("limit", -1)), "packets")
    match parameter:
        case "settings":
            return _settings(at_start, options) if at_start is not None else None
        case "policer":
            return (float(options.get("rate", 0)), float(options.get("burst", 0)))
        case "rate":
            return (float(options.get("rate", 0)) * 8,) if kind == "tbf" else (kind,)
        case "queue":
            return (
                float(options.get("memlimit" if kind == "cake" else "limit", 0)),
                "B" if kind in _BYTE_LIMITS else "packets",
            )
        case "discipline":
            marks = (float(options.get("min", 0)),) if options.get("nodrop") else ()
            return (kind, bool(options.get("ecn", False)) and kind != "cake", *marks)
    if kind != "netem":
        return (kind,)
    shown = options.get("delay") or {}
    match parameter:
        case "delay":
            return _time(round(float(shown.get("delay", 0)) * 1e9))
        case "jitter":
            return (
                (float(shown["jitter"]), float(shown.get("correlation", 0)))
                if shown.get("jitter")
                else None
            )
        case "loss":
            return _shown_loss(options)
        case _:
            own = options.get(parameter) or {}
            gap = (float(options.get("gap") or 1),) if parameter == "reorder" else ()
            return (
                (float(own[parameter]), float(own.get("correlation", 0)), *gap)
                if own.get(parameter)
                else None
            )


def _limit(queue: QueuePlan) -> float:
    return float(queue.limit_packets if queue.limit_packets is not None else queue.limit_bytes or 0)


def _discipline(queue: QueuePlan) -> Value:
    marks = (float(queue.options[1]),) if "nodrop" in queue.options else ()
    return (queue.discipline, queue.ecn and queue.discipline != "cake", *marks)


def _time(ns: int) -> Value:
    return (ns / 1e9,) if ns else None


def _loss(loss: LossPlan | None) -> Value:
    if loss is None:
        return None
    if loss.model == "random":
        return ("random", loss.p)
    r = 1.0 - loss.p if loss.r is None else loss.r
    return (
        "gilbert_elliott",
        loss.p,
        r,
        1.0 if loss.bad_loss is None else loss.bad_loss,
        loss.good_loss or 0.0,
    )


def _shown_loss(options: dict[str, Any]) -> Value:
    model = options.get("loss-gemodel")
    if model:
        return (
            "gilbert_elliott",
            *(float(model.get(name, 0)) for name in ("p", "r", "1-h", "1-k")),
        )
    share = float((options.get("loss-random") or {}).get("loss", 0))
    return ("random", share) if share else None


def _settings(queue: QueuePlan, source: QueuePlan | dict[str, Any]) -> Value:
    """Return the discipline's name, then each setting's name and value as ``source`` has it."""
    words: list[float | str | bool] = [queue.discipline]
    for one in queue.settings:
        value = source.setting(one.name) if isinstance(source, QueuePlan) else source.get(one.name)
        words += [one.name, -1.0 if value is None else float(value)]
    return tuple(words)


def _settings_agree(queue: QueuePlan | None) -> Callable[[str, Value, Value], bool]:
    """Return a comparison of a discipline's settings, each within what the kernel rounds of it."""
    assert queue is not None, "only a queue with settings is compared so"

    def same(_parameter: str, asked: Value, found: Value) -> bool:
        if asked is None or found is None or len(asked) != len(found):
            return asked == found
        return all(
            agrees(queue.discipline, str(name), float(wanted), float(value))
            for name, wanted, value in zip(asked[1::2], asked[2::2], found[2::2], strict=True)
        )

    return same


def agree(parameter: str, asked: Value, found: Value) -> bool:
    """Return whether two values are the same within what tc and the kernel round."""
    if parameter == "rate" and asked is None:
        asked = (UNSHAPED_BPS,)
    if asked is None or found is None or len(asked) != len(found):
        return asked == found
    return all(
        _same(pair, other, SMALLEST.get(parameter, 1e-6))
        for pair, other in zip(asked, found, strict=True)
    )


def _same(one: float | str | bool, other: float | str | bool, smallest: float) -> bool:
    if isinstance(one, str) or isinstance(other, str):
        return one == other
    return math.isclose(one, other, rel_tol=RELATIVE, abs_tol=smallest)


def describe(parameter: str, value: Value) -> str:
    """Return a value for people: ``10 Mbit/s``, ``50 packets``, ``fq_codel, marking``.

    ``none`` when it is off.
    """
    if value is None:
        return "no rate" if parameter == "rate" else "none"
    first, *rest = value
    if parameter == "rate" and not isinstance(first, str):
        return bits(float(first))
    if parameter == "queue" or parameter.startswith(CLASS_QUEUE):
        return f"{first:,.0f} {rest[0]}"
    if parameter == "settings":
        return ", ".join(
            f"{name} {setting_words(setting(str(first), str(name)), float(number))}"
            for name, number in zip(rest[::2], rest[1::2], strict=True)
        )
    if parameter == "policer":
        return f"{bits(float(first))} with bursts of {float(rest[0]):,.0f} B"
    if parameter.startswith(CLASS):
        ceil, prio, quantum = (float(one) for one in rest)
        top = "no ceiling" if ceil >= UNSHAPED_BPS else f"at most {bits(ceil)}"
        return f"{bits(float(first))}, {top}, priority {prio:.0f}, {quantum:,.0f} B per round"
    if parameter == "discipline":
        return str(first) + (
            f", marking above {rest[1]:,.0f} B"
            if len(rest) > 1
            else ", marking"
            if rest and rest[0]
            else ""
        )
    if parameter in ("delay", "jitter") and not isinstance(first, str):
        return f"{float(first) * 1e3:g} ms" + _correlation(rest)
    if first == "gilbert_elliott":
        return "in bursts (Gilbert-Elliott), " + ", ".join(
            f"{name} {float(value):.4%}"
            for name, value in zip(("p", "r", "1-h", "1-k"), rest, strict=True)
        )
    if first == "random":
        return f"{float(rest[0]):.4%}"
    if isinstance(first, str):
        return f"a {first}"
    return f"{float(first):.4%}" + _correlation(rest)


def _correlation(rest: list[float | str | bool]) -> str:
    return f", correlation {float(rest[0]):.0%}" if rest and rest[0] else ""


def bits(rate: float) -> str:
    """Return a rate for people: ``9.998 Mbit/s``."""
    for unit, size in (("Gbit/s", 1e9), ("Mbit/s", 1e6), ("kbit/s", 1e3)):
        if rate >= size:
            return f"{rate / size:.4g} {unit}"
    return f"{rate:.4g} bit/s"
