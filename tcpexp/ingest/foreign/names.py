"""What packets that are no TCP are called: EtherTypes, IP protocols and UDP ports (IANA)."""

from __future__ import annotations

ETHERTYPES = {
    0x0842: "Wake-on-LAN",
    0x6002: "DEC MOP",
    0x8035: "RARP",
    0x809B: "AppleTalk",
    0x80F3: "AppleTalk ARP",
    0x8137: "IPX",
    0x8808: "Ethernet flow control",
    0x8809: "Ethernet slow protocols (LACP)",
    0x8863: "PPPoE discovery",
    0x888E: "EAP over LAN (802.1X)",
    0x8892: "PROFINET",
    0x88A4: "EtherCAT",
    0x88CC: "LLDP",
    0x88E5: "MACsec (encrypted)",
    0x88F7: "PTP",
    0x8902: "Ethernet OAM",
    0x8906: "FCoE",
    0x9000: "Ethernet loopback",
}
IP_PROTOCOLS = {
    2: "IGMP",
    3: "GGP",
    8: "EGP",
    27: "RDP",
    33: "DCCP",
    46: "RSVP",
    50: "IPsec ESP (encrypted)",
    51: "IPsec AH",
    88: "EIGRP",
    89: "OSPF",
    94: "IP in IP (old)",
    103: "PIM",
    108: "IPComp (compressed)",
    112: "VRRP",
    115: "L2TP",
    124: "IS-IS over IPv4",
    132: "SCTP",
    136: "UDP-Lite",
}
PPP_PROTOCOLS = {
    0x8021: "PPP IPCP",
    0x8057: "PPP IPv6CP",
    0x80FD: "PPP CCP",
    0xC021: "PPP LCP",
    0xC023: "PPP PAP",
    0xC025: "PPP LQR",
    0xC223: "PPP CHAP",
}
#: What usually uses a UDP port; nothing is looked at but the port.
UDP_PORTS = {
    53: "DNS",
    67: "DHCP",
    68: "DHCP",
    69: "TFTP",
    123: "NTP",
    137: "NetBIOS",
    138: "NetBIOS",
    161: "SNMP",
    162: "SNMP",
    443: "QUIC",
    500: "IKE",
    514: "syslog",
    520: "RIP",
    546: "DHCPv6",
    547: "DHCPv6",
    1194: "OpenVPN",
    1701: "L2TP",
    1900: "SSDP",
    2152: "GTP-U",
    3478: "STUN",
    3544: "Teredo",
    3702: "WS-Discovery",
    4500: "IPsec NAT traversal",
    4789: "VXLAN",
    5353: "mDNS",
    5355: "LLMNR",
    6081: "Geneve",
    51820: "WireGuard",
}


def ethertype_name(number: int) -> str:
    """Return what a frame of this EtherType is called."""
    return ETHERTYPES.get(number, f"EtherType {number:#06x}")


def ip_protocol_name(number: int) -> str:
    """Return what an IP packet of this protocol is called."""
    return IP_PROTOCOLS.get(number, f"IP protocol {number}")


def ppp_protocol_name(number: int) -> str:
    """Return what a PPP frame of this protocol is called."""
    return PPP_PROTOCOLS.get(number, f"PPP protocol {number:#06x}")


def udp_port_name(number: int) -> str | None:
    """Return what usually uses a UDP port, None when nothing well known does."""
    return UDP_PORTS.get(number)
