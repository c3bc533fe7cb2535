"""Who is at a laboratory: a user, or the students of a class; and the pages that each has open."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import re
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tcpexp.lab.config import LabConfig
from tcpexp.lab.errors import Refused

OWNER = "me"
#: Pages that one person can have open, and events that wait for a page that does not read.
MOST_TABS, MOST_EVENTS = 20, 500
_NAME = re.compile(r"[^a-z0-9]+")
#: The cookie's name; the port is added, for cookies of one host go to all its ports.
COOKIE = "tcpexp-lab"


@dataclass
class Session:
    """One person: a name, the folder of their runs, what they confirmed, their open pages."""

    id: str
    results: Path
    confirmed: set[str] = field(default_factory=set)
    tabs: dict[str, asyncio.Queue[str | None]] = field(default_factory=dict)

    def open_tab(self, tab: str) -> asyncio.Queue[str | None]:
        """Return a page's events from now on; raises ``Refused`` when there are too many."""
        if tab not in self.tabs and len(self.tabs) >= MOST_TABS:
            raise Refused(429, "too many pages are open")
        former = self.tabs.pop(tab, None)
        if former is not None:
            _put(former, None)
        self.tabs[tab] = asyncio.Queue(MOST_EVENTS)
        return self.tabs[tab]

    def close_tab(self, tab: str, queue: asyncio.Queue[str | None]) -> None:
        """Forget a page, unless it was opened again meanwhile."""
        if self.tabs.get(tab) is queue:
            del self.tabs[tab]

    def tell(self, event: dict[str, Any], tab: str | None = None) -> None:
        """Send an event to one page, or to all of this person's."""
        text = json.dumps(event, ensure_ascii=False, default=str)
        for name, queue in list(self.tabs.items()):
            if tab in (None, name):
                _put(queue, text)


def _put(queue: asyncio.Queue[str | None], text: str | None) -> None:
    """Add an event; a page that has not read so many has lost its way and begins anew."""
    if queue.full():
        while not queue.empty():
            queue.get_nowait()
        text = None
    queue.put_nowait(text)


class Sessions:
    """All who are here; a browser keeps its session's name, signed."""

    def __init__(self, config: LabConfig) -> None:
        self.config = config
        self.all: dict[str, Session] = {}

    @property
    def cookie(self) -> str:
        """The cookie's name."""
        return f"{COOKIE}-{self.config.port}"

    def sign(self, id: str) -> str:
        """Return what a browser keeps: the session's name, and that it was given here."""
        return f"{id}.{self._signature(id)}"

    def _signature(self, id: str) -> str:
        key = self.config.secret + self.config.token.encode()
        return hmac.new(key, id.encode(), hashlib.sha256).hexdigest()[:40]

    def find(self, signed: str | None) -> Session | None:
        """Return the session that a browser kept, None when it was not given here."""
        id, _, signature = (signed or "").rpartition(".")
        if not id or not hmac.compare_digest(signature, self._signature(id)):
            return None
        return self.all.get(id) or self._open(id)

    def enter(self, name: str = "") -> Session:
        """Return the session of the user, or a new one of a student called ``name``.

        Raises ``Refused`` when the class is full.
        """
        if self.config.limits is None:
            return self.all.get(OWNER) or self._open(OWNER)
        plain = _NAME.sub("-", name.lower()).strip("-")[:24] or "student"
        return self._open(f"{plain}-{secrets.token_hex(4)}")

    def _open(self, id: str) -> Session:
        limits = self.config.limits
        if limits is not None and len(self.all) >= limits.students:
            raise Refused(429, "the class is full")
        results = self.config.results if limits is None else self.config.results / id
        self.all[id] = Session(id, results)
        return self.all[id]

    def is_token(self, given: str | None) -> bool:
        """Return whether somebody came with the link that was handed out."""
        return hmac.compare_digest((given or "").encode(), self.config.token.encode())

    def close(self) -> None:
        """Let every open page end."""
        for session in self.all.values():
            for queue in session.tabs.values():
                _put(queue, None)
