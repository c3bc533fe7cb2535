"""Packets and calls as a script writes them: what reports print beside a script's own lines."""

from __future__ import annotations

from tcpexp.packetdrill.script import (
    Call,
    Code,
    Command,
    Event,
    Expression,
    Icmp,
    Ip,
    Option,
    Packet,
    Tcp,
    Udp,
)


def text_of(action: Packet | Call | Command | Code) -> str:
    """Return an event's action in the script's language."""
    if isinstance(action, Packet):
        return packet_text(action)
    if isinstance(action, Call):
        return call_text(action)
    return f"`{action.text}`" if isinstance(action, Command) else f"%{{ {action.text} }}%"


def packet_text(packet: Packet) -> str:
    """Return a packet, from ``<`` or ``>`` on."""
    content = packet.content
    words = ["<" if packet.direction == "in" else ">"]
    words += [f"{header}:" for header in packet.outer if not header.startswith("encap")]
    words += [header for header in packet.outer if header.startswith("encap")]
    if ip := _ip(packet.ip):
        words.append(ip)
    if isinstance(content, Udp):
        words.append(f"udp ({content.length})")
    elif isinstance(content, Icmp):
        words.append(_icmp(content))
    else:
        if packet.ports is not None:
            words.append("{} > {}".format(*packet.ports))
        words.append(segment_text(content))
    if packet.udp_ports is not None:
        words[-1] += "/udp({} > {})".format(*packet.udp_ports)
    return " ".join(words)


def segment_text(segment: Tcp) -> str:
    """Return flags, numbers and options."""
    words = [segment.flags or "-"]
    if segment.ace is not None:
        words = [f"{segment.flags.rstrip('.')}.{segment.ace}"]
    if segment.seq is None:
        words.append(f"...({segment.length})")
    else:
        end = (segment.seq + segment.length) & 0xFFFFFFFF
        words.append(f"{segment.seq}:{end}({segment.length})" + "!" * segment.absolute)
    for name, value in (("ack", segment.ack), ("win", segment.window), ("urg", segment.urgent)):
        if value is not None:
            words.append(f"{name} {value}")
    if segment.options is None:
        words.append("<...>")
    elif segment.options:
        words.append(f"<{','.join(map(option_text, segment.options))}>")
    return " ".join(words)


def option_text(option: Option) -> str:
    """Return one TCP option."""
    if option.kind == "TS":
        return f"TS val {option.value} ecr {option.echo}"
    if option.kind == "sack":
        return "sack " + " ".join(f"{left}:{right}" for left, right in option.blocks)
    if option.kind == "ECN":
        return "ECN " + " ".join(f"{name} {count}" for name, count in option.counts)
    if option.value is not None:
        return f"{option.kind} {option.value}"
    return f"{option.kind} {option.data}".rstrip()


def call_text(call: Call) -> str:
    """Return a system call with its result."""
    end = "" if call.end_ns is None else f"...{call.end_ns / 1e9:g} "
    arguments = ", ".join(map(expression_text, call.arguments))
    errno = "" if call.errno is None else f" {call.errno}"
    note = "" if call.note is None else f" ({call.note})"
    return f"{end}{call.name}({arguments}) = {expression_text(call.result)}{errno}{note}"


def expression_text(expression: Expression) -> str:
    """Return an argument."""
    items = [expression_text(item) for item in expression.items]
    match expression.kind:
        case "ellipsis":
            return "..."
        case "string":
            return f'"{expression.value}"' + "..." * expression.open
        case "or":
            return "|".join(items)
        case "list":
            return f"[{', '.join(items)}]"
        case "set":
            return f"{{{', '.join(items)}}}"
        case "struct":
            pairs = zip(expression.names, items, strict=True)
            return f"{{{', '.join(f'{name}={item}' for name, item in pairs)}}}"
        case "call":
            return f"{expression.value}({', '.join(items)})"
        case "assign":
            return f"{expression.value}={items[0]}"
        case "raw":
            return f"{{{expression.value}}}"
    return str(expression.value)


def time_text(event: Event) -> str:
    """Return an event's time."""
    when = event.when
    if when.kind == "any":
        return "*"
    plus = "+" if when.kind.startswith("relative") else ""
    at = f"{plus}{when.at_ns / 1e9:g}"
    return at if when.until_ns is None else f"{at}~{plus}{when.until_ns / 1e9:g}"


def _ip(ip: Ip) -> str:
    words = [] if ip.ecn is None else [ip.ecn]
    words += [] if ip.tos is None else [f"tos {ip.tos:#x}"]
    words += [] if ip.flow_label is None else [f"flowlabel {ip.flow_label:#x}"]
    words += [] if ip.ttl is None else [f"ttl {ip.ttl}"]
    return f"[{','.join(words)}]" if words else ""


def _icmp(icmp: Icmp) -> str:
    words = ["icmp", icmp.type, icmp.code or ""]
    words += [] if icmp.mtu is None else [f"mtu {icmp.mtu}"]
    words += [] if icmp.id is None else [f"id {icmp.id}"]
    if icmp.about == "tcp":
        words.append(f"[{icmp.seq}:{(icmp.seq + icmp.length) & 0xFFFFFFFF}({icmp.length})]")
    elif icmp.about is not None:
        words.append(f"[{icmp.about} ({icmp.length})]")
    return " ".join(word for word in words if word)
