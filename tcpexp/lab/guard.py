"""The door: every request is looked at before anything else sees it.

- ``Host`` must be this server, or a page elsewhere whose name leads here could read it (DNS
  rebinding).
- ``Origin``, where a browser names one, must be this server's, and a request that changes
  something must name it: no other page can act here.
- A page that a browser fetches for another site is refused, except a link that is followed.
- A body has at most so many bytes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse

from tcpexp.lab.config import LARGEST_REQUEST_BYTES, LabConfig

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

SAFE = ("GET", "HEAD")
#: What the laboratory's own pages may do: run the scripts of this server, ask nobody else.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:;"
    " font-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none';"
    " frame-ancestors 'none'"
)
HEADERS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",  # with "no-referrer" a form's Origin would be "null"
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
    "cache-control": "no-store",
}


class Guard:
    """Middleware that refuses requests that are not this server's own page's."""

    def __init__(self, app: ASGIApp, config: LabConfig) -> None:
        self.app = app
        self.config = config

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request in, or answer why not."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self.app(scope, receive, send)
            return  # no websocket is spoken here
        status, why = self._refusal(scope)
        if why:
            response = PlainTextResponse(f"{why}\n", status)
            await response(scope, receive, self._with_headers(send))
            return
        await self.app(scope, _limited(receive), self._with_headers(send))

    def _refusal(self, scope: Scope) -> tuple[int, str]:
        headers = Headers(scope=scope)
        hosts = headers.getlist("host")
        if len(hosts) != 1 or hosts[0].lower() not in self.config.hosts:
            return 421, "this is not the laboratory's address: open the link that it printed"
        origin = headers.get("origin")
        if origin is not None and origin not in self.config.origins:
            return 403, "another page may not use this laboratory"
        if scope["method"] not in SAFE:
            if origin is None:
                return 403, "a request that changes something must say where it comes from"
            if headers.get("content-type", "").partition(";")[0].strip() not in TYPES:
                return 415, "a request is JSON"
        site, mode = headers.get("sec-fetch-site"), headers.get("sec-fetch-mode")
        if site in ("cross-site", "same-site") and not (
            mode == "navigate" and scope["method"] in SAFE and scope["path"] == "/"
        ):
            return 403, "another page may not use this laboratory"
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > LARGEST_REQUEST_BYTES:
            return 413, "the request is too large"
        return 0, ""

    def _with_headers(self, send: Send) -> Send:
        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.setdefault("content-security-policy", POLICY)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        return sending


TYPES = ("application/json", "application/x-www-form-urlencoded")


class TooLarge(Exception):
    """A body without an announced length that goes on for too long."""


def _limited(receive: Receive) -> Receive:
    """Return ``receive`` that stops a body that is longer than any request here."""
    seen = 0

    async def receiving() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > LARGEST_REQUEST_BYTES:
            raise TooLarge
        return message

    return receiving
