"""What of RFC 9743 and of the BBR draft's test cases is measured, and what is not, and why not."""

from __future__ import annotations

from collections.abc import Iterable

from tcpexp.evaluate.case import Case

#: The sections of RFC 9743 (BCP 133, March 2025) that name a criterion or a scenario.
SECTIONS = {
    "5.1.1": "Protection against congestion collapse",
    "5.1.2": "Protection against bufferbloat",
    "5.1.3": "Protection against high packet loss",
    "5.1.4": "Fairness within the proposed algorithm",
    "5.1.5": "Short flows",
    "5.2": "Mixed algorithm behaviour: harm, starvation",
    "5.2.1": "Existing general-purpose congestion control",
    "5.2.2": "Real-time congestion control",
    "5.2.3": "Short and long flows",
    "5.3.1": "Differences with congestion control principles",
    "5.3.2": "Incremental deployment",
    "6.1": "Paths with tail-drop queues",
    "6.2": "Tunnel behaviour",
    "6.3": "Wired paths",
    "6.4": "Wireless paths",
    "7.1": "Active queue management",
    "7.2": "Network circuit breakers",
    "7.3": "Paths with varying delay",
    "7.4": "Internet of Things and constrained nodes",
    "7.5": "Paths with high delay",
    "7.6": "Misbehaving nodes",
    "7.7": "Extreme packet reordering",
    "7.8": "Transient events",
    "7.9": "Sudden changes in the path",
    "7.10": "Multipath transport",
    "7.11": "Data centres",
}

#: Why no case measures a section.
NOT_MEASURED = {
    "5.3.1": "asks for an explanation, not for a measurement",
    "5.3.2": "asks for a discussion; what a first flow among others does and suffers is in 5.2.1",
    "6.2": "concerns controls that rely on signals from the path inside a tunnel; no case has one",
    "7.2": (
        "no case has a circuit breaker (RFC 8084); the loss that would trip one is bounded by the"
        " criteria of 5.1.3"
    ),
    "7.6": "no case has a node that lies; it is about what feedback a control believes",
    "7.10": "a control of a single path; coupled ones need a case of their own",
}

#: The test cases of draft-ietf-ccwg-bbr (appendix "BBR Example Test Cases", August 2026), in order.
BBR_CASES = (
    "Exiting STARTUP on Bandwidth Plateau",
    "Exiting STARTUP on Loss When Application-Limited",
    "Exiting DRAIN Based on Inflight",
    "Exiting DRAIN Based on Time",
    "Exiting PROBE_UP on Bandwidth Plateau",
    "Exiting PROBE_UP on Loss When Application-Limited",
    "Never Exiting PROBE_UP (or STARTUP) When Application-Limited With No Loss",
    "Exiting PROBE_DOWN on Inflight",
    "Exiting PROBE_DOWN After Max Time",
    "Entering and Exiting PROBE_RTT",
    "Skipping PROBE_RTT Due to Application-Limited Sending",
    "Achieving Expected STARTUP Bandwidth on a Link With Aggregation",
    "Achieving Expected Cruise Bandwidth on a Link With Aggregation",
    "Correctly Managing Sub-Packet BDPs",
    "Increasing Bandwidth 10x and Ensuring Full Bandwidth is Reached",
    "Decreasing Bandwidth 10x and Ensuring Max Bandwidth Adapts Down",
    "Handling Token Bucket Policers",
    "Handling Spurious Fast Recovery",
    "Handling Spurious RTO Recovery",
    "Entering and Exiting PROBE_RTT During STARTUP",
    "Handling Loss During PROBE_UP After inflight_longterm is Set",
    "Handling Application-Limited Sending During PROBE_REFILL",
)
#: Why no case has one of them. What the others verify of BBR's own variables is not asked either:
#: only what the path and the other flows see.
BBR_INSIDE = "is about variables of BBR's third version only: nothing of it is seen from outside"


def sections_of(cases: Iterable[Case]) -> dict[str, list[str]]:
    """Return for each section the ids of the criteria that ask about it."""
    asked: dict[str, list[str]] = {section: [] for section in SECTIONS}
    for case in cases:
        for criterion in case.criteria:
            asked[criterion.section].append(criterion.id)
        for section in case.sections:
            asked[section] += [
                criterion.id for criterion in case.criteria if criterion.id not in asked[section]
            ]
    return asked


def draft_cases_of(cases: Iterable[Case]) -> dict[str, list[str]]:
    """Return for each of the draft's test cases the names of our cases with the same situation."""
    found: dict[str, list[str]] = {name: [] for name in BBR_CASES}
    for case in cases:
        for name in case.draft:
            found[name].append(case.name)
    return found
