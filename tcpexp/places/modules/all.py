"""All congestion controls of a plan's own, compiled for a kernel."""

from __future__ import annotations

from tcpexp.places.modules.bpf import build_bpf
from tcpexp.places.modules.build import BuiltModule, Target, build_module
from tcpexp.plan.types import RunPlan
from tcpexp.telling import Say


def build_modules(plan: RunPlan, target: Target, say: Say) -> tuple[BuiltModule, ...]:
    """Return the plan's own congestion controls, compiled for ``target``.

    Raises:
        SpecErrors: the source does not compile, or has no parameter of a name that the spec gives;
            each at its line, in a file beside the spec.
        HostError: this machine lacks a compiler.
    """
    return tuple(
        (build_bpf if module.language == "bpf" else build_module)(module, plan, target, say)
        for module in plan.modules
    )
