"""What a user without root needs to build the image: mmdebstrap then works in a user namespace,
where it is root over ids of its own.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path

from tcpexp.errors import Missing

_FOR = "building the guest image without root"
#: How many ids newuidmap must be able to give away, of /etc/subuid and /etc/subgid.
IDS = 65536


def missing_without_root(
    subordinate: tuple[Path, Path] = (Path("/etc/subuid"), Path("/etc/subgid")),
) -> tuple[Missing, ...]:
    """Return what keeps this user from building the image; nothing for root."""
    if os.geteuid() == 0:
        return ()
    name = user_name()
    lacks: list[Missing] = []
    if shutil.which("newuidmap") is None or shutil.which("newgidmap") is None:
        lacks.append(Missing("newuidmap", _FOR, "apt install uidmap"))
    if not all(has_ids(path, name) for path in subordinate):
        words = f"sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 {name}"
        lacks.append(Missing(f"subordinate ids of {name}", _FOR, words))
    if not may_unshare():
        lacks.append(
            Missing(
                "user namespaces for this user",
                _FOR,
                "sudo tcpexp guest build, or tcpexp guest import FILE",
            )
        )
    return tuple(lacks)


def open_parent() -> str:
    """Return a folder for temporary files that all users can pass through: TMPDIR may be in a home
    that is closed to them.
    """
    choices = [tempfile.gettempdir(), "/var/tmp", "/tmp"]
    return next((choice for choice in choices if all_may_pass(Path(choice))), choices[0])


def all_may_pass(folder: Path) -> bool:
    """Return whether every user may enter the folder, and what is above it."""
    whole = folder.resolve()
    return all(
        folder.is_dir() and folder.stat().st_mode & 0o001 for folder in (whole, *whole.parents)
    ) and os.access(whole, os.W_OK)


def user_name() -> str:
    """Return this user's name, or the number where it has none."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


def has_ids(path: Path, name: str) -> bool:
    """Return whether a file such as /etc/subuid gives the user enough ids: lines of name or number,
    first, count.
    """
    try:
        lines = [line.split(":") for line in path.read_text().splitlines()]
    except OSError:
        return False
    counts = [
        int(line[2])
        for line in lines
        if len(line) == 3 and line[0] in (name, str(os.getuid())) and line[2].isdigit()
    ]
    return max(counts, default=0) >= IDS


def may_unshare() -> bool:
    """Return whether this user may make user namespaces (AppArmor, sysctls and containers can
    forbid it), by making one.
    """
    tool = shutil.which("unshare")
    if tool is None:
        return True  # mmdebstrap will say what it needs
    return (
        subprocess.run(
            [tool, "--user", "--map-root-user", "true"], capture_output=True, check=False
        ).returncode
        == 0
    )
