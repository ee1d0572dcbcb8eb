"""What pages are generated from, made by hand."""

import sys

from tests import helpers
from tests.entries import a_run, an_entry

sys.path.insert(0, str(helpers.ROOT / "tools"))  # a tool finds `pages` beside it
from pages import methods, protocols, sources

VAE = "Kingma, Welling: Auto-encoding variational Bayes, arXiv 1312.6114, equation 3."


def a_method(name, reference="", **changes):
    return sources.Method(name, "A summary.", "a use", {"sample": ""}, reference, **changes)


def made(entries, paper=None, **configs):
    """Sources with these entries; every entry has its config, and `configs` have no entry."""
    keys = [*entries, *((name, stem) for name, stem in configs.items())]
    found = {
        key: sources.Config(f"configs/{key[0]}/{key[1]}.cfg", f"run {key[1]}", paper or {})
        for key in keys
    }
    names = dict.fromkeys(name for name, _ in keys)
    return sources.Sources({name: a_method(name, VAE) for name in names}, found, entries)


def measured(values, n=9, protocol="by hand", **changes):
    """An entry of one seed with these metrics."""
    how = {"n": n, "split": "test", "protocol": protocol, "seed": 0}
    evaluation = {name: {"value": value, **how} for name, value in values.items()}
    return an_entry(runs=[a_run(0, evaluation=evaluation)], **changes)


def page_of(entries, method="vae", **more):
    found = made(entries, **more)
    known = protocols.Protocols(found.entries.values())
    return methods.render(found.methods[method], found, known)
