"""poll() and epoll, by level: what is ready now."""

from __future__ import annotations

from dataclasses import dataclass, field

from tcpexp.packetdrill.outcome import Unplayable
from tcpexp.packetdrill.script import Call, Expression
from tcpexp.packetdrill.utcp.sockets import Result, Socket, failed
from tcpexp.packetdrill.utcp.values import argument, number, words

NAMES = {
    "in": ("POLLIN", "EPOLLIN", "POLLRDNORM", "EPOLLRDNORM"),
    "out": ("POLLOUT", "EPOLLOUT", "POLLWRNORM", "EPOLLWRNORM"),
    "err": ("POLLERR", "EPOLLERR"),
    "hup": ("POLLHUP", "EPOLLHUP"),
    "rdhup": ("POLLRDHUP", "EPOLLRDHUP"),
}
_MEANING = {word: kind for kind, names in NAMES.items() for word in names}
ALWAYS = frozenset({"err", "hup"})


def _kinds(expression: Expression) -> frozenset[str]:
    """Return the kinds of readiness that symbols mean. Raises: Unplayable for others."""
    found = words(expression)
    if unknown := found - _MEANING.keys():
        raise Unplayable(f"poll() with {', '.join(sorted(unknown))}")
    return frozenset(_MEANING[word] for word in found)


def _member(expression: Expression, name: str) -> Expression:
    found = expression.member(name) if expression.kind == "struct" else None
    if found is None:
        raise Unplayable(f"a structure without {name}")
    return found


def poll(sockets: dict[int, Socket], call: Call) -> Result | None:
    """Return what is ready of the descriptors, None while none is and the call may wait."""
    ready, wrong = 0, ""
    for item in argument(call, 0).items:
        socket = sockets.get(number(_member(item, "fd")))
        if socket is None:
            raise Unplayable("poll() of a descriptor that is no socket")
        found = socket.ready() & (_kinds(_member(item, "events")) | ALWAYS)
        expected = item.member("revents")
        if expected is not None and found and found != _kinds(expected):
            wrong = f"revents {'|'.join(sorted(found))}"
        ready += bool(found)
    if wrong:
        return failed(f"is {wrong}")
    if ready or number(argument(call, 2)) == 0:
        return Result(ready)
    return None


@dataclass
class Epoll:
    """A set of descriptors with what is waited for."""

    members: dict[int, Expression] = field(default_factory=dict)

    def control(self, sockets: dict[int, Socket], call: Call) -> Result:
        """Do what epoll_ctl() does."""
        action = next(iter(words(argument(call, 1))))
        descriptor = number(argument(call, 2))
        if descriptor not in sockets:
            return failed("EBADF")
        if action == "EPOLL_CTL_DEL":
            return Result(0) if self.members.pop(descriptor, None) else failed("ENOENT")
        event = argument(call, 3)
        _kinds(_member(event, "events"))
        if (descriptor in self.members) == (action == "EPOLL_CTL_ADD"):
            return failed("EEXIST" if action == "EPOLL_CTL_ADD" else "ENOENT")
        self.members[descriptor] = event
        return Result(0)

    def wait(self, sockets: dict[int, Socket], call: Call) -> Result | None:
        """Do what epoll_wait() does, for one event."""
        expected = argument(call, 1)
        for descriptor, event in self.members.items():
            socket = sockets.get(descriptor)
            if socket is None:
                continue
            found = socket.ready() & (_kinds(_member(event, "events")) | ALWAYS)
            if found:
                wanted = _member(expected, "events")
                if wanted.kind != "integer" and _kinds(wanted) != found:
                    return failed(f"is {'|'.join(sorted(found))}")
                return Result(1)
        return Result(0) if number(argument(call, 3)) == 0 else None
