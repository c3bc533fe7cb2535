"""What a laboratory is started with: where it listens, what it shows, and what it allows."""

from __future__ import annotations

import ipaddress
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from tcpexp.errors import SpecError

#: What a request may hold: a spec's text and its knobs.
LARGEST_REQUEST_BYTES = 1_200_000
LARGEST_NOTES_BYTES = 200_000
LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class Limits:
    """What each run of a class may take, and what is kept of a student's.

    ``duration_s`` is the experiment's time, ``wall_s`` this machine's. ``bytes`` is the most that
    all links of a run could carry in its time; ``disk_bytes`` what a run's folder may hold while it
    lasts. ``runs`` are kept of each student, ``students`` can be in the class at a time.
    """

    duration_s: float = 120.0
    wall_s: float = 60.0
    bytes: int = 500_000_000
    disk_bytes: int = 300_000_000
    runs: int = 30
    students: int = 200


@dataclass(frozen=True)
class LabConfig:
    """How a laboratory is run.

    ``folders`` hold specs of the user's own, ``results`` the runs. ``names`` are what a browser may
    call this server, besides its address. ``limits``: None for one user on the own machine, who
    may do all that the command line does; with limits, a class.
    """

    results: Path
    folders: tuple[Path, ...] = ()
    host: str = LOOPBACK
    port: int = 0
    token: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    #: Signs what a browser keeps.
    secret: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    names: tuple[str, ...] = ()
    jobs: int = 1
    limits: Limits | None = None
    on: str = "auto"

    @property
    def hosts(self) -> frozenset[str]:
        """What the ``Host`` of a request may be: this server by its address and its names."""
        plain = [_bracketed(self.host)]
        if is_loopback(self.host):
            plain += [LOOPBACK, "localhost", "[::1]"]
        with_port = {f"{name}:{self.port}" for name in plain}
        return frozenset({*with_port, *self.names, *(f"{name}:{self.port}" for name in self.names)})

    @property
    def origins(self) -> frozenset[str]:
        """What the ``Origin`` of a request may be; a name may have TLS in front of it."""
        named = {f"https://{name}" for name in self.names}
        return frozenset({*(f"http://{host}" for host in self.hosts), *named})

    @property
    def url(self) -> str:
        """The address to open, with the token in it."""
        host = "localhost" if self.host == LOOPBACK else _bracketed(self.host)
        return f"http://{host}:{self.port}/?token={self.token}"


def is_loopback(host: str) -> bool:
    """Return whether nobody but this machine reaches an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def check_address(host: str, *, whole_class: bool) -> None:
    """Refuse to listen where others could reach a laboratory that does as its user may.

    Raises ``SpecError``.
    """
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        raise SpecError(
            f"'{host}' is no address", hint="write for example --listen 192.168.1.20"
        ) from None
    if address.is_unspecified:
        raise SpecError(
            f"{host} means every network that this machine is in",
            hint="name the one address at which the class reaches it",
        )
    if not address.is_loopback and not whole_class:
        raise SpecError(
            f"{host} can be reached by others, who could then run programs as you",
            hint="leave --listen out, or add --class, which lets others turn knobs and no more",
        )


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
