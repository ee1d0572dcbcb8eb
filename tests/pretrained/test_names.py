"""Pretrained models by name: restored, loaded, fine-tuned, offline."""

import errno
import http.server
import shutil
import threading

import numpy as np
import pytest

import zoo
from tests import helpers
from tests.conformance import cases
from tests.published import NAME
from zoo import pretrained
from zoo.publishing import exports
from zoo.training import transfer


@pytest.fixture
def address(shelf, monkeypatch):
    """A server of the archive, which does not lie in the package any more; counts requests."""
    shelf.web = shelf.folder.parent / "web"
    shelf.web.mkdir()
    shutil.move(shelf.folder / shelf.entry.file, shelf.web)
    shelf.asked = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments):
            super().__init__(*arguments, directory=shelf.web)

        def log_message(self, *arguments):
            shelf.asked.append(self.path)

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    monkeypatch.setenv(pretrained.URL_VARIABLE, f"http://127.0.0.1:{server.server_port}/")
    yield shelf
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_name_says_what_it_is(shelf):
    found = zoo.list_pretrained()
    assert list(found) == [NAME]
    text = str(found[NAME])
    assert text.startswith("vae-digits: Codes, samples and likelihood bounds of digits, by VAE. ")
    assert "nll 1" in text and f"{shelf.entry.parameters:,} parameters" in text


def test_the_keras_model_has_the_weights_of_the_run(shelf, run_dir):
    model, trained = zoo.restore(NAME), zoo.restore(run_dir)
    assert model.compiled and int(model.step) == 5 and model.untrained == frozenset()
    for role, network in trained.networks.items():
        for old, new in zip(network.variables, model.networks[role].variables, strict=True):
            np.testing.assert_allclose(new.value, old.value, rtol=2**-8, atol=2**-25)
    assert sorted(p.name for p in shelf.cache.iterdir()) == [f"vae-digits-1-{digest(shelf)}"]


def digest(shelf):
    return shelf.entry.sha256[:16]


def test_the_verbs_are_those_of_the_keras_model_and_exported_once(shelf, monkeypatch):
    served, model = zoo.load(NAME), zoo.restore(NAME)
    np.testing.assert_allclose(served.sample(3, seed=0), model.sample(3, seed=0), atol=1e-5)
    assert served.path.name == "1" and served.path.parent.name == NAME
    card = (served.path / "model_card.md").read_text()
    assert "# vae-digits" in card and "| nll | 1 |" in card
    monkeypatch.setattr(exports.serving, "export", None)
    assert exports.exported(NAME, 1) == served.path


def test_a_path_hides_a_name(shelf, run_dir, in_tmp_path):
    (in_tmp_path / NAME).symlink_to(run_dir)
    assert pretrained.resolve(NAME) == NAME
    with helpers.refused(ValueError, match="version"):
        pretrained.resolve(NAME, 1)


@pytest.mark.parametrize("door", [zoo.load, zoo.restore])
@pytest.mark.parametrize(
    "name, version, words",
    [
        ("vae-digit", None, "Did you mean 'vae-digits'"),
        ("ali-mnist", None, "list_pretrained"),
        ("vae-celeb_a", None, "Did you mean|list_pretrained"),
        (NAME, 2, r"one of \[1\]"),
        (NAME, 0, "version"),
    ],
)
def test_other_names_and_versions_are_refused(shelf, door, name, version, words):
    with helpers.refused(ValueError, match=words):
        door(name, version=version)


@pytest.mark.parametrize("name", ["VAE-Digits", "vae_digits", "vae digits", "vae-digits/", "vae"])
@pytest.mark.parametrize("door", [zoo.load, zoo.restore])
def test_what_is_neither_path_nor_name_is_told_the_nearest_name(shelf, in_tmp_path, door, name):
    with helpers.refused(FileNotFoundError, match="Did you mean 'vae-digits'"):
        door(name)


