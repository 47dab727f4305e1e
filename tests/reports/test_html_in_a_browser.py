"""Test the HTML report in a real browser: its own script runs, scripts in the data do not, and all of it is printed."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pypdf
import pytest
from report_factories import analysis_of, facet, hostile_analysis, render

from airflow_clarify.bias.thresholds import Thresholds

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine (apt install chromium)")


def chromium(page: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Return the DOM of a page in a browser, and the browser's console output."""
    assert CHROMIUM is not None
    command = [
        CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
        "--disable-component-update", "--disable-sync", f"--user-data-dir={page.parent / 'profile'}",
        "--enable-logging=stderr", "--virtual-time-budget=2000", *arguments, page.as_uri(),
    ]  # fmt: skip
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=90)


def test_only_the_script_of_the_page_runs(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text(render(hostile_analysis(), thresholds=Thresholds({"DPL": 0.1}), title="</title><script>1</script>"))
    ran = chromium(page, "--dump-dom")
    assert ran.stdout.count('class="sort"') == 2 * 13  # two facets: a name, four counts and eight metrics
    assert ran.stdout.count('type="search"') == 2
    assert "<script>alert" not in ran.stdout
    console = [line for line in ran.stderr.splitlines() if "CONSOLE" in line]
    assert console == []


_SORT_AND_FIND = """
<script>
const rows = () => [...document.querySelectorAll("table.overview tbody tr")].filter((row) => !row.hidden);
const names = () => rows().map((row) => row.cells[0].textContent);
const [byName, byRows, byWeight] = document.querySelectorAll("table.overview .sort");
const said = {first: names()[0]};
byRows.click(); said.most = names()[0];
byRows.click(); said.fewest = names()[0];
byWeight.click(); said.heaviest = names()[0];
byName.click(); said.byName = names().slice(0, 2);
const search = document.querySelector("input[type=search]");
search.value = "NT 02"; search.dispatchEvent(new Event("input"));
said.found = names(); said.told = document.querySelector("output").textContent;
document.title = JSON.stringify(said);
</script>"""


def test_the_overview_begins_with_the_worst_and_can_be_sorted_and_searched(tmp_path: Path) -> None:
    counts = {f"segment {index:03d}": (50 + index, 50) for index in range(30)} | {"segment 999": (1, 29)}
    analysis = analysis_of(facet("segment", counts, weight=1e-6), weighted=True)
    source = render(analysis, thresholds=Thresholds({"DPL": 0.1}))
    page = tmp_path / "page.html"
    # The policy of the page would not let the test's own script run.
    page.write_text(re.sub("<meta http-equiv=[^>]*>", "", source).replace("</body>", f"{_SORT_AND_FIND}</body>"))
    title = re.search("<title>(.*?)</title>", chromium(page, "--dump-dom").stdout)
    assert title is not None
    assert json.loads(title[1]) == {
        "first": "segment 999",
        "most": "segment 029",
        "fewest": "segment 999",
        "heaviest": "segment 029",  # and not that of weight 3.1e-05
        "byName": ["segment 000", "segment 001"],
        "found": [f"segment {index:03d}" for index in range(20, 30)],
        "told": "10 of 31",
    }


@pytest.mark.costly
def test_every_group_is_printed_including_hidden_ones(tmp_path: Path) -> None:
    names = [f"segment {index:03d}" for index in range(120)]
    counts = {name: (1 + 7 * index % 90, 95 - 7 * index % 90) for index, name in enumerate(names)}
    page, printed = tmp_path / "page.html", tmp_path / "page.pdf"
    page.write_text(render(analysis_of(facet("segment", counts)), thresholds=Thresholds({"DPL": 0.1})))
    chromium(page, f"--print-to-pdf={printed}", "--no-pdf-header-footer")
    text = "\n".join(each.extract_text() for each in pypdf.PdfReader(printed).pages)
    assert set(names) <= set(re.findall(r"segment \d{3}", text))
    assert "Find" not in text
