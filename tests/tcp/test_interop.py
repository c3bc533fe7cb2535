"""Over TUN with this machine's kernel, in namespaces of the test's own: 10 MB each way on a bad
path, and every way to begin and end a connection.

``interop_program.py`` is what runs in the namespace; tests/guest/test_interop_in_guest.py runs the
same in the guest.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tcpexp.tcp.services.protocols import generate
from tests.support.folders import PROGRAMS
from tests.support.interop_verdicts import CASES, PATHS, Expected, complaints, kernel_complaints

pytestmark = pytest.mark.root
PROGRAM = PROGRAMS / "interop_program.py"
TEN_MEGABYTES = 10_000_000
IP = pytest.mark.parametrize("ip", [4, 6])


def run_program(
    case: str, capture: Path, *, ip: int = 4, out: str = "", into: str = "", size: int = 1_000_000
) -> dict[str, Any]:
    """Run a case in a network namespace of its own; return what it found."""
    if ip == 6 and not Path("/proc/sys/net/ipv6").is_dir():
        pytest.skip("this kernel lacks IPv6")
    words = [
        "--ip",
        str(ip),
        "--out",
        out,
        "--into",
        into,
        "--size",
        str(size),
        "--capture",
        str(capture),
    ]
    path = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    argv = ["unshare", "--net", sys.executable, str(PROGRAM), case, *words]
    done = subprocess.run(argv, capture_output=True, text=True, env=path, timeout=240, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def transfer(case: str, tmp_path: Path, name: str, ip: int, size: int) -> None:
    out, into, explained = PATHS[name]
    found = run_program(case, tmp_path / "u0.pcap", ip=ip, out=out, into=into, size=size)
    assert found["hash"] == hashlib.sha256(generate(size, 1)).hexdigest()
    assert set(found["discarded"]) <= {
        "not TCP",
        "not for this address",
    }, "the kernel's own IPv6 chatter is all that is thrown away"
    assert kernel_complaints(found, name) == {}
    assert complaints(tmp_path / "u0.pcap", ip, explained) == []


#: 5 % takes a while: in the full suite.
NAMES = [pytest.param(name, marks=pytest.mark.full) if name == "loss5" else name for name in PATHS]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("case", ["upload", "download"])
def test_ten_megabytes(case: str, name: str, tmp_path: Path) -> None:
    transfer(case, tmp_path, name, 4, TEN_MEGABYTES)


@pytest.mark.parametrize(
    "name",
    [
        "everything",
        *(pytest.param(name, marks=pytest.mark.full) for name in PATHS if name != "everything"),
    ],
)
@pytest.mark.parametrize("case", ["upload", "download"])
def test_over_ipv6(case: str, name: str, tmp_path: Path) -> None:
    transfer(case, tmp_path, name, 6, TEN_MEGABYTES if name != "everything" else 1_000_000)


@IP
@pytest.mark.parametrize("case", CASES)
def test_beginnings_and_ends(case: str, ip: int, tmp_path: Path) -> None:
    expected: Expected = CASES[case]
    found = run_program(case, tmp_path / "u0.pcap", ip=ip)
    assert {key: found[key] for key in expected.found} == expected.found
    assert kernel_complaints(found, case) == {}
    assert complaints(tmp_path / "u0.pcap", ip, expected.explained) == []
