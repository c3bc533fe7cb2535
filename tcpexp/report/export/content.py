"""A run as a hand-in: a laboratory report's skeleton with everything that was measured, and room
for the student's own words.

A student's does not give away what it asks for: it has neither answer nor explanation, and of the
verdicts only how many hold.
"""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tcpexp.checks.run import load_checks
from tcpexp.places.registry import place_words
from tcpexp.plan.types import Spawn
from tcpexp.plots.kit.table import table_from_json
from tcpexp.plots.label_table import label_table
from tcpexp.plots.run import INDEX
from tcpexp.report.explanation import answer_of, explanation_of
from tcpexp.report.export.blocks import (
    Answer,
    Block,
    Code,
    Document,
    Fields,
    Grid,
    Heading,
    Items,
    Paragraph,
    Picture,
    prose_blocks,
)
from tcpexp.report.page import content
from tcpexp.report.page.network import direction_words
from tcpexp.report.page.rows import EvidenceRow, FlowText
from tcpexp.report.page.verdicts import held_words, verdict_rows
from tcpexp.report.questions import questions_of
from tcpexp.words.shown import NONE, seconds

if TYPE_CHECKING:
    from tcpexp.plots.kit.table import Table
    from tcpexp.report.page.write import Audience
    from tcpexp.store.rundata import RunData

#: A hand-in is read on paper: longer lists are cut, and say so.
MOST_STEPS, MOST_ITEMS, MOST_ROWS = 25, 3, 8
_PROVENANCE = (
    "Run",
    "Status",
    "Place",
    "Clock",
    "Seed",
    "Guest image (sha256)",
    "Version of tcpexp",
    "Version of kernel",
    "Version of mininet",
    "Version of iproute2",
    "Command",
)
_FILL_IN = ("Name", "Student number", "Course", "Date")


def hand_in(run: RunData, network: Path, audience: Audience = "student") -> Document:
    """Return the document of a run from what lies in its directory.

    ``network`` is the drawing of its network, an SVG file.
    """
    plan = run.plan
    teacher = audience == "teacher"
    answer, explanation = (answer_of(run), explanation_of(run)) if teacher else ("", "")
    blocks: list[Block] = [Fields(_FILL_IN)]
    if run.status != "complete":
        blocks.append(
            Paragraph(
                f"**This run is not complete ({run.status}).** What follows is what was recorded"
                " until then."
            )
        )
    blocks += [Heading("Question"), *prose_blocks(plan.description)]
    if answer:
        blocks += [Heading("Answer"), *prose_blocks(answer)]
    blocks += _set_up(run, network)
    blocks += _commands(run)
    blocks += _results(run, teacher=teacher)
    if explanation:
        blocks += [Heading("Explanation"), *prose_blocks(explanation)]
    blocks += _questions(run)
    blocks += _provenance(run)
    if plan.references:
        blocks += [Heading("References"), Items(plan.references, numbered=True)]
    name = str((run.manifest or {}).get("run_id") or run.path.name)
    return Document(
        plan.title or plan.name,
        f"Laboratory report · experiment {plan.name} · run {name}",
        tuple(blocks),
    )


def _set_up(run: RunData, network: Path) -> list[Block]:
    plan = run.plan
    links = tuple(
        (link.name, towards, direction_words(direction))
        for link in plan.network.links
        for towards, direction in ((link.b.node, link.forward), (link.a.node, link.backward))
    )
    nodes = tuple(
        (
            node.name,
            node.kind,
            ", ".join(interface.cidr for interface in node.interfaces),
            ", ".join(f"{key} = {value}" for key, value in node.sysctls.items()) or NONE,
        )
        for node in plan.network.nodes
    )
    flows = tuple(
        (
            flow.name,
            f"{flow.client} → {flow.server}",
            flow.sender,
            str(flow.port),
            flow.application,
            flow.congestion_control or "the kernel's default",
        )
        for flow in plan.flows
    )
    timed = [
        (seconds(step.at_ns), seconds(step.until_ns), step.label)
        for step in plan.steps
        if step.mark and step.at_ns is not None
    ]
    blocks: list[Block] = [
        Heading("Set-up"),
        Picture(
            "network",
            "Network",
            f"Topology {plan.network.topology}. A delay is one way; a queue's limit counts what"
            " waits there.",
            network,
            None,
        ),
        Grid(
            "What each link does to packets, by direction.",
            ("Link", "Towards", "Parameters"),
            links,
        ),
        Grid(
            "Nodes, and kernel settings that were changed.",
            ("Node", "Kind", "Address", "Settings"),
            nodes,
        ),
    ]
    if flows:
        blocks.append(
            Grid(
                "Flows.",
                (
                    "Flow",
                    "Client → server",
                    "Data from",
                    "Port",
                    "Application",
                    "Congestion control",
                ),
                flows,
            )
        )
    if timed:
        blocks.append(
            Grid(
                _cut("What happens when", timed, MOST_STEPS),
                ("From", "Until", "Action"),
                tuple(timed[:MOST_STEPS]),
                frozenset((0, 1)),
            )
        )
    return [*blocks, Paragraph(_where(run))]


