"""The methods that stand for all where a property costs much."""

from tests.conformance import cases, cover


def test_a_cover_holds_every_element_and_no_key_too_many():
    sets = {"a": {1, 2}, "b": {1, 2, 3, 4}, "c": {3, 5, 6}, "d": {6}, "e": {4, 5}}
    assert cover.cover(sets) == ["b", "c"]
    # Greedy takes "a" first; the others, needed for 4 and 5, hold its elements.
    sets = {"a": {1, 2, 3}, "b": {1, 2, 4}, "c": {3, 5}}
    assert cover.cover(sets) == ["b", "c"]
    assert cover.cover({"a": {1}, "b": {1}}) == ["a"]


def test_the_chosen_methods_do_all_that_methods_do():
    sets = {method: cover.features(method) for method in cases.METHODS}
    everything = frozenset().union(*sets.values())
    assert frozenset().union(*(sets[method] for method in cover.methods())) == everything
    for left_out in cover.methods():
        others = (sets[method] for method in cover.methods() if method != left_out)
        assert frozenset().union(*others) < everything, left_out


def test_a_property_of_some_features_takes_fewer_methods():
    few = cover.methods(*cover.ROWS)
    assert {*few} < {*cover.methods()}
    assert frozenset().union(*map(cover.features, few)) >= {*cover.ROWS}


def test_an_export_that_differs_from_all_others_is_asked():
    assert {*cover.methods()} < {*cover.exported()} < {*cases.METHODS}
    assert {"hali", "cvae", "density_ratio", "infogan", "m2"} & {*cover.exported()}
