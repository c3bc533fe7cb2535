"""A folder for specs that become plans, with a plugin that has actions and a check."""

import textwrap

import pytest

from tcpexp.catalogue import Catalogue
from tcpexp.catalogue.reading import load_spec
from tcpexp.errors import SpecErrors
from tcpexp.plan.compile import compile_plan
from tcpexp.recorders import BUILTIN as RECORDERS

PLUGIN = '''
from typing import ClassVar, Literal
from pydantic import Field
from tcpexp.actions.base import Action
from tcpexp.checks.base import Check, HostName, FlowName, LinkName, ActionName
from tcpexp.plan.types import FlowPlan, Kill, Spawn
from tcpexp.spec.links import LinkParameters
from tcpexp.units import Duration

class Change(Action):
    """Change a link."""
    do: Literal["change"] = "change"
    link: str
    towards: str | None = None
    parameters: LinkParameters = Field(alias="set")

    def compile(self, context):
        context.change_link(
            self.link, self.parameters, "change",
            at_ns=self.at_ns, until_ns=self.until, towards=self.towards,
        )

class Flow(Action):
    """Start a flow."""
    do: Literal["flow"] = "flow"
    from_: str = Field(alias="from")
    to: str
    name: str

    def compile(self, context):
        port = context.port()
        listening = ("iperf3", "-s", "-p", str(port))
        server = context.setup(Spawn(context.host(self.to), listening), "server", suffix="server")
        argv = ("iperf3", "-c", context.address(self.to), "-p", str(port))
        client = Spawn(context.host(self.from_), argv)
        step = context.step(client, "client", at_ns=self.at_ns, until_ns=self.until)
        context.flow(FlowPlan(
            self.name, self.from_, self.to, port, self.from_, "iperf3", step, "not_first", "bbr",
            self.at_ns, self.until,
        ))

class Stop(Action):
    """End a process."""
    do: Literal["stop"] = "stop"
    action: str

    def compile(self, context):
        kill = Kill(context.process(self.action, key="action").id, "TERM")
        context.step(kill, "stop", at_ns=self.at_ns, every_ns=self.every)

class Named(Check):
    """Names things."""
    name: ClassVar[str] = "named"
    host: HostName | None = None
    flow: FlowName | None = None
    link: LinkName | None = None
    action: ActionName | None = None
    between: tuple[Duration, Duration] | None = None
'''


class Bench:
    """A folder for specs, with actions that change links, start flows and stop processes."""

    def __init__(self, folder):
        self.folder = folder
        (folder / "plug.py").write_text(PLUGIN)

    def write(self, text, name="spec.yaml"):
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(textwrap.dedent(text))
        return path

    def catalogue(self):
        catalogue = Catalogue()
        for name, recorder in RECORDERS.items():
            catalogue.recorders.add(name, recorder)
        return catalogue

    def plan(self, text="", *, topology="two_host", seed=None, slot=0):
        """Compile a spec of 30 s; the first line of ``text`` is line 5 of the file."""
        whole = (
            f"name: one\ntopology: {topology}\nduration: 30s\nplugins: [plug.py]\n"
            + textwrap.dedent(text).strip("\n")
        )
        catalogue = self.catalogue()
        return compile_plan(
            load_spec(self.write(whole), catalogue), catalogue, seed=seed, slot=slot
        )

    def errors(self, text="", **options):
        """Return ``line:column: message (hint)`` of each error."""
        with pytest.raises(SpecErrors) as caught:
            self.plan(text, **options)
        return [
            str(mistake).replace(f"{self.folder}/spec.yaml:", "") for mistake in caught.value.errors
        ]
