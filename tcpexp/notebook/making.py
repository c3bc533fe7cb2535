"""Make a run for Python: what ``tcpexp.run`` and ``Run.again`` do."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from tcpexp.errors import RunError, SpecErrors
from tcpexp.notebook.progress import Progress, watching
from tcpexp.notebook.spec import Spec
from tcpexp.notebook.values import IN_MEMORY, Settings, in_words_of_python, override_texts
from tcpexp.places.registry import AUTO
from tcpexp.runs.options import RunOptions
from tcpexp.runs.runner import run_experiment
from tcpexp.store.rundata import RunData


def make_run(
    spec: Spec, settings: Settings | None, options: RunOptions, progress: Progress
) -> Path:
    """Make a run and return its folder; raises what :func:`tcpexp.run` raises."""
    overrides = override_texts(settings)
    options = dataclasses.replace(
        options, overrides=overrides, command=command_of(spec, overrides, options)
    )
    with watching(progress) as watcher:
        try:
            outcome = run_experiment(spec.source, options, watcher)
        except SpecErrors as errors:
            raise in_words_of_python(errors) from None
    if outcome.status == "failed":
        why = (RunData(outcome.path).manifest or {}).get("failure") or "it did not say why"
        raise RunError(
            f"the run {outcome.path.name} failed: {why}",
            hint=f"what was recorded is kept: tcpexp.load({str(outcome.path)!r})",
        )
    return outcome.path


def command_of(spec: Spec, overrides: tuple[str, ...], options: RunOptions) -> tuple[str, ...]:
    """Return the command line that makes the same run, for the manifest."""
    file = spec.source.file
    words = ["tcpexp", "run", "spec.yaml" if file == IN_MEMORY else file]
    given = {
        "--on": None if options.on == AUTO else options.on,
        "--clock": options.clock,
        "--kernel": options.kernel,
        "--seed": None if options.seed is None else str(options.seed),
    }
    for name, value in given.items():
        words += [] if value is None else [name, value]
    for text in overrides:
        words += ["--set", text]
    return tuple(words)
