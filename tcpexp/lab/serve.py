"""Listen, and serve a laboratory until it is ended."""

from __future__ import annotations

import dataclasses
import signal
import socket
from collections.abc import Callable
from types import FrameType

import uvicorn

from tcpexp.errors import HostError
from tcpexp.lab.app import Lab
from tcpexp.lab.config import LabConfig

#: How long requests that are under way may take when the laboratory ends, in seconds.
GRACE_S = 3


class Server(uvicorn.Server):
    """Ends the pages' streams when it is asked to end: they would last for ever."""

    def __init__(self, config: uvicorn.Config, lab: Lab) -> None:
        super().__init__(config)
        self.lab = lab

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to end; the second Ctrl-C waits for nothing."""
        self.force_exit = self.should_exit and sig == signal.SIGINT
        self.should_exit = True
        self.lab.sessions.close()


def listen(config: LabConfig) -> tuple[LabConfig, socket.socket]:
    """Return a socket that listens, and the configuration with its port.

    Raises ``HostError``.
    """
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    taken = socket.socket(family, socket.SOCK_STREAM)
    taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        taken.bind((config.host, config.port))
        taken.listen(128)
    except OSError as error:
        taken.close()
        raise HostError(
            f"cannot listen on {config.host}, port {config.port}: {error.strerror}",
            hint="choose another with --port, or leave it out",
        ) from None
    return dataclasses.replace(config, port=taken.getsockname()[1]), taken


def serve(config: LabConfig, ready: Callable[[LabConfig], None]) -> None:
    """Serve until a signal ends it; ``ready`` is told the configuration with its port."""
    config, taken = listen(config)
    lab = Lab(config)
    server = Server(
        uvicorn.Config(
            lab.app(),
            log_level="warning",
            access_log=False,
            server_header=False,
            date_header=False,
            timeout_graceful_shutdown=GRACE_S,
            lifespan="on",
            ws="none",
        ),
        lab,
    )
    with taken:
        ready(config)
        server.run(sockets=[taken])
