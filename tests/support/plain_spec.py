"""The plainest spec: one request over one link."""

from __future__ import annotations

from pathlib import Path

PLAIN = """\
name: plain
title: One request on a plain link
topology: two_host
duration: 3s
actions:
  - {do: http_server, host: h2, port: 80, files: {index.html: "Hello from h2."}}
  - {at: 1s, do: http_get, id: get, from: h1, to: h2, path: /index.html, tool: curl}
expect:
  - exit: {action: get, status: 0}
"""


def spec_in(folder: Path, text: str = PLAIN) -> Path:
    path = folder / "plain.yaml"
    path.write_text(text)
    return path
