"""The tables of each part, made from rows alone."""

from __future__ import annotations

from collections import Counter

from costing.saturation import BUSY_LIMIT, crossing
from costing.summary import Row, Table, by_case, median_of, of_part, phase_medians, ratio, show, spread_of, with_range

MIB = 1 << 20


def all_tables(rows: list[Row]) -> list[Table]:
    """Return the tables of the parts that were measured, in order."""
    makers = (start_table, phase_table, growth_table, memory_table, template_table, arrangement_table, spread_table, pair_table, saturation_table)
    return [table for maker in makers for table in maker(rows)]


def start_table(rows: list[Row]) -> list[Table]:
    """(a) From the command to the first SYN and to the report."""
    groups = by_case(of_part(rows, "a"), "case")
    whole, cut = groups.get(("handshake, 10 s",), []), groups.get(("handshake, up to its first SYN",), [])
    if not whole:
        return []
    syn = with_range([row for row in cut if row["guest_seen"] and row["syn_clock_s"] is not None], stop_seen_s)
    clock_ms = median_of(whole, lambda row: None if row["syn_clock_s"] is None else row["syn_clock_s"] * 1e3)
    after = with_range(whole, lambda row: row["syn_between_s"][0] if row["syn_between_s"] else None)
    before = with_range(whole, lambda row: row["syn_between_s"][1] if row["syn_between_s"] else None)
    lines = (("command to first SYN", syn), ("command to the end of a 10 s run, report written", with_range(whole, lambda row: row["wall_s"])))
    notes = (
        f"The first SYN is sent at {show(clock_ms, 1)} ms of the experiment's clock. The same spec is run once more with a duration that ends 2 ms "
        "after it; the wall instant at which the guest's phase 'stop' then appears in the guest's result device is taken for the SYN's, and so is "
        "at most 2 ms of guest work too late.",
        f"In the whole run the clock was seen below that time at {after} s and above it at {before} s of wall time.",
    )
    return [Table("From the command to the first SYN and to the report", ("span", "wall seconds"), lines, notes)]


def stop_seen_s(row: Row) -> float | None:
    """Return the wall seconds from the command to the phase ``stop``: the sum of the phases before it."""
    names = list(row["phases"])
    return sum(row["phases"][name] for name in names[: names.index("stop")]) if "stop" in names else None


def phase_table(rows: list[Row]) -> list[Table]:
    """(a) Where the time of the 10 s handshake run goes."""
    whole = [row for row in of_part(rows, "a") if row["case"] == "handshake, 10 s"]
    if not whole:
        return []
    phases = phase_medians(whole)
    total = sum(phases.values())
    lines = tuple((name, show(seconds, 3), f"{seconds / total:.0%}") for name, seconds in phases.items())
    note = (
        "Phases from 'network' to 'saving' are read in the guest's result device every millisecond; the others begin with a line that the command "
        "prints. 'restore' is from that command's first line to the guest's first phase; 'unpacking' is from the guest's last word to the "
        "first step of the analysis; 'report and exit' ends with the process."
    )
    return [Table("Where a 10 s handshake run's wall time goes", ("phase", "wall seconds", "share"), lines, (note,))]


def growth_table(rows: list[Row]) -> list[Table]:
    """(b) Wall seconds per virtual second, and packets per wall second."""
    lines = []
    for (case,), group in by_case(of_part(rows, "b"), "case").items():
        guest = median_of(group, lambda row: ratio(row["run_s"], row["virtual_s"]))
        whole = median_of(group, lambda row: ratio(row["wall_s"], row["virtual_s"]))
        rate = median_of(group, lambda row: ratio(row["packets"], row["run_s"]))
        packets = median_of(group, lambda row: row["packets"])
        verdicts = "; ".join(sorted({verdict_of(row) for row in group}))
        lines.append((case, with_range(group, lambda row: row["wall_s"]), show(guest, 3), show(whole, 3), show(packets, 0), show(rate, 0), verdicts))
    if not lines:
        return []
    headings = ("case", "command, wall s", "guest, wall s per virtual s", "command, wall s per virtual s", "packets", "packets per wall s", "certificate")
    note = (
        "'guest' is the phase 'run' alone, 'command' everything from start to exit. Packets are those of the busiest capture, both directions, so a "
        "packet between two hosts counts once; per wall second of the phase 'run'. All recorders at their defaults."
    )
    return [Table("Wall time for each virtual second", headings, tuple(lines), (note,))]


