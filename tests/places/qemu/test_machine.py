"""The machine's arguments say what the run's identity depends on."""

from pathlib import Path

import pytest

from tcpexp.places.image.image import Image
from tcpexp.places.qemu import machine

FILES = machine.MachineFiles(
    Path("ram"), Path("plan"), Path("out"), Path("console"), Path("monitor")
)


@pytest.fixture
def image(tmp_path):
    for name in ("root.erofs", "vmlinuz", "initrd.cpio"):
        (tmp_path / name).write_bytes(b"x")
    return Image(tmp_path, "0" * 64, "6.1", {}, "r", 3)


def argv(image, **changes):
    options = {"clock": "virtual", "private_ram": True, "incoming": True, **changes}
    return machine.qemu_argv(image, Path("initrd"), FILES, **options)


def test_virtual_clock_counts_instructions_and_seeds_rdrand(image):
    words = argv(image)
    assert words[words.index("-icount") + 1] == "shift=0,sleep=off"
    assert words[words.index("-seed") + 1] == "42"
    assert words[words.index("-cpu") + 1] == "qemu64,+rdrand"


def test_a_run_never_writes_the_templates_memory(image):
    assert any("mem-path=ram,share=off" in word for word in argv(image))
    assert any("mem-path=ram,share=on" in word for word in argv(image, private_ram=False))


def test_no_network_card_no_disk(image):
    assert not any(word.startswith(("virtio", "-net", "-nic", "-drive")) for word in argv(image))


def test_root_and_plan_are_read_only(image):
    words = " ".join(argv(image))
    assert "id=m-root,share=on" in words and "id=m-plan,share=on" in words
    assert words.count("readonly=on") == 2


@pytest.mark.skipif(
    bool(machine.qemu_missing()),
    reason="qemu-system-x86_64 is not installed: apt install qemu-system-x86",
)
def test_key_follows_engine_and_shim(image):
    keys = {
        machine.machine_key(image, "a", "s"),
        machine.machine_key(image, "b", "s"),
        machine.machine_key(image, "a", None),
    }
    assert len(keys) == 3
    assert machine.machine_key(image, "a", "s") in keys
