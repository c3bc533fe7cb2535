"""Opening a connection, as it should be and where it does not go so: the row of each experiment,
and what fails when its mechanism is another.
"""

from __future__ import annotations

from tcpexp.plan.types import Firewall, Spawn
from tests.support.twins import ExperimentTests, compiled, twin

QUEUE_OF_SIX = "actions[server].args=[--port, 80, --backlog, 5]"
REJECT = (
    "actions[0]={at: 0s, do: firewall, host: r1, chain: FORWARD, reject: {to: h2}, reject_with:"
    " icmp-host-unreachable}"
)


class TestConnecting(ExperimentTests):
    twins = (
        twin(  # the server closes after its answer
            "handshake_teardown",
            "actions[web].keep_alive=false",
            fails=(
                "states of a socket on h1",
                "states of a socket on h2",
                "first FIN",
                "state time-wait on h1",
                "state time-wait on h2",
            ),
            passes=("download of action get", "smallest RTT"),
        ),
        twin(
            "handshake_teardown",
            "links.h1-h2.delay=11ms",
            "hosts.h2.sysctls={net.ipv4.tcp_sack: 0, net.ipv4.tcp_timestamps: 0}",
            "hosts.h1.mtu=1400B",
            fails=(
                "smallest RTT",
                "option mss in the SYNs of h1",
                "option sack permitted in the SYNs of h2",
                "option timestamps in the SYNs of h2",
            ),
            passes=("first FIN",),
        ),
        twin(
            "dead_host",
            "hosts.h1.sysctls.net.ipv4.tcp_syn_retries=5",
            fails=("SYNs from h1", "end of action get", "TCPSynRetrans", "TCPTimeouts"),
        ),
        twin(  # the router says that it cannot deliver
            "dead_host",
            REJECT,
            fails=(
                "SYNs from h1",
                "end of action get",
                "output of action get",
                "ICMP packets",
                "state syn-sent on h1",
            ),
            passes=("segments to h2",),
        ),
        twin(
            "dead_host_retries_3",
            "hosts.h1.sysctls.net.ipv4.tcp_syn_retries=2",
            fails=("SYNs from h1", "end of action get", "TCPSynRetrans"),
        ),
        twin(  # curl loses patience before the kernel does: the same exit status, another error
            "dead_host_retries_3",
            "actions[get].timeout=15100ms",
            fails=("output of action get",),
            passes=("SYNs from h1", "end of action get"),
        ),
        twin(
            "dead_host_linear",
            "hosts.h1.sysctls.net.ipv4.tcp_syn_retries=2",
            fails=("SYNs from h1", "end of action get", "TCPSynRetrans"),
        ),
        twin(
            "dead_host_same_subnet",
            "hosts.h1.sysctls.net.ipv4.neigh.h1-eth0.mcast_solicit=2",
            fails=("TCPSpuriousRtxHostQueues", "end of action absent"),
        ),
        twin(
            "dead_host_same_subnet",
            "actions[absent].argv=[curl, -q, -v, --noproxy, '*', 'http://{h2}/index.html']",
            fails=(
                "segments from h1",
                "ARP or neighbour discovery",
                "TCPSpuriousRtxHostQueues",
                "end of action absent",
                "output of action absent",
            ),
        ),
        twin(
            "closed_port",
            "actions[2].at=9s",
            fails=(
                "RST,ACKs from h2",
                "SYN-ACKs from h2",
                "states of a socket on h1",
                "end of action closed",
                "output of action closed",
                "output of action closed_wget",
                "Tcp.OutRsts",
            ),
        ),
        twin(
            "synack_drop",
            "hosts={h1: {sysctls: {net.ipv4.tcp_syn_retries: 4}}}",
            fails=("SYNs from h1", "end of action get", "TCPSynRetrans"),
        ),
        twin(
            "synack_drop",
            "hosts={h2: {sysctls: {net.ipv4.tcp_synack_retries: 2}}}",
            fails=("SYN-ACKs from h2",),
            passes=("SYNs from h1",),
        ),
        twin(  # the server's SYN-ACKs get through
            "synack_drop",
            "actions[2].drop={flags: rst, from: h2}",
            fails=(
                "SYNs from h1",
                "SYN-ACKs from h2",
                "syn-sent on h1",
                "syn-recv on h2",
                "end of action get",
                "output of action get",
            ),
            passes=("firewall of h1",),
        ),
        twin(
            "synack_drop_isolated",
            "actions[quiet_five].at=20s",
            fails=("SYNs from h1", "SYN-ACKs from h2"),
        ),
        twin(
            "synack_drop_isolated",
            "actions[fewer].value=3",
            fails=("SYN-ACKs from h2", "sockets in state syn-recv on h2, port 80 from 71 s"),
        ),
        twin(
            "accept_queue_overflow",
            QUEUE_OF_SIX,
            fails=("sockets in state listen on h2, port 80 from 3 s",),
        ),
        twin(
            "accept_queue_overflow",
            "hosts.h2.sysctls.net.ipv4.tcp_abort_on_overflow=1",
            fails=(
                "state estab on h1",
                "state syn-recv on h2",
                "SYN-ACKs from h2",
                "resets from h2",
                "end of action third",
            ),
            passes=("SYNs from h1", "sockets in state listen on h2, port 80 from 3 s"),
        ),
        twin(
            "accept_queue_abort",
            "hosts.h2.sysctls.net.ipv4.tcp_abort_on_overflow=0",
            fails=(
                "SYN-ACKs from h2",
                "resets from h2",
                "end of action third",
                "state syn-recv on h2",
                "ListenOverflows",
            ),
            passes=("SYNs from h1",),
        ),
    )

    def test_the_dead_host_is_behind_a_router_that_keeps_quiet(self):
        plan = compiled("dead_host")
        routers = {node.name for node in plan.network.nodes if node.kind == "router"}
        (rule,) = [step.do for step in plan.steps if isinstance(step.do, Firewall)]
        assert (rule.chain, rule.rule[-1]) == ("FORWARD", "DROP")
        assert rule.node in routers

    def test_the_absent_host_is_on_the_clients_subnet_and_nobody(self):
        plan = compiled("dead_host_same_subnet")
        (url,) = [
            word
            for step in plan.steps
            if isinstance(step.do, Spawn) and step.id == "absent"
            for word in step.do.argv
            if "http" in word
        ]
        taken = {
            interface.ipv4.split("/")[0]
            for node in plan.network.nodes
            for interface in node.interfaces
        }
        address = url.split("/")[2]
        assert address.rpartition(".")[0] in {address.rpartition(".")[0] for address in taken}
        assert address not in taken
