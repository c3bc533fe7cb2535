"""What this machine can and cannot do, in each kind of place, each lack with the command that mends
it.
"""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tcpexp import paths
from tcpexp.errors import HostError
from tcpexp.machine.findings import Finding, room_finding, tool_finding
from tcpexp.machine.installed import package_finding
from tcpexp.machine.processor import polars_lacks, polars_remedy
from tcpexp.places.registry import all_kinds
from tcpexp.plots.kit.writing import SCRIPTS, font_families, install_fonts, letters_of, scripts_of
from tcpexp.telling import Say

#: Free space that a run should have.
RUN_BYTES = 1 << 30


@dataclass(frozen=True)
class Examination:
    """All findings by section.

    ``places`` says, for each place, whether experiments can run there.
    """

    sections: dict[str, list[Finding]] = field(default_factory=dict)
    places: dict[str, bool] = field(default_factory=dict)


def examine(say: Say, specs: Sequence[Path] = ()) -> Examination:
    """Look at this machine, and at what these specs need of its fonts.

    Builds nothing and changes nothing.
    """
    machine = examine_machine(specs)
    sections, works = {"This machine": machine}, {}
    analysis_works = not any(finding.state == "missing" for finding in machine)
    for kind in all_kinds():
        findings = kind.examine(say)
        sections[kind.title] = findings
        works[kind.name] = analysis_works and not any(stops_all(finding) for finding in findings)
    return Examination(sections, works)


def stops_all(finding: Finding) -> bool:
    """Return whether what was found keeps every experiment from running in a place."""
    return finding.state == "missing" and not finding.partly


# --------------------------------------------------------------------------------
# this machine


def examine_machine(specs: Sequence[Path] = ()) -> list[Finding]:
    """Return what every place needs, then what PDF and figures need.

    Every place needs the package's files, Python packages that this processor can run, tshark, and
    room on the disk.
    """
    try:
        system = platform.freedesktop_os_release().get("PRETTY_NAME", "Linux")
    except OSError:
        system = platform.system()
    findings = [
        Finding(
            "ok",
            "system",
            f"{system}, Linux {platform.release()}, {platform.machine()}, {os.cpu_count()}"
            " processors",
        ),
        Finding("ok", "Python", f"{platform.python_version()} in {sys.prefix}"),
        package_finding(),
        *package_findings(),
        processor_finding(),
        tool_finding("tshark", "reads the captures", "apt install tshark"),
        room_finding(
            "results folder",
            paths.default_results_dir(),
            RUN_BYTES,
            "choose another one with --out DIR",
        ),
        pdf_finding(),
        font_finding(specs),
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
        return [
            Finding(
                "missing", "Python packages", ", ".join(absent), f"pip install {' '.join(absent)}"
            )
        ]
    return [Finding("ok", "Python packages", "all of them are installed")]


def processor_finding() -> Finding:
    """Return whether this processor runs polars as it is installed.

    Polars is not imported, for that would end this process.
    """
    lacks = polars_lacks()
    if lacks:
        return Finding(
            "missing",
            "processor",
            f"no {', '.join(lacks)}: polars ends with 'Illegal instruction'",
            polars_remedy(),
        )
    return Finding("ok", "processor", "runs polars as it is installed")


def pdf_finding() -> Finding:
    """Return whether reports can be printed as PDF, by loading what prints them: WeasyPrint and
    Pango, no browser.
    """
    from tcpexp.report.export.write import PDF_REMEDY, load_weasyprint

    try:
        weasyprint = load_weasyprint()
    except HostError as error:
        lack = error.missing[0] if error.missing else None
        return Finding(
            "note",
            "PDF",
            f"cannot be made: {lack.needed_for if lack else error.message}",
            PDF_REMEDY,
        )
    return Finding(
        "ok", "PDF", f"made by WeasyPrint {weasyprint.__version__} with Pango; no browser is needed"
    )


def font_finding(specs: Sequence[Path]) -> Finding:
    """Return for which scripts this machine has no font: of those that the specs use, or of all
    that are known.
    """
    texts = [path.read_text(encoding="utf-8", errors="replace") for path in specs]
    used = scripts_of(texts) if specs else SCRIPTS
    lacking = [script for script in used if not font_families(letters_of(script, texts))]
    if lacking:
        names = ", ".join(script.name for script in lacking)
        return Finding(
            "note",
            "fonts",
            f"none for {names}: figures and PDF show boxes there",
            install_fonts(lacking),
        )
    return Finding("ok", "fonts", f"for Latin{''.join(', ' + script.name for script in used)}")