def memory_table(rows: list[Row]) -> list[Table]:
    """(c) The largest memory of QEMU, tcpexp and tshark."""
    watched = [{**row, "case": f"{row['case']}, {row['mode']}" if "mode" in row else row["case"]} for row in of_part(rows, "abegh") if row.get("memory")]
    lines = []
    for (case,), group in by_case(watched, "case").items():

        def most(program: str, kind: str, group: list[Row] = group) -> str:
            found = [row["memory"].get(program, {}).get(kind) for row in group]
            values = [each for each in found if each is not None]
            return f"{max(values) / MIB:.0f}" if values else "-"

        asked = [("QEMU", kind) for kind in ("rss", "pss", "unique", "own")] + [(program, "rss") for program in ("tcpexp", "helper", "tshark")]
        lines.append((case, *(most(program, kind) for program, kind in asked)))
    if not lines:
        return []
    headings = ("case", "QEMU resident", "QEMU PSS", "QEMU unique", "QEMU own", "tcpexp resident", "its helper", "tshark")
    note = (
        "MiB, the largest seen in any run of the case. Resident is the kernel's own peak (VmHWM), read every 0.1 s; the others come from "
        "smaps_rollup every 0.5 s. PSS divides the template's pages among the guests that run at that time, unique counts those that no other process "
        "maps (of a single guest: the template's too), own is what a guest wrote itself and can never share: what each further guest costs. A "
        "helper is a second Python process of tcpexp; of several tshark the largest counts."
    )
    return [Table("Largest memory", headings, tuple(lines), (note,))]


def template_table(rows: list[Row]) -> list[Table]:
    """(d) The template's size and how long it takes to build."""
    lines = []
    for row in of_part(rows, "d"):
        lines.append(
            (
                row["case"],
                f"{row['disk_bytes'] / MIB:.0f} MiB",
                f"{row['ram_disk_bytes'] / MIB:.0f} MiB",
                f"{row['state_disk_bytes'] / 1024:.0f} KiB",
                show(row.get("build_seconds"), 1, " s"),
                show(row.get("build_wall_s"), 1, " s"),
            )
        )
    headings = ("template", "on disk", "of it memory", "device state", "boot to snapshot", "whole build")
    note = "'boot to snapshot' is what the template's own file says; the whole build is timed from outside, in a private cache, shim compiled too."
    return [Table("The template", headings, tuple(lines), (note,))] if lines else []


def arrangement_table(rows: list[Row]) -> list[Table]:
    """(e) One experiment, two arrangements."""
    lines = []
    for (case,), group in by_case(of_part(rows, "e"), "case").items():
        cells = [with_range(group, lambda row, key=key: row[key], 2) for key in ("goodput_mbps", "idle_rtt_ms", "rtt_p50_ms", "rtt_p95_ms")]  # type: ignore[misc]
        lines.append((case, with_range(group, lambda row: row["wall_s"], 1), *cells))
    headings = ("arrangement", "command, wall s", "goodput, Mbit/s", "idle RTT, ms", "RTT p50, ms", "RTT p95, ms")
    note = (
        "One CUBIC flow, 10 Mbit/s, 20 + 20 ms, queue 33 packets (1 BDP): at most 80 ms under load. Both are measured by the same script, with iperf3 and "
        "a ping every 20 ms beside it. Ours records everything and writes a report; TCLink in the guest records nothing of its own network."
    )
    return [Table("The same experiment in two arrangements", headings, tuple(lines), (note,))] if lines else []


