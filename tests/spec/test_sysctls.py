"""Names of kernel settings: those of a host's network, by the names that they have."""

import pytest

from tcpexp.spec.sysctl_names import NAMES
from tcpexp.spec.sysctls import MACHINE_WIDE, check_sysctl_name
from tcpexp.units import QuantityError


@pytest.mark.parametrize(
    "name",
    [
        "net.ipv4.tcp_sack",
        "net.ipv6.neigh.h1-eth0.mcast_solicit",
        "net.ipv6.conf.all.forwarding",
        "net.core.somaxconn",
    ],
)
def test_settings_of_the_network(name):
    assert check_sysctl_name(name) == name


@pytest.mark.parametrize("name", ["kernel.panic", "net", "net.ipv4.../kernel", "net.ipv4.tcp sack"])
def test_others_are_refused(name):
    with pytest.raises(QuantityError, match=r"only net\.\* belongs to one host alone"):
        check_sysctl_name(name)


@pytest.mark.parametrize("name", ["tcp_sack", "udp_rmem_min", "ip_local_port_range"])
def test_what_both_versions_of_ip_share_has_ipv4s_name(name):
    with pytest.raises(
        QuantityError,
        match=(
            f"there is no setting 'net.ipv6.{name}' .write net.ipv4.{name}, which holds for"
            " IPv6 too"
        ),
    ):
        check_sysctl_name(f"net.ipv6.{name}")


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("net.ipv4.tcp_congstion_control", "net.ipv4.tcp_congestion_control"),
        ("net.ipv4.tcp_Sack", "net.ipv4.tcp_sack"),
        ("net.ipv4.tcp_rmen", "net.ipv4.tcp_rmem"),
        ("net.ipv6.neigh.h1-eth0.mcast_solicitt", "net.ipv6.neigh.h1-eth0.mcast_solicit"),
        ("net.core.somaxcon", "net.core.somaxconn"),
    ],
)
def test_a_mistyped_name_is_refused_with_the_near_one(name, meant):
    with pytest.raises(QuantityError, match="no host has a setting") as caught:
        check_sysctl_name(name)
    assert caught.value.hint == f"did you mean '{meant}'?"


def test_what_the_whole_machine_shares_is_said_to_be():
    with pytest.raises(QuantityError, match="holds for the whole machine"):
        check_sysctl_name("net.ipv4.tcp_mem")


@pytest.mark.parametrize(
    "name",
    [
        "net.netfilter.nf_conntrack_max",
        "net.ipv4.tcp_syn_linear_timeouts",
        "net.ipv4/tcp_sack",
        "net.ipv4.conf.h1-eth0.rp_filter",
    ],
)
def test_settings_of_some_kernels_and_of_modules_pass(name):
    assert check_sysctl_name(name) == name


def test_the_list_is_of_settings_that_hosts_have():
    assert {
        "net.ipv4.tcp_congestion_control",
        "net.ipv4.conf.*.rp_filter",
        "net.ipv4.tcp_wmem",
    } <= NAMES
    assert not NAMES & MACHINE_WIDE
    assert len(NAMES) > 300
