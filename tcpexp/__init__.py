"""tcpexp: reproducible TCP experiments on a Mininet network, on the kernel's own TCP.

    import tcpexp

    run = tcpexp.run("bbr_vs_cubic", set={"links.h1-h2.queue": "4bdp"})
    run.verdicts
    run.table("rtt").head()
    run.figure("cwnd")

These names, and those of ``tcpexp.api``, keep their meaning within a major version. Each is
imported when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tcpexp.errors import DataError, HostError, RunError, SpecError, SpecErrors, TcpexpError
    from tcpexp.notebook.run import Run, load, run
    from tcpexp.notebook.spec import Spec
    from tcpexp.studies.making import sweep
    from tcpexp.studies.study import Study

__version__ = "0.1.0"

#: Where each name is, as ``module:name``.
_WHERE = {
    "run": "tcpexp.notebook.run:run",
    "load": "tcpexp.notebook.run:load",
    "Run": "tcpexp.notebook.run:Run",
    "sweep": "tcpexp.studies.making:sweep",
    "Spec": "tcpexp.notebook.spec:Spec",
    "Study": "tcpexp.studies.study:Study",
    "TcpexpError": "tcpexp.errors:TcpexpError",
    "SpecError": "tcpexp.errors:SpecError",
    "SpecErrors": "tcpexp.errors:SpecErrors",
    "HostError": "tcpexp.errors:HostError",
    "RunError": "tcpexp.errors:RunError",
    "DataError": "tcpexp.errors:DataError",
}

__all__ = [
    "DataError",
    "HostError",
    "Run",
    "RunError",
    "Spec",
    "SpecError",
    "SpecErrors",
    "Study",
    "TcpexpError",
    "__version__",
    "load",
    "run",
    "sweep",
]


def __getattr__(name: str) -> Any:
    """Import a name when it is first used (PEP 562)."""
    if name not in _WHERE:
        raise AttributeError(f"module 'tcpexp' has no name '{name}'")
    module, _, attribute = _WHERE[name].partition(":")
    value = getattr(importlib.import_module(module), attribute)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Return the stable names."""
    return list(__all__)
