"""A part of a spec, as the pages show it, made into a whole one."""

from __future__ import annotations

from typing import Any

import yaml

#: What parts of a spec name: hosts, links, flows and actions of the pages.
BASE: dict[str, Any] = {
    "name": "example",
    "topology": "two_host",
    "links": {"h1-h2": {"rate": "10mbit", "delay": "20ms", "queue": "1bdp"}},
    "duration": "160s",
}
FLOWS = ("cubic", "bbr", "first", "second", "upload", "download", "reno", "bulk")
NAMED: list[dict[str, Any]] = [
    {"do": "http_server", "host": "h2"},
    {"at": "1s", "do": "http_get", "id": "get", "from": "h1", "to": "h2"},
    {"do": "fault", "id": "lose_20", "flow": "get", "segment": "data", "nth": 20, "effect": "drop"},
    {"do": "command", "id": "reader", "host": "h2", "argv": ["true"]},
    {"at": "1s", "do": "command", "id": "sender", "host": "h1", "argv": ["true"]},
    *(
        {"at": "0s", "do": "iperf3", "from": "h1", "to": "h2", "id": name, "flow": name}
        for name in FLOWS
    ),
]
#: Topologies that the examples of some actions need.
TOPOLOGIES = {"iperf3_pairs": "dumbbell", "incast": "star", "mptcp": "two_paths"}
SWEEP = {
    "parameters": {
        "p": {"set": "links.h1-h2.queue", "values": ["1bdp", "2bdp"]},
        "rate": {"set": "links.h1-h2.rate", "values": ["1mbit", "2mbit"]},
        "rtt": {"set": "links.h1-h2.delay", "values": ["10ms", "20ms"]},
        "losses": {"set": "links.h1-h2.queue", "values": ["1bdp", "2bdp"]},
        "cc": {"set": "actions[5].congestion_control", "values": ["reno", "cubic"]},
    },
    "measures": {
        "goodput": {"metric": "flows.bulk.goodput_bps"},
        "delay": {"metric": "flows.bulk.rtt.p95_ms"},
    },
}
SWEEP_KEYS = {"parameters", "repeat", "vary", "measures", "figures"}


def whole_spec(text: str) -> dict[str, Any] | None:
    """Return the spec that a fragment belongs to, or None when it is no part of one."""
    given = yaml.safe_load(text)
    if isinstance(given, list):
        part: dict[str, Any] = {"actions": given} if "do" in given[0] else {"expect": given}
    elif set(given) <= SWEEP_KEYS:
        part = {"sweep": {**SWEEP, **given}}
    else:
        part = given
    known = {"hosts", "links", "actions", "expect", "record", "plots", "topology", "name", "sweep"}
    known |= {"knobs"}
    if not set(part) & known or {"exercises", "series", "nodes"} & set(part):
        return None
    if "name" in part and "topology" in part:
        return part
    whole = {**BASE, **part}
    actions = part.get("actions", [])
    names = [action["do"] for action in actions]
    topology = next((TOPOLOGIES[name] for name in names if name in TOPOLOGIES), None)
    if topology or ("topology" in part and "links" not in part):
        whole.pop("links", None)
        whole["topology"] = topology or part["topology"]
    elif not topology and whole["topology"] == "two_host":
        whole["actions"] = [*_needed(actions), *actions]
    return whole


def _needed(actions: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the actions that a fragment refers to and does not have itself."""
    named = [action for action in actions if action["do"] not in ("fault", "congestion_control")]
    own = {action.get(key) for action in named for key in ("id", "flow")} | {
        action["do"] for action in actions
    }
    own |= {action.get("id") for action in actions}
    if "get" in own:
        own.add("lose_20")
    return [action for action in NAMED if action.get("id", action["do"]) not in own]
