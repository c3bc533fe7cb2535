"""What a node takes from the machine is put back to the kernel's defaults: wide or narrow buffers,
IPv4's settings, ARP's timers.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tcpexp.engine import inherited
from tcpexp.places.host.place import HostPlace
from tests.support import engine_plans as plans

#: Sysctl of the machine: (what an administrator or a Mininet beside might have set, what a node
#: must have).
CHANGED = {
    "net/ipv4/tcp_rmem": ("10240 87380 16777216", None),
    "net/ipv4/tcp_wmem": ("4096 8192 32768", None),
    "net/ipv4/conf/default/accept_local": ("1", "0"),
    "net/ipv4/conf/all/arp_ignore": ("2", "0"),
    "net/ipv4/conf/default/accept_source_route": ("0", "1"),
    "net/ipv4/conf/all/rp_filter": ("1", "0"),
    "net/ipv4/neigh/default/mcast_solicit": ("1", None),
}


def read(key: str) -> str:
    return " ".join(Path(f"/proc/sys/{key}").read_text().split())


@pytest.fixture
def changed_machine() -> Iterator[None]:
    before = {key: read(key) for key in CHANGED}
    try:
        for key, (value, _) in CHANGED.items():
            Path(f"/proc/sys/{key}").write_text(value)
        yield
    finally:
        for key, value in before.items():
            Path(f"/proc/sys/{key}").write_text(value)


@pytest.mark.root
def test_nodes_have_the_kernels_defaults_whatever_the_machine_has(
    tmp_path: Path, changed_machine: None
) -> None:
    keys = " ".join(
        f"/proc/sys/{key}"
        for key in (
            *CHANGED,
            "net/ipv4/neigh/h2-eth0/mcast_solicit",
            "net/ipv4/conf/h2-eth0/accept_local",
        )
    )
    steps = (
        plans.spawn(
            "look",
            "h2",
            "sh",
            "-c",
            f"for f in {keys}; do echo ${{f#/proc/sys/}} $(cat $f); done",
            at=0.0,
        ),
    )
    place = HostPlace(tmp_path / "state")
    result = place.run(
        plans.plan(seconds=0.5, steps=steps), tmp_path / "out", lambda phase, t: None, lambda: False
    )
    assert result.error is None
    found = dict(
        line.partition(" ")[::2]
        for line in (tmp_path / "out/raw/logs/look.out").read_text().splitlines()
    )
    assert {key: found[key] for key, (_, wanted) in CHANGED.items() if wanted} == {
        key: wanted for key, (_, wanted) in CHANGED.items() if wanted
    }
    assert found["net/ipv4/neigh/h2-eth0/mcast_solicit"] == "3"
    assert found["net/ipv4/conf/h2-eth0/accept_local"] == "0"
    assert found["net/ipv4/tcp_rmem"].split()[:2] == ["4096", "131072"]
    assert int(found["net/ipv4/tcp_rmem"].split()[2]) in (6 << 20, 32 << 20)
    assert found["net/ipv4/tcp_wmem"] == f"4096 16384 {4 << 20}"
    put_back = json.loads((tmp_path / "out/raw/engine.json").read_text())["put_back"]
    assert put_back["net.ipv4.tcp_rmem"] == [
        "10240 87380 16777216",
        found["net/ipv4/tcp_rmem"],
        found["net/ipv4/tcp_rmem"],
    ]
    # not allowed everywhere
    assert {key for key, (_, wanted, now) in put_back.items() if wanted != now} <= {
        "net.ipv4.tcp_congestion_control"
    }
    assert result.facts["settings"]["net.ipv4.tcp_rmem"] == "10240 87380 16777216"
    assert read("net/ipv4/tcp_rmem") == "10240 87380 16777216"  # the machine's own is not touched


@pytest.mark.root
def test_a_machine_as_the_kernel_made_it_is_left_as_it_is() -> None:
    """Where the machine has the kernel's own numbers for its memory, nodes keep exactly those."""
    script = "from tcpexp.engine.inherited import tcp_defaults; print(tcp_defaults())"
    numbers = " ".join(inherited.tcp_defaults().get("tcp_rmem", read("net/ipv4/tcp_rmem")).split())
    wide = "; ".join(
        f"open('/proc/sys/net/ipv4/tcp_{name}', 'w').write('{value}')"
        for name, value in (("rmem", numbers), ("wmem", f"4096 16384 {4 << 20}"))
    )
    argv = [
        "unshare",
        "--net",
        "/usr/bin/env",
        "python3",
        "-c",
        f"import sys; sys.path.insert(0, '.'); {wide}; {script}",
    ]
    done = subprocess.run(
        argv, capture_output=True, text=True, check=True, cwd=Path(__file__).resolve().parents[2]
    )
    assert done.stdout.strip() == "{}"


def test_large_buffers_came_with_linux_6_16(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = {
        "/proc/sys/net/ipv4/tcp_rmem": "4096 87380 1000000",
        "/proc/sys/net/ipv4/tcp_wmem": "4096 16384 4194304",
        "/proc/meminfo": "MemTotal: 16000000 kB",
    }
    monkeypatch.setattr(inherited, "read_file", texts.__getitem__)
    for release, most in (
        ("6.1.0-57-amd64", 6291456),
        ("6.12.48+deb13-amd64", 6291456),
        ("6.16.3", 33554432),
        ("7.3.0", 33554432),
    ):
        monkeypatch.setattr(
            inherited.os, "uname", lambda release=release: type("U", (), {"release": release})
        )
        assert inherited.tcp_defaults() == {"tcp_rmem": f"4096 131072 {most}"}


def test_a_small_machine_has_small_buffers(monkeypatch: pytest.MonkeyPatch) -> None:
    """The largest size is at most 1/128 of the memory (net/ipv4/tcp.c, tcp_init)."""
    texts = {
        "/proc/sys/net/ipv4/tcp_rmem": "4096 131072 3900000",
        "/proc/sys/net/ipv4/tcp_wmem": "4096 16384 16777216",
        "/proc/meminfo": "MemTotal: 500000 kB",
    }
    monkeypatch.setattr(inherited, "read_file", texts.__getitem__)
    assert inherited.tcp_defaults() == {"tcp_wmem": f"4096 16384 {500000 * 1024 // 128}"}
