"""Shell commands of scripts as data; what is not let through."""

from __future__ import annotations

import pytest

from tcpexp.packetdrill.kernel.shell import parse_commands
from tcpexp.packetdrill.outcome import Unplayable


def nothing(path: str) -> str | None:
    return None


def test_settings_quotes_and_arithmetic():
    text = """sysctl -q net.ipv4.tcp_rmem="4096 540000 $((15*1024*1024))"  # three numbers
    sysctl -w net.ipv4.tcp_ecn=3 > /dev/null 2>&1"""
    assert parse_commands(text, nothing) == [
        {"op": ";", "pipe": [["sysctl", "-q", "net.ipv4.tcp_rmem=4096 540000 15728640"]]},
        {"op": ";", "pipe": [["sysctl", "net.ipv4.tcp_ecn=3"]]},
    ]


def test_pipes_and_conditions():
    nodes = parse_commands("nstat -s | grep X | grep -q ' 1 ' && tc qdisc show || true", nothing)
    assert [node["op"] for node in nodes] == [";", "&&", "||"]
    assert nodes[0]["pipe"] == [["nstat", "-s"], ["grep", "X"], ["grep", "-q", " 1 "]]


def test_a_script_beside_the_script_is_read_from_its_folder():
    files = {"../common/defaults.sh": "# all\n./more.sh\n", "../common/more.sh": "ip link"}
    (node,) = parse_commands("../common/defaults.sh", files.get)
    assert node["block"] == [{"op": ";", "block": [{"op": ";", "pipe": [["ip", "link"]]}]}]


def test_values_that_are_put_back():
    text = "./set_sysctls.py /proc/sys/net/ipv4/tcp_timestamps=0 \\\n/proc/sys/net/ipv4/tcp_ecn=1"
    assert parse_commands(text, nothing)[0]["pipe"][0][:2] == [
        "set_sysctls",
        "/proc/sys/net/ipv4/tcp_timestamps=0",
    ]
    restored = parse_commands("/tmp/sysctl_restore_${PPID}.sh", nothing)
    assert restored == [{"op": ";", "pipe": [["restore"]]}]


@pytest.mark.parametrize(
    "text",
    [
        "rm -rf /",
        "rm /tmp/../etc/passwd",
        "curl http://example.org",
        "sh -c true",
        "echo 1 > /proc/sys/kernel/panic",
        "echo 1 > /sys/module/tcp_cubic/parameters/../../../../x",
        "set_sysctls.py /etc/passwd=1",
        "ip netns exec a b",
        "ip -batch /tmp/x",
        "tc -b /tmp/x",
        "dd if=/dev/zero of=/dev/mem",
        "grep root /etc/passwd",
        "cat /proc/self/environ",
        "ip link > /tmp/x",
        "$(ip link)",
        "sysctl net.x=`id`",
        "sysctl net.x=$HOME",
        "./missing.sh",
        "ip link &",
    ],
)
def test_what_is_not_let_through(text):
    with pytest.raises(Unplayable):
        parse_commands(text, nothing)


def test_scripts_that_call_each_other_end():
    with pytest.raises(Unplayable):
        parse_commands("./a.sh", lambda path: "./a.sh")
