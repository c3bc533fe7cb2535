"""``RunPlan`` and its parts: what the engine executes and what the analysis reads afterwards.

Standard library only, because the engine imports it inside the guest. Times are integer nanoseconds
from the experiment's zero (``t0``), rates bit/s, sizes bytes, probabilities fractions from 0 to 1.
Every class is frozen and turns into JSON and back with :func:`to_json` and :func:`from_json`; an
unknown key or a missing one raises ``DataError``.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import types
import typing
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from tcpexp.errors import DataError
from tcpexp.plan.endings import EXPECTED

PLAN_SCHEMA = 1
#: The file in ``raw/`` by which the engine holds room for its record, until it writes that.
ENGINE_RESERVE = ".engine.reserve"

# ------------------------------------------------------------------------------------------------
# network


@dataclass(frozen=True)
class LossPlan:
    """How packets are lost: independently with probability ``p``, or by the Gilbert-Elliott model.

    Gilbert-Elliott (netem ``gemodel``): ``p`` good to bad, ``r`` bad to good, ``bad_loss`` (1-h)
    and ``good_loss`` (1-k) the loss probability in each state.
    """

    model: Literal["random", "gilbert_elliott"]
    p: float
    r: float | None = None
    bad_loss: float | None = None
    good_loss: float | None = None


@dataclass(frozen=True)
class QueueSetting:
    """A setting of a discipline by its name in :mod:`tcpexp.record.disciplines`: times in ns, sizes
    in bytes, rates in bit/s, switches 0 or 1.
    """

    name: str
    value: float


@dataclass(frozen=True)
class ClassFilter:
    """Packets of a class: those that fit everything that is not None.

    ``source`` and ``target`` are addresses, ``dscp`` is 0 to 63. ``flow`` names a flow whose
    addresses and ports are meant; it is None in a finished plan, as are hosts' names.
    """

    source: str | None = None
    target: str | None = None
    source_port: int | None = None
    target_port: int | None = None
    protocol: str | None = None
    dscp: int | None = None
    flow: str | None = None
    either_port: int | None = None


@dataclass(frozen=True)
class ClassPlan:
    """A class of htb: a guaranteed rate, a ceiling (None: the link's rate), its own queue.

    The class without ``filters`` gets what no other takes. ``quantum`` is how many bytes it sends
    per round when several borrow.
    """

    name: str
    rate_bps: int
    ceil_bps: int | None
    prio: int
    quantum: int
    limit_packets: int
    filters: tuple[ClassFilter, ...] = ()


@dataclass(frozen=True)
class QueuePlan:
    """The bottleneck's queue: ``discipline`` with a limit that counts only what waits for the
    bottleneck.

    Exactly one of ``limit_packets`` and ``limit_bytes`` is set. ``options`` are further discipline
    options in tc's words, such as ``("target", "5ms")``. ``settings`` are all settings of a
    discipline of :mod:`tcpexp.record.disciplines`, ``classes`` those of htb.
    """

    discipline: str
    limit_packets: int | None
    limit_bytes: int | None
    ecn: bool = False
    options: tuple[str, ...] = ()
    settings: tuple[QueueSetting, ...] = ()
    classes: tuple[ClassPlan, ...] = ()

    def setting(self, name: str) -> float | None:
        """Return a setting's value, None for one that is off."""
        return next((one.value for one in self.settings if one.name == name), None)


@dataclass(frozen=True)
class PolicerPlan:
    """A policer at a direction's door: what comes faster than the rate (bit/s, on Ethernet frames)
    is dropped; ``burst_bytes`` pass at once after a pause.
    """

    rate_bps: int
    burst_bytes: int


@dataclass(frozen=True)
class DirectionPlan:
    """One direction of a link: rate and queue first, then delay and faults
    (docs/concepts/links.md).

    ``rate_bps`` None means unshaped: no bottleneck and ``queue`` is None. The rate counts Ethernet
    frames without preamble and checksum, as the kernel does: 1514 bytes for a full 1500-byte
    packet.
    """

    rate_bps: int | None = None
    queue: QueuePlan | None = None
    delay_ns: int = 0
    jitter_ns: int = 0
    jitter_correlation: float = 0.0
    jitter_distribution: str | None = None
    loss: LossPlan | None = None
    duplicate: float = 0.0
    duplicate_correlation: float = 0.0
    corrupt: float = 0.0
    corrupt_correlation: float = 0.0
    reorder: float = 0.0
    reorder_correlation: float = 0.0
    reorder_gap: int | None = None
    policer: PolicerPlan | None = None

    @property
    def has_faults_or_delay(self) -> bool:
        """Whether this direction needs netem."""
        return bool(
            self.delay_ns
            or self.jitter_ns
            or self.loss
            or self.duplicate
            or self.corrupt
            or self.reorder
        )


@dataclass(frozen=True)
class InterfacePlan:
    """An interface of a host or router: ``name`` as in ``h1-eth0``; its address with prefix length,
    such as ``10.0.0.1/24``.

    Exactly one of ``ipv4`` and ``ipv6`` is set, the one of ``NetworkPlan.ip``. ``cidr`` and
    ``address`` are that one, whichever it is. ``queue`` is the discipline in front of it, None for
    none.
    """

    name: str
    mac: str
    ipv4: str | None
    mtu: int = 1500
    offloads: bool = False
    ipv6: str | None = None
    queue: QueuePlan | None = None

    @property
    def cidr(self) -> str:
        """The address with its prefix length: ``10.0.0.1/24``, ``2001:db8::1/64``."""
        return self.ipv6 or self.ipv4 or ""

    @property
    def address(self) -> str:
        """The address alone: ``10.0.0.1``, ``2001:db8::1``."""
        return self.cidr.split("/")[0]


@dataclass(frozen=True)
class RoutePlan:
    """A route of a node: ``destination`` as ``10.0.2.0/24`` or ``default``, through the gateway
    address ``via``.
    """

    destination: str
    via: str


@dataclass(frozen=True)
class NodePlan:
    """A host (end point) or router (forwards) in a network namespace of its own.

    ``sysctls`` are set before t0.
    """

    name: str
    kind: Literal["host", "router"]
    interfaces: tuple[InterfacePlan, ...]
    routes: tuple[RoutePlan, ...] = ()
    sysctls: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class LinkEnd:
    """Where a link ends."""

    node: str
    interface: str


@dataclass(frozen=True)
class LinkPlan:
    """A link between two interfaces. ``forward`` is a to b, ``backward`` b to a.

    ``wire`` says whether a wire node stands in the middle (any parameter set or changed in the
    run); otherwise the two interfaces are one plain veth pair. ``wire_queue`` and ``wire_netem``
    say which qdiscs the wire carries from the start, so that a change in the middle of a run never
    replaces one. ``base_rtt_ns`` is the sum of the delays of the longest path that crosses this
    link, there and back. ``largest_mtu`` is the largest MTU that either end ever has, for what
    stands in the middle.
    """

    name: str
    a: LinkEnd
    b: LinkEnd
    forward: DirectionPlan
    backward: DirectionPlan
    wire: bool
    wire_queue: bool
    wire_netem: bool
    base_rtt_ns: int
    largest_mtu: int = 1500


@dataclass(frozen=True)
class NetworkPlan:
    """The whole network. ``subnets`` are all address ranges of the experiment; nothing else is ever
    a target.

    ``ip`` is the version of IP that all of it speaks. ``static_arp``: every host knows its
    neighbours' MAC addresses from the start, so that neither ARP nor neighbour discovery asks for
    them.
    """

    topology: str
    nodes: tuple[NodePlan, ...]
    links: tuple[LinkPlan, ...]
    subnets: tuple[str, ...]
    static_arp: bool = True
    ip: Literal[4, 6] = 4

    def node(self, name: str) -> NodePlan:
        """Return the node of that name; raises ``KeyError``."""
        return next(node for node in self.nodes if node.name == name)

    def link(self, name: str) -> LinkPlan:
        """Return the link of that name.

        Raises ``StopIteration``'s ``KeyError`` equivalent when absent.
        """
        for link in self.links:
            if link.name == name:
                return link
        raise KeyError(name)


def iptables_program(ip: int) -> str:
    """Return the program that filters packets of a version of IP."""
    return "iptables" if ip == 4 else "ip6tables"


# ------------------------------------------------------------------------------------------------
# steps


@dataclass(frozen=True)
class Spawn:
    """Start a process on a node and leave it running until it ends or until ``Step.until_ns``.

    ``argv`` may hold ``{dir}`` for the folder that holds the plan's files (``RunPlan.files``) and
    ``{out}`` for a folder of this step whose content is kept under ``raw/logs/<step id>/``; in
    ``{tcpexp}`` Python finds the package. Standard output and error go to ``raw/logs/<step
    id>.out`` and ``.err``. ``stop_signal`` ends it at ``until_ns`` or at the end of the run. An end
    that is not one of ``allowed_status`` (``tcpexp.plan.endings``) is a failure, which the run
    outlives and its certificate and report name. ``expect_status`` is for what the rest cannot do
    without: another status ends the run. ``background`` False makes the timeline wait for the end
    (setup steps only).
    """

    node: str
    argv: tuple[str, ...]
    stop_signal: str = "TERM"
    expect_status: int | None = None
    environment: dict[str, str] = field(default_factory=dict)
    stdin: str | None = None
    background: bool = True
    allowed_status: tuple[str, ...] = EXPECTED
    kind: Literal["spawn"] = "spawn"


@dataclass(frozen=True)
class Firewall:
    """Insert an iptables rule (ip6tables in an IPv6 network) in the node's filter table; deleted at
    ``Step.until_ns`` or at the end of the run.

    ``rule`` is everything after the chain, such as ``("-p", "tcp", "--tcp-flags", "ALL", "SYN,ACK",
    "-j", "DROP")``.
    """

    node: str
    chain: str
    rule: tuple[str, ...]
    kind: Literal["firewall"] = "firewall"


@dataclass(frozen=True)
class LinkChange:
    """Change one direction of a link to ``direction``, parameters only: no qdisc is replaced, no
    queue emptied.

    ``towards`` names the node at which the direction ends. At ``Step.until_ns`` the previous
    parameters come back.
    """

    link: str
    towards: str
    direction: DirectionPlan
    kind: Literal["link_change"] = "link_change"


@dataclass(frozen=True)
class LinkRates:
    """Let the rate of one direction of a link follow a list: ``after_ns[k]`` after ``Step.at_ns``
    it becomes ``rates_bps[k]``.

    Times rise from 0; a rate of 0 lets nothing pass. The queue and everything else of the direction
    stay. At ``Step.until_ns`` the former rate comes back. ``source`` says where the list is from,
    in words.
    """

    link: str
    towards: str
    after_ns: tuple[int, ...]
    rates_bps: tuple[int, ...]
    source: str
    kind: Literal["link_rates"] = "link_rates"


@dataclass(frozen=True)
class LinkState:
    """Take a link down or up (``ip link set`` on both ends' interfaces).

    Reversed at ``Step.until_ns``.
    """

    link: str
    up: bool
    kind: Literal["link_state"] = "link_state"


@dataclass(frozen=True)
class LinkMtu:
    """Set the MTU of the interfaces at a link's ends a and b, bytes, and read it back."""

    link: str
    a_mtu: int
    b_mtu: int
    kind: Literal["link_mtu"] = "link_mtu"


@dataclass(frozen=True)
class Sysctl:
    """Set a sysctl in a node's network namespace, read it back.

    The former value returns at ``Step.until_ns`` or at the end.
    """

    node: str
    key: str
    value: str
    kind: Literal["sysctl"] = "sysctl"


@dataclass(frozen=True)
class InitialWindow:
    """Give all routes of a node an initial congestion window (``initcwnd``, segments), read back.

    The former ones return at ``Step.until_ns`` or at the end.
    """

    node: str
    segments: int
    kind: Literal["initial_window"] = "initial_window"


@dataclass(frozen=True)
class PathManager:
    """Tell a node's kernel which paths its MPTCP connections may use (``ip mptcp``), read back.

    ``subflows`` is how many a connection may have beside its first, ``accept`` to how many
    announced addresses it opens one. ``endpoints`` are (address, interface, flags) in ip's words,
    such as ``("10.0.3.2", "h2-eth1", "signal")``; those that were there before are gone.
    """

    node: str
    subflows: int
    accept: int
    endpoints: tuple[tuple[str, str, str], ...]
    kind: Literal["path_manager"] = "path_manager"


@dataclass(frozen=True)
class FlowCongestionControl:
    """Switch the congestion control of the live sockets of a process (and its children) on a node.

    ``step`` is the id of the ``Spawn`` whose sockets are meant; only established TCP sockets to or
    from ``port`` are switched. Done with ``pidfd_getfd(2)`` and ``setsockopt(TCP_CONGESTION)``,
    read back afterwards.
    """

    node: str
    step: str
    port: int
    algorithm: str
    kind: Literal["flow_congestion_control"] = "flow_congestion_control"


@dataclass(frozen=True)
class Kill:
    """Send ``signal`` (``TERM``, ``KILL``, ``STOP``, ``CONT``...) to the process of the ``Spawn``
    with id ``step``.
    """

    step: str
    signal: str
    kind: Literal["kill"] = "kill"


@dataclass(frozen=True)
class Snapshot:
    """Take one snapshot now on each named node: sockets (``ss -tinmoea``), qdiscs, counters.

    Kept under ``raw/snapshots/<step id>/``.
    """

    nodes: tuple[str, ...]
    kind: Literal["snapshot"] = "snapshot"


@dataclass(frozen=True)
class WaitFor:
    """Hold the timeline until a condition holds on a node, at most ``timeout_ns``; then the run
    fails.

    ``condition`` is ``port`` (a listening TCP port, ``value`` its number), ``log`` (``value``
    appears in the output of step ``step``), ``socket`` (a TCP socket is in state ``value``, spelt
    as ``ss`` does: ``syn-recv``, ``estab``, ``time-wait``...; ``port`` narrows it) or ``exit`` (the
    process of ``step`` has ended). Later steps that were due meanwhile run late, and say so.
    """

    node: str
    condition: Literal["port", "log", "socket", "exit"]
    value: str
    timeout_ns: int
    step: str | None = None
    port: int | None = None
    kind: Literal["wait_for"] = "wait_for"


@dataclass(frozen=True)
class Mark:
    """Leave a mark on the timeline; drawn on every plot."""

    text: str
    kind: Literal["mark"] = "mark"


@dataclass(frozen=True)
class SegmentFault:
    """Act on chosen TCP segments in one direction of a link: drop, duplicate, corrupt or delay them
    (docs/guides/faults.md).

    ``towards`` names the node at which the direction ends. A segment counts when ``source`` sent
    it, to ``target`` where that is not None, with the ports that are not None; the first
    ``skip_connections`` connections pass. Segments of the kind ``segment`` are numbered from 1 on
    in each flow. Chosen are the numbers in ``nth``; or ``first`` and every ``every``-th from there;
    or data segments with any of the bytes ``bytes`` (first and last, both included, 0 the stream's
    first). Of each the ``transmissions`` (1 is the original; empty: all). At ``Step.until_ns`` the
    fault ends; counting goes on.
    """

    link: str
    towards: str
    source: str
    target: str | None
    source_port: int | None
    target_port: int | None
    either_port: int | None
    skip_connections: int
    segment: Literal["syn", "syn-ack", "data", "fin", "rst", "pure-ack", "window-update", "any"]
    nth: tuple[int, ...]
    first: int | None
    every: int | None
    bytes: tuple[int, ...]
    transmissions: tuple[int, ...]
    effect: Literal["drop", "duplicate", "corrupt", "delay"]
    delay_ns: int = 0
    kind: Literal["segment_fault"] = "segment_fault"


StepKind = (
    Spawn
    | Firewall
    | LinkChange
    | LinkRates
    | LinkState
    | LinkMtu
    | Sysctl
    | InitialWindow
    | PathManager
    | FlowCongestionControl
    | Kill
    | Snapshot
    | WaitFor
    | Mark
    | SegmentFault
)


@dataclass(frozen=True)
class Step:
    """One primitive of the timeline.

    ``id`` is unique (``a03``, or the user's ``id:``; several steps of one action: ``a03.1``...).
    ``action`` is the index in the spec's ``actions``, None for what tcpexp adds itself. ``at_ns``
    None: a setup step, executed in order before t0. ``every_ns`` repeats it until ``until_ns``.
    ``label`` is what a plot and the report print. ``mark`` False keeps it off the plots.
    """

    id: str
    action: int | None
    at_ns: int | None
    do: StepKind
    label: str
    until_ns: int | None = None
    every_ns: int | None = None
    mark: bool = True


# ------------------------------------------------------------------------------------------------
# recording


@dataclass(frozen=True)
class Recorder:
    """Something recorded for the whole run.

    ``kind`` is one of ``capture`` (tcpdump on ``node``/``interface``, options ``snaplen`` bytes, 0
    is all), ``ss`` (``node``, ``interval_ns``), ``qdisc`` (all shaped links, ``interval_ns``),
    ``counters`` (``node``, ``interval_ns``: SNMP and TcpExt), ``trace`` (the kernel's tracepoints,
    options ``events``), ``cpu`` (``interval_ns``) or ``command`` (options ``argv`` and ``output``:
    run every ``interval_ns`` on ``node``, appended to ``raw/<output>`` behind a line ``#
    t_ns=<n>``; with ``interval_ns`` None started once and stopped at the end).
    """

    kind: str
    node: str | None = None
    interface: str | None = None
    interval_ns: int | None = None
    options: dict[str, Any] = field(default_factory=dict)


# ------------------------------------------------------------------------------------------------
# what it means


@dataclass(frozen=True)
class FlowPlan:
    """A named TCP flow: which packets belong to it.

    The connections from ``client`` to ``server``:``port`` that processes of ``step`` opened, which
    is the id of the client's ``Spawn``. ``data_connections`` says which of those connections carry
    the flow: ``all``, or ``not_first`` (iperf3: the first connection of each process is its control
    channel). ``sender`` is the node whose payload is meant; flows of one step and port differ in
    it.
    """

    name: str
    client: str
    server: str
    port: int
    sender: str
    application: str
    step: str
    data_connections: Literal["all", "not_first"]
    congestion_control: str | None
    start_ns: int
    until_ns: int | None


@dataclass(frozen=True)
class PlanFile:
    """A file that travels with the plan into ``{dir}``: text, or base64 when ``binary``."""

    path: str
    content: str
    binary: bool = False


@dataclass(frozen=True)
class ControlModule:
    """A congestion control of the spec's own, which the place compiles for its kernel and loads
    before the network is built.

    ``source`` is its file beside the spec, and ``sha256`` that file's; ``headers`` are those that
    it includes from beside it, each with its sha256. Their texts are among ``RunPlan.files``, below
    ``modules/<name>/``. ``parameters`` are as the kernel takes them (``name=value``).
    """

    name: str
    source: str
    sha256: str
    headers: dict[str, str] = field(default_factory=dict)
    parameters: dict[str, str] = field(default_factory=dict)
    language: Literal["c", "bpf"] = "c"

    @property
    def folder(self) -> str:
        """The folder of its texts among the plan's files."""
        return f"modules/{self.name}"

    @property
    def built(self) -> str:
        """The plan's file that a place puts in their stead."""
        return f"modules/{self.name}{'.ko' if self.language == 'c' else '.bpf.o'}"


#: The program that loads what is in BPF, where a place puts it among the plan's files.
BPF_LOADER = "modules/struct_ops"


@dataclass(frozen=True)
class Needs:
    """What the place must have, so that a lack is named before the run: programs, qdiscs,
    congestion controls, kernel features.

    ``features`` are words of ``tcpexp.places.host.needs``: ``netem``, ``tbf``, ``ifb``,
    ``iptables``, ``ip6tables``, ``ipv6``, ``tracefs``...
    """

    tools: tuple[str, ...] = ()
    qdiscs: tuple[str, ...] = ()
    congestion_controls: tuple[str, ...] = ()
    features: tuple[str, ...] = ()


@dataclass(frozen=True)
class RunPlan:
    """A resolved experiment: everything the engine does, and what the analysis must know to judge
    it.

    ``notes`` are sentences on what is allowed but may not be meant: shown when the spec is
    validated and when the run has ended. ``key`` is the number in ``plots`` of the one that shows
    the ``answer``.
    """

    name: str
    title: str
    description: str
    references: tuple[str, ...]
    seed: int
    duration_ns: int
    network: NetworkPlan
    setup: tuple[Step, ...]
    steps: tuple[Step, ...]
    recorders: tuple[Recorder, ...]
    flows: tuple[FlowPlan, ...]
    expect: tuple[dict[str, Any], ...]
    plots: tuple[dict[str, Any], ...]
    explain: str
    files: tuple[PlanFile, ...]
    needs: Needs
    plugins: tuple[str, ...] = ()
    wall_limit_s: float = 1800.0
    virtual_limit_s: float = 0.0
    notes: tuple[str, ...] = ()
    answer: str = ""
    key: int | None = None
    questions: tuple[str, ...] = ()
    modules: tuple[ControlModule, ...] = ()
    plan_schema: int = PLAN_SCHEMA


#: What of a plan is prose: it changes no run, so rewording it repeats none.
PROSE = ("title", "description", "references", "explain", "answer", "key", "questions")


def to_execute(plan: RunPlan) -> RunPlan:
    """Return what an engine needs of a plan: without prose, expectations and figures.

    So that rewording a text, which changes the size of the file that the engine reads, cannot
    change a capture.
    """
    return dataclasses.replace(
        plan,
        title="",
        description="",
        references=(),
        explain="",
        answer="",
        key=None,
        questions=(),
        expect=(),
        plots=(),
        notes=(),
    )


# ------------------------------------------------------------------------------------------------
# JSON

Plan = TypeVar("Plan")


def to_json(value: Any, *, indent: int | None = 1) -> str:
    """Return ``value`` (a plan class) as JSON with sorted keys and a final newline: the same plan,
    the same bytes.
    """
    return json.dumps(dataclasses.asdict(value), indent=indent, sort_keys=True) + "\n"


def prepare_types(kind: Any = None) -> None:
    """Find the types of all annotations of ``RunPlan`` now, so that :func:`from_json` need not
    later.
    """
    if kind is None:
        kind = RunPlan
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        for hint in _type_hints(kind).values():
            prepare_types(hint)
    for argument in typing.get_args(kind):
        if not isinstance(argument, str) and argument is not Ellipsis and argument is not None:
            prepare_types(argument)


def from_json(text: str, cls: type[Plan]) -> Plan:
    """Return the ``cls`` that ``text`` holds; raises ``DataError`` when it does not fit."""
    try:
        raw = json.loads(text)
    except ValueError as error:
        raise DataError(f"not JSON: {error}") from None
    return typing.cast(Plan, _build(cls, raw, cls.__name__))


def _build(kind: Any, raw: Any, where: str) -> Any:
    origin = typing.get_origin(kind)
    if origin in (typing.Union, types.UnionType):
        return _build_union(kind, raw, where)
    if origin is tuple:
        item = typing.get_args(kind)[0]
        return tuple(_build(item, each, f"{where}[{index}]") for index, each in enumerate(raw))
    if origin is dict or kind is Any:
        return raw
    if origin is Literal:
        if raw not in typing.get_args(kind):
            raise DataError(f"{where}: {raw!r} is not one of {typing.get_args(kind)}")
        return raw
    if dataclasses.is_dataclass(kind):
        return _build_dataclass(kind, raw, where)
    if kind is float and isinstance(raw, int) and not isinstance(raw, bool):
        return float(raw)
    if not isinstance(raw, kind) or (kind is int and isinstance(raw, bool)):
        raise DataError(f"{where}: {raw!r} is not {kind.__name__}")
    return raw


def _build_union(kind: Any, raw: Any, where: str) -> Any:
    if raw is None and type(None) in typing.get_args(kind):
        return None
    members = [member for member in typing.get_args(kind) if member is not type(None)]
    if len(members) == 1:
        return _build(members[0], raw, where)
    if isinstance(raw, dict):
        for member in members:
            if dataclasses.is_dataclass(member) and getattr(member, "kind", None) == raw.get(
                "kind"
            ):
                return _build(member, raw, where)
    raise DataError(f"{where}: no such kind: {raw!r}")


@functools.cache
def _type_hints(kind: type) -> dict[str, Any]:
    """Return a dataclass's annotations as types.

    Finding them means compiling each, so once is enough.
    """
    return typing.get_type_hints(kind)


def _build_dataclass(kind: Any, raw: Any, where: str) -> Any:
    if not isinstance(raw, dict):
        raise DataError(f"{where}: expected a mapping, got {raw!r}")
    hints = _type_hints(kind)
    unknown = sorted(set(raw) - set(hints))
    if unknown:
        raise DataError(f"{where}: unknown key {unknown[0]!r}")
    values = {key: _build(hints[key], each, f"{where}.{key}") for key, each in raw.items()}
    try:
        return kind(**values)
    except TypeError as error:
        raise DataError(f"{where}: {error}") from None
