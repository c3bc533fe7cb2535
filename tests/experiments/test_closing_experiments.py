"""How connections end: each experiment passes in the guest, and a changed mechanism fails the
checks that are about it.
"""

from __future__ import annotations

from tests.support.twins import ExperimentTests, compiled, twin


class TestClosing(ExperimentTests):
    twins = (
        twin(
            "half_close",
            'actions[client].args=[--to, "{h2}", --port, 5000, "500ms:send:100B", "500ms:close"]',
            fails=(
                "sockets in state close-wait on h2",
                "output of action client",
                "resets to h2",
                "end of action server",
            ),
        ),
        twin(
            "simultaneous_close",
            'actions[server].args=[--listen, 5000, "1060ms:close"]',
            fails=(
                "transitions FIN-WAIT-1 → CLOSING",
                "transitions ESTABLISHED → CLOSE-WAIT",
                "sockets in state time-wait on h2",
            ),
        ),
        twin(
            "all_states",
            "actions[5].at=3200ms",
            fails=("11 states reached", "transitions SYN-SENT → SYN-RECEIVED, port 5002"),
        ),
        twin("all_states", "duration=50s", fails=("transitions TIME-WAIT → CLOSED",)),
        twin(
            "keepalive",
            "hosts.h1.sysctls.net.ipv4.tcp_keepalive_probes=2",
            fails=(
                "pure ACKs from h1",
                "packets labelled keep_alive from h1",
                "end of action client",
            ),
        ),
        twin(
            "keepalive",
            "hosts.h1.sysctls.net.ipv4.tcp_keepalive_intvl=4",
            fails=("pure ACKs from h1",),
        ),
        twin(
            "orphan_fin_wait2",
            "hosts.h1.sysctls.net.ipv4.tcp_fin_timeout=12",
            fails=("sockets in state fin-wait-2 on h1, port 5001",),
        ),
        twin(
            "syn_scan",
            'actions[scan].argv=[nmap, -sT, -r, -n, -Pn, --reason, -p, "80-83", "{h2}"]',
            fails=("output of action web",),
        ),
        twin("syn_scan", "actions[1].drop.port=81", fails=("output of action scan",)),
    )

    def test_the_two_connections_of_all_states_are_asked_for_all_eleven(self):
        (asked,) = [
            entry["visited"]["states"]
            for entry in compiled("all_states").expect
            if "visited" in entry
        ]
        assert len(set(asked)) == 11
