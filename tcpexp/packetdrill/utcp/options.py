"""Socket options and ioctls: which setting of ``tcpexp.tcp`` each is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from tcpexp.packetdrill.outcome import Unplayable
from tcpexp.packetdrill.script import Call, Expression
from tcpexp.packetdrill.utcp.sockets import Result, Socket, failed
from tcpexp.packetdrill.utcp.systems import System
from tcpexp.packetdrill.utcp.values import argument, number, words
from tcpexp.tcp.core.config import MS, SECOND

#: Options that change nothing that this TCP does.
IGNORED = frozenset({"SO_REUSEADDR", "SO_REUSEPORT", "IP_FREEBIND", "SO_MARK", "SO_PRIORITY"})


def set_option(socket: Socket, call: Call, system: System) -> Result:
    """Do what setsockopt() does. Raises: Unplayable for an option that this TCP does not have."""
    name = next(iter(words(argument(call, 2))))
    value = argument(call, 3)
    if name in IGNORED:
        return Result(0)
    if name == "SO_LINGER":
        on, seconds = value.member("onoff"), value.member("linger")
        socket.linger = number(seconds) if on and seconds and number(on) else None
        return Result(0)
    if name == "TCP_CONGESTION" and value.kind == "string":
        control = {"reno": "newreno"}.get(str(value.value), str(value.value))
        return _configure(socket, congestion_control=control)
    setter = SETTERS.get(name)
    if setter is None:
        raise Unplayable(f"the socket option {name}")
    asked = number(value)
    socket.options[name] = asked
    return setter(socket, asked, system)


def _configure(socket: Socket, **settings: object) -> Result:
    """Change settings of this socket's connection; those that are there are changed too."""
    socket.config = replace(socket.config, **settings)  # type: ignore[arg-type]
    if socket.listener is not None:
        listening = replace(socket.listener.config, **settings)  # type: ignore[arg-type]
        socket.listener.config = listening
    if socket.connection is not None:
        tcb = socket.connection.tcb
        tcb.config = replace(tcb.config, **settings)  # type: ignore[arg-type]
        socket.connection.config = tcb.config
        if "send_buffer" in settings:
            tcb.out.capacity = tcb.config.send_buffer
        if "receive_buffer" in settings:
            tcb.received.capacity = tcb.config.receive_buffer
    return Result(0)


def _setting(name: str, factor: int = 1) -> Setter:
    return lambda socket, value, system: _configure(socket, **{name: value * factor})


def _nodelay(socket: Socket, value: int, system: System) -> Result:
    socket.apply()
    return _configure(socket, nagle=not value)


def _maxseg(socket: Socket, value: int, system: System) -> Result:
    if socket.connection is not None:
        tcb = socket.connection.tcb
        tcb.eff_snd_mss = min(tcb.eff_snd_mss, value)
    return _configure(socket, mss=min(value, socket.config.mss))


def _buffer(name: str) -> Setter:
    """Set a buffer: Linux keeps twice what was asked for, of which half is for octets."""
    return lambda socket, value, system: _configure(
        socket, **{name: value * (2 if system.doubles_buffers else 1)}
    )


def _receive_buffer(socket: Socket, value: int, system: System) -> Result:
    """Set the buffer; the shift is the least for it once a program has chosen it, with Linux."""
    if system.doubles_buffers:
        return _configure(socket, receive_buffer=value, window_shift=None)
    return _configure(socket, receive_buffer=value)


def _fast_open(socket: Socket, value: int, system: System) -> Result:
    return _configure(socket, fast_open=bool(value), fast_open_queue=max(value, 1))


def _fast_open_connect(socket: Socket, value: int, system: System) -> Result:
    if system.fast_open & 1 == 0:
        return failed("EOPNOTSUPP")
    if not value:
        socket.options.pop("TCP_FASTOPEN_CONNECT", None)
    return Result(0)


def _syn_retries(socket: Socket, value: int, system: System) -> Result:
    return _configure(socket, r2_syn_ns=((2 << value) - 1) * SECOND)


def _tos(socket: Socket, value: int, system: System) -> Result:
    return _configure(socket, dscp=value >> 2)