def test_a_longer_name_is_meant_before_one_that_looks_alike(shelf, monkeypatch):
    known = dict.fromkeys(("ali-mnist", "hali-mnist-budget", "vae-mnist-budget"))
    monkeypatch.setattr(pretrained, "_registry", lambda: known)
    assert pretrained.meant("hali-mnist") == "Did you mean 'hali-mnist-budget'?"
    assert pretrained.meant("VAE MNIST") == "Did you mean 'vae-mnist-budget'?"
    assert pretrained.meant("ali-mnits") == "Did you mean 'ali-mnist'?"
    assert pretrained.meant("") == pretrained.meant("\n") == pretrained.meant("x" * 10_000) == ""


@pytest.mark.parametrize("path", [None, 3, b"vae-digits", ["vae-digits"]])
def test_what_is_no_path_is_refused_in_one_line(path):
    for door in (zoo.load, zoo.restore):
        with helpers.refused(TypeError, match="a path: a string or os.PathLike"):
            door(path)


def test_a_run_is_no_export_and_the_message_says_who_takes_it(run_dir):
    with helpers.refused(FileNotFoundError, match="It is a run: zoo.restore"):
        zoo.load(run_dir)


@pytest.mark.parametrize("place", ["file/cache", "file", "/proc/zoo", "/dev/full"])
def test_a_cache_that_takes_no_file_is_named(shelf, in_tmp_path, monkeypatch, place):
    (in_tmp_path / "file").touch()
    monkeypatch.setenv(pretrained.CACHE_VARIABLE, place)
    for door in (zoo.load, zoo.restore):
        with helpers.refused(OSError, match=f"`ZOO_CACHE`.*'{place}'. Set the environment"):
            door(NAME)


def test_a_full_disk_names_the_cache(shelf, monkeypatch):
    def full(path, folder, **options):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(pretrained.archives, "unpack", full)
    with helpers.refused(OSError, match="No space left on device.*ZOO_CACHE"):
        zoo.restore(NAME)


def test_the_cache_may_be_below_the_home_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv(pretrained.CACHE_VARIABLE, "~/own")
    assert pretrained.cache_directory() == tmp_path / "own"
    monkeypatch.setenv(pretrained.CACHE_VARIABLE, "")
    assert pretrained.cache_directory() == tmp_path / ".cache" / "zoo" / "pretrained"


def test_a_path_that_is_no_name_stays_a_path(shelf, tmp_path):
    for path in ("runs/vae-digits", "my-run", tmp_path / "x"):
        assert pretrained.resolve(path) == path


def test_a_version_of_an_export(tmp_path, monkeypatch):
    monkeypatch.setattr("zoo.serving.served.Served", lambda path: path)
    for version in (1, 3):
        (tmp_path / "m" / str(version)).mkdir(parents=True)
        (tmp_path / "m" / str(version) / "saved_model.pb").touch()
    assert zoo.load(tmp_path / "m").name == "3"
    assert zoo.load(tmp_path / "m", version=1).name == "1"
    with helpers.refused(ValueError, match=r"one of \[1, 3\]"):
        zoo.load(tmp_path / "m", version=2)
    with helpers.refused(ValueError, match="one version"):
        zoo.load(tmp_path / "m" / "1", version=1)


def test_what_is_not_in_the_package_is_downloaded_once(address):
    folder = pretrained.fetch(NAME)
    assert (folder / "weights.npz").is_file() and len(address.asked) == 1
    shutil.rmtree(address.web)
    assert pretrained.fetch(NAME) == folder and len(address.asked) == 1  # offline: from the cache


@pytest.mark.parametrize("member", ["weights.npz", "flags.cfg"])
@pytest.mark.parametrize("damage", ["gone", "short", "changed", "link"])
def test_a_damaged_cache_is_made_again(shelf, member, damage):
    folder = pretrained.fetch(NAME)
    right = spoilt(folder / member, damage)
    assert pretrained.fetch(NAME) == folder and list(shelf.cache.iterdir()) == [folder]
    assert (folder / member).read_bytes() == right and not (folder / member).is_symlink()


def spoilt(path, damage):
    """Damages a file; returns what it held."""
    right = path.read_bytes()
    path.unlink()
    if damage == "link":
        path.symlink_to("/etc/hostname")
    elif damage != "gone":
        path.write_bytes(right[:-1] if damage == "short" else right[:-1] + b"?")
    return right


