"""Build ``tcpexp/apps/mptcp_sockets.<architecture>.so`` from its source with this machine's gcc.

    python -m tools.mptcp_sockets

``mptcp_sockets.json`` beside it says of which source it was built; a test compares.
"""

from __future__ import annotations

import hashlib
import json
import platform
import subprocess
from pathlib import Path

APPS = Path(__file__).parent.parent / "tcpexp" / "apps"
SOURCE, NOTE = APPS / "mptcp_sockets.c", APPS / "mptcp_sockets.json"
FLAGS = (
    "-Os",
    "-shared",
    "-fPIC",
    "-nostdlib",
    "-fno-asynchronous-unwind-tables",
    "-Wl,--build-id=none",
    "-Wl,-z,noseparate-code",
    "-Wl,-z,max-page-size=4096",
    "-s",
)


def main() -> None:
    """Compile, and note what was compiled."""
    machine = platform.machine()
    target = APPS / f"mptcp_sockets.{machine}.so"
    subprocess.run(["gcc", *FLAGS, "-o", str(target), str(SOURCE)], check=True)
    compiler = subprocess.run(["gcc", "--version"], check=True, capture_output=True, text=True)
    note = json.loads(NOTE.read_text()) if NOTE.is_file() else {}
    note["source_sha256"] = hashlib.sha256(SOURCE.read_bytes()).hexdigest()
    note[machine] = {
        "compiler": compiler.stdout.splitlines()[0],
        "sha256": hashlib.sha256(target.read_bytes()).hexdigest(),
    }
    NOTE.write_text(json.dumps(note, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
