"""The qdiscs and filters of a wire node, as tc's command lines: pure functions from the plan.

A wire has two outer interfaces, ``w0`` (to end a) and ``w1`` (to end b), and inside a veth pair
``x0``-``x1``. What enters ``w0`` leaves ``x0``, what enters ``x1`` leaves ``w1``, and back: a
clsact filter on each mirrors (clones) the packet and drops the original. Rate and queue sit on
``x0`` (a to b) and ``x1`` (b to a), delay and faults on ``w1`` and ``w0``. The clone is what keeps
TCP's small-queue limit of the sender from holding packets back that should fill the bottleneck's
queue (docs/concepts/links.md).
"""

from __future__ import annotations

from dataclasses import dataclass

from tcpexp.plan.types import ClassFilter, ClassPlan, DirectionPlan, LinkPlan, QueuePlan
from tcpexp.record.disciplines import BY_NETLINK, DISCIPLINES, DUALPI2, HTB, tc_words

#: netem's limit counts what is in flight; this many packets never are.
NETEM_LIMIT = 100_000
#: A shaper for a direction without a rate (its rate comes later in the run): faster than any packet
#: can be sent here.
UNSHAPED_BPS = 20_000_000_000
UNSHAPED_BURST_BYTES = 1_000_000
UNSHAPED_QUEUE = QueuePlan("pfifo", limit_packets=100_000, limit_bytes=None)
#: Bytes that tbf may send at once: two full frames. One makes it 0.1 % slow, ten kB send a burst at
#: the start.
BURST_FRAMES = 2
ETHERNET_HEADER_BYTES = 14
#: The distribution for which tc has no file: netem does it without a table.
UNIFORM = "uniform"
SHAPER_HANDLE, LEAF_HANDLE, NETEM_HANDLE = "1:", "10:", "20:"
#: The handle of a discipline in front of a host's interface.
HOST_HANDLE = "30:"
#: Filters that carry packets across a wire come after those that act on chosen segments
#: (engine/faults).
CROSSING_PREF = 10
#: A policer refuses what is larger; nothing is.
LARGEST_POLICED = 65536
#: Disciplines whose queue tbf itself can limit; its limit is given in the leaf's unit.
FIFOS = ("pfifo", "bfifo")
#: The limit that tbf is given above another leaf, which keeps its own.
OTHER_LEAF_LIMIT = 10_000_000


@dataclass(frozen=True)
class DirectionDevices:
    """Where one direction of a wire is shaped and delayed, by interface name.

    None when it carries no such qdisc.
    """

    shaper: str | None
    netem: str | None


@dataclass(frozen=True)
class Qdisc:
    """A qdisc as asked: where it is, its kind and its parameters in tc's words."""

    device: str
    place: str
    handle: str
    kind: str
    words: tuple[str, ...]
    queue: QueuePlan | None = None

    @property
    def by_netlink(self) -> bool:
        """Whether tc does not know it: it is set by netlink (engine/dualpi2.py)."""
        return self.kind == DUALPI2

    def command(self, verb: str) -> str:
        """Return the line for ``tc -batch``; ``verb`` is ``add`` or ``change``."""
        words = " ".join(self.words)
        where = f"dev {self.device} {self.place} handle {self.handle}"
        return f"qdisc {verb} {where} {self.kind} {words}".rstrip()


def direction_devices(link: LinkPlan, forward: bool) -> DirectionDevices:
    """Return the devices of a direction of a wire."""
    shaper, netem = ("x0", "w1") if forward else ("x1", "w0")
    return DirectionDevices(shaper if link.wire_queue else None, netem if link.wire_netem else None)


def far_end(device: str) -> str:
    """Return the other end of the wire's inner pair: what leaves ``x0`` by its shaper is seen there
    first.
    """
    return {"x0": "x1", "x1": "x0"}[device]


def host_qdisc(device: str, queue: QueuePlan) -> Qdisc:
    """Return the discipline in front of a host's interface."""
    return Qdisc(device, "root", HOST_HANDLE, queue.discipline, queue_words(queue, 0), queue)


