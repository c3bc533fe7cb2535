PACKETLINK
@dataclass(frozen=True)
class PacketLink:
    """A packet: the capture (``h1-eth0``) and the number that Wireshark shows there."""

    capture: str
    number: int


