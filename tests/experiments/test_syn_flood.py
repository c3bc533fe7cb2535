"""The SYN flood with and without SYN cookies, each with the other's setting."""

from __future__ import annotations

from typing import ClassVar

from tests.support.twins import ExperimentTests, twin


class TestSynFlood(ExperimentTests):
    twins = (
        twin(
            "syn_flood",
            "hosts.h2.sysctls.net.ipv4.tcp_syncookies=1",
            fails=(
                "end of action honest",
                "SYNs from h1",
                "SYN-ACKs from h2",
                "TCPReqQFullDrop",
                "ListenDrops",
                "SyncookiesSent",
            ),
            passes=("state syn-recv on h2", "end of action after"),
        ),
        twin(  # a queue that is long enough for an honest client, though not for the flood
            "syn_flood",
            "hosts.h2.sysctls.net.ipv4.tcp_max_syn_backlog=4096",
            "actions[web].backlog=4096",
            fails=(
                "state syn-recv on h2, port 80 from 3 s",
                "end of action honest",
                "SYN-ACKs from h2",
                "TCPReqQFullDrop",
                "ListenDrops",
            ),
            passes=("SyncookiesSent",),
        ),
        twin(  # a flood that is too slow to keep the queue full
            "syn_flood",
            "actions[flood].rate=0.2/s",
            fails=(
                "state syn-recv on h2, port 80 from 3 s",
                "end of action honest",
                "TCPReqQFullDrop",
            ),
        ),
        twin(
            "syn_flood_cookies",
            "hosts.h2.sysctls.net.ipv4.tcp_syncookies=0",
            fails=(
                "end of action honest",
                "output of action honest",
                "SYNs from h1",
                "SyncookiesSent",
                "SyncookiesRecv",
                "TCPReqQFullDrop",
                "ListenDrops",
            ),
            passes=("state syn-recv on h2",),
        ),
    )
    other_seeds: ClassVar = {"syn_flood": 2, "syn_flood_cookies": 2}
