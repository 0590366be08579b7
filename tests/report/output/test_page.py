"""The figures, and the page in a real browser."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from n3hyper.report.analysis.prepare import Request, prepare
from n3hyper.report.analysis.view import View
from n3hyper.report.output.figures import write_figures
from n3hyper.report.output.web.page import page
from tests.support.make_trials import make_records, write_scan, write_tries
from tests.support.waiting import HANGS

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")


@pytest.fixture(scope="module")
def view(tmp_path_factory: pytest.TempPathFactory) -> View:
    folder = write_scan(tmp_path_factory.mktemp("scan") / "dis", 90, folds=3, replicas=3)
    return prepare(Request(paths=(folder,), include_failures=True, author="A & B"))


@pytest.fixture(scope="module")
def browser() -> str:
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        pytest.skip("no Chromium here (apt-get install chromium)")
    return found


class Elements(HTMLParser):
    """The elements of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def browse(browser: str, file: Path, *options: str) -> str:
    """What a browser prints for a page."""
    command = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
    folder = file.parent / "profile"
    done = subprocess.run(
        [*command, f"--user-data-dir={folder}", *options, file.as_uri()],
        capture_output=True,
        text=True,
        timeout=HANGS,
        check=True,
    )
    return done.stdout


def test_figures_are_drawn(view: View, tmp_path: Path) -> None:
    files = write_figures(view, tmp_path / "new" / "figures", ["png"])
    names = {file.stem for file in files}
    assert {"convergence", "running_means", "chi2_phi2", "importance", "folds"} <= names
    assert {"parameter_optimizer", "parameter_learning_rate_Nadam", "parameter_dropout"} <= names
    for file in files:
        pixels = np.asarray(Image.open(file).convert("L"))
        assert min(pixels.shape) > 400
        assert 0.01 < (pixels < 200).mean() < 0.9, f"{file.name} is empty or black"


@pytest.mark.parametrize(("ending", "start"), [("pdf", b"%PDF"), ("svg", b"<?xml")])
def test_figures_for_print(view: View, tmp_path: Path, ending: str, start: bytes) -> None:
    few = View(view.scan.with_trials(view.scan.trials[:6]), view.settings)
    files = write_figures(few, tmp_path, [ending])
    assert files
    assert all(file.read_bytes().startswith(start) for file in files)
    again = write_figures(few, tmp_path / "again", [ending])
    for first, second in zip(files, again, strict=True):
        assert first.read_bytes() == second.read_bytes(), "the same scan gives the same file"


def test_figures_of_next_to_nothing(tmp_path: Path) -> None:
    """One trial, or none with a loss, is no reason to fail."""
    for count in (1, 2):
        path = write_tries(tmp_path / str(count) / "tries.json", make_records(count))
        view = prepare(Request(paths=(path,)))
        assert write_figures(view, tmp_path / str(count) / "figures", ["png"])
    records = [r for r in make_records(300) if r["result"]["loss"] is None]
    view = prepare(Request(paths=(write_tries(tmp_path / "failed" / "tries.json", records),)))
    assert write_figures(view, tmp_path / "none", ["png"]) == []
    assert "No trial has a loss" in page(view)


def test_the_page_is_on_its_own(view: View) -> None:
    text = page(view)
    assert not re.search(r"(?:src|href)=[\"']?(?:https?:)?//", text)
    elements = Elements()
    elements.feed(text)
    assert not {"src", "srcset", "data"} & {name for _, found in elements.found for name in found}
    assert not {"link", "iframe", "object"} & {tag for tag, _ in elements.found}
    assert "HERA_NC_318GEV_EP-SIGMARED" in html.unescape(text), "the runcard is in it"
    assert 'content="A &amp; B"' in text
    data = json.loads(re.search(r'id="data">(.*?)</script>', text, re.DOTALL)[1])  # type: ignore[index]
    assert len(data["ok"]) == 90
    assert {len(column["values"]) for column in data["columns"]} == {90}


@pytest.mark.slow
def test_the_page_in_a_browser(view: View, browser: str, tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    file.write_text(page(view))
    drawn = browse(browser, file, "--dump-dom")
    body = drawn.split('id="trials"')[1].split("</table>")[0]
    assert "90 of 90 trials, page 1 of 1" in drawn
    assert body.count("<tr") == 90 + 2
    assert len(re.findall(r'<tr class="best"', body)) == 1
    shot = tmp_path / "page.png"
    browse(browser, file, f"--screenshot={shot}", "--window-size=1300,3000")
    pixels = np.asarray(Image.open(shot).convert("L"))
    assert pixels.shape == (3000, 1300)
    assert 0.02 < (pixels < 200).mean() < 0.5


@pytest.mark.slow
def test_the_table_sorts_and_filters(view: View, browser: str, tmp_path: Path) -> None:
    """Clicks and typing, by a second script put into the page, which its policy is told of."""
    clicks = """
      const heads = [...document.querySelectorAll('#trials th')];
      const head = heads.find(h => h.textContent === 'l.rate').querySelector('button');
      head.click(); head.click();
      const box = document.querySelector('[data-filter=optimizer]');
      box.value = '=Nadam'; box.dispatchEvent(new Event('input'));
      const lr = document.querySelector('[data-filter=learning_rate]');
      lr.value = '<0.005'; lr.dispatchEvent(new Event('input'));
    """
    text = re.sub(r"script-src [^;]*", "script-src 'unsafe-inline'", page(view))
    file = tmp_path / "page.html"
    file.write_text(text.replace("</body>", f"<script>{clicks}</script></body>"))
    drawn = browse(browser, file, "--dump-dom")
    body = drawn.split('id="trials"')[1].split("<tbody>")[1].split("</tbody>")[0]
    rows = [re.findall(r"<td[^>]*>(.*?)</td>", row) for row in body.split("</tr>") if "<td" in row]
    head = re.findall(r"<th [^>]*data-column[^>]*><button[^>]*>(.*?)</button></th>", drawn)
    rates = [float(row[1 + head.index("l.rate")]) for row in rows]
    wanted = sorted(
        (
            float(f"{trial.values['learning_rate']:.4g}")
            for trial in view.scan.trials
            if trial.values["optimizer"] == "Nadam" and trial.values["learning_rate"] < 0.005
        ),
        reverse=True,
    )
    assert rates == wanted
    assert len(wanted) > 2


@pytest.mark.slow
def test_nothing_in_a_file_runs(browser: str, tmp_path: Path) -> None:
    attack = "</script><script>document.title='executed'</script><img src=x onerror=\"x()\">"
    records = make_records(14, folds=2, replicas=2)
    for record in records:
        record["misc"]["space_vals"]["initializer"] = attack + str(record["tid"] % 2)
        record["misc"]["space_vals"][attack] = record["tid"]
    path = write_tries(tmp_path / "<b>&" / "tries.json", records)
    file = tmp_path / "page.html"
    file.write_text(page(prepare(Request(paths=(path,), title=attack))))
    drawn = browse(browser, file, "--dump-dom")
    assert re.search(r"\d+ of \d+ trials, page 1", drawn)
    elements = Elements()
    elements.feed(drawn)
    assert [name for name, _ in elements.found].count("script") == 3
    assert not [attributes for _, attributes in elements.found if "onerror" in attributes]
    assert "<title>executed" not in drawn
