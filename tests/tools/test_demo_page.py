"""The page of models in a real browser: Debian's Chromium, driven by playwright."""

import contextlib
import shutil
import time
import urllib.request

import numpy as np
import pytest
from demo_page.abilities import Ability

import zoo
from tests import helpers
from tests.conformance import cases

pytestmark = pytest.mark.every

NEEDED = "the page's test needs"
METHODS = ("ali", "hali", "pixelgan", "infogan", "density_ratio", "ladder")
SAYS = {each.title: each.says for each in Ability.__subclasses__()}
RESULT = ".results :is(img, .q-linear-progress, .text-lg)"
OF_CODES = {"Sample", "Latent sliders", "Reconstruct", "Inpaint", "Interpolate"}
TABS = {
    "ali": OF_CODES,
    "hali": OF_CODES | {"Levels"},
    "pixelgan": OF_CODES | {"Draws of one code", "Classes", "Classify"},
    "infogan": {"Sample", "Latent sliders", "Classes", "Read"},
    "density_ratio": {"Log ratio"},
    "ladder": {"Code", "Classify"},
}
WIDE = {"width": 1280, "height": 900}
NARROW = 400  # pixels of a telephone


@pytest.fixture(scope="module")
def browser():
    """A headless Chromium without a network: it reaches this machine alone."""
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
    if path is None:
        pytest.fail(f"{NEEDED} Chromium: apt-get install chromium", pytrace=False)
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        pytest.fail(f"{NEEDED} the extras demo and browser: make test-all", pytrace=False)
    rules = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", rules])
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def address(repository, tmp_path_factory):
    """Of the page, served as a user would, with an export of some methods."""
    exported = tmp_path_factory.mktemp("exported")
    for method in METHODS:
        model = cases.make(method, "images", init_stddev=0.5)  # a code that is moved is seen
        zoo.export(model, exported / f"{method}-tiny")
    (port,) = helpers.free_ports(1)
    flags = f"--models={exported}", f"--port={port}"
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("PYTEST_CURRENT_TEST")  # or the library would serve otherwise than for a user
        process = helpers.start_python(repository / "tools" / "demo.py", *flags)
    url = f"http://127.0.0.1:{port}"
    try:
        while not answers(url):
            assert process.poll() is None, process.communicate()[0]
            time.sleep(0.1)
        yield url
    finally:
        process.terminate()
        said = process.communicate(timeout=60)[0]
    assert "Traceback" not in said, said


def answers(url):
    with contextlib.suppress(OSError):
        return urllib.request.urlopen(url).status == 200


@pytest.fixture
def page(browser, address):
    """The page as a visitor first sees it; it must ask nobody else, and say no error."""
    opened = browser.new_page(viewport=WIDE)
    opened.set_default_timeout(120_000)
    asked, errors = [], []
    opened.on("request", lambda request: asked.append(request.url))
    opened.on("pageerror", lambda error: errors.append(str(error)))
    opened.on("console", lambda line: errors.append(line.text) if line.type == "error" else None)
    opened.goto(address)
    opened.wait_for_selector(".results img")
    yield opened
    opened.close()
    assert asked and not errors
    assert not [url for url in asked if not url.startswith((f"{address}/", "data:", "blob:"))]


def pick(page, name):
    page.get_by_role("combobox").first.click()
    page.get_by_role("option", name=f"{name} (export)", exact=True).click()
    page.get_by_text(name, exact=True).wait_for()
    page.wait_for_selector(RESULT)


def turn(page, tab):
    page.get_by_role("tab", name=tab, exact=True).click()
    page.get_by_text(SAYS[tab], exact=True).wait_for()  # until then the tab before is shown
    page.wait_for_selector(RESULT)
    shown = None
    while shown != (shown := pictures(page)):  # the tab's first pictures take the others' place
        page.wait_for_timeout(500)


def pictures(page):
    """The sources of the pictures that are shown."""
    return [image.get_attribute("src") for image in page.locator(".results img").all()]


def wait_for_others(page, before):
    """The pictures of the tab once they have changed."""
    for _ in range(600):
        found = pictures(page)
        if found and found != before:
            return found
        page.wait_for_timeout(100)
    raise AssertionError("the pictures did not change within a minute")


