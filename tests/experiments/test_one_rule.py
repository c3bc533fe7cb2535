"""The labs of one rule each: each passes, and without its rule fails where it shows the rule."""

from tests.support.twins import ExperimentTests, twin


class TestOneRule(ExperimentTests):
    twins = (
        twin(  # fewer doublings until the kernel gives up
            "rto_back_off",
            "hosts.h1.sysctls.net.ipv4.tcp_retries2=8",
            fails=("data segments from h1 of flow fifteen", "end of action client:"),
            passes=("data segments from h2 of flow five", "end of action client_5"),
        ),
        twin(  # F-RTO helps the second download too
            "frto",
            "actions[4].value=2",
            fails=("retransmissions of flow neither", "growth of TcpExt.TCPLossUndo on h2 from 4"),
            passes=("retransmissions of flow frto", "spurious loss events of flow neither"),
        ),
        twin(  # the rule holds for the third connection too
            "idle_restart",
            "actions[5].value=1",
            fails=("in flight of flow kept from 11 s",),
            passes=("in flight of flow long from 4 s", "in flight of flow short from 5.6 s"),
        ),
        twin(  # no connection takes over a pair of ports
            "time_wait_reuse",
            "actions[4].value=0",
            fails=("end of action reused", "growth of TcpExt.TWRecycled"),
            passes=("end of action refused",),
        ),
        twin(  # no flood, no cookies
            "syn_options_cookies",
            "hosts.h2.sysctls.net.ipv4.tcp_syncookies=1",
            fails=("growth of TcpExt.SyncookiesSent", "payload of segments of flow stamps"),
            passes=("payload of segments of flow usual",),
        ),
        twin(  # Reno halves where CUBIC keeps 0.7
            "prr",
            "actions[4].value=cubic",
            fails=("back-off factor of flow reno", "in recovery of flow reno"),
            passes=("in recovery of flow cubic",),
        ),
        twin(  # a server that knows no Fast Open
            "fast_open",
            "hosts.h2.sysctls.net.ipv4.tcp_fastopen=1",
            fails=("end of action second", "growth of TcpExt.TCPFastOpenPassive on"),
            passes=("end of action plain",),
        ),
        twin(  # room for all ACKs
            "ack_thinning",
            "actions[narrow].rate=1mbit",
            fails=("drops from 18 s to 23 s", "RTT of flow thin"),
            passes=("goodput of flow thin", "goodput of flow wide"),
        ),
        twin(  # nobody opens the second subflow
            "mptcp_two_paths",
            "actions[client_paths].accept=0",
            fails=("subflows of flow mptcp", "goodput of flow mptcp from 8 s to 12 s"),
            passes=("goodput of flow tcp",),
        ),
    )
