"""A study with every kind of figure, and tables of its runs made up by a law."""

from __future__ import annotations

import polars as pl

from tcpexp.studies.study import StudyOptions, load_study
from tests.support.cheap import NAME

SPEC = """\
name: judged
topology: two_host
links: {{h1-h2: {{rate: 10mbit, delay: 10ms}}}}
duration: 1s
actions: [{{at: 0s, do: iperf3, from: h1, to: h2, flow: x}}]
sweep:
  parameters:
    cc: {{values: [reno, bbr]}}
    p: {{values: [0.1%, 1%, 10%]}}
    n: {{is: round(1 / p)}}
  repeat: 4
  measures:
    goodput: {{metric: flows.x.goodput_bps, unit: bit/s}}
    delay: {{metric: flows.x.rtt.p95_ms, unit: ms}}
  figures:
    - lines: {{x: p, y: goodput, by: cc, log: [x, y],
        reference: {{label: published, curve: 1e6 / sqrt(p), points: [[1%, 9mbit]]}}}}
    - heat_map: {{x: p, y: cc, value: delay}}
    - ellipses: {{x: delay, y: goodput, by: cc, panels: p, caption: "<script>"}}
  expect:
    - {expect}
"""


def study_of(tmp_path, expect="value: {measure: goodput, at_least: 1}"):
    path = tmp_path / "judged.yaml"
    path.write_text(SPEC.format(expect=expect))
    return load_study(path, StudyOptions(out=tmp_path, workplace=NAME))


def runs_of(study, goodput, status="complete"):
    """Return the table of runs: ``goodput(cc, p, seed)`` in bit/s; the delay falls with it."""
    rows = []
    for run in study.runs:
        value = goodput(run.cell.values["cc"], run.cell.values["p"], run.seed)
        row = {
            "run": run.number,
            "cell": run.cell.number,
            "repeat": run.repeat,
            "seed": run.seed,
            "label": run.cell.label,
            "key": run.key,
        }
        rows.append(
            {
                **row,
                **run.cell.values,
                "status": status,
                "certificate": "VALID",
                "goodput": value,
                "delay": None if value is None else 1e8 / value,
            }
        )
    return pl.DataFrame(
        rows,
        infer_schema_length=None,
        schema_overrides={"goodput": pl.Float64, "delay": pl.Float64},
    )


def root_law(cc, p, seed):
    return 1e6 / p**0.5 * (1 + 0.01 * (seed - 2.5)) * (2 if cc == "bbr" else 1)
