"""The script's program: its descriptors, and one function for each system call that it may make.

A function returns a :class:`~tcpexp.packetdrill.utcp.sockets.Result`, or None while the call
blocks; the player asks again with the same :class:`Running`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from tcpexp.packetdrill.outcome import Unplayable
from tcpexp.packetdrill.script import Call
from tcpexp.packetdrill.utcp import options, polling
from tcpexp.packetdrill.utcp.sockets import Result, Socket, failed
from tcpexp.packetdrill.utcp.systems import System
from tcpexp.packetdrill.utcp.values import argument, number, octets_of, words
from tcpexp.tcp.core.connection import Connection
from tcpexp.tcp.core.isn import Endpoint
from tcpexp.tcp.core.stack import Stack
from tcpexp.tcp.core.states import State

READ_FLAGS = frozenset({"MSG_PEEK", "MSG_DONTWAIT", "MSG_WAITALL", "MSG_NOSIGNAL", "MSG_TRUNC"})
WRITE_FLAGS = frozenset({"MSG_DONTWAIT", "MSG_NOSIGNAL", "MSG_FASTOPEN"})
STREAM = frozenset({"SOCK_STREAM", "SOCK_NONBLOCK", "SOCK_CLOEXEC"})


@dataclass
class Running:
    """A call that may have to wait: what of it is done."""

    call: Call
    began: bool = False
    octets: int = 0


@dataclass
class Program:
    """The descriptors, by the number that the script gives them."""

    stack: Stack
    system: System
    connect_to: Endpoint
    bind_port: int

    def __post_init__(self) -> None:
        self.sockets: dict[int, Socket] = {}
        self.polls: dict[int, polling.Epoll] = {}
        self.created: Socket | None = None
        self.accepted: dict[int, Connection] = {}

    def run(self, running: Running, now: int) -> Result | None:
        """Make a call, or go on with it. Raises: Unplayable for one that this program lacks."""
        call = running.call
        known = CALLS.get(call.name)
        if known is None:
            raise Unplayable(f"the system call {call.name}()")
        result = known(self, running, now)
        running.began = True
        return result

    def socket(self, call: Call, at: int = 0) -> Socket | None:
        """Return the socket that an argument names, None for a number that is none."""
        return self.sockets.get(number(argument(call, at)))

    def owner(self, connection: Connection) -> Socket | None:
        """Return the socket of a connection."""
        return next((s for s in self.sockets.values() if s.connection is connection), None)


Made = Callable[[Program, Running, int], Result | None]


def _socket(program: Program, running: Running, now: int) -> Result:
    kinds = words(argument(running.call, 1))
    if "SOCK_STREAM" not in kinds or kinds - STREAM:
        raise Unplayable(f"a socket of the kind {'|'.join(sorted(kinds - STREAM)) or 'unknown'}")
    protocol = argument(running.call, 2)
    if protocol.kind == "word" and protocol.value not in ("IPPROTO_TCP", "IPPROTO_IP"):
        raise Unplayable(f"a socket of the protocol {protocol.value}")
    config = program.system.config
    if program.system.fast_open & 0x402 == 0x402:
        config = replace(config, fast_open=True)
    made = Socket(program.stack, config, "SOCK_NONBLOCK" not in kinds)
    number_ = number(running.call.result)
    program.sockets[number_] = made
    program.created = made
    return Result(number_)


def _bind(program: Program, running: Running, now: int) -> Result:
    socket = program.socket(running.call)
    if socket is None:
        return failed("EBADF")
    socket.port = program.bind_port
    return Result(0)


def _listen(program: Program, running: Running, now: int) -> Result:
    socket = program.socket(running.call)
    if socket is None:
        return failed("EBADF")
    return socket.listen(program.bind_port, number(argument(running.call, 1)))


def _accept(program: Program, running: Running, now: int) -> Result | None:
    call = running.call
    socket = program.socket(call)
    if socket is None:
        return failed("EBADF")
    found = socket.accept()
    if not isinstance(found, Connection):
        return found
    blocking = True
    if call.name == "accept4" and "SOCK_NONBLOCK" in words(argument(call, 3)):
        blocking = False
    child = Socket(program.stack, found.config, blocking, socket.port, found)
    child.options.update(socket.options)
    child.apply()
    descriptor = number(call.result)
    program.sockets[descriptor if descriptor >= 0 else max(program.sockets) + 1] = child
    return Result(max(descriptor, 0))


def _connect(program: Program, running: Running, now: int) -> Result | None:
    socket = program.socket(running.call)
    if socket is None:
        return failed("EBADF")
    if argument(running.call, 1).value == "AF_UNSPEC":
        return socket.disconnect(now)
    if socket.deferred and socket.connection is None:
        return failed("EISCONN")  # inet_stream_connect() of Linux
    if any(each.kind == "struct" for each in running.call.arguments):
        raise Unplayable("connect() to an address of its own")
    if not running.began and "TCP_FASTOPEN_CONNECT" not in socket.options:
        socket.config = replace(socket.config, fast_open=False)
    elif not running.began:
        if not program.system.fast_open & 1:
            return failed("EOPNOTSUPP")
        socket.config = replace(socket.config, fast_open=True)
        known = program.stack.cookies.get(program.connect_to.address, (b"", None))[0]
        if known and socket.connection is None:
            socket.deferred = True  # the SYN goes with the first data
            return Result(0)
    return socket.connect(program.connect_to, now)


def _read(program: Program, running: Running, now: int) -> Result | None:
    call = running.call
    socket = program.socket(call)
    if socket is None:
        return failed("EBADF")
    flags = frozenset[str]()
    if call.name == "recvmsg":
        message = argument(call, 1)
        if message.member("msg_control") is not None:
            raise Unplayable("recvmsg() with control messages")
        most = octets_of(message)
        flags = words(argument(call, 2))
    elif call.name == "readv":
        most = octets_of(argument(call, 1))
    else:
        most = number(argument(call, 2))
        flags = words(argument(call, 3)) if call.name != "read" else flags
    if flags - READ_FLAGS:
        raise Unplayable(f"{call.name}() with {', '.join(sorted(flags - READ_FLAGS))}")
    result = socket.read(most, now, peek="MSG_PEEK" in flags, all_="MSG_WAITALL" in flags)
    return failed("EAGAIN") if result is None and "MSG_DONTWAIT" in flags else result


def _write(program: Program, running: Running, now: int) -> Result | None:
    call = running.call
    socket = program.socket(call)
    if socket is None:
        return failed("EBADF")
    if call.name in ("write", "send", "sendto") and argument(call, 1).value == "NULL":
        return failed("EFAULT")
    count, flags = _what_to_send(call)
    opens = "MSG_FASTOPEN" in flags or (program.system.name == "FreeBSD" and call.name == "sendto")
    opens = opens or socket.deferred
    if opens and socket.connection is None and socket.listener is None:
        return _open_with_data(program, running, socket, count, now)
    opening = socket.connection is not None and socket.connection.state is State.SYN_SENT
    if "MSG_FASTOPEN" in flags and opening and not running.began:
        return failed("EALREADY")
    if socket.connecting and running.began and (error := socket.take_error()) is not None:
        return failed(error)
    if running.began and not opening:
        _after_handshake(socket, pending=running.octets < count)
    blocking = socket.blocking and "MSG_DONTWAIT" not in flags
    done = socket.write(count, running.octets, now, blocking)
    if isinstance(done, int):
        running.octets = done
        return None
    return done


def _what_to_send(call: Call) -> tuple[int, frozenset[str]]:
    """Return how many octets a call sends, and its flags. Raises: Unplayable for other flags."""
    flags = frozenset[str]()
    if call.name == "sendmsg":
        count, flags = octets_of(argument(call, 1)), words(argument(call, 2))
    elif call.name == "writev":
        count = octets_of(argument(call, 1))
    elif call.name == "sendfile":
        count = number(argument(call, 3))
    else:
        count = number(argument(call, 2))
        flags = words(argument(call, 3)) if call.name != "write" else flags
    if flags - WRITE_FLAGS:
        raise Unplayable(f"{call.name}() with {', '.join(sorted(flags - WRITE_FLAGS))}")
    return count, flags


def _after_handshake(socket: Socket, *, pending: bool) -> None:
    """Go on with a call that has waited for the handshake. With data left to send these count as an
    answer: sk_write_pending in tcp_rcv_synsent_state_process() of Linux.
    """
    if socket.connecting and socket.connection is not None:
        socket.connecting = False
        if pending:
            socket.connection.tcb.quick_acks = 0


def _open_with_data(
    program: Program, running: Running, socket: Socket, count: int, now: int
) -> Result | None:
    """Connect and send in one call: RFC 7413 appendix A.

    Linux keeps the data only if a cookie is known, else only connects; FreeBSD keeps them.
    """
    system = program.system
    allowed = system.fast_open & 1
    if not allowed and system.name == "Linux":
        return failed("EOPNOTSUPP")
    known = bool(program.stack.cookies.get(program.connect_to.address, (b"", None))[0])
    wanted = system.name == "Linux" or socket.config.fast_open
    socket.config = replace(socket.config, fast_open=bool(allowed and wanted))
    keeps = known or system.name == "FreeBSD"
    blocking = socket.blocking and "MSG_DONTWAIT" not in _flags(running.call)
    taken = socket.open(program.connect_to, now, bytes(count) if keeps else b"")
    if system.name == "FreeBSD":
        return Result(taken)
    assert socket.connection is not None
    tcb = socket.connection.tcb
    tcb.out.unsent.clear()  # what did not fit the SYN is the program's to send again
    running.octets = tcb.snd_nxt - tcb.iss - 1
    if blocking:
        return None
    return Result(running.octets) if running.octets else failed("EINPROGRESS")


def _flags(call: Call) -> frozenset[str]:
    """Return the flags of a call that sends."""
    at = {"sendmsg": 2, "send": 3, "sendto": 3}.get(call.name)
    return frozenset() if at is None else words(argument(call, at))


def _shutdown(program: Program, running: Running, now: int) -> Result:
    socket = program.socket(running.call)
    if socket is None:
        return failed("EBADF")
    how = argument(running.call, 1)
    names = ("SHUT_RD", "SHUT_WR", "SHUT_RDWR")
    word = names[number(how)] if how.kind == "integer" else next(iter(words(how)))
    return socket.shutdown(word, now)


def _close(program: Program, running: Running, now: int) -> Result:
    descriptor = number(argument(running.call, 0))
    if program.polls.pop(descriptor, None) is not None:
        return Result(0)
    socket = program.sockets.pop(descriptor, None)
    return failed("EBADF") if socket is None else socket.close(now)


def _fcntl(program: Program, running: Running, now: int) -> Result:
    socket = program.socket(running.call)
    if socket is None:
        return failed("EBADF")
    command = next(iter(words(argument(running.call, 1))))
    if command == "F_GETFL":
        # O_RDWR, and O_NONBLOCK as the script's system numbers it
        wanted = running.call.result
        value = number(wanted) if wanted.kind == "integer" else 2
        return Result(value if (value > 2) == (not socket.blocking) else 2)
    if command != "F_SETFL":
        raise Unplayable(f"fcntl() with {command}")
    socket.blocking = "O_NONBLOCK" not in words(argument(running.call, 2))
    return Result(0)


def _setsockopt(program: Program, running: Running, now: int) -> Result:
    socket = program.socket(running.call)
    if socket is None:
        return failed("EBADF")
    return options.set_option(socket, running.call, program.system)


def _getsockopt(program: Program, running: Running, now: int) -> Result:
    socket = program.socket(running.call)
    if socket is None:
        return failed("EBADF")
    return options.get_option(socket, running.call, program.system)


def _ioctl(program: Program, running: Running, now: int) -> Result:
    socket = program.socket(running.call)
    if socket is None:
        return failed("EBADF")
    return options.control(socket, running.call)


def _poll(program: Program, running: Running, now: int) -> Result | None:
    return polling.poll(program.sockets, running.call)


def _epoll_create(program: Program, running: Running, now: int) -> Result:
    descriptor = number(running.call.result)
    program.polls[descriptor] = polling.Epoll()
    return Result(descriptor)


def _epoll_ctl(program: Program, running: Running, now: int) -> Result:
    epoll = program.polls.get(number(argument(running.call, 0)))
    return failed("EBADF") if epoll is None else epoll.control(program.sockets, running.call)


def _epoll_wait(program: Program, running: Running, now: int) -> Result | None:
    epoll = program.polls.get(number(argument(running.call, 0)))
    return failed("EBADF") if epoll is None else epoll.wait(program.sockets, running.call)


CALLS: dict[str, Made] = {
    "socket": _socket,
    "bind": _bind,
    "listen": _listen,
    "accept": _accept,
    "accept4": _accept,
    "connect": _connect,
    "read": _read,
    "readv": _read,
    "recv": _read,
    "recvfrom": _read,
    "recvmsg": _read,
    "write": _write,
    "writev": _write,
    "send": _write,
    "sendto": _write,
    "sendmsg": _write,
    "shutdown": _shutdown,
    "close": _close,
    "fcntl": _fcntl,
    "setsockopt": _setsockopt,
    "getsockopt": _getsockopt,
    "ioctl": _ioctl,
    "poll": _poll,
    "epoll_create": _epoll_create,
    "epoll_create1": _epoll_create,
    "epoll_ctl": _epoll_ctl,
    "epoll_wait": _epoll_wait,
}
