"""What a virtual place has, by its guest's own word, and what a plan finds lacking in it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from tcpexp.errors import DataError, Missing
from tcpexp.places.asked import PACKAGES, PER_INTERFACE, asked_sysctls
from tcpexp.plan.types import RunPlan, Sysctl
from tcpexp.spec.congestion import ECN_SYSCTL
from tcpexp.spec.disciplines import NAMES

#: The disciplines that a guest is asked for: those that links and hosts can have.
KNOWN_QDISCS = NAMES


@dataclass(frozen=True)
class Inventory:
    """Programs on the PATH, settings of a host (with dots), congestion controls of the kernel,
    queue disciplines of it. None: not known.
    """

    programs: frozenset[str] | None
    sysctls: frozenset[str] | None
    congestion_controls: frozenset[str] | None
    qdiscs: frozenset[str] | None = None


def load_inventory(path: Path) -> Inventory:
    """Return the inventory in a JSON file; raises ``DataError``."""
    try:
        raw = json.loads(path.read_text())
        programs, sysctls, controls = (
            frozenset(map(str, raw[name]))
            for name in ("programs", "sysctls", "congestion_controls")
        )
        qdiscs = frozenset(map(str, raw["qdiscs"])) if "qdiscs" in raw else None
        return Inventory(programs, sysctls, controls, qdiscs)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path} is damaged: {error}", hint=f"rm {path}") from None


def find_lacking(plan: RunPlan, inventory: Inventory) -> tuple[Missing, ...]:
    """Return what ``plan`` needs and the guest has not."""
    return (
        *_programs(plan, inventory),
        *_congestion_controls(plan, inventory),
        *_qdiscs(plan, inventory),
        *_sysctls(plan, inventory),
    )


def _programs(plan: RunPlan, inventory: Inventory) -> list[Missing]:
    if inventory.programs is None:
        return []
    remedy = "--on host runs it where this machine has it (apt install {})"
    return [
        Missing(f"program {name}", "this experiment", remedy.format(PACKAGES.get(name, name)))
        for name in plan.needs.tools
        if name not in inventory.programs
    ]


def _congestion_controls(plan: RunPlan, inventory: Inventory) -> list[Missing]:
    if inventory.congestion_controls is None:
        return []
    has = ", ".join(sorted(inventory.congestion_controls))
    own = {module.name for module in plan.modules}
    return [
        Missing(f"congestion control {name}", "a flow of this experiment", f"this kernel has {has}")
        for name in plan.needs.congestion_controls
        if name not in own and name not in inventory.congestion_controls
    ]


def _qdiscs(plan: RunPlan, inventory: Inventory) -> list[Missing]:
    """Return the disciplines of links and hosts that the kernel has not."""
    if inventory.qdiscs is None:
        return []
    remedy = "another kernel may have it (dualpi2: 7.3): tcpexp run --kernel NAME"
    return [
        Missing(f"qdisc {name}", "the queue of a link", remedy)
        for name in plan.needs.qdiscs
        if name not in inventory.qdiscs and name in KNOWN_QDISCS
    ]


#: The setting by which a kernel shows that it knows accurate ECN.
ACCURATE_ECN = "net.ipv4.tcp_ecn_option"


def _asks_accurate_ecn(plan: RunPlan) -> bool:
    """Whether a host is to speak accurate ECN: tcp_ecn above 2 (include/net/tcp_ecn.h)."""
    return any(
        node.sysctls.get(ECN_SYSCTL) in ("3", "4", "5") for node in plan.network.nodes
    ) or any(
        isinstance(step.do, Sysctl)
        and step.do.key == ECN_SYSCTL
        and step.do.value in ("3", "4", "5")
        for step in (*plan.setup, *plan.steps)
    )


def _sysctls(plan: RunPlan, inventory: Inventory) -> list[Missing]:
    found: list[Missing] = []
    if inventory.sysctls is None:
        return found
    if ACCURATE_ECN not in inventory.sysctls and _asks_accurate_ecn(plan):
        found.append(
            Missing(
                "accurate ECN (net.ipv4.tcp_ecn 3 to 5)",
                "a host of this experiment",
                "another kernel may have it (7.3): tcpexp run --kernel NAME",
            )
        )
    for key in asked_sysctls(plan):
        if key not in inventory.sysctls and not any(word in key for word in PER_INTERFACE):
            close = get_close_matches(key, inventory.sysctls, 1)
            words = f"did you mean {close[0]}?" if close else "another kernel may have it: --kernel"
            found.append(Missing(f"sysctl {key}", "a host of this experiment", words))
    return found