def spread_table(rows: list[Row]) -> list[Table]:
    """(f) How far repeated runs lie apart."""
    lines = []
    for (case, loops, seeded), group in by_case([{**row, "seeded": row["seed"] is not None} for row in of_part(rows, "f")], "case", "loops", "seeded").items():
        name = case + (", another seed each" if seeded else "")
        for label, key in (("goodput, Mbit/s", "goodput_mbps"), ("RTT p50, ms", "rtt_p50_ms"), ("RTT p95, ms", "rtt_p95_ms")):
            spread = spread_of(row[key] for row in group)
            if spread is not None:
                variation = "-" if spread.variation is None else f"{spread.variation:.3%}"
                numbers = (show(spread.least, 3), show(spread.median, 3), show(spread.most, 3), variation)
                lines.append((name, str(loops), str(spread.count), label, *numbers))
    headings = ("arrangement", "busy loops", "runs", "measured", "least", "median", "most", "coefficient of variation")
    notes = (
        "With one seed, what varies is the machine's doing. With another seed for each run, the virtual clock's runs differ as repeated experiments do.",
        *same_captures(of_part(rows, "f")),
    )
    return [Table("Spread of repeated runs", headings, tuple(lines), notes)] if lines else []


def same_captures(rows: list[Row]) -> list[str]:
    """Return in words how many of the runs with one seed left the same captures, idle and busy together."""
    seeded = [row for row in rows if row["seed"] is None and row.get("captures")]
    sentences = []
    for (case,), group in by_case(seeded, "case").items():
        counts = Counter(row["captures"] for row in group)
        sentences.append(f"{case}: with one seed, {counts.most_common(1)[0][1]} of {len(group)} runs, idle and busy, left the same captures byte for byte.")
    return sentences


def pair_table(rows: list[Row]) -> list[Table]:
    """(g) Two runs at once."""
    pairs = [row for row in of_part(rows, "g") if row["case"] == "pair"]
    if not pairs:
        return []
    lines = (
        ("two runs, one after the other", with_range(pairs, lambda row: row["serial_s"])),
        ("two runs, side by side", with_range(pairs, lambda row: row["parallel_s"])),
        ("throughput, side by side over one after the other", with_range(pairs, lambda row: row["serial_s"] / row["parallel_s"])),
    )
    return [Table(f"Two runs on {pairs[0]['processors']} processors", ("", "wall seconds, or ratio"), lines, ("One 10 Mbit/s flow, whole commands.",))]


def saturation_table(rows: list[Row]) -> list[Table]:
    """(h) The processor's share against the packet rate, and where the limit is crossed."""
    lines, notes = [], []
    for (frames,), group in by_case(of_part(rows, "h"), "frames").items():
        for row in group:
            lines.append(
                (frames, f"{row['rate_mbit']:g}", show(row["pps"], 0), _percent(row["busy"]), _percent(row["busiest"]), row["processor"], verdict_of(row))
            )
        found = crossing([(row["pps"], row["busy"]) for row in group if row["busy"] is not None])
        if found is not None:
            how = "" if found[1] else ", drawn out beyond the last rate measured"
            notes.append(f"{frames}: {BUSY_LIMIT:.0%} of the processor is crossed at about {found[0]:.0f} packets per virtual second{how}.")
    headings = ("frames", "Mbit/s", "packets per virtual s", "busy, steady", "busiest second", "processor", "certificate")
    notes.append(
        "Packets and 'busy, steady' are those of the second half of each run; both directions at the sender's interface. 'busiest second' is the "
        "certificate's: it also sees the programs' start and TCP's slow start, and so says SUSPECT a little earlier."
    )
    return [Table("When the guest's processor is full", headings, tuple(lines), tuple(notes))] if lines else []


def verdict_of(row: Row) -> str:
    """Return the certificate's verdict, and the names of what is suspect."""
    names = dict.fromkeys(str(reason).split(":", maxsplit=1)[0] for reason in row.get("certificate_reasons") or ())
    return str(row["certificate"]) + (f" ({', '.join(names)})" if names else "")


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{value:.0%}"
