"""The page of a scan under the hands of a reader, in a real Chromium."""

from __future__ import annotations

import re
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from n3hyper.report.analysis.prepare import Request, prepare
from n3hyper.report.output.web.page import page
from n3hyper.report.output.web.serve import Follower, server
from n3hyper.report.trials.sources import stamp_of
from tests.support.make_trials import RUNCARD, make_records, write_scan, write_tries

api = pytest.importorskip("playwright.sync_api", reason="no playwright (pip install playwright)")
pytestmark = pytest.mark.slow
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        pytest.skip("no Chromium here (apt-get install chromium)")
    with api.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_scan(tmp_path_factory.mktemp("scan") / "dis", 90, folds=3, replicas=3)
    path = folder / "page.html"
    path.write_text(page(prepare(Request(paths=(folder,)))))
    return path


@contextmanager
def opened(browser: Any, address: str, **options: Any) -> Iterator[Any]:
    """Open a page; what it writes to the console, and errors, fail the test."""
    said: list[str] = []
    tab = browser.new_page(**{"viewport": {"width": 1280, "height": 900}, **options})
    tab.on("console", lambda message: said.append(message.text))
    tab.on("pageerror", lambda error: said.append(str(error)))
    tab.goto(address)
    tab.wait_for_selector("body[data-ready]")
    try:
        yield tab
        assert said == []
    finally:
        tab.close()


def figure(tab: Any, name: str) -> Any:
    """Return the canvas of a figure, when it has been drawn."""
    canvas = tab.locator(f"#figure-{name} .canvas")
    canvas.scroll_into_view_if_needed()
    tab.wait_for_selector(f"#figure-{name} .canvas[data-drawn]")
    return canvas


def drawn(tab: Any, name: str) -> int:
    """Return how many trials a figure shows."""
    return int(figure(tab, name).get_attribute("data-drawn"))


def until(tab: Any, holds: Callable[[], bool]) -> None:
    """Wait for what a page does by itself."""
    for _ in range(600):
        if holds():
            return
        tab.wait_for_timeout(50)
    raise AssertionError("it never came")


def columns_of_marks(tab: Any) -> list[str]:
    return [head.strip() for head in tab.locator("#marked thead th").all_text_contents()]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_every_figure_is_drawn(browser: Any, file: Path, scheme: str, width: int) -> None:
    options = {"viewport": {"width": width, "height": 900}, "color_scheme": scheme}
    with opened(browser, file.as_uri(), **options) as tab:
        back = tab.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (back == "rgb(255, 255, 255)") == (scheme == "light")
        names = [name.removeprefix("figure-") for name in figures(tab)]
        assert {"convergence", "parts", "pairs", "timeline", "folds", "parallel"} <= set(names)
        assert {"contour", "drawn", "failures", "parameter-learning_rate"} <= set(names)
        for name in names:
            figure(tab, name)
        across = tab.evaluate("document.documentElement.scrollWidth")
        assert across <= width, "nothing is to be scrolled sideways"


def figures(tab: Any) -> list[str]:
    found: list[str] = tab.evaluate(
        "[...document.querySelectorAll('figure:not([hidden])')].map(each => each.id)"
    )
    return found


def test_a_click_marks_a_trial_everywhere(browser: Any, file: Path) -> None:
    with opened(browser, file.as_uri()) as tab:
        canvas = figure(tab, "convergence")
        canvas.focus()
        for key in ("ArrowRight", "ArrowRight", "ArrowRight"):
            tab.keyboard.press(key)
        words = tab.inner_text("#tip")
        assert "loss" in words
        assert "chi2" in words, "the parts of the loss"
        tid = re.search(r"trial (\d+)", words)[1]  # type: ignore[index]
        assert f"trial {tid}" in tab.locator("#spoken").text_content()
        ring, box = tab.locator("#tip").bounding_box(), canvas.bounding_box()
        tab.keyboard.press("Enter")
        assert [f"trial {tid}" in head for head in columns_of_marks(tab)] == [True]
        marked = tab.locator("#trials tbody tr.marked")
        assert marked.locator("td").nth(1).inner_text() == tid
        # the same with the mouse takes the mark away: the tooltip stands beside the point
        assert canvas.bounding_box() == box, "a mark moves nothing"
        found = None
        for step in range(4, 40):
            tab.mouse.move(ring["x"] - step, ring["y"] + ring["height"] / 2)
            if f"trial {tid}\n" in tab.inner_text("#tip") + "\n" and tab.is_visible("#tip"):
                found = (ring["x"] - step, ring["y"] + ring["height"] / 2)
                break
        assert found is not None
        assert box["y"] < found[1] < box["y"] + box["height"]
        tab.mouse.click(*found)
        assert columns_of_marks(tab) == []
        tab.locator("#trials tbody tr").nth(2).click()
        assert len(columns_of_marks(tab)) == 1


