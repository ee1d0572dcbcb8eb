"""Manifests that are none, of wrong types, or that promise what the program has not."""

import json

from tests.serving.forgeries import of
from zoo.serving import manifest

FACTS = {}


for name, text in {
    "a_list": "[]",
    "a_text": '"x"',
    "a_number": "1",
    "null": "null",
    "nothing": "",
    "cut": '{"format": 2',
    "nested": "[" * 100_000,
    "nested_inside": '{"format": 2, "step": ' + "[" * 100_000,
    "digits": '{"format": ' + "1" * 10_000 + "}",
    "true": '{"format": true}',
    "empty": "{}",
}.items():

    @of(FACTS, name)
    def a_manifest(e, text=text):
        (e.path / manifest.FILE_NAME).write_text(text)


@of(FACTS)
def not_utf8(e):
    (e.path / manifest.FILE_NAME).write_bytes(b"\xff\xfe\x00")


def changed(name, change):
    @of(FACTS, name)
    def forgery(e):
        facts = e.facts()
        change(facts)
        (e.path / manifest.FILE_NAME).write_text(json.dumps(facts))


def without(mapping, *keys):
    return {key: value for key, value in mapping.items() if key not in keys}


for key, value in {
    "image_shape": "28", "latent_dim": 2.5, "code_dim": True, "levels": None, "parts": "z",
    "conditional": 0, "capabilities": {"sample": 1}, "density": 1, "step": "1", "signatures": [],
    "distributions": None, "files": [], "hyper_parameters": [], "versions": {"zoo": 1},
    "method": ["gan"], "warm_up": None, "num_classes": "10", "dtype": {},
}.items():  # fmt: skip
    changed(f"type_of_{key}", lambda facts, key=key, value=value: facts.update({key: value}))
for name, change in {
    "no_shape": {"image_shape": []},
    "a_negative_shape": {"image_shape": [-2]},
    "an_absent_verb": {"capabilities": ["sample", "decode", "encode"]},
    "labels_that_no_signature_takes": {"conditional": True, "num_classes": 3},
    "no_levels": {"levels": 0},
    "levels_without_end": {"levels": 10**12},
    "no_signatures": {"signatures": {}},
    "no_distributions": {"distributions": {}},
}.items():
    changed(name, lambda facts, change=change: facts.update(change))
for name, alter in {
    "another_input": lambda s: s["sample"]["inputs"].update(w=s["sample"]["inputs"]["seed"]),
    "no_input": lambda s: s["sample"].update(inputs={}),
    "another_output": lambda s: s["sample"].update(outputs={"w": s["sample"]["outputs"]["x"]}),
    "another_dtype": lambda s: s["sample"]["outputs"]["x"].update(dtype="int32"),
    "another_shape": lambda s: s["sample"]["outputs"]["x"].update(shape=[None, 7]),
    "a_signature_that_is_not_there": lambda s: s.update(more=s["sample"]),
}.items():
    changed(f"signatures_{name}", lambda facts, alter=alter: alter(facts["signatures"]))
for name, recipe in {
    "an_unknown_family": {"family": "cauchy"},
    "another_family": {"family": "normal"},
    "another_signature": {"signature": "sample"},
    "nobody_s_signature": {"signature": "nobody"},
    "other_parameters": {"parameters": {"loc": "scale"}},
    "a_family_without_parameters": {"family": "implicit", "parameters": {}},
}.items():
    changed(
        f"distributions_{name}",
        lambda facts, recipe=recipe: facts["distributions"]["decode"].update(recipe),
    )
NAN, HUGE = float("nan"), 1e308
for name, change in {
    **{
        f"{key}_{word}": {key: value}
        for key in ("step", "latent_dim", "code_dim", "levels", "code_classes", "num_classes")
        for word, value in {"below": -5, "above": 2**31, "huge": HUGE, "nan": NAN}.items()
    },
    "an_infinite_step": {"step": float("inf")},
    "another_width_of_the_code": {"code_dim": 3},
    "more_classes_than_code": {"code_classes": 3},
    "another_shape_of_data": {"image_shape": [3]},
    "no_batch_sizes": {"batch_sizes": []},
    "batches_of_nothing": {"batch_sizes": [0]},
    "batches_below": {"batch_sizes": [-5]},
    "batches_above": {"batch_sizes": [10**9]},
    "batches_of_nan": {"batch_sizes": [NAN]},
    "batches_of_huge": {"batch_sizes": [HUGE]},
    "batches_that_descend": {"batch_sizes": [2, 1]},
    "a_tflite_of_nan": {"tflite": {"encode": NAN}},
    "a_tflite_below": {"tflite": {"encode": -1.0}},
    "quantised_to_nothing": {"quantised": {}},
    "quantised_below": {
        "quantised": {
            "dtype": "bfloat16",
            "bytes": -1,
            "float32_bytes": 1,
            "largest_differences": {},
        }
    },
}.items():
    changed(f"numbers_{name}", lambda facts, change=change: facts.update(change))
changed("a_file_of_less_than_nothing", lambda f: f["files"]["model_card.md"].update(bytes=-1))
changed("a_file_above", lambda facts: facts["files"].update({"../x": {"bytes": 0, "sha256": ""}}))
changed("an_absolute_file", lambda f: f["files"].update({"/dev/zero": {"bytes": 0, "sha256": ""}}))
changed("a_sum_of_another_type", lambda f: f["files"].update({"saved_model.pb": "0" * 64}))
changed("no_sums", lambda facts: facts.update(files={}))
