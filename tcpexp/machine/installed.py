"""Whether the installed package is whole: every file that it was installed with is there, with its
size.
"""

from __future__ import annotations

import importlib.metadata
import shutil
import subprocess
from pathlib import Path

from tcpexp.machine.findings import Finding
from tcpexp.paths import PACKAGE, checkout_dir, docs_dir, experiments_dir, topologies_dir

#: What every installation has, looked for where nothing lists all of it.
ESSENTIAL = (
    "places/uml/files/init.py",
    "places/qemu/files/agent.py",
    "places/image/files/init.sh",
    "kernels/COPYING",
    "report/page/report.html.j2",
)


def package_finding() -> Finding:
    """Return whether files of tcpexp are missing or damaged, with the command that brings them
    back.
    """
    checkout = checkout_dir()
    lost = lost_from_checkout(checkout) if checkout else lost_from_installation()
    lost += [name for name in ESSENTIAL if name not in lost and not (PACKAGE / name).is_file()]
    lost += [
        str(folder)
        for folder in (experiments_dir(), topologies_dir(), docs_dir())
        if not folder.is_dir()
    ]
    where = checkout or PACKAGE
    if lost:
        some = f"{', '.join(lost[:3])}{' ...' if len(lost) > 3 else ''}"
        remedy = (
            f"git -C {where} checkout -- ."
            if checkout
            else "pip install --force-reinstall --no-deps tcpexp, as you installed it"
        )
        return Finding(
            "missing", "tcpexp's files", f"{len(lost)} missing or cut short: {some}", remedy
        )
    return Finding("ok", "tcpexp's files", f"complete, in {where}")


def lost_from_installation() -> list[str]:
    """Return the files of the installed package that are not there, or not as long as its list
    says.
    """
    try:
        files = importlib.metadata.distribution("tcpexp").files or []
    except importlib.metadata.PackageNotFoundError:
        return []
    lost = []
    for file in files:
        path = Path(str(file.locate()))
        if path.suffix != ".pyc" and (
            not path.is_file() or (file.size is not None and path.stat().st_size != file.size)
        ):
            lost.append(str(file))
    return lost


def lost_from_checkout(checkout: Path) -> list[str]:
    """Return the files of the repository that are not there, by git's list.

    Nothing where there is no git.
    """
    git = shutil.which("git")
    if git is None or not (checkout / ".git").exists():
        return []
    argv = [
        git,
        "-c",
        f"safe.directory={checkout}",
        "ls-files",
        "--deleted",
        "--",
        "tcpexp",
        "experiments",
        "topologies",
        "docs",
    ]
    return subprocess.run(
        argv, cwd=checkout, capture_output=True, text=True, check=False
    ).stdout.splitlines()
