"""Names of kernel settings: those of a host's network, by the names that they have."""

import pytest

from tcpexp.spec.sysctls import check_sysctl_name
from tcpexp.units import QuantityError


@pytest.mark.parametrize("name", ["net.ipv4.tcp_sack", "net.ipv6.neigh.h1-eth0.mcast_solicit", "net.ipv6.conf.all.forwarding", "net.core.somaxconn"])
def test_settings_of_the_network(name):
    assert check_sysctl_name(name) == name


@pytest.mark.parametrize("name", ["kernel.panic", "net", "net.ipv4.../kernel", "net.ipv4.tcp sack"])
def test_others_are_refused(name):
    with pytest.raises(QuantityError, match=r"only net\.\* belongs to one host alone"):
        check_sysctl_name(name)


@pytest.mark.parametrize("name", ["tcp_sack", "udp_rmem_min", "ip_local_port_range"])
def test_what_both_versions_of_ip_share_has_ipv4s_name(name):
    with pytest.raises(QuantityError, match=f"there is no setting 'net.ipv6.{name}' .write net.ipv4.{name}, which holds for IPv6 too"):
        check_sysctl_name(f"net.ipv6.{name}")
