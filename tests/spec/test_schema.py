"""The JSON Schema names everything that the models take."""

import json

from tcpexp.catalogue import load_catalogue
from tcpexp.spec.model import ExperimentSpec
from tcpexp.spec.schema import json_schema


def references(value):
    if isinstance(value, dict):
        found = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
        return found + [reference for inner in value.values() for reference in references(inner)]
    if isinstance(value, list):
        return [reference for inner in value for reference in references(inner)]
    return []


def test_every_key_action_check_recorder_and_plot_is_in_it():
    catalogue = load_catalogue(entry_points=False)
    schema = json_schema(catalogue)
    assert set(schema["properties"]) == set(ExperimentSpec.model_fields)
    assert schema["additionalProperties"] is False
    assert schema["required"] == ["name", "topology", "duration"]
    actions = {
        action["$ref"].rsplit(".", 1)[1]
        for action in schema["properties"]["actions"]["items"]["anyOf"]
    }
    assert actions == set(catalogue.actions.names())
    assert set(schema["properties"]["expect"]["items"]["properties"]) == set(
        catalogue.checks.names()
    )
    assert set(schema["properties"]["record"]["properties"]) == set(catalogue.recorders.names())
    assert schema["properties"]["plots"]["items"]["anyOf"][0]["enum"] == catalogue.plots.names()


def test_every_reference_leads_somewhere():
    schema = json_schema(load_catalogue(entry_points=False))
    for reference in set(references(schema)):
        assert reference.removeprefix("#/$defs/") in schema["$defs"]


def test_an_actions_do_is_its_name_and_required():
    schema = json_schema(load_catalogue(entry_points=False))
    iperf3 = schema["$defs"]["action.iperf3"]
    assert iperf3["properties"]["do"]["const"] == "iperf3"
    assert {"do", "from", "to"} <= set(iperf3["required"])


def test_a_plugins_action_is_in_it(workshop):
    catalogue = workshop.catalogue()
    catalogue.load_plugin(workshop.folder, "plug.py")
    schema = json_schema(catalogue)
    assert schema["$defs"]["action.say"]["properties"]["from"]["description"] == "who speaks"


def test_it_is_plain_json():
    assert json.loads(json.dumps(json_schema(load_catalogue(entry_points=False))))[
        "$schema"
    ].startswith("https://json-schema.org")
