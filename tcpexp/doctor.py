"""What this machine can and cannot do, in each kind of place, each lack with the command that mends it."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass, field

from tcpexp import paths
from tcpexp.findings import Finding, room_finding, tool_finding
from tcpexp.places.registry import all_kinds

Say = Callable[[str], None]
#: Free space that a run should have.
RUN_BYTES = 1 << 30


@dataclass(frozen=True)
class Examination:
    """All findings by section; ``places`` says, for each place, whether experiments can run there."""

    sections: dict[str, list[Finding]] = field(default_factory=dict)
    places: dict[str, bool] = field(default_factory=dict)


def examine(say: Say) -> Examination:
    """Look at this machine; builds nothing and changes nothing."""
    machine = examine_machine()
    sections, works = {"This machine": machine}, {}
    analysis_works = not any(finding.state == "missing" for finding in machine)
    for kind in all_kinds():
        found = kind.examine(say)
        sections[kind.title] = found
        works[kind.name] = analysis_works and not any(stops_all(finding) for finding in found)
    return Examination(sections, works)


def stops_all(finding: Finding) -> bool:
    """Return whether what was found keeps every experiment from running in a place."""
    return finding.state == "missing" and not finding.partly


# ------------------------------------------------------------------------------------------------- this machine


def examine_machine() -> list[Finding]:
    """Return what every place needs: Python packages, tshark, room on the disk."""
    try:
        system = platform.freedesktop_os_release().get("PRETTY_NAME", "Linux")
    except OSError:
        system = platform.system()
    findings = [
        Finding("ok", "system", f"{system}, Linux {platform.release()}, {platform.machine()}, {os.cpu_count()} processors"),
        Finding("ok", "Python", f"{platform.python_version()} in {sys.prefix}"),
        *package_findings(),
        tool_finding("tshark", "reads the captures", "apt install tshark"),
        room_finding("results folder", paths.default_results_dir(), RUN_BYTES, "choose another one with --out DIR"),
    ]
    return findings


def package_findings() -> list[Finding]:
    """Return one finding for the Python packages that tcpexp's metadata names."""
    absent = []
    for requirement in importlib.metadata.requires("tcpexp") or []:
        match = re.match(r"[A-Za-z0-9._-]+", requirement)
        if match is None or "extra ==" in requirement:
            continue
        try:
            importlib.metadata.version(match[0])
        except importlib.metadata.PackageNotFoundError:
            absent.append(match[0])
    if absent:
        return [Finding("missing", "Python packages", ", ".join(absent), f"pip install {' '.join(absent)}")]
    return [Finding("ok", "Python packages", "all of them are installed")]
