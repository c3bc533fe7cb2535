"""Which flow a reader came for: what the spec's plots and expectations name first."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tcpexp.plan.types import RunPlan


def flows_in_order(plan: RunPlan) -> list[str]:
    """Return the names of all flows, those that the question is about first.

    These are the flows that the key plot names, then those that another plot names, then those that
    an expectation names; the others follow in the order of the plan.
    """
    planned = [flow.name for flow in plan.flows]
    key = () if plan.key is None else plan.plots[plan.key : plan.key + 1]
    asked = [name for entry in (*key, *plan.plots, *plan.expect) for name in _named(entry)]
    return list(dict.fromkeys([*(name for name in asked if name in planned), *planned]))


def _named(entry: dict[str, Any]) -> Iterator[str]:
    """Yield the flows that an entry such as ``{"rtt": {"flows": ["bbr"]}}`` names."""
    for options in entry.values():
        if isinstance(options, dict):
            flows = options.get("flows") or options.get("flow") or []
            yield from [flows] if isinstance(flows, str) else map(str, flows)
