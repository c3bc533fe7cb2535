"""Whether this processor can run polars, found without importing it: on one that cannot, the import
ends the process (SIGILL).

polars brings its compiled part as a package of its own. That of ``polars`` is built for processors
with AVX2 and its companions (x86-64-v3); that of ``polars[rtcompat]`` runs on every x86-64.
"""

from __future__ import annotations

import importlib.util
import os
import platform
import re
from pathlib import Path

from tcpexp.errors import HostError, Missing

#: What the compiled part needs where its package does not say it; names of /proc/cpuinfo.
NEEDED = frozenset(
    {
        "avx",
        "avx2",
        "fma",
        "bmi1",
        "bmi2",
        "abm",
        "movbe",
        "popcnt",
        "pclmulqdq",
        "sse4_1",
        "sse4_2",
        "ssse3",
        "pni",
        "cx16",
    }
)
#: Names that polars uses and /proc/cpuinfo does not.
_KERNEL_NAMES = {
    "sse3": "pni",
    "sse4.1": "sse4_1",
    "sse4.2": "sse4_2",
    "cmpxchg16b": "cx16",
    "lzcnt": "abm",
}
CPUINFO = Path("/proc/cpuinfo")


def polars_lacks() -> tuple[str, ...]:
    """Return the processor's features that the installed polars needs and that are missing.

    Empty where it will run.
    """
    if (
        platform.machine() != "x86_64"
        or importlib.util.find_spec("_polars_runtime_compat") is not None
    ):
        return ()
    try:
        flags = re.search(r"^flags\s*:(.*)$", CPUINFO.read_text(errors="replace"), re.MULTILINE)
    except OSError:
        return ()
    return tuple(sorted(needed_features() - set(flags[1].split()))) if flags else ()


def needed_features() -> frozenset[str]:
    """Return what the installed compiled part was built for, read from its package without
    importing it.
    """
    for name in ("_polars_runtime_64", "_polars_runtime_32"):
        spec = importlib.util.find_spec(name)
        for folder in (spec.submodule_search_locations or ()) if spec else ():
            listed = Path(folder) / "build_feature_flags.py"
            if listed.is_file():
                features = re.findall(r"\+([\w.]+)", listed.read_text())
                return frozenset(
                    _KERNEL_NAMES.get(feature, feature)
                    for feature in features
                    if feature != "ctr-static"
                )
    return NEEDED


def polars_remedy() -> str:
    """Return the command that installs the variant for this processor, of the version that is
    installed.
    """
    from importlib import metadata

    try:
        return f"pip install 'polars[rtcompat]=={metadata.version('polars')}'"
    except metadata.PackageNotFoundError:
        return "pip install 'polars[rtcompat]'"


def require_polars() -> None:
    """Raise ``HostError`` where importing polars would end the process.

    ``POLARS_SKIP_CPU_CHECK`` leaves it to polars, as for itself.
    """
    lacks = () if os.environ.get("POLARS_SKIP_CPU_CHECK") else polars_lacks()
    if lacks:
        missing = Missing(
            f"processor features {', '.join(lacks)}",
            "the Python package polars as it is installed",
            polars_remedy(),
        )
        raise HostError(
            "this processor cannot run the analysis", missing=(missing,), hint=polars_remedy()
        )
