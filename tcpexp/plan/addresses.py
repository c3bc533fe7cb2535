"""Addresses: those that the spec chooses (``hosts.h2.address``), around them those of the links'
other ends, and a subnet for every other link.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tcpexp.errors import SpecError, SpecErrors
from tcpexp.plan.topology import Graph, GraphLink
from tcpexp.registry import suggest

if TYPE_CHECKING:
    from tcpexp.spec.model import ExperimentSpec, HostSettings

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Interface = ipaddress.IPv4Interface | ipaddress.IPv6Interface
#: The prefix of an address that is written without one, by version of IP.
PREFIXES = {4: 24, 6: 64}


@dataclass(frozen=True)
class LinkAddresses:
    """A link's subnet, and the addresses of its ends in the topology's order."""

    network: Network
    ends: tuple[Interface, Interface]


@dataclass(frozen=True)
class _Chosen:
    node: str
    link: str
    interface: Interface
    path: tuple[str, ...]


def subnet(ip: int, slot: int, link: int) -> Network:
    """Return the subnet of link number ``link``: ``10.<slot>.<link>.0/24`` or
    ``2001:db8:<slot>:<link>::/64`` (both numbers in hexadecimal there).

    2001:db8::/32 is set aside for documentation (RFC 3849) and routed nowhere.
    """
    if ip == 4:
        return ipaddress.IPv4Network(f"10.{slot}.{link}.0/24")
    return ipaddress.IPv6Network(f"2001:db8:{slot:x}:{link:x}::/64")


def link_addresses(
    graph: Graph, spec: ExperimentSpec, hosts: Mapping[str, HostSettings], slot: int
) -> list[LinkAddresses]:
    """Return each link's addresses, in the topology's order.

    Raises:
        SpecErrors: a chosen address is none, is of the other version of IP, stands twice, or does
            not fit its link.
    """
    ip = spec.topology.ip
    chosen, errors = _chosen_addresses(graph, spec, hosts)
    found = []
    for index, link in enumerate(graph.links):
        own = [choice for choice in chosen if choice.link == link.name]
        network = own[0].interface.network if own else subnet(ip, slot, index)
        errors += [
            _other_network(spec, choice, link, own[0])
            for choice in own[1:]
            if choice.interface.network != network
        ]
        ends = {choice.node: choice.interface for choice in own}
        for position, end in enumerate((link.a, link.b)):
            if end not in ends:
                ends[end] = _free_address(
                    network, position, {address.ip for address in ends.values()}
                )
        found.append(LinkAddresses(network, (ends[link.a], ends[link.b])))
    errors += _clashes(graph, spec, chosen, found)
    if errors:
        raise SpecErrors(errors)
    return found


def _chosen_addresses(
    graph: Graph, spec: ExperimentSpec, hosts: Mapping[str, HostSettings]
) -> tuple[list[_Chosen], list[SpecError]]:
    chosen: list[_Chosen] = []
    errors: list[SpecError] = []
    for node, settings in hosts.items():
        links = [link.name for link in graph.links if node in (link.a, link.b)]
        given = settings.address
        if given is None:
            continue
        if isinstance(given, str) and len(links) != 1:
            where = spec.place("hosts", node, "address")
            lines = ", ".join(f"{name}: <address>" for name in links)
            errors.append(
                SpecError(
                    f"{node} has {len(links)} links, and an address on each",
                    where=where,
                    hint=f"write address: {{{lines}}}",
                )
            )
            continue
        for name, text in [(links[0], given)] if isinstance(given, str) else given.items():
            path = (
                ("hosts", node, "address")
                if isinstance(given, str)
                else ("hosts", node, "address", name)
            )
            link = next(
                (
                    link_name
                    for link_name in links
                    if name in (link_name, "-".join(reversed(link_name.split("-"))))
                ),
                None,
            )
            if link is None:
                message = f"{node} has no link '{name}'"
                errors.append(
                    SpecError(message, where=spec.place(*path, key=True), hint=suggest(name, links))
                )
                continue
            try:
                chosen.append(_Chosen(node, link, _parse(text, spec.topology.ip), path))
            except ValueError as error:
                message, _, hint = str(error).partition("|")
                errors.append(SpecError(message, where=spec.place(*path), hint=hint or None))
    return chosen, errors


def _parse(text: str, ip: int) -> Interface:
    """Return an address with its prefix.

    Raises ``ValueError`` with message and hint, between them a bar.
    """
    example = (
        "192.168.100.144, or 192.168.100.144/24"
        if ip == 4
        else "2001:db8:100::144, or 2001:db8:100::144/64"
    )
    try:
        address = ipaddress.ip_address(text.partition("/")[0])
        interface = ipaddress.ip_interface(
            text if "/" in text else f"{text}/{PREFIXES[address.version]}"
        )
    except ValueError:
        raise ValueError(f"'{text}' is not an address|write one such as {example}") from None
    if address.version != ip:
        words = f"{text} is an address of IPv{address.version}, and the network speaks IPv{ip}"
        raise ValueError(
            f"{words}|write one such as {example}, or topology: {{..., ip: {address.version}}}"
        )
    if (
        address.is_multicast
        or address.is_unspecified
        or address.is_loopback
        or address.is_link_local
        or int(address) == 2**address.max_prefixlen - 1
    ):
        raise ValueError(f"{address} cannot be a host's address|write one such as {example}")
    network = interface.network
    if network.num_addresses < 4 and network.max_prefixlen - network.prefixlen != 1:
        raise ValueError(
            f"{interface} leaves no address for the other end of its link|write a shorter prefix,"
            f" such as /{PREFIXES[ip]}"
        )
    if network.num_addresses >= 4 and address in (
        network[0],
        network[-1] if ip == 4 else network[0],
    ):
        what = (
            "that of the subnet itself"
            if address == network[0]
            else "the subnet's broadcast address"
        )
        raise ValueError(f"{address} is {what}, {network}|write another one of it")
    return interface


def _free_address(
    network: Network, position: int, taken: set[ipaddress.IPv4Address | ipaddress.IPv6Address]
) -> Interface:
    """Return the address of an end that the spec says nothing of: 1 or 2 of the subnet, the next
    one where that is taken.
    """
    first = 0 if network.num_addresses < 4 else 1
    number = first + position
    for candidate in (number, *range(first, first + 4)):
        if candidate < network.num_addresses and network[candidate] not in taken:
            return ipaddress.ip_interface(f"{network[candidate]}/{network.prefixlen}")
    raise AssertionError("a subnet of two addresses has one for each end")


def _other_network(
    spec: ExperimentSpec, wrong: _Chosen, link: GraphLink, right: _Chosen
) -> SpecError:
    message = (
        f"{wrong.interface} is not in the subnet of link {link.name}, {right.interface.network}, in"
        f" which {right.node} is"
    )
    return SpecError(
        message,
        where=spec.place(*wrong.path),
        hint="both ends of a link share a subnet; a host behind a router has one of its own",
    )


def _clashes(
    graph: Graph, spec: ExperimentSpec, chosen: list[_Chosen], found: list[LinkAddresses]
) -> list[SpecError]:
    """Return an error for each chosen address that stands twice, or whose subnet overlaps that of
    another link.
    """
    errors = []
    for number, choice in enumerate(chosen):
        twin = next(
            (other for other in chosen[:number] if other.interface.ip == choice.interface.ip), None
        )
        where = spec.place(*choice.path)
        if twin is not None:
            errors.append(
                SpecError(
                    f"{choice.interface.ip} is the address of {twin.node} already",
                    where=where,
                    hint="give each its own",
                )
            )
            continue
        for link, addresses in zip(graph.links, found, strict=True):
            if link.name != choice.link and addresses.network.overlaps(choice.interface.network):
                words = (
                    f"the subnet of {choice.interface} overlaps that of link {link.name},"
                    f" {addresses.network}"
                )
                errors.append(
                    SpecError(
                        words,
                        where=where,
                        hint="each link has a subnet of its own: routers choose their way by it",
                    )
                )
                break
    return errors