def direction_qdiscs(
    link: LinkPlan,
    forward: bool,
    direction: DirectionPlan,
    mtu: int,
    seed: int | None,
    *,
    had_table: bool = False,
) -> list[Qdisc]:
    """Return the qdiscs of one direction, parents first.

    ``had_table``: its netem was given a table of jitter before.
    """
    devices = direction_devices(link, forward)
    found = []
    if devices.shaper is not None:
        found += shaper_qdiscs(devices.shaper, direction, mtu)
    if devices.netem is not None:
        found.append(
            Qdisc(
                devices.netem,
                "root",
                NETEM_HANDLE,
                "netem",
                netem_words(direction, seed, had_table=had_table),
            )
        )
    return found


def shaper_qdiscs(device: str, direction: DirectionPlan, mtu: int) -> list[Qdisc]:
    """Return the token bucket and its leaf, which is the bottleneck's queue.

    tbf's own limit overwrites the limit of a fifo leaf at every change, so it is given the leaf's
    number.
    """
    queue = direction.queue or UNSHAPED_QUEUE
    rate = direction.rate_bps or UNSHAPED_BPS
    burst = (
        BURST_FRAMES * (mtu + ETHERNET_HEADER_BYTES) if direction.rate_bps else UNSHAPED_BURST_BYTES
    )
    limit = queue_limit(queue) if queue.discipline in FIFOS else OTHER_LEAF_LIMIT
    return [
        Qdisc(
            device,
            "root",
            SHAPER_HANDLE,
            "tbf",
            ("rate", f"{rate}bit", "burst", f"{burst}b", "limit", f"{limit}b"),
        ),
        Qdisc(
            device,
            f"parent {SHAPER_HANDLE}",
            LEAF_HANDLE,
            queue.discipline,
            queue_words(queue, rate),
            queue,
        ),
    ]


def queue_limit(queue: QueuePlan) -> int:
    """Return the limit in the discipline's own unit (packets or bytes)."""
    limit = queue.limit_packets if queue.limit_packets is not None else queue.limit_bytes
    assert limit is not None, "a QueuePlan has a limit"
    return limit


def queue_words(queue: QueuePlan, rate_bps: int) -> tuple[str, ...]:
    """Return a queue discipline's parameters in tc's words."""
    limit = str(queue_limit(queue))
    if queue.discipline == DUALPI2:
        return ()
    if queue.discipline == HTB:
        return ("default", f"{class_minor(queue, rest_class(queue).name):x}")
    if queue.discipline in DISCIPLINES:
        settings = {one.name: one.value for one in queue.settings}
        words = tc_words(queue.discipline, settings, ecn=queue.ecn, rate_bps=rate_bps)
        return ("limit", limit, *words)
    if queue.discipline == "cake":
        head: tuple[str, ...] = ("unlimited", "memlimit", f"{limit}b")
    elif queue.limit_packets is None:
        head = ("limit", f"{limit}b")
    else:
        head = ("limit", limit)
    ecn: tuple[str, ...] = ()
    if queue.discipline in ("codel", "fq_codel"):
        ecn = ("ecn",) if queue.ecn else ("noecn",)
    elif queue.discipline == "red" and queue.ecn:
        ecn = ("ecn",)
    return (*head, *queue.options, *ecn)


# ------------------------------------------------------------------------------
# classes

#: The class of htb from which all others borrow; what it has is limited by the shaper above.
INNER_MINOR = 1
FIRST_MINOR = 0x10


def class_minor(queue: QueuePlan, name: str) -> int:
    """Return the minor number of a class by its name."""
    return FIRST_MINOR + [one.name for one in queue.classes].index(name)


def rest_class(queue: QueuePlan) -> ClassPlan:
    """Return the class of the packets that no filter fits."""
    return next(one for one in queue.classes if not one.filters)


