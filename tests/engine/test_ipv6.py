"""The settings of a node that speaks IPv6, and the wait for its reports."""

from tcpexp.engine.ipv6 import REPORT_STEP_S, await_reports, ipv6_sysctls, parse_snmp6


def test_a_node_is_quiet_before_ipv6_is_switched_on():
    settings = list(ipv6_sysctls(["h1-eth0", "h1.5"], "0").items())
    assert settings[-2:] == [
        ("net/ipv6/conf/all/disable_ipv6", "0"),
        ("net/ipv6/conf/all/forwarding", "0"),
    ]
    before = dict(settings[:-2])
    for name in ("h1-eth0", "h1.5"):
        assert before[f"net/ipv6/conf/{name}/addr_gen_mode"] == "1"
        assert before[f"net/ipv6/conf/{name}/router_solicitations"] == "0"
        assert before[f"net/ipv6/conf/{name}/dad_transmits"] == "0"


def test_a_router_forwards():
    assert ipv6_sysctls([], "1")["net/ipv6/conf/all/forwarding"] == "1"


def test_snmp6():
    assert parse_snmp6(
        "Ip6InReceives                   \t12\nIcmp6OutMLDv2Reports            \t4\n"
    ) == {"Ip6InReceives": 12, "Icmp6OutMLDv2Reports": 4}


def test_reports_are_waited_for_until_no_more_come():
    class Reports:
        """Grows at the calls that are named, as a kernel's counter does."""

        def __init__(self, *grows_at):
            self.calls, self.count, self.grows_at = 0, 0, grows_at

        def __call__(self):
            self.calls += 1
            self.count += self.calls in self.grows_at
            return self.count

    late = round(0.5 / REPORT_STEP_S)
    sent = Reports(2, late)
    await_reports(sent)
    assert sent.count == 2
    assert sent.calls > late
