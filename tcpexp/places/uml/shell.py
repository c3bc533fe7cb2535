"""A prompt in a User-Mode Linux guest: its console is this terminal, its clock the real one."""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path

from tcpexp.places.image.scratch import scratch_dir, scratch_prefix
from tcpexp.places.uml.machine import Folder, kernel_environment, shell_argv
from tcpexp.places.uml.place import UmlPlace
from tcpexp.telling import Say


def open_shell(say: Say, kernel: str | None = None) -> int:
    """Boot the guest and connect its console to this terminal until it is switched off.

    Nothing that is changed inside is kept. Returns the kernel's exit status.

    Raises:
        HostError, RunError: the guest cannot be built here.
    """
    made = UmlPlace(say, kernel).prepare()
    say("booting; 'exit' ends the shell")
    with tempfile.TemporaryDirectory(prefix=scratch_prefix(), dir=scratch_dir()) as name:
        folder = Folder(Path(name))
        folder.lay(made.root, made.engine)
        argv = shell_argv(made.kernel)
        environment = kernel_environment(made.kernel) | {"TERM": os.environ.get("TERM", "linux")}
        done = subprocess.run(argv, cwd=folder.path, env=environment, check=False)
        return done.returncode
