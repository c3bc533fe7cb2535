"""The page of the stable names: ``docs/reference/api.md``."""

from __future__ import annotations

import inspect
import re
from functools import cached_property

from tcpexp import api

HEAD = """# Names for scripts, notebooks and plugins

Made from `tcpexp/api.py` by `python -m tools.docs`.

`tcpexp.api` has the names that stay: they keep their meaning within a major version. Every other
module of tcpexp may change at any time.

```text
import tcpexp

run = tcpexp.run("bbr_vs_cubic", seed=3)
print(run.metric("flows.bbr.goodput_bps"))
print(run.table("rtt").head())          # a polars frame; the tables are in docs/reference/data.md
```

What stands under the first heading is what `import tcpexp` gives; how it is used is in
docs/guides/python.md. How plugins use the rest is in docs/guides/extending.md.
"""
#: What has no docstring of its own.
VALUES = {
    "Duration": "A field in a spec such as `20ms` or `1.5s`; the model holds nanoseconds (int).",
    "Rate": "A field in a spec such as `10mbit`; the model holds bit/s (int).",
    "Size": "A field in a spec such as `64kB`; the model holds bytes (int).",
    "Fraction": "A field in a spec such as `1%` or `0.01`; the model holds a number from 0 to 1.",
    "FlowName": "A field that names a flow of the experiment; a name that is none is refused.",
    "HostName": "A field that names a host of the experiment; a name that is none is refused.",
    "Count": "A field that holds a whole number, 0 or more.",
    "T_NS": "The column `t_ns` that most tables begin with.",
    "NODE": "The column `node`.",
}


#: Classes whose members are listed: what a notebook works with.
LISTED = ("Run", "Spec", "Study", "Verdicts", "RunDiff")


def members(name: str) -> str:
    """Return a table of what a class has: its properties and methods, in their order."""
    rows = []
    for member, value in vars(getattr(api, name)).items():
        text = inspect.getdoc(value) if not member.startswith("_") else None
        if text and (callable(value) or isinstance(value, (property, cached_property))):
            shown = f"{member}()" if callable(value) else member
            rows.append(f"| `{shown}` | {first_paragraph(text)} |")
    return "\n".join([f"### {name}", "", "| member | what it is |", "|---|---|", *rows, ""])


def page() -> str:
    """Return the page: a table for each group of names."""
    parts = [HEAD]
    for title, names in api.GROUPS.items():
        rows = [f"| `{name}` | {meaning(name)} |" for name in names]
        parts.append(
            "\n".join([f"## {title}", "", "| name | what it is |", "|---|---|", *rows, ""])
        )
        parts += [members(name) for name in names if name in LISTED]
    return "\n".join(parts)


def meaning(name: str) -> str:
    """Return the first paragraph of a name's docstring as one line."""
    text = VALUES.get(name) or inspect.getdoc(getattr(api, name)) or ""
    return first_paragraph(text)


def first_paragraph(text: str) -> str:
    """Return a docstring's first paragraph as one line of a table."""
    words = re.sub(r":\w+:`([^`]+)`", r"`\1`", text.partition("\n\n")[0])
    return " ".join(words.replace("``", "`").replace("|", "\\|").split())
