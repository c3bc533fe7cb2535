"""What a report says, section by section, as plain values for the template."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tcpexp.errors import DataError
from tcpexp.late import polars as pl
from tcpexp.places.registry import find_kind, present_name
from tcpexp.plan.flows import receiver_of
from tcpexp.record import files
from tcpexp.report.page.rows import (
    CertificateRow,
    CommandRow,
    CrossCheckRow,
    FileRow,
    FlowRow,
    TimelineRow,
)
from tcpexp.views.kernel import kernel_words
from tcpexp.words.shown import (
    NONE,
    count_words,
    duration_words,
    lateness_words,
    milliseconds,
    rate_words,
    seconds,
    share_words,
    size_words,
)

if TYPE_CHECKING:
    from tcpexp.store.rundata import RunData

#: A page stays readable: longer lists are cut, and say so.
MOST_COMMANDS, MOST_EVENTS = 400, 300


def fairness_words(run: RunData) -> list[str]:
    """Return a sentence per direction that several flows share: Jain's index, and the time that was
    measured.
    """
    sentences = []
    for direction in (run.metrics.get("shares") or {}).get("directions") or []:
        together = direction["together"]
        part = together or direction["whole"]
        when = (
            f"from {seconds(together['from_ns'], 1)} to {seconds(together['to_ns'], 1)}, while all"
            " were active"
            if together
            else "over the whole run"
        )
        if part["jain_index"] is not None:
            sentences.append(
                f"Jain's fairness index of {', '.join(direction['flows'])} {when}:"
                f" {part['jain_index']:.3f} (1 is equal shares)."
            )
    return sentences


def flow_rows(run: RunData) -> list[FlowRow]:
    """Return the summary table's rows: one per flow of the plan, in words; a dash where nothing was
    measured.

    ``values`` holds the numbers themselves, as ``metrics.json`` has them, by the same names.
    """
    measured: dict[str, Any] = run.metrics.get("flows") or {}
    rows: list[FlowRow] = []
    for flow in run.plan.flows:
        found = measured.get(flow.name) or {}
        rtt = found.get("rtt") or {}
        sent, again = found.get("packets_sent"), found.get("retransmissions")
        part = (
            f" ({found['retransmission_share'] * 100:.2f} %)"
            if found.get("retransmission_share") and sent
            else ""
        )
        rows.append(
            {
                "name": flow.name,
                "path": f"{flow.sender} → {receiver_of(flow)}",
                "control": flow.congestion_control or "",
                "goodput": rate_words(found.get("goodput_bps")),
                "active_goodput": rate_words(found.get("goodput_active_bps")),
                "share": share_words(found.get("share")),
                "retransmissions": count_words(again) + part,
                "p50": milliseconds(rtt.get("p50_ms")),
                "p95": milliseconds(rtt.get("p95_ms")),
                "p99": milliseconds(rtt.get("p99_ms")),
                "bytes": size_words(found["goodput_bytes"]) if found.get("goodput_bytes") else NONE,
                "values": {
                    "goodput": found.get("goodput_bps"),
                    "active_goodput": found.get("goodput_active_bps"),
                    "share": found.get("share"),
                    "retransmissions": again,
                    "p50": rtt.get("p50_ms"),
                    "p95": rtt.get("p95_ms"),
                    "p99": rtt.get("p99_ms"),
                    "bytes": found.get("goodput_bytes"),
                },
                "active": (
                    f"{seconds(found.get('start_ns'), 2)} to {seconds(found.get('end_ns'), 2)}"
                    if found.get("end_ns")
                    else NONE
                ),
            }
        )
    return rows


def timeline_rows(run: RunData) -> tuple[list[TimelineRow], int]:
    """Return the events and the segments on which faults acted, in time order, and how many were
    left out.
    """
    labels = {step.id: step.label for step in (*run.plan.setup, *run.plan.steps)}
    timed = [
        (event["t_ns"], _event_row(event, labels))
        for event in run.table("events").iter_rows(named=True)
    ]
    faults = [
        (fault["t_ns"], _fault_row(fault, labels))
        for fault in run.table("faults").iter_rows(named=True)
    ]
    if faults:
        timed = sorted(timed + faults, key=lambda fault: fault[0] or 0)
    return [row for _, row in timed[:MOST_EVENTS]], max(len(timed) - MOST_EVENTS, 0)


def _event_row(event: dict[str, Any], labels: dict[str, str]) -> TimelineRow:
    text = event["text"] or ""
    status = "" if event["status"] in (None, 0) else f"status {event['status']}"
    return {
        "planned": seconds(event["planned_ns"]),
        "actual": seconds(event["t_ns"], 6),
        "late": lateness_words(event["lateness_ns"]),
        "event": event["event"] or "",
        "node": event["node"] or "",
        "label": event["label"] or labels.get(event["step"] or "", "") or event["step"] or "",
        "text": " ".join(part for part in (status, text[:300]) if part),
    }


def _fault_row(fault: dict[str, Any], labels: dict[str, str]) -> TimelineRow:
    """Return a row that says what a fault did, to which segment, and where on its way."""
    first, size = fault["offset"], fault["payload_bytes"] or 0
    where = f"{fault['link']} towards {fault['towards']}"
    what = [f"{fault['segment']} {fault['number']}", f"transmission {fault['transmission']}"]
    what += [f"bytes {first:,} to {first + size - 1:,}"] if first is not None and size else []
    what += [f"{fault['src']}:{fault['src_port']} → {fault['dst']}:{fault['dst_port']}", where]
    effect = (
        fault["effect"]
        if fault["delay_ns"] is None
        else f"{fault['effect']} {lateness_words(fault['delay_ns'])}"
    )
    label = labels.get(fault["step"] or "", "") or fault["step"] or ""
    return {
        "planned": "",
        "actual": seconds(fault["t_ns"], 6),
        "late": "",
        "event": f"fault: {effect}",
        "node": "",
        "label": label,
        "text": ", ".join(what),
    }


def command_rows(run: RunData) -> tuple[list[CommandRow], int]:
    """Return the commands that the engine ran, equal ones in a row joined, and how many were left
    out.
    """
    rows: list[CommandRow] = []
    for line in _json_lines(run.path / files.RAW / files.COMMANDS):
        argv = line.get("argv") or []
        command = shlex.join(str(part) for part in argv) if isinstance(argv, list) else str(argv)
        row: CommandRow = {
            "at": seconds(line.get("t_ns")),
            "node": str(line.get("node") or ""),
            "command": command,
            "status": str(line.get("status", "")),
            "stderr": str(line.get("stderr") or "").strip()[:500],
            "times": 1,
        }
        if rows and _is_again(rows[-1], row):
            rows[-1]["times"] += 1
        else:
            rows.append(row)
    return rows[:MOST_COMMANDS], max(len(rows) - MOST_COMMANDS, 0)


def _is_again(before: CommandRow, row: CommandRow) -> bool:
    """Whether a command is the one before it, on the same node and with the same end."""
    return (before["node"], before["command"], before["status"], before["stderr"]) == (
        row["node"],
        row["command"],
        row["status"],
        row["stderr"],
    )


def _json_lines(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the lines of a JSON lines file; a last line that a crash cut short is left out."""
    if not path.is_file():
        return
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    for number, line in enumerate(lines, 1):
        try:
            yield json.loads(line)
        except ValueError as error:
            if number != len(lines):
                raise DataError(f"{path}:{number}: damaged: {error}") from None


