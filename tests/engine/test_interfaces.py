"""Interfaces and their changes over rtnetlink, in a namespace of the test's own."""

from __future__ import annotations

import os
import subprocess

import pytest

from tcpexp.engine import interfaces, namespaces
from tcpexp.engine.qdiscs import open_netlink


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)


@pytest.mark.root
def test_what_is_there_and_what_changes() -> None:
    before = os.open("/proc/self/ns/net", os.O_RDONLY)
    try:
        namespaces.unshare(namespaces.CLONE_NEWNET)
        ip("link", "add", "one", "mtu", "1400", "type", "veth", "peer", "name", "two")
        with open_netlink() as netlink, interfaces.open_watch() as watch:
            found = {interface.name: interface for interface in interfaces.list_interfaces(netlink)}
            assert (found["one"].mtu, found["one"].up, found["one"].qdisc) == (1400, False, "noop")
            assert interfaces.read_watch(watch) == ([], True)
            ip("link", "set", "one", "mtu", "1300", "up")
            changed = {
                interface.name: interface for interface in interfaces.list_interfaces(netlink)
            }["one"]
            assert (changed.mtu, changed.up, changed.qdisc) == (1300, True, "noqueue")
            notices, whole = interfaces.read_watch(watch)
            assert whole
            assert {(notice.index, notice.mtu) for notice in notices if not notice.words} >= {
                (found["one"].index, 1300)
            }
    finally:
        namespaces.set_namespace(before, namespaces.CLONE_NEWNET)
        os.close(before)


def test_notices_of_qdiscs() -> None:
    body = interfaces._TCMSG.pack(0, 7, 0, 0xFFFFFFFF, 0) + b"\x0a\0\x01\0netem\0\0\0"
    message = (
        interfaces._HEADER.pack(
            interfaces._HEADER.size + len(body), interfaces.RTM_DELQDISC, 0, 0, 0
        )
        + body
    )
    assert interfaces.parse_notices(message * 2) == [interfaces.Notice(7, "netem removed")] * 2
