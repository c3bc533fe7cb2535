"""Captures in other formats than pcap's, and frames of other links than Ethernet, made by hand."""

import struct

#: pcapng's block types.
SHB, IDB, SPB, ISB, EPB = 0x0A0D0D0A, 1, 3, 5, 6


def option(code, value, order="<"):
    """One option of a pcapng block."""
    return struct.pack(order + "HH", code, len(value)) + value + bytes(-len(value) % 4)


def block(kind, body, order="<"):
    """One pcapng block."""
    size = struct.pack(order + "I", 12 + len(body))
    return struct.pack(order + "I", kind) + size + body + size


def section(order="<", options=b""):
    """A section header of unknown length."""
    return block(SHB, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1) + options, order)


def interface(link=1, snaplen=0, options=b"", order="<"):
    """An interface; its clock counts microseconds unless options say otherwise."""
    return block(IDB, struct.pack(order + "HHI", link, 0, snaplen) + options, order)


def packet(ticks, data, *, interface_id=0, whole=None, options=b"", order="<"):
    """An enhanced packet block."""
    head = (interface_id, ticks >> 32, ticks & 0xFFFFFFFF, len(data), whole or len(data))
    body = struct.pack(order + "IIIII", *head) + data + bytes(-len(data) % 4) + options
    return block(EPB, body, order)


def write_pcapng(path, packets, *, order="<", link=1, options=b"", units=10**6):
    """Write (time in ns, frame) pairs as a pcapng file with one interface."""
    parts = [section(order), interface(link, 0, options, order)]
    parts += [packet(t_ns * units // 10**9, data, order=order) for t_ns, data in packets]
    path.write_bytes(b"".join(parts))
    return path


def write_snoop(path, packets, *, link=4):
    """Write (time in ns, frame) pairs as a snoop file."""
    parts = [b"snoop\0\0\0", struct.pack(">II", 2, link)]
    for t_ns, data in packets:
        pad = -len(data) % 4
        seconds, fraction = divmod(t_ns, 10**9)
        sizes = (len(data), len(data), 24 + len(data) + pad, 0)
        parts += [struct.pack(">IIIIII", *sizes, seconds, fraction // 1000), data + bytes(pad)]
    path.write_bytes(b"".join(parts))
    return path


def cooked(frame, outgoing=False):
    """An Ethernet frame as ``tcpdump -i any`` keeps it."""
    head = struct.pack(">HHH", 4 if outgoing else 0, 1, 6) + frame[6:12] + bytes(2)
    return head + frame[12:]


def cooked2(frame, index=2):
    """An Ethernet frame as a newer ``tcpdump -i any`` keeps it."""
    return (
        frame[12:14]
        + struct.pack(">HIHBB", 0, index, 1, 0, 6)
        + frame[6:12]
        + bytes(2)
        + frame[14:]
    )