def class_commands(device: str, queue: QueuePlan, mtu: int, verb: str) -> list[str]:
    """Return ``tc -batch`` lines that make (``add``) or change (``change``) the classes of htb.

    Each has a fifo of its own. The shaper above htb keeps the link's rate, so the class that lends
    has none of its own. A class sends two full frames at once at most, as the shaper does.
    """
    frame = mtu + ETHERNET_HEADER_BYTES
    burst = BURST_FRAMES * frame
    major = LEAF_HANDLE.rstrip(":")
    lines = []
    if verb == "add":
        lines.append(
            f"class add dev {device} parent {major}: classid {major}:{INNER_MINOR:x} htb rate"
            f" {UNSHAPED_BPS}bit burst {UNSHAPED_BURST_BYTES}b cburst {UNSHAPED_BURST_BYTES}b"
            f" quantum {frame}"
        )
    for one in queue.classes:
        minor = class_minor(queue, one.name)
        ceil = one.ceil_bps
        top = (
            f"ceil {ceil}bit cburst {burst}b"
            if ceil is not None
            else f"ceil {UNSHAPED_BPS}bit cburst {UNSHAPED_BURST_BYTES}b"
        )
        lines.append(
            f"class {verb} dev {device} parent {major}:{INNER_MINOR:x} classid {major}:{minor:x}"
            f" htb rate {one.rate_bps}bit burst {burst}b {top} prio {one.prio} quantum"
            f" {one.quantum}"
        )
        lines.append(
            f"qdisc {verb} dev {device} parent {major}:{minor:x} handle {class_handle(minor)}"
            f" pfifo limit {one.limit_packets}"
        )
    return lines


def class_handle(minor: int) -> str:
    """Return the handle of the queue of a class."""
    return f"{0x100 + minor:x}:"


def class_filter_commands(device: str, queue: QueuePlan) -> list[str]:
    """Return ``tc -batch`` lines for the filters of the classes, in the order in which they are
    tried.
    """
    major = LEAF_HANDLE.rstrip(":")
    found: list[str] = []
    for one in queue.classes:
        for each in one.filters:
            minor = class_minor(queue, one.name)
            found.append(
                f"filter add dev {device} parent {major}: protocol {filter_protocol(each)} pref"
                f" {len(found) + 1} flower {flower_words(each)} classid {major}:{minor:x}".replace(
                    "  ", " "
                )
            )
    return found


def filter_protocol(one: ClassFilter) -> str:
    """Return the version of IP of a filter by its addresses, IPv4 where it names none."""
    return "ipv6" if ":" in (one.source or one.target or "") else "ip"


def flower_words(one: ClassFilter) -> str:
    """Return a filter in the words of tc's flower; DSCP is the upper six bits of the octet."""
    words: list[str] = []
    if one.protocol is not None:
        icmp = "icmpv6" if filter_protocol(one) == "ipv6" else "icmp"
        words += ["ip_proto", icmp if one.protocol == "icmp" else one.protocol]
    if one.dscp is not None:
        words += ["ip_tos", f"{one.dscp << 2:#x}/0xfc"]
    for name, value in (("src_ip", one.source), ("dst_ip", one.target)):
        words += [name, value] if value else []
    for name, port in (("src_port", one.source_port), ("dst_port", one.target_port)):
        words += [name, str(port)] if port else []
    return " ".join(words)


def reads_by_netlink(link: LinkPlan) -> bool:
    """Whether a wire has what tc's own listing does not tell well enough: then all of it is read
    by netlink.
    """
    return any(
        side.policer is not None or (side.queue is not None and side.queue.discipline in BY_NETLINK)
        for side in (link.forward, link.backward)
    )


def microseconds(ns: int) -> str:
    """Return ``ns`` in tc's words, to the nearest microsecond: tc cuts off what is beyond."""
    return f"{(ns + 500) // 1000}.000us"


def has_table(direction: DirectionPlan) -> bool:
    """Whether a direction's jitter follows a table (tc's ``distribution``).

    The kernel's own is uniform.
    """
    return bool(direction.jitter_ns) and direction.jitter_distribution not in (None, UNIFORM)


def uniform_table() -> str:
    """Return the text of a table of the uniform distribution, in tc's form: numbers of which 8192
    is the jitter (NETEM_DIST_SCALE).
    """
    size = 4096
    return "".join(f"{round((2 * (index + 0.5) / size - 1) * 8192)}\n" for index in range(size))


