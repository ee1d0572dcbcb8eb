"""What a method says about itself: its place, its docstring, its arguments."""

import inspect
import json
import re

import zoo
from tests import helpers
from tests.conformance import cases, cover
from zoo import registry


def paragraph(text, name):
    """What follows `*name*:` in a docstring, up to the next one."""
    match = re.search(rf"\*{name}\*: (.*?)(?=\n\s*\*\w+\*: |\n\s*\n|\Z)", text, re.S)
    assert match, f"no *{name}* in the docstring"
    return match[1]


def test_a_method_is_its_file_its_configs_and_its_test(method):
    folder = helpers.ROOT / "configs" / method
    assert list(folder.glob("*.cfg")), f"{folder} has no config"
    assert cases.test_file(method).exists()
    assert set(cases.descriptor(method)) <= {"images", "vectors", "data", "train"}
    assert cases.families(method)


def test_configs_and_tests_belong_to_methods():
    folders = {path.parent.name for path in (helpers.ROOT / "configs").glob("*/*.cfg")}
    assert folders <= set(cases.METHODS)


def test_docstring(method):
    cls = registry.get(method)
    text = inspect.getdoc(cls)
    assert paragraph(text, "Game")
    assert 0 < len(paragraph(text, "Use")) <= 51  # a cell of README's table, and a full stop
    for player in cls.PLAYERS:
        assert player in paragraph(text, "Players"), f"*Players* does not name {player}"
    assert f"results/{method}-" in paragraph(text, "Result")
    assert re.search(r"^Reference:\n\s+\S", text, re.M)
    assert registry.summary(method).endswith(".") and registry.reference(method)


def test_documented_capabilities_are_the_verbs(method, model):
    found = cover.documented_verbs(method)
    optional = {"classify"}  # with num_classes only
    assert found - optional == model.capabilities - optional
    assert model.capabilities <= found


def test_hyper_parameters_have_meanings_and_defaults(method):
    described = registry.hyper_parameters(method)
    assert all(item.help for item in described.values())
    for item in described.values():
        assert item.check(item.default) == item.default
        if item.default is not None and item.kind != "tuple":
            assert item.parse(str(item.default)) == item.default
    for player in registry.get(method).PLAYERS:
        assert f"{player}_learning_rate" in described


def test_hyper_parameters_rebuild_a_twin(method):
    model = cases.make(method)
    found = model.hyper_parameters
    twin = zoo.create(model.method, **json.loads(json.dumps(found)))
    assert model.method == method and twin.hyper_parameters == found
    helpers.assert_same_bits(helpers.arrays(twin), helpers.arrays(model))
    with helpers.refused(ValueError, match="Did you mean 'learning_rate'"):
        cases.make(method, learning_rates=3)


def test_another_seed_is_another_model(method):
    roles = cases.make(method, seed=0).networks, cases.make(method, seed=1).networks
    for role, network in roles[0].items():
        pairs = zip(network.trainable_variables, roles[1][role].trainable_variables)
        assert any((a.numpy() != b.numpy()).any() for a, b in pairs), role


def test_state_names_every_variable_once(model):
    found = list(model.state.values())
    assert len({id(variable) for variable in found}) == len(found)
    kept = {id(variable.value) for variable in found}
    kept |= {id(v.value) for metric in model.metrics for v in metric.variables}
    assert not [v.path for v in model.variables if id(v.value) not in kept]
    for player, optimizer in model.optimizers.items():
        assert int(optimizer.iterations) > 0, f"{player} never moved"
