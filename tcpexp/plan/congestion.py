"""What flows need for their congestion control besides a module: a known name, and for DCTCP marks
that come through.

DCTCP (RFC 8257) reads the marks of ECN. Linux gives a connection to ``dctcp`` only where ECN was
agreed on in its handshake; else it is given, without a word, to Reno (shown as ``dctcp-reno``). So
the client's host must ask for ECN (tcp_ecn = 1), which is set here, the server's must not refuse it
(tcp_ecn = 0), and some queue on the way must mark.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import TYPE_CHECKING

from tcpexp.errors import SpecError, SpecErrors
from tcpexp.plan.owncontrols import take_control
from tcpexp.plan.paths import Paths
from tcpexp.plan.types import FlowCongestionControl, FlowPlan, NetworkPlan, Sysctl
from tcpexp.spec.congestion import (
    CONGESTION_CONTROLS,
    CONGESTION_SYSCTL,
    ECN_SYSCTL,
    check_congestion_control,
)
from tcpexp.units import QuantityError

if TYPE_CHECKING:
    from tcpexp.plan.context import PlanDraft
    from tcpexp.plan.network import LinkSettings
    from tcpexp.spec.model import ExperimentSpec
    from tcpexp.spec.owncontrol import OwnControl


#: Values of tcp_ecn with which a host asks for ECN in the connections that it opens: 3 asks for
#: accurate ECN, 4 for the classic one (net/ipv4/sysctl_net_ipv4.c; 3 to 5 from Linux 7.0 on).
ASKING = ("1", "3", "4")


def check_default_controls(spec: ExperimentSpec, draft: PlanDraft) -> list[SpecError]:
    """Return an error for each congestion control that ``hosts:`` or an action ``sysctl`` names and
    the kernel does not have.
    """
    places: list[tuple[str, tuple[str | int, ...]]] = [
        (settings.sysctls[CONGESTION_SYSCTL], ("hosts", name, "sysctls", CONGESTION_SYSCTL))
        for name, settings in spec.hosts.items()
        if CONGESTION_SYSCTL in settings.sysctls
    ]
    places += [
        (str(action.value), ("actions", index, "value"))
        for index, action in enumerate(spec.actions)
        if getattr(action, "key", None) == CONGESTION_SYSCTL and hasattr(action, "value")
    ]
    errors = []
    for value, path in places:
        try:
            if value not in draft.modules:
                check_congestion_control(value)
        except QuantityError as error:
            errors.append(SpecError(error.message, where=spec.place(*path), hint=error.hint))
    return errors


def with_default_controls(spec: ExperimentSpec, draft: PlanDraft) -> NetworkPlan:
    """Return the network with what ``congestion_control:`` of a host says as its sysctl.

    Raises ``SpecErrors`` where the sysctl is set as well.
    """
    names = {}
    errors = []
    for host, settings in spec.hosts.items():
        given = settings.congestion_control
        if given is None:
            continue
        path = ("hosts", host, "congestion_control")
        names[host] = given if isinstance(given, str) else _name_taken(draft, spec, given, path)
        if CONGESTION_SYSCTL in settings.sysctls:
            errors.append(
                SpecError(
                    f"both congestion_control: and {CONGESTION_SYSCTL} say what {host} uses",
                    where=spec.place(*path, key=True),
                    hint="keep one of them",
                )
            )
    if errors:
        raise SpecErrors(errors)
    return dataclasses.replace(
        draft.network,
        nodes=tuple(
            dataclasses.replace(node, sysctls={**node.sysctls, CONGESTION_SYSCTL: names[node.name]})
            if node.name in names
            else node
            for node in draft.network.nodes
        ),
    )


def _name_taken(
    draft: PlanDraft, spec: ExperimentSpec, given: OwnControl, path: tuple[str, ...]
) -> str:
    return take_control(draft, spec, given, path).name


def prepare_ecn(
    spec: ExperimentSpec, draft: PlanDraft, settings: dict[str, LinkSettings]
) -> list[SpecError]:
    """Let the hosts of flows that need marks ask for ECN (``draft.network`` changes).

    Return an error for each thing that keeps marks from them.
    """
    errors: list[SpecError] = []
    defaults = default_hosts(draft)
    for flow, control, path in flows_with_marks(spec, draft):
        place = spec.place(*path)
        try:
            draft.network = _asking(draft.network, flow.client, control)
            _check_server(draft.network, flow, control)
            _check_marking(draft.network, flow, control, settings)
        except QuantityError as error:
            errors.append(SpecError(error.message, where=place, hint=error.hint))
    for flow in draft.flows:
        if (
            flow.congestion_control is None
            and flow.client in defaults
            and flow.server not in defaults
        ):
            cause = (
                f"{flow.client} uses dctcp by default and {flow.server} does not, which then"
                f" refuses ECN to '{flow.name}'"
            )
            hint = (
                f"set {CONGESTION_SYSCTL} to dctcp on {flow.server} as well, or name the flow's"
                " congestion_control instead of the host's"
            )
            errors.append(SpecError(cause, where=spec.place(*_place_of(spec, flow)), hint=hint))
    return errors


def default_hosts(draft: PlanDraft) -> set[str]:
    """Return the hosts whose connections use a control that needs marks unless told otherwise."""
    found = {
        node.name
        for node in draft.network.nodes
        if _needs_marks(draft, node.sysctls.get(CONGESTION_SYSCTL))
    }
    steps = [step.do for step in (*draft.setup, *draft.steps)]
    return found | {
        do.node
        for do in steps
        if isinstance(do, Sysctl) and do.key == CONGESTION_SYSCTL and _needs_marks(draft, do.value)
    }


def flows_with_marks(
    spec: ExperimentSpec, draft: PlanDraft
) -> Iterator[tuple[FlowPlan, str, tuple[str | int, ...]]]:
    """Yield the flows that use a control that needs marks at any time, with its name and the place
    in the spec that says so.
    """
    switches = [
        (step.do, step.id) for step in draft.steps if isinstance(step.do, FlowCongestionControl)
    ]
    switched = {
        do.step: (do.algorithm, step_id)
        for do, step_id in switches
        if _needs_marks(draft, do.algorithm)
    }
    for flow in draft.flows:
        if _needs_marks(draft, flow.congestion_control):
            yield flow, str(flow.congestion_control), _place_of(spec, flow)
        elif flow.step in switched:
            algorithm, step_id = switched[flow.step]
            yield flow, algorithm, _place_of_step(spec, step_id, "algorithm")


def _needs_marks(draft: PlanDraft, control: str | None) -> bool:
    if control in draft.modules_for_ecn:
        return True
    return control in CONGESTION_CONTROLS and CONGESTION_CONTROLS[control].needs_ecn


def _asking(network: NetworkPlan, client: str, control: str) -> NetworkPlan:
    """Return the network with ``client`` asking for ECN in every connection that it opens."""
    node = network.node(client)
    own = node.sysctls.get(ECN_SYSCTL)
    if own in ASKING:
        return network
    if own is not None:
        hint = f"leave {ECN_SYSCTL} out; it is set to 1 for the hosts of flows that need it"
        raise QuantityError(
            f"with tcp_ecn = {own}, {client} does not ask for ECN, and Linux gives its {control}"
            " flows to Reno",
            hint,
        )
    asking = dataclasses.replace(node, sysctls={**node.sysctls, ECN_SYSCTL: "1"})
    return dataclasses.replace(
        network, nodes=tuple(asking if other.name == client else other for other in network.nodes)
    )


def _check_server(network: NetworkPlan, flow: FlowPlan, control: str) -> None:
    if network.node(flow.server).sysctls.get(ECN_SYSCTL) == "0":
        hint = f"leave {ECN_SYSCTL} out on {flow.server}: the kernel's 2 agrees when asked"
        raise QuantityError(
            f"with tcp_ecn = 0, {flow.server} refuses ECN, and Linux gives '{flow.name}' to Reno"
            f" instead of {control}",
            hint,
        )


def _check_marking(
    network: NetworkPlan, flow: FlowPlan, control: str, settings: dict[str, LinkSettings]
) -> None:
    """Refuse a way on which no queue marks, unless a link on it says ``ecn: false``."""
    receiver = flow.server if flow.sender == flow.client else flow.client
    way = Paths(network).of_flow(flow)
    for hop in way.there if way is not None else ():
        side = (
            settings[hop.link.name].forward
            if hop.towards == hop.link.b.node
            else settings[hop.link.name].backward
        )
        queue = hop.direction.queue
        if (queue is not None and queue.ecn) or side.ecn is False:
            return
    hint = (
        "add mark_at: 20p (DCTCP's threshold K) to the bottleneck's link; where it is meant so,"
        " write ecn: false there"
    )
    raise QuantityError(
        f"no queue from {flow.sender} to {receiver} marks packets, and without marks {control} is"
        " Reno",
        hint,
    )


def _place_of(spec: ExperimentSpec, flow: FlowPlan) -> tuple[str | int, ...]:
    return _place_of_step(spec, flow.step, "congestion_control")


def _place_of_step(spec: ExperimentSpec, step_id: str, key: str) -> tuple[str | int, ...]:
    """Return where the action with that step stands, at ``key`` if it has it."""
    for index, action in enumerate(spec.actions):
        if step_id.split(".", maxsplit=1)[0] == (action.id or f"a{index:02d}"):
            path: tuple[str | int, ...] = ("actions", index)
            return (*path, key) if spec.raw_at(*path, key) is not None else path
    return ()