def _cut(caption: str, rows: list[Any], most: int) -> str:
    """Return the caption, with how many rows a table of at most ``most`` leaves out."""
    return f"{caption}, the first {most} of {len(rows)}." if len(rows) > most else f"{caption}."


def _where(run: RunData) -> str:
    """Return in a sentence where and how it ran."""
    manifest = run.manifest or {}
    versions = {**(run.engine.get("versions") or {}), **(manifest.get("versions") or {})}
    place = place_words(str(manifest.get("where") or ""))
    clock = {"virtual": " on a virtual clock", "real": " in real time"}.get(
        str(manifest.get("clock")), ""
    )
    kernel = f" with Linux {versions['kernel']}" if versions.get("kernel") else ""
    return (
        f"The experiment took {seconds(run.plan.duration_ns, 1)} of its own time and ran"
        f" {place}{clock}{kernel}; seed {run.plan.seed}.".replace("  ", " ")
    )


def _commands(run: RunData) -> list[Block]:
    started = [
        f"{seconds(step.at_ns) if step.at_ns is not None else 'before':>9}  {step.do.node}: "
        f" {shlex.join(step.do.argv)}"
        for step in (*run.plan.setup, *run.plan.steps)
        if isinstance(step.do, Spawn)
    ]
    repeat = content.repeat_commands(run)[0][1]
    blocks: list[Block] = [
        Heading("Commands"),
        Paragraph("The whole experiment again:"),
        Code(repeat),
    ]
    if started:
        blocks += [
            Paragraph("Programs that were started, when (s) and on which host:"),
            Code("\n".join(started[:MOST_STEPS])),
        ]
    return [
        *blocks,
        Paragraph(
            "Every command, with its exit status and output, is in `raw/commands.jsonl` and"
            " `events.jsonl` of the run.",
            soft=True,
        ),
    ]


def _results(run: RunData, *, teacher: bool) -> list[Block]:
    blocks: list[Block] = [Heading("What was seen")]
    blocks += _verdicts(run) if teacher else _held(run)
    flows = content.flow_rows(run)
    if flows:
        head = (
            "Flow",
            "Goodput",
            "While active",
            "Share",
            "Delivered",
            "Retransmissions",
            "RTT p50 (ms)",
            "p95",
            "p99",
        )
        keys: tuple[FlowText, ...] = (
            "name",
            "goodput",
            "active_goodput",
            "share",
            "bytes",
            "retransmissions",
            "p50",
            "p95",
            "p99",
        )
        rows = tuple(tuple(row[key] for key in keys) for row in flows)
        title = (
            "What each flow achieved: goodput over the whole run, and from its first data segment"
            " sent to its last data that arrived."
        )
        blocks.append(Grid(title, head, rows, frozenset(range(1, 9))))
    blocks += _figures(run, teacher=teacher)
    blocks += _labels(run, teacher=teacher)
    return [
        *blocks,
        *_certificate(run),
        Answer(
            "What do you see? Describe the figures in your own words, and name the packets that"
            " prove it.",
            8,
        ),
    ]


def _labels(run: RunData, *, teacher: bool) -> list[Block]:
    labels = label_table(run, {})
    if labels is None:
        return []
    rows = labels.parts[0].rows
    if not teacher:
        cells = tuple((row.cells[0], row.cells[1], row.cells[2]) for row in rows)
        head = ("Label", "Packets", "By capture")
        return [Grid("Wireshark's labels in the captures.", head, cells, frozenset((1,)))]
    cells = tuple((row.cells[0], row.cells[1], row.cells[3]) for row in rows)
    caption = "Wireshark's labels in the captures, and what they mean."
    return [Grid(caption, ("Label", "Packets", "Meaning"), cells, frozenset((1,)))]


def _held(run: RunData) -> list[Block]:
    held = held_words(load_checks(run.path))
    return [Paragraph(held)] if held else []


