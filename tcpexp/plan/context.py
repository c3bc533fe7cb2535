"""``PlanContext``: what an action, or a recorder, compiles with.

It answers questions about the network (``host``, ``address``, ``link``, ``subnets``), hands out
what must be unique (``port``, step ids) and collects the primitives (``setup``, ``step``,
``change_link``, ``flow``, ``file``, ``need``). Every method raises ``SpecError`` at the action's
own place in the file. :class:`PlanDraft` is what all the actions of one plan write to.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tcpexp.errors import SpecError
from tcpexp.plan.owncontrols import take_control
from tcpexp.plan.types import (
    ControlModule,
    FlowPlan,
    LinkPlan,
    NetworkPlan,
    NodePlan,
    PlanFile,
    Spawn,
    Step,
    StepKind,
)
from tcpexp.registry import suggest
from tcpexp.spec.links import LinkParameters
from tcpexp.units import format_duration

if TYPE_CHECKING:
    from tcpexp.spec.model import ExperimentSpec
    from tcpexp.spec.owncontrol import OwnControl

#: A parameter of an action, or the way to a value below it.
Key = str | int | tuple[str | int, ...] | None
FIRST_PORT = 5201
#: Tells programs that the network speaks IPv6, so that a server listens there; absent over IPv4.
IP_VARIABLE = "TCPEXP_IP"
LARGEST_FILE_BYTES = 1_000_000
#: ``{h1}``; what stands before and behind tells whether an IPv6 address needs brackets.
_PLACEHOLDER = re.compile(r"(//)?\{([A-Za-z][A-Za-z0-9_-]*)\}(?=(:\d)?)")
#: A word in braces that no shell reads as a variable, and the words that mean something else than a
#: host (print: all of an awk program).
_BRACES = re.compile(r"(?<!\$)\{([A-Za-z][A-Za-z0-9_-]*)\}")
_OWN_WORDS = ("ip", "dir", "out", "tcpexp", "print")
#: ``{h1-h2.99}``: address number 99 of that link's subnet.
_LINK_ADDRESS = re.compile(
    r"(//)?\{([A-Za-z][A-Za-z0-9_]*-[A-Za-z][A-Za-z0-9_]*)\.(\d+)\}(?=(:\d)?)"
)


def bracketed(address: str) -> str:
    """Return an address as it stands before a port: IPv6 in brackets."""
    return f"[{address}]" if ":" in address else address


def in_other_version(address: str) -> str:
    """Return the address that stands for ``address`` where no slot is given, if the network spoke
    the other version of IP (docs/guides/ipv6.md).

    >>> in_other_version("2001:db8:0:1::2")
    '10.0.1.2'
    """
    if ":" in address:
        groups = ipaddress.IPv6Address(address).exploded.split(":")
        return f"10.0.{int(groups[3], 16)}.{int(groups[7], 16)}"
    _, _, link, number = address.split(".")
    return str(ipaddress.IPv6Address(f"2001:db8:0:{int(link):x}::{int(number):x}"))


@dataclass(frozen=True)
class PendingChange:
    """A change of link parameters, resolved into ``LinkChange`` steps when all actions have
    compiled.

    ``towards`` names the node where the direction ends. ``order`` is the number of steps before it.
    """

    step_id: str
    action: int | None
    link: str
    towards: str
    parameters: LinkParameters
    label: str
    at_ns: int
    until_ns: int | None
    mark: bool
    order: int


@dataclass
class PlanDraft:
    """The plan while it grows."""

    network: NetworkPlan
    duration_ns: int
    folder: Path
    seed: int = 1
    #: whether programs beside the spec may be built on this machine
    runs_code: bool = True
    setup: list[Step] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    changes: list[PendingChange] = field(default_factory=list)
    flows: list[FlowPlan] = field(default_factory=list)
    files: dict[str, PlanFile] = field(default_factory=dict)
    tools: set[str] = field(default_factory=set)
    qdiscs: set[str] = field(default_factory=set)
    congestion_controls: set[str] = field(default_factory=set)
    features: set[str] = field(default_factory=set)
    ids: set[str] = field(default_factory=set)
    ports: set[int] = field(default_factory=set)
    #: the step whose process listens, by node and port
    listeners: dict[tuple[str, int], str] = field(default_factory=dict)
    #: congestion controls of the spec's own, by name, and those of them that need marks
    modules: dict[str, ControlModule] = field(default_factory=dict)
    modules_for_ecn: set[str] = field(default_factory=set)
    #: the label of the setup or timed step by id, for later actions that refer to it
    spawns: dict[str, Step] = field(default_factory=dict)


class PlanContext:
    """The view of one action (``index`` in the spec's ``actions``) on the growing plan.

    ``step_id`` is the action's own id: the user's ``id:``, else ``a00``, ``a01``... ``seed`` is the
    run's seed.
    """

    def __init__(
        self,
        draft: PlanDraft,
        spec: ExperimentSpec,
        index: int | None,
        step_id: str,
        path: tuple[str | int, ...] = (),
    ) -> None:
        self.draft = draft
        self.spec = spec
        self.index = index
        self.step_id = step_id
        self.path = path

    # --------------------------------------------------------------------------------------------
    # questions

    @property
    def duration_ns(self) -> int:
        """The experiment's duration."""
        return self.draft.duration_ns

    @property
    def seed(self) -> int:
        """The run's seed, for actions that choose something at random."""
        return self.draft.seed

    @property
    def network(self) -> NetworkPlan:
        """The network with its addresses.

        The links' ``wire`` flags are not final before all actions have compiled.
        """
        return self.draft.network

    def error(self, message: str, *, hint: str | None = None, key: Key = None) -> SpecError:
        """Return an error at this action, or at its parameter ``key``; the caller raises it."""
        keys = () if key is None else key if isinstance(key, tuple) else (key,)
        return SpecError(message, where=self.spec.place(*self.path, *keys), hint=hint)

    def node(self, name: str, *, key: Key = None) -> NodePlan:
        """Return a host or router of the network."""
        for node in self.draft.network.nodes:
            if node.name == name:
                return node
        raise self.error(
            f"there is no host '{name}' in this network",
            hint=suggest(name, [node.name for node in self.network.nodes]),
            key=key or self._key_of(name),
        )

    def host(self, name: str, *, key: str | None = None) -> str:
        """Return ``name`` when the network has such a host (or router).

        ``key`` is the parameter that named it.
        """
        return self.node(name, key=key).name

    def hosts(self) -> tuple[str, ...]:
        """Return the names of all hosts, without routers, in the topology's order."""
        return tuple(node.name for node in self.network.nodes if node.kind == "host")

    def address(self, name: str, *, key: str | None = None) -> str:
        """Return the address, without prefix length, of a host's first interface: IPv4 or IPv6, as
        the network has it.
        """
        node = self.node(name, key=key)
        return node.interfaces[0].address

    def url_host(self, name: str, *, key: str | None = None) -> str:
        """Return a host's address as a URL has it: an IPv6 address in brackets (RFC 3986 section
        3.2.2).
        """
        return bracketed(self.address(name, key=key))

    def link(self, name: str, *, key: Key = "link") -> LinkPlan:
        """Return a link by its name, either way round: ``h1-h2`` or ``h2-h1``."""
        for link in self.network.links:
            if name in (link.name, f"{link.b.node}-{link.a.node}"):
                return link
        raise self.error(
            f"there is no link '{name}' in this network",
            hint=suggest(name, [link.name for link in self.network.links]),
            key=key,
        )

    def subnets(self) -> tuple[str, ...]:
        """Return all address ranges of the experiment, such as ``10.0.0.0/24`` or
        ``2001:db8::/64``; nothing else is ever a target.
        """
        return self.network.subnets

    def port(self) -> int:
        """Return a fresh TCP port, from 5201 on, that no other action was given."""
        port = FIRST_PORT
        while port in self.draft.ports:
            port += 1
        self.draft.ports.add(port)
        return port

    def reserve_port(self, port: int) -> int:
        """Keep ``port``, which the spec names, from being handed out by ``port()``; returns it."""
        self.draft.ports.add(port)
        return port

    def listens(self, node: str, port: int, step_id: str) -> None:
        """Keep ``port`` for the process of a step, which will listen there on ``node`` when its
        time comes.
        """
        self.reserve_port(port)
        self.draft.listeners[node, port] = step_id

    def link_address(self, link: str, number: int, *, key: Key = None) -> str:
        """Return the address ``number`` (1 to 254) of a link's subnet.

        Its ends have 1 and 2, the others belong to nobody.
        """
        plan = self.link(link, key=key)
        subnet = next(
            ipaddress.ip_interface(interface.cidr).network
            for interface in self.node(plan.a.node).interfaces
            if interface.name == plan.a.interface
        )
        most = min(254, subnet.num_addresses - 2)
        if not 1 <= number <= most:
            raise self.error(
                f"{{{link}.{number}}} is not a host's address",
                hint=f"write a number from 1 to {most}",
                key=key,
            )
        return str(subnet[number])

    def substitute(self, text: str) -> str:
        """Return ``text`` with ``{h1}`` replaced by h1's address, ``{h1-h2.99}`` by address 99 of
        that link's subnet and ``{ip}`` by 4 or 6.

        An IPv6 address gets brackets behind ``//`` and before ``:`` and a port. ``{dir}``,
        ``{out}`` and ``{tcpexp}`` stay for the engine, other braces too. An address that a host
        would have if the network spoke the other version of IP is refused, since nobody has it.
        """
        key = self._key_of(text)
        self._refuse_other_version(text, key)
        names = {node.name for node in self.network.nodes}
        self._refuse_strangers(text, names, key)

        def written(address: str, match: re.Match[str]) -> str:
            return (match[1] or "") + (
                bracketed(address) if match[1] or match[match.re.groups] else address
            )

        def named(match: re.Match[str]) -> str:
            if match[2] in names:
                return written(self.address(match[2]), match)
            return (match[1] or "") + str(self.network.ip) if match[2] == "ip" else match[0]

        text = _LINK_ADDRESS.sub(
            lambda match: written(self.link_address(match[2], int(match[3]), key=key), match), text
        )
        return _PLACEHOLDER.sub(named, text)

    def _refuse_strangers(self, text: str, names: set[str], key: Key) -> None:
        """Refuse ``{h4}`` where there is no h4: a word in braces that is like a host's name, or
        that is all of an argument. Shells' ``${h4}`` stays.
        """
        for match in _BRACES.finditer(text):
            word = match[1]
            if word in names or word in _OWN_WORDS:
                continue
            stem = word.rstrip("0123456789")
            alike = any(
                word.lower() == name.lower() or (stem != word and stem == name.rstrip("0123456789"))
                for name in names
            )
            if alike or match[0] == text:
                hint = suggest(word, sorted(names)) or f"hosts: {', '.join(sorted(names))}"
                raise self.error(
                    f"there is no host '{word}' in this network, so {match[0]} stands for nothing",
                    hint=hint,
                    key=key,
                )

    def _refuse_other_version(self, text: str, key: Key) -> None:
        # what would make it a part of another address
        behind = r"(?!\w|\.\d)" if self.network.ip == 6 else r"(?![\w:])"
        for node in self.network.nodes:
            for number, interface in enumerate(node.interfaces):
                # chosen by the spec: it has no other
                if not interface.address.startswith(("10.", "2001:db8:")):
                    continue
                other = in_other_version(interface.address)
                if re.search(rf"(?<![\w.:]){re.escape(other)}{behind}", text, re.IGNORECASE):
                    message = (
                        f"{other} is an address of IPv{10 - self.network.ip}, and the network"
                        f" speaks IPv{self.network.ip}"
                    )
                    hint = (
                        f"write {{{node.name}}}, which is its address in either"
                        if number == 0
                        else f"{node.name} has {interface.address}"
                    )
                    raise self.error(message, hint=hint, key=key)

    # --------------------------------------------------------------------------------------------
    # primitives

    def setup(
        self,
        do: StepKind,
        label: str,
        *,
        suffix: str | None = None,
        until_ns: int | None = None,
        mark: bool = False,
    ) -> str:
        """Append a step that is executed before t0, in order.

        Return its id (``<action>`` or ``<action>.<suffix>``).
        """
        step = Step(
            self._new_id(suffix),
            self.index,
            None,
            do,
            label,
            until_ns=self._until(until_ns, None),
            mark=mark,
        )
        return self._append(self.draft.setup, step)

    def step(
        self,
        do: StepKind,
        label: str,
        *,
        at_ns: int,
        until_ns: int | None = None,
        every_ns: int | None = None,
        suffix: str | None = None,
        mark: bool = True,
    ) -> str:
        """Append a timed step; return its id.

        ``every_ns`` repeats it until ``until_ns``, or to the end.
        """
        if every_ns is not None and every_ns <= 0:
            raise self.error(
                "a step cannot repeat every 0s",
                hint="write a distance such as every: 1s",
                key="every",
            )
        if every_ns is not None and until_ns is None:
            until_ns = self.duration_ns
        step = Step(
            self._new_id(suffix),
            self.index,
            self._at(at_ns),
            do,
            label,
            self._until(until_ns, at_ns),
            every_ns,
            mark,
        )
        return self._append(self.draft.steps, step)

    def change_link(
        self,
        link: str,
        parameters: LinkParameters,
        label: str,
        *,
        at_ns: int,
        until_ns: int | None = None,
        towards: str | None = None,
        mark: bool = True,
    ) -> None:
        """Change the named parameters of a link, in both directions or only ``towards`` a node.

        What is not named stays.
        """
        plan = self.link(link)
        ends = (plan.b.node, plan.a.node)
        if towards is not None and towards not in ends:
            raise self.error(
                f"link {plan.name} does not lead to '{towards}'",
                hint=f"write {ends[0]} or {ends[1]}",
                key="towards",
            )
        if not parameters.named():
            raise self.error(
                "nothing to change", hint="name at least one parameter, such as rate: 5mbit"
            )
        at_ns, until_ns = self._at(at_ns), self._until(until_ns, at_ns)
        for number, end in enumerate(ends if towards is None else (towards,)):
            step_id = self._new_id(None if number == 0 else "back")
            self.draft.changes.append(
                PendingChange(
                    step_id,
                    self.index,
                    plan.name,
                    end,
                    parameters,
                    label,
                    at_ns,
                    until_ns,
                    mark and number == 0,
                    len(self.draft.steps),
                )
            )

    def flow(self, flow: FlowPlan) -> None:
        """Register a named flow; its name must be new."""
        if any(other.name == flow.name for other in self.draft.flows):
            raise self.error(
                f"the flow '{flow.name}' exists already",
                hint="give each flow a name of its own with flow:",
                key="flow",
            )
        self.draft.flows.append(flow)

    def flow_named(self, name: str, *, key: str | None = "flow") -> FlowPlan:
        """Return a flow that an earlier action registered."""
        for flow in self.draft.flows:
            if flow.name == name:
                return flow
        raise self.error(
            f"no action above this one starts a flow '{name}'",
            hint=suggest(name, [flow.name for flow in self.draft.flows]),
            key=key,
        )

    def process(self, name: str, *, key: str | None = None) -> Step:
        """Return the step that starts a process, by the id of an earlier action or of a flow that
        it carries.
        """
        if name in self.draft.spawns:
            return self.draft.spawns[name]
        for flow in self.draft.flows:
            if flow.name == name:
                return self.draft.spawns[flow.step]
        known = sorted({*self.draft.spawns, *(flow.name for flow in self.draft.flows)})
        raise self.error(
            f"no action above this one is called '{name}' and starts a process",
            hint=suggest(name, known),
            key=key,
        )

    def file(self, path: str, content: str, *, binary: bool = False) -> str:
        """Ship a file with the plan (text, or base64 when ``binary``).

        Return ``{dir}/path`` for use in an argv.
        """
        parts = Path(path).parts
        if not parts or Path(path).is_absolute() or ".." in parts:
            raise self.error(
                f"the file name '{path}' leaves the experiment's folder",
                hint="write a relative path without ..",
            )
        known = self.draft.files.get(path)
        if known is not None and known.content != content:
            raise self.error(
                f"two actions ship different files named '{path}'",
                hint="give one of them another name",
            )
        self.draft.files[path] = PlanFile(path, content, binary)
        return "{dir}/" + path

    def read_beside(self, name: str, *, key: str | None = None) -> str:
        """Return the text of a file beside the spec (``name`` is relative to the spec's folder)."""
        path = self.draft.folder / name
        try:
            if path.stat().st_size > LARGEST_FILE_BYTES:
                raise self.error(f"the file '{name}' is larger than 1 MB", key=key)
            return path.read_text(encoding="utf-8")
        except FileNotFoundError:
            raise self.error(
                f"there is no file '{name}' beside the spec", hint=f"looked for {path}", key=key
            ) from None
        except (OSError, UnicodeDecodeError, ValueError) as error:
            raise self.error(f"cannot read '{name}': {error}", key=key) from None

    def congestion_control(
        self, given: str | OwnControl | None, *, key: Key = "congestion_control"
    ) -> str | None:
        """Return the name of a congestion control; one of the spec's own is taken along."""
        if given is None or isinstance(given, str):
            return given
        keys = key if isinstance(key, tuple) else (key,) if key is not None else ()
        return take_control(self.draft, self.spec, given, (*self.path, *keys)).name

    def app(self, name: str) -> str:
        """Ship one of tcpexp's own small programs (``tcpexp/apps/<name>.py``).

        Return ``{dir}/apps/<name>.py``.
        """
        source = Path(__file__).parent.parent / "apps" / f"{name}.py"
        return self.file(f"apps/{name}.py", source.read_text(encoding="utf-8"))

    def need(
        self,
        tools: Iterable[str] = (),
        qdiscs: Iterable[str] = (),
        congestion_controls: Iterable[str] = (),
        features: Iterable[str] = (),
    ) -> None:
        """Say what the place must have: programs, qdiscs, congestion controls, kernel features."""
        self.draft.tools.update(tools)
        self.draft.qdiscs.update(qdiscs)
        self.draft.congestion_controls.update(congestion_controls)
        self.draft.features.update(features)

    # --------------------------------------------------------------------------------------------
    # helpers

    def _append(self, steps: list[Step], step: Step) -> str:
        if isinstance(step.do, Spawn) and self.network.ip == 6:
            do = dataclasses.replace(step.do, environment={IP_VARIABLE: "6", **step.do.environment})
            step = dataclasses.replace(step, do=do)
        steps.append(step)
        if isinstance(step.do, Spawn):
            self.draft.spawns[step.id] = step
        return step.id

    def _new_id(self, suffix: str | None) -> str:
        name = self.step_id if suffix is None else f"{self.step_id}.{suffix}"
        count = 0
        candidate = name
        while candidate in self.draft.ids:
            count += 1
            candidate = f"{name}.{count}"
        self.draft.ids.add(candidate)
        return candidate

    def _at(self, at_ns: int) -> int:
        if at_ns > self.duration_ns:
            raise self.error(
                f"{format_duration(at_ns)} is after the end of the experiment,"
                f" {format_duration(self.duration_ns)}",
                hint="raise duration: or start earlier",
                key="at",
            )
        return at_ns

    def _until(self, until_ns: int | None, at_ns: int | None) -> int | None:
        if until_ns is None:
            return None
        if until_ns > self.duration_ns:
            raise self.error(
                f"{format_duration(until_ns)} is after the end of the experiment,"
                f" {format_duration(self.duration_ns)}",
                hint="raise duration: or end earlier",
                key="until",
            )
        if until_ns <= (at_ns or 0):
            raise self.error(
                f"until: {format_duration(until_ns)} is not after at:"
                f" {format_duration(at_ns or 0)}",
                hint="until is a time from the start of the experiment, not a length",
                key="until",
            )
        return until_ns

    def _key_of(self, value: Any) -> tuple[str | int, ...] | None:
        """Return where below this action ``value`` stands, for the error's place.

        None when it stands nowhere as it is.
        """

        def search(raw: Any) -> tuple[str | int, ...] | None:
            if raw == value:
                return ()
            items = (
                raw.items()
                if isinstance(raw, dict)
                else enumerate(raw)
                if isinstance(raw, list)
                else ()
            )
            return next(
                ((key, *below) for key, value in items if (below := search(value)) is not None),
                None,
            )

        return search(self.spec.raw_at(*self.path)) or None