@pytest.mark.parametrize("stands", helpers.first_of(["link", "file"]))
def test_what_stands_in_the_place_of_a_folder_of_the_cache_goes(shelf, tmp_path, stands):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for place in (pretrained.fetch(NAME), exports.exported(NAME)):
        shutil.rmtree(place)
        place.symlink_to(elsewhere) if stands == "link" else place.touch()
        assert zoo.load(NAME).sample(1, seed=0).shape == (1, 8, 8, 1)
        assert place.is_dir() and not place.is_symlink() and elsewhere.is_dir()
        assert not [path for path in place.parent.iterdir() if path.name.startswith(".")]


def test_a_whole_cache_is_not_unpacked_again(shelf, monkeypatch):
    folder = pretrained.fetch(NAME)
    monkeypatch.setattr(pretrained.archives, "unpack", None)
    assert pretrained.fetch(NAME) == folder


@pytest.mark.every
@pytest.mark.parametrize(
    "file", ["saved_model.pb", "zoo_manifest.json", "variables/variables.index"]
)
def test_a_damaged_export_in_the_cache_is_made_again(shelf, file):
    path = exports.exported(NAME)
    spoilt(path / file, "gone")
    assert zoo.load(NAME).path == path and (path / file).is_file()


def test_a_damaged_download_is_received_again(address):
    folder = pretrained.fetch(NAME)
    (archive,) = (address.cache / "downloads").glob("*.zip")
    shutil.rmtree(folder)
    right = spoilt(archive, "changed")
    assert pretrained.fetch(NAME) == folder and archive.read_bytes() == right


def test_without_its_archive_a_download_is_whole_if_every_member_is_there(address):
    folder = pretrained.fetch(NAME)
    shutil.rmtree(address.cache / "downloads")
    assert pretrained.fetch(NAME) == folder and len(address.asked) == 1
    (folder / "weights.npz").unlink()
    assert pretrained.fetch(NAME) == folder and len(address.asked) == 2


def test_another_archive_at_the_address_is_refused(address):
    path = address.web / address.entry.file
    spoilt = bytearray(path.read_bytes())
    spoilt[-30] ^= 1
    path.write_bytes(bytes(spoilt))
    with helpers.refused(ValueError, match="sha256"):
        pretrained.fetch(NAME)
    assert not [p for p in address.cache.rglob("*") if p.is_file()]


def test_offline_is_one_line(address, monkeypatch):
    monkeypatch.setenv(pretrained.URL_VARIABLE, "http://127.0.0.1:9")
    monkeypatch.setattr("zoo.pretrained.download.time.sleep", lambda seconds: None)
    with helpers.refused(FileNotFoundError, OSError, match="offline"):
        zoo.load(NAME)
    monkeypatch.delenv(pretrained.URL_VARIABLE)
    with helpers.refused(ValueError, match=f"{pretrained.URL_VARIABLE}.*{address.entry.file}"):
        zoo.load(NAME)


def test_a_spoilt_archive_in_the_package_is_refused(shelf):
    path = shelf.folder / shelf.entry.file
    path.write_bytes(path.read_bytes()[:-1])
    with helpers.refused(ValueError, match="bytes, as registered"):
        zoo.restore(NAME)
    assert not shelf.cache.exists()


def test_a_new_run_begins_with_its_weights(shelf, tmp_path):
    model = cases.make("vae", seed=1)
    origin, weights = transfer.read(NAME, model, tmp_path / "new")
    assert origin["step"] == 5 and set(weights) == {"encoder", "decoder"}
    transfer.assign(weights, model)
    z = np.zeros([1, 3], np.float32)
    np.testing.assert_array_equal(model.decode(z).mean(), zoo.restore(NAME).decode(z).mean())


def test_networks_that_came_without_weights_begin_no_run(shelf, tmp_path, monkeypatch):
    other = cases.make("ali")
    other.untrained = frozenset({"discriminator"})
    assert not other.has_discriminator_features
    found = transfer._in_common(other, cases.make("ali", seed=1), "somewhere")
    assert set(found) == {"encoder", "decoder"}
    gan = cases.make("gan")
    other.untrained = frozenset({"discriminator", "decoder"})
    with helpers.refused(ValueError, match="it has encoder"):
        transfer._in_common(other, gan, "somewhere")
