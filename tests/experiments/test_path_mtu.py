"""Path MTU discovery and its black hole: what fails when the link is wide, ICMP passes, or nobody
probes.
"""

from tests.support.twins import ExperimentTests, twin

OPEN = "actions[0]={at: 0s, do: mark, text: open}"


class TestPathMtu(ExperimentTests):
    twins = (
        twin(  # nothing to discover
            "path_mtu_discovery",
            "links.r1-r2.mtu=1500B",
            fails=(
                "ICMP packets from r2",
                "Icmp.InDestUnreachs",
                "max payload of segments of flow first from h2, seen at h1",
                "retransmissions of flow first",
            ),
            passes=("retransmissions of flow second", "download of action first", "TCPTimeouts"),
        ),
        twin(  # another size
            "path_mtu_discovery",
            "links.r1-r2.mtu=1000B",
            fails=(
                "max payload of segments of flow first from h2, seen at h1",
                "max payload of segments of flow second",
                "option mss in the SYNs of h2",
            ),
            passes=("ICMP packets from r2", "download of action second"),
        ),
        twin(  # h2 does not set DF, so the router cuts, and says nothing
            "path_mtu_discovery",
            "hosts={h2: {sysctls: {net.ipv4.ip_no_pmtu_disc: 1}}}",
            fails=(
                "ICMP packets from r2",
                "max payload of segments of flow second",
                "retransmissions of flow first",
            ),
            passes=("download of action first",),
        ),
        twin(  # the router may speak
            "path_mtu_black_hole",
            OPEN,
            fails=(
                "ICMP packets seen at b1",
                "ICMP packets seen at b2",
                "TCPAbortOnTimeout",
                "end of action silent",
                "TCPMTUPSuccess",
            ),
            passes=("download of action probing",),
        ),
        twin(  # nobody probes
            "path_mtu_black_hole",
            "hosts.b1.sysctls={net.ipv4.tcp_mtu_probing: 0, net.ipv4.tcp_no_metrics_save: 1}",
            fails=("download of action probing", "TCPMTUPSuccess", "TCPMTUPFail"),
            passes=("ICMP packets seen at b1", "TCPAbortOnTimeout", "end of action silent"),
        ),
        twin(  # both probe
            "path_mtu_black_hole",
            "hosts.b2.sysctls.net.ipv4.tcp_mtu_probing=1",
            fails=("flows.silent.goodput_bytes", "TCPAbortOnTimeout", "end of action silent"),
            passes=("download of action probing",),
        ),
    )