def netem_words(
    direction: DirectionPlan, seed: int | None, *, had_table: bool = False
) -> tuple[str, ...]:
    """Return netem's parameters, every one named: a change resets some of what it does not name and
    keeps the rest.

    A table of jitter (net/sched/sch_netem.c: ``delay_dist``) is kept until another comes, so after
    one the uniform distribution is a table too.
    """
    words = ["limit", str(NETEM_LIMIT), "delay", microseconds(direction.delay_ns)]
    if direction.jitter_ns:
        words += [microseconds(direction.jitter_ns), percent(direction.jitter_correlation)]
        if has_table(direction):
            words += ["distribution", str(direction.jitter_distribution)]
        elif had_table:
            words += ["distribution", UNIFORM]
    words += _loss_words(direction)
    for name, fraction, correlation in (
        ("duplicate", direction.duplicate, direction.duplicate_correlation),
        ("corrupt", direction.corrupt, direction.corrupt_correlation),
        ("reorder", direction.reorder, direction.reorder_correlation),
    ):
        words += [name, percent(fraction), percent(correlation if fraction else 0.0)]
    if direction.reorder and direction.reorder_gap:
        words += ["gap", str(direction.reorder_gap)]
    if seed is not None:
        words += ["seed", str(seed)]
    return tuple(words)


def _loss_words(direction: DirectionPlan) -> list[str]:
    loss = direction.loss
    if loss is None:
        return ["loss", "random", percent(0.0)]
    if loss.model == "random":
        return ["loss", "random", percent(loss.p)]
    r = 1.0 - loss.p if loss.r is None else loss.r
    bad = 1.0 if loss.bad_loss is None else loss.bad_loss
    return [
        "loss",
        "gemodel",
        percent(loss.p),
        percent(r),
        percent(bad),
        percent(loss.good_loss or 0.0),
    ]


def percent(fraction: float) -> str:
    """Return a fraction as tc's percentage."""
    return f"{fraction * 100:.10g}%"


def interface_commands(link: LinkPlan) -> list[str]:
    """Return ``ip -batch`` lines that bring the wire's interfaces up (the inner pair only when
    there is a queue).
    """
    inner = ["x0", "x1"] if link.wire_queue else []
    return [f"link set dev {name} up" for name in ("w0", "w1", *inner)]


def clsact_commands(link: LinkPlan) -> list[str]:
    """Return ``tc -batch`` lines that make the wire's interfaces ready for filters."""
    return [f"qdisc add dev {source} clsact" for source, _target in crossings(link)]


def filter_commands(link: LinkPlan, classifier: str) -> list[str]:
    """Return the ``tc -batch`` lines that carry packets across.

    ``classifier`` is ``matchall`` or, for a kernel without it, ``u32``.
    """
    return [
        crossing_command(source, target, classifier, policer_words(link, source))
        for source, target in crossings(link)
    ]


def crossing_command(source: str, target: str, classifier: str, policer: str = "") -> str:
    """Return the ``tc -batch`` line by which what comes in at ``source`` goes out at ``target``,
    behind a policer where there is one.
    """
    match = "matchall" if classifier == "matchall" else "u32 match u32 0 0"
    return (
        f"filter add dev {source} ingress protocol all pref {CROSSING_PREF} {match}{policer} action"
        f" mirred egress mirror dev {target} drop"
    )


def policer_words(link: LinkPlan, source: str) -> str:
    """Return the policer of what comes in at one of a wire's ends, in tc's words; empty without
    one.

    The kernel counts what comes in without its Ethernet header (net/sched/act_police.c counts
    qdisc_pkt_len, which at ingress is the packet's length from the IP header on); ``overhead`` adds
    it, so that a policer's rate means what a bottleneck's means.
    """
    side = {"w0": link.forward, "w1": link.backward}.get(source)
    if side is None or side.policer is None:
        return ""
    rate, burst = side.policer.rate_bps, side.policer.burst_bytes
    return (
        f" action police rate {rate}bit burst {burst}b mtu {LARGEST_POLICED}b overhead"
        f" {ETHERNET_HEADER_BYTES} conform-exceed drop/pipe"
    )


def fault_point(link: LinkPlan, forward: bool) -> tuple[str, str]:
    """Return where a direction's packets come in behind the bottleneck and before the delay, and
    the interface out of which they go then.
    """
    if link.wire_queue:
        return ("x1", "w1") if forward else ("x0", "w0")
    return ("w0", "w1") if forward else ("w1", "w0")


def crossings(link: LinkPlan) -> list[tuple[str, str]]:
    """Return which interface's input goes out of which interface."""
    if link.wire_queue:
        return [("w0", "x0"), ("x1", "w1"), ("w1", "x1"), ("x0", "w0")]
    return [("w0", "w1"), ("w1", "w0")]
