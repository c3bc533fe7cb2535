"""The library that makes a program's TCP sockets MPTCP's: built of its source, and it does."""

import hashlib
import json
import platform
import subprocess
import sys
from pathlib import Path

import pytest

APPS = Path(__file__).parents[2] / "tcpexp" / "apps"
LIBRARY = APPS / f"mptcp_sockets.{platform.machine()}.so"
#: SO_PROTOCOL, which Python's socket has not on all systems
PROTOCOLS = (
    "import socket\n"
    "tcp, udp = socket.socket(), socket.socket(type=socket.SOCK_DGRAM)\n"
    "print(*(each.getsockopt(socket.SOL_SOCKET, 38) for each in (tcp, udp)))\n"
)


def test_each_library_is_built_of_its_source():
    note = json.loads((APPS / "mptcp_sockets.json").read_text())
    source = (APPS / "mptcp_sockets.c").read_bytes()
    assert note.pop("source_sha256") == hashlib.sha256(source).hexdigest(), (
        "python -m tools.mptcp_sockets"
    )
    built = {path.name.split(".")[1]: path for path in APPS.glob("mptcp_sockets.*.so")}
    assert set(built) == set(note)
    for machine, path in built.items():
        assert hashlib.sha256(path.read_bytes()).hexdigest() == note[machine]["sha256"]


@pytest.mark.skipif(not Path("/proc/sys/net/mptcp").is_dir(), reason="no MPTCP in this kernel")
@pytest.mark.skipif(not LIBRARY.is_file(), reason=f"not built for {platform.machine()}")
def test_tcp_becomes_mptcp_and_nothing_else():
    done = subprocess.run(
        [sys.executable, "-c", PROTOCOLS],
        env={"LD_PRELOAD": str(LIBRARY)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["262", "17"]