@pytest.mark.parametrize("method", METHODS)
def test_a_picked_model_shows_its_abilities(page, method, tmp_path):
    pick(page, f"{method}-tiny")
    tabs = page.get_by_role("tab").all_inner_texts()
    assert set(tabs) == TABS[method] and len(tabs) == len(set(tabs))
    for tab in tabs:
        turn(page, tab)
        assert page.locator(RESULT).first.bounding_box()["width"] > 100, tab
        page.set_viewport_size({"width": NARROW, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") == NARROW, tab
        page.set_viewport_size(WIDE)
    path = tmp_path / f"{method}.png"
    page.screenshot(path=path)
    assert path.stat().st_size > 10_000


def test_a_visitor_reads_what_is_prepared_before_it_is_there(address):
    served = urllib.request.urlopen(address).read().decode()
    assert f"Preparing {min(METHODS)}-tiny (export)" in served


def test_the_head_says_what_the_model_is_and_folds_its_card(page):
    pick(page, "ali-tiny")
    page.get_by_text(zoo.registry.summary("ali")).first.wait_for()
    page.get_by_text("Data: not stated.").wait_for()
    failures = page.get_by_text("Known failures")
    assert not failures.is_visible()
    page.get_by_text("Model card").click()
    failures.wait_for()


def test_a_seed_out_of_range_is_refused_in_one_line(page):
    page.get_by_label("Seed").fill("99999999999")
    line = page.get_by_text("Invalid `seed`: expected a whole number from 0 to 2147483647")
    assert line.bounding_box()["height"] < 30
    page.get_by_label("Seed").blur()
    line.wait_for(state="hidden")
    assert page.get_by_label("Seed").input_value() == "2147483647"


def test_a_seed_gives_other_samples_and_the_same_again(page):
    first = pictures(page)
    page.get_by_label("Seed").fill("5")
    other = wait_for_others(page, first)
    page.get_by_label("Seed").fill("0")
    assert wait_for_others(page, other) == first


def test_a_slider_moves_the_code(page):
    turn(page, "Latent sliders")
    before = pictures(page)
    track = page.locator(".q-slider").first
    box = track.bounding_box()
    track.click(position={"x": 0.9 * box["width"], "y": 0.5 * box["height"]})
    moved = wait_for_others(page, before)
    assert page.get_by_text("+0.0", exact=True).count() == page.locator(".q-slider").count() - 1
    page.get_by_role("button", name="Reset sliders").click()
    assert wait_for_others(page, moved) == before


def test_sliders_and_rows_bear_the_dimensions_that_they_move(page):
    pick(page, "infogan-tiny")
    turn(page, "Latent sliders")
    # Beside a slider and beside a row.
    assert page.get_by_text("z 5 (continuous)", exact=True).count() == 2
    assert page.get_by_text("z 6 (noise)", exact=True).count() == 2


def test_a_slider_has_a_name_and_moves_by_keys(page):
    turn(page, "Latent sliders")
    before = pictures(page)
    slider = page.get_by_role("slider").first
    assert slider.get_attribute("aria-label")
    slider.locator("[tabindex]").focus()
    page.keyboard.press("ArrowRight")
    moved = wait_for_others(page, before)
    assert float(slider.get_attribute("aria-valuenow")) == pytest.approx(0.1)
    page.keyboard.press("ArrowLeft")
    assert wait_for_others(page, moved) == before


def test_an_own_drawing_is_reconstructed(page):
    turn(page, "Reconstruct")
    sample = pictures(page)
    page.get_by_role("button", name="Clear").first.click()
    empty = wait_for_others(page, sample)
    box = page.locator("canvas").first.bounding_box()
    page.mouse.move(box["x"] + 0.2 * box["width"], box["y"] + 0.5 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + 0.8 * box["width"], box["y"] + 0.5 * box["height"], steps=5)
    page.mouse.up()
    wait_for_others(page, empty)


def test_an_uploaded_file_is_taken_and_another_one_refused(page, tmp_path):
    turn(page, "Reconstruct")
    sample = pictures(page)
    zoo.pictures.save_png(tmp_path / "own.png", np.eye(30)[..., None])
    (tmp_path / "no.png").write_bytes(b"no image")
    upload = page.locator("input[type=file]").first
    upload.set_input_files(tmp_path / "own.png")
    own = wait_for_others(page, sample)
    upload.set_input_files(tmp_path / "no.png")
    page.get_by_text("Invalid `image`: expected an image file").wait_for()
    assert pictures(page) == own
