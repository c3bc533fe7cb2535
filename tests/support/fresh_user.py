"""A user that was not there before: a home that nobody else may enter (0700), umask 027, nothing in
the environment, no root.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

PATH = "/usr/local/bin:/usr/bin:/bin"


@dataclass(frozen=True)
class FreshUser:
    """``work`` belongs to whoever runs the tests and can be read by the user.

    ``home`` is the user's own.
    """

    name: str
    work: Path
    home: Path
    switch: tuple[str, ...]

    def run(self, command: str, *, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a shell command as the user, in the home.

        ``check`` raises with its output where it fails.
        """
        environment = {
            "HOME": str(self.home),
            "USER": self.name,
            "PATH": PATH,
            "LANG": "C.UTF-8",
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        }
        argv = [*self.switch, "sh", "-c", f"umask 027; {command}"]
        done = subprocess.run(
            argv, cwd=self.home, env=environment, capture_output=True, text=True, check=False
        )
        if check and done.returncode:
            raise AssertionError(f"{command}: status {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    def python(self) -> str:
        """Return a Python of this version that the user can start and that makes virtual
        environments.
        """
        for candidate in (
            os.path.realpath(sys.executable),
            "/usr/bin/python3",
            "/usr/local/bin/python3",
        ):
            code = (
                "import sys, venv, ensurepip; sys.exit(sys.version_info[:2] !="
                f" {tuple(sys.version_info[:2])})"
            )
            if self.run(f"{candidate} -c '{code}'", check=False).returncode == 0:
                return candidate
        raise AssertionError(
            f"no Python {sys.version_info[0]}.{sys.version_info[1]} that another user can start:"
            " apt install python3 python3-venv"
        )


@contextmanager
def fresh_user() -> Iterator[FreshUser]:
    """Make a user and remove it, with all that it owns.

    Without root, the present one with a new home.
    """
    work = Path(tempfile.mkdtemp(prefix="tcpexp-user-", dir="/tmp"))
    work.chmod(0o711)
    home = work / "home"
    name = f"tcpexp{os.getpid()}"
    root = os.geteuid() == 0
    try:
        if root:
            subprocess.run(
                ["useradd", "--create-home", "--home-dir", str(home), "--shell", "/bin/sh", name],
                check=True,
                capture_output=True,
            )
        else:
            home.mkdir()
            name = pwd.getpwuid(os.getuid()).pw_name
        home.chmod(0o700)
        yield FreshUser(
            name,
            work,
            home,
            ("setpriv", "--reuid", name, "--regid", name, "--init-groups") if root else (),
        )
    finally:
        if root:
            subprocess.run(["userdel", name], check=False, capture_output=True)
        shutil.rmtree(work, ignore_errors=True)