def _verdicts(run: RunData) -> list[Block]:
    verdicts = load_checks(run.path)
    if not verdicts:
        return [Paragraph("This experiment states no expectation.")]
    rows = tuple(
        (verdict.title, verdict.asked or NONE, verdict.measured, verdict.result)
        for verdict in verdicts
    )
    passed = sum(verdict.result == "PASS" for verdict in verdicts)
    blocks: list[Block] = [
        Paragraph(f"{passed} of {len(verdicts)} expectations were met."),
        Grid(
            "What was expected and what was measured.",
            ("Check", "Expected", "Measured", "Result"),
            rows,
        ),
        Heading("Evidence", 3),
    ]
    for row in verdict_rows(verdicts):
        because = f" Expected because {row['because']}." if row["because"] else ""
        head = f"**{_plain(row['result'])}: {_plain(row['title'])}.**"
        blocks.append(Paragraph(f"{head} {row['reason']}{because}".strip()))
        items = tuple(text for item in row["evidence"][:MOST_ITEMS] if (text := _evidence(item)))
        if items:
            blocks.append(Items(items))
        blocks += [
            Grid("", item["head"], item["rows"][:MOST_ROWS])
            for item in row["evidence"][:MOST_ITEMS]
            if item["rows"]
        ]
    return blocks


def _plain(text: str) -> str:
    """Return text that is to be set strong without marks of its own."""
    return text.replace("*", "").replace("`", "")


def _evidence(item: EvidenceRow) -> str:
    where = [item["span"]] if item["span"] else []
    if item["capture"]:
        where.append(
            f"`{item['capture']}`" + (f" packets {item['packets']}" if item["packets"] else "")
        )
    return f"{item['text']}{' (' + ', '.join(where) + ')' if where else ''}"


def _figures(run: RunData, *, teacher: bool) -> list[Block]:
    """Return the run's figures; those that are tables as tables."""
    path = run.path / INDEX
    if not path.is_file():
        return []
    blocks: list[Block] = []
    for figure in json.loads(path.read_text(encoding="utf-8"))["figures"]:
        if figure.get("table"):
            table = table_from_json((run.path / figure["table"]).read_text(encoding="utf-8"))
            blocks += _table(table if teacher else table.only_data(), figure["title"])
        else:
            blocks.append(
                Picture(
                    figure["name"],
                    figure["title"],
                    figure["caption"].replace("``", "`"),
                    run.path / figure["svg"],
                    run.path / figure["png"],
                )
            )
    return blocks


def _table(table: Table, title: str) -> list[Block]:
    blocks: list[Block] = []
    for part in table.parts:
        right = frozenset(
            index for index, column in enumerate(part.columns) if column.align == "right"
        )
        caption = f"{title}{': ' + part.title if part.title else ''}."
        blocks.append(
            Grid(
                caption,
                tuple(column.heading for column in part.columns),
                tuple(row.cells for row in part.rows),
                right,
            )
        )
        blocks += [Paragraph(part.note, soft=True)] if part.note else []
    return [*blocks, *([Paragraph(table.note, soft=True)] if table.note else [])]


def _certificate(run: RunData) -> list[Block]:
    certificate = run.certificate
    if not certificate:
        return []
    items = certificate.get("items") or []
    if certificate.get("verdict") == "VALID":
        good = sum(item.get("verdict") == "ok" for item in items)
        text = (
            f"The run's certificate is **VALID**: {good} lines about the network and the recorders"
            " are as asked."
        )
    else:
        reasons = "; ".join(certificate.get("reasons") or [])
        text = (
            f"The run's certificate is **{certificate.get('verdict')}**: {reasons}. Do not rely on"
            " its numbers before you know why."
        )
    return [Heading("Can the numbers be trusted?", 3), Paragraph(text)]


def _questions(run: RunData) -> list[Block]:
    asked = questions_of(run.plan)
    return [
        Heading("Your answers"),
        *(Answer(f"{number}. {text}") for number, text in enumerate(asked, 1)),
    ]


def _provenance(run: RunData) -> list[Block]:
    rows = tuple(row for row in content.provenance_rows(run) if row[0] in _PROVENANCE)
    digests = (run.manifest or {}).get("files") or {}
    captures = tuple(
        (name.removeprefix("raw/"), digest)
        for name, digest in sorted(digests.items())
        if name.endswith(".pcap")
    )
    blocks: list[Block] = [
        Heading("Provenance, and how to repeat it"),
        Grid("Where the numbers come from.", (), rows),
    ]
    if captures:
        blocks.append(
            Grid(
                "The recorded packets: whoever repeats the run can compare them.",
                ("Capture", "sha256"),
                captures,
            )
        )
    for why, command in content.repeat_commands(run):
        blocks += [Paragraph(f"{why}:"), Code(command)]
    return blocks
