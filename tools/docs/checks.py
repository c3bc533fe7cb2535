"""The page of checks, made from the models."""

from __future__ import annotations

import inspect
from typing import Any, Literal, get_args, get_origin

from tcpexp.checks import BUILTIN
from tcpexp.checks.base import Check, Refers
from tcpexp.checks.compare import Compared

#: What each verdict means.
RESULTS = {
    "PASS": "the recorded data show what was asked",
    "FAIL": "the recorded data show something else",
    "INCONCLUSIVE": (
        "the data are missing or do not suffice: the run was cut short, a capture missed packets,"
        " a flow never sent anything"
    ),
    "UNSUPPORTED": (
        "the kernel that the run used cannot record what is asked, such as a tracepoint or a"
        " counter that it lacks"
    ),
}

#: What the parameters mean that many checks share.
PARAMETERS = {
    "`because`": "why this should be so; printed beside the verdict",
    "`since_kernel`, `before_kernel`": (
        '`"6.5"`: the check is about kernels from this version on, or before it; on others it is'
        " left out"
    ),
    "`ip`": (
        "`4` or `6`: the check is about networks that speak this version of IP; in others it is"
        " left out"
    ),
    "`between: [10s, 60s]`": (
        "the time span looked at, from the start of the experiment; the whole run when left out"
    ),
    "`equals`": (
        "the value, exactly, or within `tolerance`: a percentage of the value (`5%`) or a quantity"
        " (`0.5mbit`)"
    ),
    "`at_least`, `at_most`": "the smallest and the largest value that pass",
    "`above`, `below`": "the value must be larger, smaller",
}

HEAD = """\
# Checks

Made from the models by `python -m tools.docs`.

`expect:` is a list; each entry names one check and its parameters. Whoever reads the spec sees what
the experiment must show, and every run answers:

```yaml
expect:
  - goodput: {flow: cubic, between: [1s, 5s], at_least: 8.5mbit,
              because: "alone, CUBIC fills the path"}
  - segments: {kind: syn, from: h1, to: h2, times: [0s, 1s, 3s, 7s], late: 3%}
```

| verdict | means |
|---|---|
{results}

Missing data never pass a check. `tcpexp run` and `tcpexp check` end with status 1 when a check
failed. Verdicts are kept in `checks.json` with what was measured and asked, the reason, `because`,
and the evidence: capture, packet numbers as Wireshark shows them, and time span. `tcpexp check RUN`
judges a recorded run again, without root and offline.

## Parameters that many checks share

| parameter | means |
|---|---|
{parameters}

These five are the *comparators*; every one that is given must hold. Their unit is that of the
check: a rate for `goodput`, a duration for `rtt`, a plain number for counts. Names of hosts, flows,
links and actions are checked before the run; an action goes by its `id`.

Timers: Linux rounds its timers up on a timer wheel (with HZ = 250 in steps of 4 ms below about 0.25
s, 32 ms below 2 s, 256 ms below 16 s, 2 s beyond), so a SYN that is due after 32 s leaves up to 2 s
later and never earlier. Tolerances for timers are therefore one-sided: `late` and `early`.

"""

FOOT = """\
A check of your own takes one class: see
[extending](../guides/extending.md#a-check-of-your-own).
"""
SHARED = (
    "because",
    "since_kernel",
    "before_kernel",
    "ip",
    "between",
    "equals",
    "tolerance",
    "at_least",
    "at_most",
    "above",
    "below",
)


def page() -> str:
    """Return the whole page."""
    head = HEAD.replace("{results}", _rows(RESULTS)).replace("{parameters}", _rows(PARAMETERS))
    return head + "".join(_section(name, model) for name, model in BUILTIN.items()) + FOOT


def _rows(meanings: dict[str, str]) -> str:
    """Return a table's rows: a word and what it means."""
    return "\n".join(f"| {word} | {meaning} |" for word, meaning in meanings.items())


def _section(name: str, model: type[Check]) -> str:
    lines = [
        f"## {name}",
        "",
        inspect.cleandoc(model.__doc__ or ""),
        "",
        "```yaml",
        f"- {name}: {model.example}",
        "```",
        "",
    ]
    own = [name for name in model.model_fields if name not in SHARED or _differs(model, name)]
    if own:
        lines += [
            "| parameter | | means |",
            "|---|---|---|",
            *(_row(model, name) for name in own),
            "",
        ]
    shared = ["the comparators"] if issubclass(model, Compared) else []
    shared += ["`between`"] if "between" in model.model_fields and "between" not in own else []
    lines += [f"Also {', '.join([*shared, '`because`'])}.", ""]
    return "\n".join(lines) + "\n"


def _differs(model: type[Check], field: str) -> bool:
    """Whether a shared parameter means something else in this check."""
    return field == "between" and "the whole run when left out" not in str(
        model.model_fields[field].description
    )


def _row(model: type[Check], name: str) -> str:
    field = model.model_fields[name]
    need = "required" if field.is_required() else ""
    return (
        f"| `{field.alias or name}` | {need or _default(field.default)} |"
        f" {_cell(str(field.description))}{_choices(field)}{_reference(field)} |"
    )


def _default(value: Any) -> str:
    return "optional" if value is None or value is False else "has a default"


def _reference(field: Any) -> str:
    """Return which kind of name the parameter takes, when it takes one."""
    kinds = [mark.kind for mark in field.metadata if isinstance(mark, Refers)]
    return f" ({kinds[0]} name)" if kinds and kinds[0] in ("host", "flow", "link") else ""


def _choices(field: Any) -> str:
    """Return the words that the parameter takes, unless its description names them all."""
    words = [
        inner
        for part in (field.annotation, *get_args(field.annotation))
        if get_origin(part) is Literal
        for inner in get_args(part)
    ]
    if not words or all(f"`{word}`" in field.description for word in words):
        return ""
    return f": {', '.join(f'`{word}`' for word in words)}"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
