"""Specs whose runs are short, end well, are killed, or raise."""

from __future__ import annotations

from pathlib import Path

PLAIN = """\
name: {name}
title: One request on a plain link
topology: two_host
duration: {duration}
record: {{ss: off, counters: off}}
actions:
  - {{do: http_server, host: h2, port: 80, files: {{index.html: "Hello from h2."}}}}
  - {{at: 500ms, do: http_get, id: get, from: h1, to: h2, path: /index.html, tool: curl}}
expect:
  - exit: {{action: get, status: {status}}}
"""


KILLED = "import os, signal\nos.write(2, b'last words')\nos.kill(os.getpid(), signal.SIGKILL)\n"


RAISES = "raise_here = 1 / 0\n"


def write_spec(
    folder: Path, name: str, *, duration: str = "1s", status: int = 0, plugin: str = ""
) -> Path:
    text = PLAIN.format(name=name, duration=duration, status=status)
    if plugin:
        (folder / f"{name}.py").write_text(plugin)
        text += f"plugins: [{name}.py]\n"
    path = folder / f"{name}.yaml"
    path.write_text(text)
    return path
