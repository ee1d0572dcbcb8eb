"""models.config and batching.config: what several exports of one model base make of them."""

import pytest

from tests import helpers
from zoo.serving import config, warm_up

pytest.importorskip("tensorflow_serving", reason="extra `serving`")
from google.protobuf import text_format
from tensorflow_serving.config import model_server_config_pb2


def made(base, name, version):
    path = base / name / str(version)
    path.mkdir(parents=True)
    return path


def models(base):
    """{name: ModelConfig}."""
    found = model_server_config_pb2.ModelServerConfig()
    text_format.Parse((base / config.MODELS).read_text(), found)
    return {each.name: each for each in found.model_config_list.config}


def test_models_stand_by_name_whatever_came_first(tmp_path):
    texts = []
    for folder, names in (("a", ("vae", "ali", "gan")), ("b", ("gan", "vae", "ali"))):
        for name in names:
            config.add(made(tmp_path / folder, name, 1), served_base="/models")
        texts.append((tmp_path / folder / config.MODELS).read_text())
    assert texts[0] == texts[1]
    found = models(tmp_path / "a")
    assert list(found) == ["ali", "gan", "vae"]
    assert (found["ali"].base_path, found["ali"].model_platform) == ("/models/ali", "tensorflow")
    assert not found["ali"].HasField("model_version_policy")  # the newest version
    config.add(tmp_path / "a" / "ali" / "1", served_base="/models")
    assert (tmp_path / "a" / config.MODELS).read_text() == texts[0]


def test_paths_are_those_here_or_stay_as_the_file_says(tmp_path):
    config.add(made(tmp_path, "ali", 1))
    assert models(tmp_path)["ali"].base_path == str(tmp_path / "ali")
    config.add(made(tmp_path, "ali", 2), served_base="/models/")
    config.add(made(tmp_path, "ali", 3))
    assert models(tmp_path)["ali"].base_path == "/models/ali"


def test_a_new_model_is_where_the_others_are_unless_they_disagree(tmp_path):
    config.add(made(tmp_path, "ali", 1), served_base="/models")
    config.add(made(tmp_path, "vae", 1))
    assert models(tmp_path)["vae"].base_path == "/models/vae"
    config.add(made(tmp_path, "gan", 1), served_base="/elsewhere/")
    assert models(tmp_path)["gan"].base_path == "/elsewhere/gan"
    config.add(made(tmp_path, "iwae", 1))
    assert models(tmp_path)["iwae"].base_path == str(tmp_path / "iwae")


def test_a_label_moves_and_the_versions_that_have_one_are_served(tmp_path):
    config.add(made(tmp_path, "ali", 1), ["stable", "canary"])
    config.add(made(tmp_path, "ali", 2), ["canary"])
    config.add(made(tmp_path, "ali", 10))
    ali = models(tmp_path)["ali"]
    assert dict(ali.version_labels) == {"stable": 1, "canary": 2}
    assert list(ali.model_version_policy.specific.versions) == [1, 2, 10]
    (tmp_path / "ali" / "1").rmdir()
    config.add(made(tmp_path, "ali", 11), ["canary"])
    ali = models(tmp_path)["ali"]
    assert dict(ali.version_labels) == {"canary": 11}  # the server would refuse the other
    assert list(ali.model_version_policy.specific.versions) == [11]


def test_what_a_person_wrote_stays(tmp_path):
    (tmp_path / config.MODELS).write_text(
        """# my own
        model_config_list {
          config { name: "mine" base_path: "/mine" model_platform: "tensorflow"
            model_version_policy { latest { num_versions: 3 } }
            logging_config { sampling_config { sampling_rate: 0.5 } } }
          config { name: "ali" base_path: "s3://bucket/ali" model_platform: "tensorflow"
            model_version_policy { all {} } } }"""
    )
    before = models(tmp_path)
    config.add(made(tmp_path, "ali", 4), ["stable"])
    after = models(tmp_path)
    assert after["mine"] == before["mine"]
    assert after["ali"].base_path == "s3://bucket/ali"
    assert after["ali"].model_version_policy.HasField("all")
    assert dict(after["ali"].version_labels) == {"stable": 4}


@pytest.mark.parametrize(
    "content",
    [
        b"model_config_list {",
        b"\xff\xfe",
        b'model_config_list { config { name: "a" } config { name: "a" } }',
        b"custom_model_config {}",
        b"#" * (2**20 + 1),
    ],
)
def test_files_that_are_none_are_refused_and_stay(tmp_path, content):
    (tmp_path / config.MODELS).write_bytes(content)
    with helpers.refused(ValueError, match="models.config"):
        config.add(made(tmp_path, "ali", 1))
    assert (tmp_path / config.MODELS).read_bytes() == content
    for label in ("", "a-b", "é", "a b"):
        with helpers.refused(ValueError, match="version_labels"):
            config.check_labels([label])
    for base in ("models", "./models", "", "http:/x"):
        with helpers.refused(ValueError, match="served_base"):
            config.check_base(base)
    for base in (None, "/models", "gs://bucket/models", "s3://bucket"):
        config.check_base(base)


def test_batching_says_the_sizes_and_is_read_again(tmp_path):
    assert config.batch_sizes(tmp_path) is None
    config.write_batching(tmp_path, (1, 8, 24))
    text = (tmp_path / config.BATCHING).read_text()
    assert "max_batch_size { value: 24 }" in text
    assert config.batch_sizes(tmp_path) == (1, 8, 24)
    (tmp_path / config.BATCHING).write_text("allowed_batch_sizes: [2, 4]  # not 8\n")
    assert config.batch_sizes(tmp_path) == (2, 4)
    (tmp_path / config.BATCHING).write_text("# allowed_batch_sizes: 2\nnum_batch_threads {}\n")
    assert config.batch_sizes(tmp_path) is None


def test_sizes_ascend_within_bounds():
    assert warm_up.checked_sizes([1, 2, 4096]) == (1, 2, 4096)
    wrong = ([], [0], [-5], [2, 1], [1, 1], [1.5], [float("nan")], [1e308], [4097], "12", None)
    for sizes in (*wrong, range(1, 22)):
        with helpers.refused(ValueError, TypeError, match="batch_sizes"):
            warm_up.checked_sizes(sizes)
