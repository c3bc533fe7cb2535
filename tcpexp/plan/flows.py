"""Who is who in a plan: a flow by its name, who receives its data, and a node's addresses."""

from __future__ import annotations

from tcpexp.plan.types import FlowPlan, RunPlan


def flow_of(plan: RunPlan, name: str) -> FlowPlan | None:
    """Return the plan's flow of that name, None when it has none."""
    return next((flow for flow in plan.flows if flow.name == name), None)


def receiver_of(flow: FlowPlan) -> str:
    """Return the node that receives the flow's data."""
    return flow.server if flow.sender == flow.client else flow.client


def addresses_of(plan: RunPlan, node: str) -> list[str]:
    """Return a node's addresses without prefix length, none when the plan has no such node."""
    return [
        interface.address
        for planned in plan.network.nodes
        if planned.name == node
        for interface in planned.interfaces
        if interface.address
    ]
