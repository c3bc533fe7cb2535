"""What experiments need of this machine's own kernel, tried with all that are shipped."""

from __future__ import annotations

import os

from tcpexp import paths
from tcpexp.errors import Missing, TcpexpError
from tcpexp.machine.findings import Finding
from tcpexp.machine.hints import with_sudo
from tcpexp.places.host.place import HostPlace


def examine_host() -> list[Finding]:
    """Return what the host lacks, and which of the shipped experiments it can run."""
    if os.geteuid() != 0:
        return [root_finding()]
    findings = [root_finding()]
    lacks: dict[str, Missing] = {}
    able, unable = [], []
    for name, lacking in shipped_lacks().items():
        lacks |= {lack.what: lack for lack in lacking}
        if lacking:
            unable.append(name)
        else:
            able.append(name)
    findings += [
        Finding("missing", lack.what, f"needed for {lack.needed_for}", lack.remedy, partly=True)
        for lack in lacks.values()
    ]
    if able:
        findings.append(Finding("ok", "experiments", ", ".join(able)))
    else:
        findings.append(
            Finding(
                "missing",
                "essentials",
                "no shipped experiment can run on this machine's kernel",
                "mend what is missing above",
            )
        )
    if unable:
        words = (
            f"{len(unable)} of {len(unable) + len(able)}, by what is missing above:"
            f" {', '.join(unable)}"
        )
        findings.append(
            Finding(
                "note", "experiments that cannot run here", words, "run them in the guest: --on uml"
            )
        )
    return findings


def root_finding() -> Finding:
    """Return whether this is root; the host needs it, and some checks can be done by root only."""
    if os.geteuid() == 0:
        return Finding("ok", "root", "yes")
    return Finding(
        "missing",
        "root",
        "runs on this machine's own kernel need it, and what they lack shows only to it",
        with_sudo("tcpexp doctor"),
    )


def shipped_lacks() -> dict[str, tuple[Missing, ...]]:
    """Return, for each shipped experiment, what the host lacks to run it."""
    from tcpexp.catalogue import load_catalogue
    from tcpexp.catalogue.reading import load_spec
    from tcpexp.plan.compile import compile_plan

    place = HostPlace()
    found: dict[str, tuple[Missing, ...]] = {}
    for path in paths.shipped_specs():
        catalogue = load_catalogue()
        try:
            plan = compile_plan(load_spec(path, catalogue), catalogue)
        except TcpexpError as error:  # such as a program that cannot be built here
            found[path.stem] = (
                Missing(
                    f"experiment {path.stem}",
                    "compiling it",
                    f"tcpexp validate {path.stem}: {error.message.splitlines()[0]}",
                ),
            )
            continue
        found[path.stem] = place.check(plan)
    return found
