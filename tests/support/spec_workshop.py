"""A folder for specs that are only loaded, with a plugin that has an action and a check."""

import textwrap

import pytest

from tcpexp.catalogue import Catalogue
from tcpexp.catalogue.reading import load_spec
from tcpexp.errors import SpecErrors
from tcpexp.recorders import BUILTIN as RECORDERS

PLUGIN = '''
from typing import ClassVar, Literal
from pydantic import BaseModel, Field
from tcpexp.actions.base import Action
from tcpexp.checks.base import Check
from tcpexp.units import Rate

class Say(Action):
    """Say something."""
    do: Literal["say"] = "say"
    from_: str = Field(alias="from", description="who speaks")
    text: str = "hello"
    loud: bool = False
    times: int = Field(default=1, ge=1, le=5)

    def compile(self, context):
        context.host(self.from_, key="from")

class Heard(Check):
    """Whether it was heard."""
    name: ClassVar[str] = "heard"
    by: str
    at_least: Rate | None = None
'''


MINIMAL = "name: one\ntopology: two_host\nduration: 10s\n"


class Workshop:
    """A folder for specs, with a plugin that knows one action and one check."""

    def __init__(self, folder):
        self.folder = folder
        (folder / "plug.py").write_text(PLUGIN)

    def write(self, text, name="spec.yaml"):
        path = self.folder / name
        path.write_text(textwrap.dedent(text))
        return path

    def catalogue(self):
        catalogue = Catalogue()
        for name, recorder in RECORDERS.items():
            catalogue.recorders.add(name, recorder)
        catalogue.plots.add("throughput", object)
        catalogue.plots.add("cwnd", object)
        return catalogue

    def load(self, text, overrides=()):
        """Load a minimal spec with ``text`` and the plugin added."""
        whole = MINIMAL + "plugins: [plug.py]\n" + textwrap.dedent(text)
        return load_spec(self.write(whole), self.catalogue(), overrides=overrides)

    def errors(self, text, overrides=()):
        """Return ``line:column: message (hint)`` of each error; the first added line is line 5."""
        with pytest.raises(SpecErrors) as caught:
            self.load(text, overrides)
        return [
            str(mistake).replace(f"{self.folder}/spec.yaml:", "") for mistake in caught.value.errors
        ]