def certificate_rows(run: RunData) -> list[CertificateRow]:
    """Return the certificate's items: name, asked, read_back, measured, verdict and why.

    Suspect ones first.
    """
    order = {"suspect": 0, "ok": 1, "not measured": 2}
    items = run.certificate.get("items") or []
    rows: list[CertificateRow] = [
        {
            "name": str(item.get("name") or ""),
            "asked": str(item.get("asked") or ""),
            "read_back": str(item.get("read_back") or ""),
            "measured": str(item.get("measured") or ""),
            "verdict": str(item.get("verdict") or ""),
            "why": str(item.get("why") or ""),
        }
        for item in items
    ]
    return sorted(rows, key=lambda row: order.get(row["verdict"], 3))


def cross_check_rows(run: RunData) -> list[CrossCheckRow]:
    """Return the numbers that two sources know: what differs first, then what cannot be compared,
    then what agrees.
    """
    order = {"differs": 0, "not comparable": 1, "ok": 2}
    rows = sorted(
        run.table("cross_checks").iter_rows(named=True),
        key=lambda row: order.get(row["verdict"], 3),
    )
    return [
        {
            "what": f"{row['check']}, {row['subject']}",
            "measured": f"{row['measured']:,}",
            "measured_from": row["measured_from"],
            "reported": f"{row['reported']:,}",
            "reported_from": row["reported_from"],
            "difference": f"{row['difference']:+,}" if row["difference"] else "0",
            "verdict": row["verdict"],
            "why": row["why"] or "",
        }
        for row in rows
    ]


#: What a manifest knows of the machine, as a reader would call it.
FACTS = {
    "cpu_model": "processor",
    "cpus": "processors",
    "memory_bytes": "memory",
    "machine": "architecture",
    "system": "operating system",
    "distribution": "distribution",
    "kernel": "kernel",
    "python": "Python",
}

#: So many lines of the kernel's log are shown of its beginning, and as many of its end.
KERNEL_LINES = 100

#: What it says there and other rows say already.
NO_FACTS = ("clock", "kernel_name", "repeatable", "repeatable_with", "why_not_repeatable")


