"""The check ``download``: whether a file arrived as it was sent."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from tcpexp.checks.base import ActionName, Check, Evidence, Undecided, Verdict
from tcpexp.checks.recorded import require_logs
from tcpexp.plan.flows import addresses_of
from tcpexp.views.logs import json_objects, process_runs

if TYPE_CHECKING:
    from tcpexp.store.rundata import RunData

_SHA256 = re.compile(r"^([0-9a-f]{64})\s+\*?(\S+)", re.MULTILINE)


class Download(Check):
    """Whether a download arrived as it was sent: the SHA-256 of the client's file against the
    server's log.
    """

    name: ClassVar[str] = "download"
    example: ClassVar[str] = "{action: get, intact: true}"

    action: ActionName = Field(description="the `id` of the `http_get`")
    intact: bool = Field(
        default=True,
        description="true: both hashes are the same; false: they differ, or nothing arrived",
    )

    def title(self) -> str:
        """Name the action."""
        return f"download of action {self.action}"

    def asked(self) -> str:
        """Return what is asked."""
        return "the file is intact" if self.intact else "the file is not intact"

    def evaluate(self, run: RunData) -> Verdict:
        """Compare the two hashes."""
        runs = process_runs(run, self.action)
        if not runs:
            raise Undecided(f"the action {self.action} was not started")
        if runs[-1][1] is None:
            raise Undecided(f"the action {self.action} had not ended when the run did")
        found = _SHA256.search("".join(require_logs(run, self.action, ("out",)).values()))
        sent = self._sent(run)
        if not sent:
            raise Undecided("no web server of this run logged what it sent")
        name, received = (found[2], found[1]) if found else ("", "")
        hashes = sorted(
            {
                file["sha256"]
                for file in sent
                if not name or str(file["path"]).rsplit("/", 1)[-1] == name
            }
        )
        if found and not hashes:
            raise Undecided(f"no web server of this run logged a response with the file '{name}'")
        intact = bool(found) and received in hashes
        # A client that failed, or was ended, has a part of the file: nothing says that it is wrong.
        broken = "damaged" if runs[-1][2] == 0 else "cut short"
        measured = "intact" if intact else (broken if found else "no file arrived")
        reason = f"received {received or 'nothing'}, sent {', '.join(hashes)}"
        return self.verdict(
            intact == self.intact, measured, reason, [Evidence(f"SHA-256: {reason}")]
        )

    def _sent(self, run: RunData) -> list[dict[str, Any]]:
        """Return the files that web servers loaded or sent (their JSON lines ``file`` and
        ``response``).
        """
        steps = {step.id: step for step in (*run.plan.setup, *run.plan.steps)}
        flow = next((flow for flow in run.plan.flows if flow.step == self.action), None)
        hosts = {flow.server} if flow else set(addresses_by_host(run))
        found = []
        for path in sorted((run.path / "raw" / "logs").glob("*.out")):
            step = steps.get(path.stem)
            if step is None or getattr(step.do, "node", None) not in hosts:
                continue
            found += [
                line
                for line in json_objects(path.read_text(encoding="utf-8", errors="replace"))
                if line.get("event") in ("file", "response") and line.get("sha256")
            ]
        return found


def addresses_by_host(run: RunData) -> dict[str, list[str]]:
    """Return the addresses of every node by its name."""
    return {node.name: addresses_of(run.plan, node.name) for node in run.plan.network.nodes}
