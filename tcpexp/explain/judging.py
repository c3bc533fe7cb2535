"""What of a spec's expectations packets alone can decide, and the verdicts on them.

Nothing is guessed: a check that needs what is in no packet is UNSUPPORTED, and so is one that needs
the capture of an end at which none was made.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from tcpexp.catalogue import catalogue_for
from tcpexp.checks.base import Verdict
from tcpexp.checks.run import build_check, judge_entry, write_checks
from tcpexp.errors import SpecError
from tcpexp.store.rundata import RunData

if TYPE_CHECKING:
    from tcpexp.registry import Registry

#: Checks that packets can decide, where the capture was made at the right end.
BY_PACKETS = frozenset(
    {
        "share",
        "goodput",
        "subflow",
        "jain",
        "rtt",
        "in_flight",
        "ecn",
        "spacing",
        "retransmissions",
        "initial_window",
        "segments",
        "packets",
        "window",
        "window_step",
        "ack_delay",
        "segment_size",
        "syn_option",
        "labels",
        "closer",
        "metric",
    }
)
_KERNEL = "it asks what the kernel knew, which is in no packet"
_NETWORK = "it asks what the network was told to do or did, which a capture does not record"
_PROGRAM = "it asks what a program did or wrote, which is in no packet"
_BOTH = "it asks for the packets of both ends and what the experiment recorded of them"
#: Why packets cannot decide the others.
REASONS: dict[str, str] = {
    **dict.fromkeys(
        (
            "phase",
            "phase_time",
            "growth",
            "cwnd_agreement",
            "loss_event",
            "backoff",
            "recovery",
            "repair_time",
            "socket",
            "held",
            "states",
            "transition",
            "visited",
            "counter",
            "congestion_control",
            "tcp_event",
            "cwnd_rule",
            "reordering",
        ),
        _KERNEL,
    ),
    **dict.fromkeys(
        ("queue", "discipline", "coupling", "class_rate", "measured", "fault", "firewall_empty"),
        _NETWORK,
    ),
    "convergence": "it asks how flows came to share a link, of which packets do not tell the rate",
    **dict.fromkeys(("exit", "output", "logged", "download"), _PROGRAM),
    **dict.fromkeys(("queueing_delay", "displaced", "repair"), _BOTH),
    "complaints": "it asks for Wireshark's remarks, which were not collected",
}
#: Metrics that follow from packets begin so.
METRICS = ("flows.", "shares.", "connections.", "labels.", "packets.", "jain_index")


def judge_captures(run: RunData, checks: Registry[Any] | None = None) -> list[Verdict]:
    """Judge every entry of ``expect:``, write ``checks.json`` and return the verdicts.

    ``checks`` are those that there are, the plan's when left out.
    """
    registry = catalogue_for(run.plan).checks if checks is None else checks
    found = []
    number = 0
    for entry in run.plan.expect:
        for name, given in entry.items():
            number += 1
            verdict = _judge(run, registry, name, given)
            if verdict is not None:
                found.append(dataclasses.replace(verdict, number=number))
    write_checks(run.path, found)
    return found


def _judge(run: RunData, registry: Any, name: str, given: Any) -> Verdict | None:
    try:
        check = build_check(registry, name, given)
    except SpecError:
        return judge_entry(run, registry, name, given)
    if not check.kernels.all:
        return _unsupported(check, "it is about some kernels, and no packet says which this was")
    if check.ip not in (None, run.plan.network.ip):
        return None
    why = _why_not(name, given)
    if why is not None:
        return _unsupported(check, why)
    return judge_entry(run, registry, name, given)


def _why_not(name: str, given: Any) -> str | None:
    """Return why packets cannot decide a check, None when they can."""
    if name == "metric":
        path = str(given.get("name", "")) if isinstance(given, dict) else ""
        return None if path.startswith(METRICS) else "it asks for a metric that packets do not give"
    if name in BY_PACKETS:
        return None
    return REASONS.get(name, "it is a check of somebody's own, which asks for a recorded run")


def _unsupported(check: Any, why: str) -> Verdict:
    return Verdict(
        check.name,
        check.title(),
        "UNSUPPORTED",
        "not measured",
        check.asked(),
        f"Packets alone cannot decide this: {why}.",
        check.because,
    )
