"""``firewall``: drop, reject or accept packets on a host."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from tcpexp.actions.common import BuiltinAction, Port
from tcpexp.plan.context import PlanContext
from tcpexp.plan.types import Firewall
from tcpexp.registry import suggest
from tcpexp.units import QuantityError

#: In iptables' own order.
FLAGS = ("FIN", "SYN", "RST", "PSH", "ACK", "URG")
#: Looked at in every rule; PSH and URG only when named, so that `ack` matches a segment with PSH
#: too.
COMPARED = ("FIN", "SYN", "RST", "ACK")

#: ip6tables' words for what iptables answers (RFC 4443 section 3.1, codes 4 and 3).
ICMPV6_ANSWERS = {
    "icmp-port-unreachable": "icmp6-port-unreachable",
    "icmp-host-unreachable": "icmp6-addr-unreachable",
}


def _check_flags(text: str) -> str:
    words = [word.strip().upper() for word in text.split("+")]
    for word in words:
        if word not in FLAGS:
            hint = suggest(word.lower(), [flag.lower() for flag in FLAGS]) or ""
            raise QuantityError(f"'{word.lower()[:40]}' is not a TCP flag", hint)
    return "+".join(flag.lower() for flag in FLAGS if flag in words)


Flags = Annotated[str, AfterValidator(_check_flags)]


class Match(BaseModel):
    """Which packets: all that is named must hold; nothing named means every packet."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    flags: Flags | None = Field(
        default=None,
        description="TCP flags such as `syn+ack`; of FIN, SYN, RST and ACK exactly these are set",
    )
    from_: str | None = Field(default=None, alias="from", description="the sending host")
    to: str | None = Field(default=None, description="the receiving host")
    port: Port | None = Field(default=None, description="destination port")
    source_port: Port | None = Field(default=None, description="source port")
    protocol: Literal["tcp", "udp", "icmp"] | None = Field(
        default=None, description="protocol; tcp when flags or ports are named"
    )

    @model_validator(mode="after")
    def _parts_fit(self) -> Self:
        if self.flags is not None and self.protocol not in (None, "tcp"):
            raise QuantityError(f"{self.protocol} has no TCP flags", "leave flags or protocol out")
        if self.protocol == "icmp" and (self.port is not None or self.source_port is not None):
            raise QuantityError("icmp has no ports", "leave the ports out")
        return self

    def rule(self, context: PlanContext, key: str) -> tuple[str, ...]:
        """Return the match in iptables' words; ``key`` is the parameter that holds it."""
        needs_tcp = any(part is not None for part in (self.flags, self.port, self.source_port))
        protocol = self.protocol or ("tcp" if needs_tcp else None)
        rule: list[str] = []
        for option, name in (("-s", self.from_), ("-d", self.to)):
            if name is not None:
                rule += [
                    option,
                    f"{context.address(name, key=key)}/{32 if context.network.ip == 4 else 128}",
                ]
        if protocol is not None:
            rule += ["-p", "icmpv6" if protocol == "icmp" and context.network.ip == 6 else protocol]
        for option, port in (("--sport", self.source_port), ("--dport", self.port)):
            if port is not None:
                rule += [option, str(port)]
        if self.flags is not None:
            wanted = self.flags.upper().split("+")
            mask = [flag for flag in FLAGS if flag in COMPARED or flag in wanted]
            rule += ["--tcp-flags", ",".join(mask), ",".join(wanted)]
        return tuple(rule)


class FirewallAction(BuiltinAction):
    """Drop, reject or accept packets on a host with an iptables rule; the rule is deleted at
    `until` or at the end.

    Exactly one of `drop`, `reject` and `accept` says which packets. The newest rule is looked at
    first. In an IPv6 network the rule is ip6tables' and `icmp` is ICMPv6, without which no
    neighbour that is not known from the start is found.
    """

    example: ClassVar[str] = """\
- {at: 0s, do: firewall, host: h1, chain: INPUT, drop: {flags: syn+ack, from: h2}, until: 20s}
- {at: 5s, do: firewall, host: h2, reject: {protocol: tcp, port: 80}, reject_with: tcp-reset}"""

    do: Literal["firewall"] = "firewall"
    host: str = Field(description="whose firewall")
    chain: Literal["INPUT", "OUTPUT", "FORWARD"] = Field(
        default="INPUT",
        description="packets that come in for this host, go out from it, or pass through it",
    )
    drop: Match | None = Field(default=None, description="drop these in silence")
    reject: Match | None = Field(default=None, description="drop these and tell the sender")
    accept: Match | None = Field(default=None, description="let these through")
    reject_with: Literal["icmp-port-unreachable", "icmp-host-unreachable", "tcp-reset"] = Field(
        default="icmp-port-unreachable",
        description="what `reject` answers; over IPv6 the ICMPv6 message of the same meaning",
    )

    @model_validator(mode="after")
    def _one_verdict(self) -> Self:
        if sum(match is not None for match in (self.drop, self.reject, self.accept)) != 1:
            raise QuantityError(
                "a firewall needs exactly one of 'drop', 'reject' and 'accept'",
                "write drop: {flags: syn+ack, from: h2}",
            )
        return self

    def compile(self, context: PlanContext) -> None:
        """Append the rule."""
        host = context.host(self.host, key="host")
        verb, match = next(
            (verb, match)
            for verb, match in (
                ("drop", self.drop),
                ("reject", self.reject),
                ("accept", self.accept),
            )
            if match is not None
        )
        answer = (
            ICMPV6_ANSWERS.get(self.reject_with, self.reject_with)
            if context.network.ip == 6
            else self.reject_with
        )
        target = ("-j", verb.upper(), *(("--reject-with", answer) if verb == "reject" else ()))
        rule = match.rule(context, verb)
        if self.reject is not None and self.reject_with == "tcp-reset" and "tcp" not in rule:
            raise context.error(
                "tcp-reset answers TCP only", hint="add protocol: tcp to reject", key="reject_with"
            )
        words = " ".join(
            f"{key} {value}"
            for key, value in match.model_dump(by_alias=True, exclude_none=True).items()
        )
        label = f"{host} {self.chain}: {verb} {words or 'everything'}"
        context.step(
            Firewall(host, self.chain, (*rule, *target)),
            label,
            at_ns=self.at_ns,
            until_ns=self.until,
        )