def provenance_rows(run: RunData) -> list[tuple[str, str]]:
    """Return names and values of where, when and with what the run was made."""
    manifest, engine = run.manifest or {}, run.engine
    where = manifest.get("where") or engine.get("where")
    wall, virtual = manifest.get("wall_s"), manifest.get("virtual_s")
    rows = [
        ("Run", str(manifest.get("run_id") or run.path.name)),
        ("Status", str(manifest.get("status") or run.status)),
        ("Place", str(where or "")),
        ("Clock", str(manifest.get("clock") or "")),
        ("Seed", str(run.plan.seed)),
        ("Experiment time", duration_words(run.plan.duration_ns)),
        ("Time on the experiment's clock", f"{virtual:.1f} s" if virtual else ""),
        ("Time on the wall", f"{wall:.1f} s" if wall else ""),
        ("Guest image (sha256)", str(manifest.get("image_sha256") or "")),
        ("Kernel", kernel_words(run)),
        ("Kernel (sha256)", str(manifest.get("kernel_sha256") or "")),
        *_own_controls(run),
    ]
    versions = {**(engine.get("versions") or {}), **(manifest.get("versions") or {})}
    rows += [(f"Version of {name}", str(version)) for name, version in sorted(versions.items())]
    host = manifest.get("host") or {}
    others = {name: name.replace("_", " ") for name in sorted(host) if name not in NO_FACTS}
    rows += [
        (f"Machine: {words}", _fact(name, host.get(name)))
        for name, words in {**FACTS, **others, **FACTS}.items()
    ]
    rows.append(("Repeatable", _repeatable_words(host)))
    rows.append(("Command", shlex.join(manifest.get("command") or ())))
    return [(name, value) for name, value in rows if value]


def _own_controls(run: RunData) -> list[tuple[str, str]]:
    """Return the congestion controls of the spec's own, with source, parameters and compiler."""
    built = (run.manifest or {}).get("modules") or {}
    rows = []
    for module in run.plan.modules:
        parameters = [f"{name}={value}" for name, value in module.parameters.items()]
        compiler = built.get(module.name, {}).get("compiler")
        words = [module.source, *parameters, f"sha256 {module.sha256}", *filter(None, [compiler])]
        rows.append((f"Congestion control {module.name}", ", ".join(words)))
    return rows


def kernel_lines(run: RunData) -> list[tuple[str, str, str]]:
    """Return time, level and text of what the kernel printed: the first lines and the last."""
    rows = run.table("kernel_log")
    if rows.height > 2 * KERNEL_LINES:
        rows = pl.concat([rows.head(KERNEL_LINES), rows.tail(KERNEL_LINES)])
    return [
        (f"{row['t_ns'] / 1e9:.3f}", str(row["level"]), str(row["text"]))
        for row in rows.iter_rows(named=True)
    ]


def _fact(name: str, value: object) -> str:
    if value is None:
        return ""
    return size_words(value) if name.endswith("_bytes") and isinstance(value, int) else str(value)


def _repeatable_words(host: dict[str, Any]) -> str:
    if "repeatable" not in host:
        return ""
    if host["repeatable"]:
        return f"yes, with the same {host.get('repeatable_with') or 'kernel and image'}"
    return f"no: {host.get('why_not_repeatable') or 'not known why'}"


def file_rows(run: RunData) -> list[FileRow]:
    """Return the run's files: path, size and, from the manifest, sha256.

    The report itself is left out.
    """
    digests = (run.manifest or {}).get("files") or {}
    rows: list[FileRow] = []
    for path in sorted(run.path.rglob("*")):
        name = path.relative_to(run.path).as_posix()
        if (
            path.is_file()
            and name not in ("report.html", "report-student.html", "manifest.json")
            and not path.name.startswith(".")
        ):
            recorded = name.startswith("raw/") or name in ("spec.yaml", "plan.json", "events.jsonl")
            rows.append(
                {
                    "name": name,
                    "size": size_words(path.stat().st_size),
                    "sha256": str(digests.get(name, "")) if recorded else "",
                }
            )
    return rows


def overrides_of(command: Sequence[str]) -> list[str]:
    """Return the ``path=value`` of every ``--set`` on a command line: ``spec.yaml`` is kept as it
    was given, without them.
    """
    found = []
    for option, value in zip_longest(command, command[1:], fillvalue=""):
        if option == "--set":
            found.append(value)
        elif option.startswith("--set="):
            found.append(option.removeprefix("--set="))
    return found


def repeat_commands(run: RunData) -> list[tuple[str, str]]:
    """Return what to type to do the run again, and why: pairs of explanation and command."""
    manifest = run.manifest or {}
    where, clock = manifest.get("where") or run.engine.get("where") or "auto", manifest.get("clock")
    where = present_name(str(where))
    kind = find_kind(where)
    usual = kind is not None and clock == kind.clocks[0]
    options = f" --on {where}" + (" --clock real" if clock == "real" and not usual else "")
    options += (
        f" --kernel {manifest['kernel_sha256'][:12]}" if manifest.get("kernel_sha256") else ""
    )
    spec = (
        "spec.yaml" if (run.path / "spec.yaml").is_file() else f"experiments/{run.plan.name}.yaml"
    )
    options += "".join(
        f" --set {shlex.quote(override)}"
        for override in overrides_of(manifest.get("command") or [])
    )
    again = "The same run, in this folder" + (
        ": the same packets, byte for byte, when the guest's image and kernel are the same"
        if clock == "virtual"
        else ""
    )
    return [
        (again, f"tcpexp run {spec} --seed {run.plan.seed}{options}"),
        ("Judge the recorded data again, offline and without root", "tcpexp check ."),
        ("Make tables, figures and this page again from raw/", "tcpexp report ."),
    ]
