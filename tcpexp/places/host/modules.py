"""A congestion control of one's own on this machine's kernel: what it needs, and its target.

A module runs as the machine's own kernel. A mistake in it takes the machine down, so it is loaded
only where that was asked for (``--allow-modules``).
"""

from __future__ import annotations

import os
from pathlib import Path

from tcpexp.errors import Missing
from tcpexp.places.asked import default_algorithms
from tcpexp.places.modules.build import Target, module_texts
from tcpexp.plan.types import RunPlan
from tcpexp.spec.owncontrol import without_comments

MODULES = Path("/lib/modules")
LOCKDOWN = Path("/sys/kernel/security/lockdown")
BTF = Path("/sys/kernel/btf/vmlinux")
JIT = Path("/proc/sys/net/core/bpf_jit_enable")
DISABLED = Path("/proc/sys/kernel/modules_disabled")
#: Without this flag a namespace may not make it its default (net/ipv4/tcp_cong.c:
#: tcp_set_default_congestion_control).
FREE = "TCP_CONG_NON_RESTRICTED"


def host_target() -> Target:
    """Return this machine's kernel as one that modules can be built for."""
    kernel = os.uname()
    words = f"Linux {kernel.release} (this machine's)"
    return Target(MODULES / kernel.release / "build", f"{kernel.release} {kernel.version}", words)


def missing_for_modules(plan: RunPlan, *, allowed: bool) -> tuple[Missing, ...]:
    """Return what keeps the plan's own congestion controls from this machine's kernel."""
    found = _missing_for_bpf(plan)
    modules = [module for module in plan.modules if module.language == "c"]
    if not modules:
        return tuple(found)
    names = ", ".join(module.name for module in modules)
    purpose = f"the congestion control {names}"
    if not allowed:
        remedy = (
            "read it, then add --allow-modules; --on guest needs no permission, since its kernel is"
            " the run's alone"
        )
        found.append(
            Missing(f"permission to load {names} into this machine's kernel", purpose, remedy)
        )
    target = host_target()
    if not (target.headers / "Makefile").exists():
        release = os.uname().release
        remedy = f"apt install linux-headers-{release}; or --on guest, which has its own"
        found.append(Missing(f"the headers of the kernel {release}", purpose, remedy))
    found += _forbidden(purpose)
    defaults = default_algorithms(plan)
    for module in modules:
        texts = module_texts(module, plan)
        if module.name in defaults and not any(
            FREE in without_comments(text) for text in texts.values()
        ):
            remedy = f"write .flags = {FREE} in {module.source}, or name it at the flow"
            found.append(
                Missing(f"permission to use {module.name} as a host's default", purpose, remedy)
            )
    return tuple(found)


def _missing_for_bpf(plan: RunPlan) -> list[Missing]:
    """Return what this machine's kernel lacks for congestion controls in BPF.

    They need no permission: the kernel verifies them before they are loaded.
    """
    names = ", ".join(module.name for module in plan.modules if module.language == "bpf")
    wanted = {BTF: "CONFIG_DEBUG_INFO_BTF", JIT: "CONFIG_BPF_JIT"} if names else {}
    return [
        Missing(
            f"a kernel with {option}",
            f"the congestion control {names}",
            "boot one that has it, as Debian's and Ubuntu's own do, or use --on qemu",
        )
        for path, option in wanted.items()
        if not path.exists()
    ]


def _forbidden(purpose: str) -> list[Missing]:
    """Return what the machine says against modules at all."""
    found = []
    if _read(DISABLED) == "1":
        remedy = "it was switched off until the next start (kernel.modules_disabled)"
        found.append(Missing("loading of modules", purpose, remedy))
    lockdown = _read(LOCKDOWN)
    if "[none]" not in lockdown and lockdown:
        remedy = "the kernel takes signed modules only (lockdown, Secure Boot): use --on guest"
        found.append(Missing("loading of modules that are not signed", purpose, remedy))
    return found


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
