"""What a plan asks of a machine or a guest: names of programs and settings."""

from __future__ import annotations

from tcpexp.plan.types import RunPlan, Sysctl

#: Program to the Debian and Ubuntu package that has it, where the names differ.
PACKAGES = {
    "ip": "iproute2",
    "tc": "iproute2",
    "ss": "iproute2",
    "mnexec": "mininet",
    "unshare": "util-linux",
    "setpriv": "util-linux",
    "ping": "iputils-ping",
    "nc": "netcat-openbsd",
    "python3": "python3-minimal",
    "sh": "dash",
    "modprobe": "kmod",
}
#: Settings that each interface has, so that a namespace without the experiment's cannot name them.
PER_INTERFACE = (".conf.", ".neigh.")
CONGESTION_SYSCTL = "net.ipv4.tcp_congestion_control"


def asked_sysctls(plan: RunPlan) -> list[str]:
    """Return the names, with dots, of the settings that a plan changes, each once."""
    keys = [key for node in plan.network.nodes for key in node.sysctls]
    keys += [step.do.key for step in (*plan.setup, *plan.steps) if isinstance(step.do, Sysctl)]
    return list(dict.fromkeys(key.replace("/", ".") for key in keys))


def default_algorithms(plan: RunPlan) -> list[str]:
    """Return the congestion controls that the plan makes a host's default."""
    names = [node.sysctls.get(CONGESTION_SYSCTL) for node in plan.network.nodes]
    steps = (*plan.setup, *plan.steps)
    names += [
        step.do.value
        for step in steps
        if isinstance(step.do, Sysctl) and step.do.key == CONGESTION_SYSCTL
    ]
    return [name for name in dict.fromkeys(names) if name]
