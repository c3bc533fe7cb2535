"""Commands in hints that work as they stand: the package of the distribution at hand, and a path
where sudo would not find the program.
"""

from __future__ import annotations

import os
import platform
import shlex
import shutil
import sys
from functools import cache
from pathlib import Path

#: Where sudo looks for programs, whatever the user's own PATH holds: ``secure_path`` as Debian and
#: Ubuntu set it in /etc/sudoers.
SECURE_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def with_sudo(command: str) -> str:
    """Return ``sudo COMMAND``, with the program's path where sudo would not find it by its name
    (``~/.local/bin``, a virtual environment).
    """
    words = shlex.split(command)
    return f"sudo {shlex.join([*program_words(words[0]), *words[1:]])}"


def program_words(name: str) -> list[str]:
    """Return the words by which root starts the program that runs now and was called ``name``."""
    running = Path(os.path.abspath(sys.argv[0]))
    under_sudo = shutil.which(name, path=SECURE_PATH)
    if under_sudo is not None and (
        not running.exists() or Path(under_sudo).resolve() == running.resolve()
    ):
        return [name]
    if running.name == name and running.suffix != ".py" and os.access(running, os.X_OK):
        return [str(running)]
    elsewhere = shutil.which(name)
    if elsewhere is not None:
        return [name] if under_sudo == elsewhere else [os.path.abspath(elsewhere)]
    return [sys.executable, "-m", "tcpexp.cli.main"]


@cache
def distribution() -> tuple[str, ...]:
    """Return the distribution's name and those that it is like, such as ``("ubuntu", "debian")``.

    Empty where /etc/os-release does not say.
    """
    try:
        release = platform.freedesktop_os_release()
    except OSError:
        return ()
    return (release.get("ID", ""), *release.get("ID_LIKE", "").split())


def modules_words(release: str | None = None) -> str:
    """Return the command that installs what is not there of the kernel's modules.

    ``release`` is the kernel's, the running one's when None.
    """
    release = release or os.uname().release
    names = distribution()
    if "ubuntu" in names:
        return f"apt install linux-modules-extra-{release}"
    if "debian" in names:
        flavour = release.rsplit("-", 1)[-1]
        if "-cloud-" in release:  # built without most modules
            return f"apt install linux-image-{flavour}, and boot it"
        return f"apt install --reinstall linux-image-{release}"
    if {"fedora", "rhel", "centos"} & set(names):
        return f"dnf install kernel-modules-extra-{release}"
    return "install the distribution's package of further kernel modules"
