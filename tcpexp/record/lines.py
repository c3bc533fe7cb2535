"""The lines of the engine's logs: ``events.jsonl``, ``raw/commands.jsonl``, ``raw/readback.jsonl``.

Each begins with ``t_ns``, the time from the experiment's zero.
"""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypedDict

EventKind = Literal["start", "end", "mark", "error"]


class Event(TypedDict, total=False):
    """A line of ``events.jsonl``: an action's start or end, a mark, an error; None where it has no
    such thing.

    ``behind_ns`` is the part of ``lateness_ns`` in which the engine was at work on what was due
    before.
    """

    event: EventKind
    planned_ns: int | None
    lateness_ns: int | None
    behind_ns: int | None
    step: str | None
    action: int | None
    kind: str | None
    node: str | None
    label: str | None
    argv: list[str] | None
    pid: int | None
    status: int | None
    stopped_by: str | None
    text: str | None


#: The keys of a line behind ``event``, in their order.
EVENT_KEYS = tuple(key for key in Event.__annotations__ if key != "event")


class Command(TypedDict):
    """A line of ``raw/commands.jsonl``: a command that the engine ran, or did itself.

    ``by`` is ``process``, ``spawn``, ``capture``, or ``engine`` when it did itself what the command
    line describes.
    """

    node: str | None
    argv: list[str]
    stdin: str | None
    status: int | None
    stderr: str
    duration_ns: int
    by: str


class ShownQdisc(TypedDict):
    """A qdisc of a link's direction; ``options`` as ``tc -j qdisc show`` prints them."""

    towards: str
    qdisc: str
    kind: str
    options: dict[str, Any]


class ShownInterface(TypedDict):
    """An interface of a node, and the kind of qdisc at its root with its settings."""

    name: str
    mtu: int
    up: bool
    qdisc: str | None
    options: NotRequired[dict[str, Any]]


class NoticedChange(TypedDict):
    """What somebody changed about an interface, in words."""

    name: str
    change: str


class ShownLink(TypedDict):
    """A line of ``raw/readback.jsonl`` about a link: at the start, after a change, at the end."""

    when: str
    link: str
    qdiscs: list[ShownQdisc]


class ShownNode(TypedDict):
    """A line of ``raw/readback.jsonl`` about a node's interfaces: at the start and at the end."""

    when: str
    node: str
    interfaces: list[ShownInterface]


class NoticedNode(TypedDict):
    """A line of ``raw/readback.jsonl`` about what was changed at a node meanwhile.

    ``whole`` is false when changes were missed.
    """

    when: str
    node: str
    changes: list[NoticedChange]
    whole: bool
