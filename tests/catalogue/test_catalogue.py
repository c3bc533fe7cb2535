"""The catalogue: built-ins, plugins beside a spec, other packages' entry points."""

import importlib
import subprocess
import sys

import pytest

from tcpexp.catalogue import KINDS, Catalogue, load_catalogue
from tcpexp.errors import SpecError

ACTION = (
    "from typing import Literal\nfrom tcpexp.actions.base import Action\nclass A(Action):\n   "
    " 'A.'\n    do: Literal['wave'] = 'wave'\n"
)


def test_built_ins_are_there():
    catalogue = load_catalogue(entry_points=False)
    assert "iperf3" in catalogue.actions
    assert "goodput" in catalogue.checks
    assert "capture" in catalogue.recorders
    assert "throughput" in catalogue.plots
    assert catalogue.registry("actions") is catalogue.actions


def test_a_plugins_classes_are_registered_by_what_they_are(tmp_path):
    (tmp_path / "p.py").write_text(
        ACTION
        + "from mininet.topo import Topo\nclass T(Topo):\n    name = 'ring'\n"
        + "from tcpexp.recorders.base import RecorderModel\nclass R(RecorderModel):\n    name ="
        " 'smoke'\n"
    )
    catalogue = Catalogue()
    catalogue.load_plugin(tmp_path, "p.py")
    assert (
        catalogue.actions.names(),
        catalogue.topologies.names(),
        catalogue.recorders.names(),
    ) == (["wave"], ["ring"], ["smoke"])


def test_a_plugin_may_register_by_itself(tmp_path):
    (tmp_path / "p.py").write_text(
        ACTION + "def register(catalogue):\n    catalogue.actions.add('other', A)\n"
    )
    catalogue = Catalogue()
    catalogue.load_plugin(tmp_path, "p.py")
    assert catalogue.actions.names() == ["other"]


def test_a_plugin_cannot_take_a_built_in_name(tmp_path):
    (tmp_path / "p.py").write_text(ACTION.replace("wave", "iperf3"))
    with pytest.raises(SpecError, match="action 'iperf3' is defined twice"):
        load_catalogue(entry_points=False).load_plugin(tmp_path, "p.py")


def test_a_plugin_is_loaded_once(tmp_path):
    (tmp_path / "p.py").write_text(ACTION)
    catalogue = Catalogue()
    catalogue.load_plugin(tmp_path, "p.py")
    catalogue.load_plugin(tmp_path, "p.py")
    assert catalogue.plugins == {"p.py": ACTION}


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Install, as far as Python can tell, a package with one entry point."""

    def install(source):
        (tmp_path / "wavepkg.py").write_text(source)
        info = tmp_path / "wavepkg-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: wavepkg\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text("[tcpexp.actions]\nwave = wavepkg:A\n")
        monkeypatch.syspath_prepend(str(tmp_path))
        monkeypatch.delitem(sys.modules, "wavepkg", raising=False)
        importlib.invalidate_caches()

    yield install
    sys.modules.pop("wavepkg", None)


def test_entry_points_of_installed_packages(package):
    package(ACTION)
    assert "wave" in load_catalogue().actions


def test_a_broken_package_is_named(package):
    package("1 / 0\n")
    with pytest.raises(
        SpecError, match=r"'wavepkg' fails to load its action 'wave'.*pip uninstall wavepkg"
    ):
        load_catalogue().actions.get("wave")


def test_a_broken_package_hurts_nobody_else(package):
    package("1 / 0\n")
    catalogue = load_catalogue()
    assert "wave" in catalogue.actions
    assert catalogue.actions.get("iperf3").__name__ == "Iperf3"


def test_what_an_installed_package_names_must_be_of_its_kind(package):
    package("A = 'tcpexp.actions.mark:Mark'\n")
    with pytest.raises(SpecError, match=r"derive it from tcpexp\.actions\.base\.Action"):
        load_catalogue().actions.get("wave")


def test_tables_that_recorders_bring(tmp_path):
    source = (
        "from tcpexp.record.columns import T_NS, TableSchema\n"
        "from tcpexp.recorders.sampled import SampledRecorder\n"
        "class R(SampledRecorder):\n    'R.'\n    name = 'smoke'\n"
        "    table = TableSchema('NAME', 'one', (T_NS,), ('t_ns',))\n"
    )
    catalogue = load_catalogue(entry_points=False)
    assert list(catalogue.tables()) == ["cpu"]
    (tmp_path / "p.py").write_text(source.replace("NAME", "smoke"))
    catalogue.load_plugin(tmp_path, "p.py")
    assert list(catalogue.tables()) == ["cpu", "smoke"]
    (tmp_path / "q.py").write_text(source.replace("NAME", "packets").replace("'smoke'", "'two'"))
    catalogue.load_plugin(tmp_path, "q.py")
    with pytest.raises(SpecError, match="table 'packets' is defined twice"):
        catalogue.tables()


def test_every_kind_has_a_registry():
    catalogue = Catalogue()
    assert [catalogue.registry(kind).kind for kind in KINDS] == [
        kind.word for kind in KINDS.values()
    ]


def test_what_others_derive_from_is_not_taken_for_a_check(tmp_path):
    """Each plugin is loaded in a process that has seen no other: pydantic leaves a generic that it
    makes in the module that asks first.
    """
    source = (
        "from typing import ClassVar, Generic, TypeVar\n"
        "from tcpexp.checks.base import Check\n"
        "from tcpexp.checks.compare import Compared\n"
        "from tcpexp.units import Size\n"
        "Unit = TypeVar('Unit')\n"
        "class Shared(Check):\n    'Base.'\n"
        "class Open(Compared[Unit], Generic[Unit]):\n    'Generic.'\n"
        "class Mine(Open[Size]):\n    'M.'\n    name: ClassVar[str] = 'mine'\n"
        "class Second(Shared):\n    'S.'\n    name: ClassVar[str] = 'second'\n"
    )
    (tmp_path / "p.py").write_text(source)
    code = (
        "import sys, pathlib; from tcpexp.catalogue import Catalogue\ncatalogue = Catalogue();"
        " catalogue.load_plugin(pathlib.Path(sys.argv[1]), 'p.py'); print(catalogue.checks.names())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == "['mine', 'second']", done.stderr


def test_a_class_without_a_name_that_nothing_derives_from_is_refused(tmp_path):
    (tmp_path / "p.py").write_text(
        "from tcpexp.checks.base import Check\nclass Nameless(Check):\n    'N.'\n"
    )
    with pytest.raises(SpecError, match="the class Nameless does not say its name"):
        Catalogue().load_plugin(tmp_path, "p.py")
