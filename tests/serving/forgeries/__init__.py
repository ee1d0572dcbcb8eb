"""The corpus of forged exports: {name: function of a `forge.Export` that changes it}.

A module a part of an export: `programs` (operations and functions), `sizes`, `objects`,
`directories`, `manifests`, `weights`. A forgery of the SavedModel edits its protos, which the test
then seals; the others write what they change themselves.
"""


def of(corpus, name=None):
    """Adds a forgery to its part of the corpus, under its own name or another."""

    def add(forgery):
        known = name or forgery.__name__
        assert known not in corpus, known
        corpus[known] = forgery
        return forgery

    return add