Setter = Callable[[Socket, int, System], Result]
SETTERS: dict[str, Setter] = {
    "TCP_NODELAY": _nodelay,
    "TCP_MAXSEG": _maxseg,
    "TCP_KEEPIDLE": _setting("keepalive_idle_ns", SECOND),
    "TCP_KEEPINTVL": _setting("keepalive_interval_ns", SECOND),
    "TCP_KEEPCNT": _setting("keepalive_probes"),
    "TCP_KEEPINIT": _setting("r2_syn_ns", SECOND),
    "TCP_SYNCNT": _syn_retries,
    "TCP_USER_TIMEOUT": _setting("r2_ns", MS),
    "SO_KEEPALIVE": lambda socket, value, system: _configure(socket, keepalive=bool(value)),
    "SO_RCVBUF": _receive_buffer,
    "TCP_FASTOPEN": _fast_open,
    "TCP_FASTOPEN_CONNECT": _fast_open_connect,
    "SO_SNDBUF": _buffer("send_buffer"),
    "IP_TOS": _tos,
    "IPV6_TCLASS": _tos,
    "IP_TTL": _setting("hop_limit"),
    "IPV6_UNICAST_HOPS": _setting("hop_limit"),
}


def get_option(socket: Socket, call: Call, system: System) -> Result:
    """Do what getsockopt() does, and compare with what the script expects.

    A value that is not as expected is returned as errno: ``is 1460``. Raises: Unplayable for an
    option that this TCP does not have.
    """
    name = next(iter(words(argument(call, 2))))
    expected = argument(call, 3)
    if expected.kind == "list" and len(expected.items) == 1:
        expected = expected.items[0]
    if name == "SO_ERROR":
        error = socket.take_error()
        wanted = str(expected.value) if expected.kind == "word" else None
        if expected.kind not in ("word", "ellipsis") and number(expected):
            raise Unplayable("an errno as a number")
        agrees = expected.kind == "ellipsis" or wanted == error
        return Result(0) if agrees else failed(f"is {error or 0}")
    actual = _value(socket, name, system)
    if expected.kind == "ellipsis" or _wanted(expected) == actual:
        return Result(0)
    return failed(f"is {actual}")


def _wanted(expected: Expression) -> int:
    return number(expected)


def _value(socket: Socket, name: str, system: System) -> int:
    """Return what an option reads as."""
    config = socket.config
    connection = socket.connection
    if name == "SO_RCVBUF":
        size = connection.tcb.received.capacity if connection is not None else config.receive_buffer
        return size * (2 if system.doubles_buffers else 1)
    if name == "SO_SNDBUF":
        return config.send_buffer
    if name == "TCP_MAXSEG":
        return connection.tcb.eff_snd_mss if connection is not None else config.mss
    readers: dict[str, int] = {
        "TCP_NODELAY": int(not config.nagle),
        "TCP_KEEPIDLE": config.keepalive_idle_ns // SECOND,
        "TCP_KEEPINTVL": config.keepalive_interval_ns // SECOND,
        "TCP_KEEPCNT": config.keepalive_probes,
        "TCP_KEEPINIT": config.r2_syn_ns // SECOND,
        "SO_KEEPALIVE": int(config.keepalive),
        "IP_TTL": config.hop_limit,
        "IPV6_UNICAST_HOPS": config.hop_limit,
        "IP_TOS": config.dscp << 2,
    }
    if name not in readers:
        raise Unplayable(f"the socket option {name}")
    return readers[name]


def control(socket: Socket, call: Call) -> Result:
    """Do what ioctl() does."""
    name = next(iter(words(argument(call, 1))))
    connection = socket.connection
    if connection is None or name not in ("SIOCINQ", "FIONREAD", "SIOCOUTQ"):
        raise Unplayable(f"ioctl() with {name}")
    if name == "SIOCOUTQ":
        actual = connection.tcb.out.in_queue + len(connection.tcb.out.unsent)
    else:
        actual = connection.readable  # the FIN is not counted: Linux, tcp_inq()
    expected = number(argument(call, 2))
    return Result(0) if expected == actual else failed(f"is {actual}")
