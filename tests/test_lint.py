"""The rule on who may import whom between methods, on sources written here."""

import pytest

pytest.importorskip("importlinter")

from tests.import_contracts import imports_without_subclass


@pytest.mark.parametrize(
    "source",
    [
        "from zoo.methods.wgan import WGAN\nclass WGANGP(WGAN): pass",
        "from zoo.methods import wgan\nclass WGANGP(wgan.WGAN): pass",
        "from zoo.methods.wgan import WGAN as Base\nclass WGANGP(Base): pass",
        "from zoo.model import GenerativeModel\nclass GAN(GenerativeModel): pass",
        "import zoo.model\nimport zoo.methodsx",
    ],
)
def test_subclasses_and_other_rooms_are_allowed(source):
    assert imports_without_subclass(source, "zoo.methods") == []


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("from zoo.methods.gan import helper\nclass ALI: pass", [(1, "helper")]),
        ("x = 1\nfrom zoo.methods import gan\nclass ALI: pass", [(2, "gan")]),
        ("from .gan import helper", [(1, "helper")]),
        ("import zoo.methods.gan", [(1, "zoo.methods.gan")]),
        ("def f():\n    from zoo.methods.gan import GAN\nclass ALI: pass", [(2, "GAN")]),
        ("from zoo.methods.gan import GAN, helper\nclass A(GAN): pass", [(1, "helper")]),
    ],
)
def test_other_imports_between_methods_are_named(source, expected):
    assert imports_without_subclass(source, "zoo.methods") == expected
