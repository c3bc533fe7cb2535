"""The filter's fields: what the page and the reference say of them."""

from tcpexp.report.packets.fields import FIELDS, described_fields
from tcpexp.views.labels import WORDS
from tcpexp.views.packets import FLAG_WORDS
from tools.docs.display_filter import page


def test_a_name_means_one_field():
    names = [name for field in FIELDS for name in field.names]
    assert sorted(names) == sorted(set(names))


def test_every_flag_and_every_label_has_a_field_of_its_bit():
    flags = {field.bit for field in FIELDS if field.columns == ("flags",)}
    assert flags == set(range(len(FLAG_WORDS)))
    labels = {field.names[0]: field.bit for field in FIELDS if field.kind == "flag"}
    assert all(labels[f"tcp.analysis.{name}"] == bit for bit, name in enumerate(WORDS))


def test_the_reference_has_every_field_and_the_page_reads_them():
    text = page()
    for field in FIELDS:
        assert f"| `{field.names[0]}` |" in text
        assert all(f"`{name}`" in text for name in field.names)
        assert field.meaning in text
    assert [names[0] for names, *_ in described_fields()] == [field.names[0] for field in FIELDS]
