"""The grammar of refusals."""

from zoo.errors import nearest, printable, refusal, unknown


def test_a_refusal_is_one_line_that_no_terminal_obeys():
    name = "\x1b[2J\x1b[31mred\nline\u202e\x07"
    for message in (
        refusal(name, "none", 0),
        refusal("a", f"a network ({name})", 0),
        refusal("a", "none", name),
        refusal("a", "none", type("T", (), {"__repr__": lambda self: name})()),
        refusal("a", "none", 0, hint=name),
        str(unknown("a", name, [name])),
        printable(name),
    ):
        assert message.isprintable() and "red" in message and "\\x1b" in message


def test_long_values_are_shortened_and_strangers_are_not_near():
    assert len(refusal("a", "none", "x" * 10_000)) < 200
    assert "x" * 50 in refusal("a", "none", "x" * 50)
    assert nearest("zzz", ["beta", "gamma"]) == ""
    assert nearest("gama", ["beta", "gamma"]) == "Did you mean 'gamma'?"


def test_printable_text_stays_as_it_is():
    text = "Größe [B, 4] of 'x\\n', 日本語."
    assert printable(text) == text
    assert printable("two\n  lines") == "two lines"


def test_no_valid_name_is_said_in_words():
    assert "expected no name, as there is none" in str(unknown("part", "z", ()))