def test_failed_trials_and_filters_act_on_figures_and_table(browser: Any, file: Path) -> None:
    scan = prepare(Request(paths=(file.parent,))).scan
    known = np.isfinite(scan.numbers("hyper_loss_chi2") + scan.numbers("hyper_loss_phi2"))
    scored = [trial for trial, is_known in zip(scan.trials, known, strict=True) if is_known]
    good = [trial for trial in scored if trial.ok]
    nadam = [trial for trial in good if trial.values["optimizer"] == "Nadam"]
    with opened(browser, file.as_uri()) as tab:
        assert drawn(tab, "pairs") == len(good)
        tab.check("#show-failed")
        until(tab, lambda: drawn(tab, "pairs") == len(scored) > len(good))
        assert "90 of 90 trials" in tab.inner_text("#said")
        tab.uncheck("#show-failed")
        tab.fill("[data-filter=optimizer]", "=Nadam")
        until(tab, lambda: drawn(tab, "pairs") == len(nadam))
        assert re.match(r"\d+ of \d+ trials", tab.inner_text("#said"))
        tab.click("#clear-all")
        until(tab, lambda: drawn(tab, "pairs") == len(good))


def test_a_range_on_an_axis_chooses_trials(browser: Any, file: Path) -> None:
    with opened(browser, file.as_uri()) as tab:
        box = figure(tab, "parallel").bounding_box()
        x, y = box["x"] + 46, box["y"] + box["height"] - 40  # the lowest losses
        tab.mouse.move(x, y)
        tab.mouse.down()
        tab.mouse.move(x, y - 40, steps=3)
        tab.mouse.move(x, y - 80, steps=3)
        tab.mouse.up()
        until(tab, lambda: "chosen" in tab.inner_text("#chosen"))
        count = int(tab.inner_text("#chosen").split()[0])
        assert 0 < count < 80
        assert tab.inner_text("#said").startswith(f"{count} of ")
        until(tab, lambda: drawn(tab, "folds") == count)


def test_a_rectangle_zooms(browser: Any, file: Path) -> None:
    with opened(browser, file.as_uri()) as tab:
        box = figure(tab, "pairs").bounding_box()
        zoom, whole = (tab.locator("#figure-pairs .tools button").nth(at) for at in (0, 1))
        assert not whole.is_visible()
        zoom.click()
        tab.mouse.move(box["x"] + 150, box["y"] + 100)
        tab.mouse.down()
        tab.mouse.move(box["x"] + 300, box["y"] + 200, steps=4)
        tab.mouse.up()
        until(tab, whole.is_visible)
        whole.click()
        until(tab, lambda: not whole.is_visible())


def test_ten_thousand_trials(browser: Any, tmp_path: Path) -> None:
    folder = write_scan(tmp_path / "many", 10_000, folds=2, replicas=1)
    path = tmp_path / "page.html"
    path.write_text(page(prepare(Request(paths=(folder,)))))
    with opened(browser, path.as_uri()) as tab:
        count = drawn(tab, "convergence")
        assert count > 9000
        tab.check("#show-failed")
        tab.check("#log-loss")
        assert drawn(tab, "parameter-learning_rate") > count
        assert "of 10000 trials" in tab.inner_text("#said")


def test_the_page_follows_a_scan_and_keeps_what_its_reader_chose(
    browser: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("n3hyper.report.output.web.serve.INTERVAL", 0.2)
    tries = tmp_path / "live" / "nnfit" / "replica_1" / "tries.json"
    tries.parent.mkdir(parents=True)
    (tmp_path / "live" / "filter.yml").write_text(RUNCARD.read_text())
    paths, records = (tmp_path / "live",), make_records(60)
    follower = Follower(lambda: prepare(Request(paths=paths)), lambda: stamp_of(paths))
    with server(follower, 0) as found:
        thread = threading.Thread(target=found.serve_forever, daemon=True)
        thread.start()
        tab = browser.new_page()
        tab.goto(f"http://127.0.0.1:{found.server_port}/")
        assert "no trials here" in tab.inner_text("#following")
        write_tries(tries, records[:1])
        until(tab, lambda: tab.locator("#said").count() == 1)
        write_tries(tries, records[:30])
        until(tab, lambda: "of 30 trials" in tab.inner_text("#said"))
        assert "figure-parallel" in figures(tab), "figures come when there is something to show"
        tab.locator("#trials tbody tr").nth(2).click()
        tab.fill("[data-filter=optimizer]", "=Nadam")
        tab.select_option("#choose-pairs-x", "epochs")
        marks = columns_of_marks(tab)
        write_tries(tries, records)
        until(tab, lambda: re.search(r"of 5\d|of 60", tab.inner_text("#said")) is not None)
        assert columns_of_marks(tab) == marks != []
        assert tab.input_value("[data-filter=optimizer]") == "=Nadam"
        assert tab.input_value("#choose-pairs-x") == "epochs"
        assert "60" in tab.inner_text("#lead")
        found.shutdown()
        tab.close()
