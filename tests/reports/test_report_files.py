"""Test every format of the report: same content, only on request, and deterministic."""

from __future__ import annotations

import hashlib
import io
import json
import re
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

import pypdf
import pytest
from report_factories import CLOTHES, CREATED, METHODS, analysis_of, configuration, facet, hostile_analysis

from airflow_clarify.artifacts import write_analysis, write_verdict
from airflow_clarify.bias.analysis import Analysis
from airflow_clarify.bias.metrics import METRICS
from airflow_clarify.bias.thresholds import Thresholds
from airflow_clarify.exceptions import ConfigError, DataError, ThresholdError
from airflow_clarify.reports.builder import build_report
from airflow_clarify.reports.formatting import escape_invisible, format_number
from airflow_clarify.reports.model import Report
from airflow_clarify.reports.render import render_files

RULES = Thresholds({"DPL": 0.1}, confidence=0.95, on_inconclusive="fail")


class Cells(HTMLParser):
    """List the cells of the tables of a page, row by row."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self._inside = False
        self.feed(source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")
            self._inside = True

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th"):
            self._inside = False

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.rows[-1][-1] += data


def text_of_pdf(content: bytes) -> str:
    return "\n".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(content)).pages)


def clothes() -> Analysis:
    return analysis_of(facet("product_category", CLOTHES))


def test_every_format_has_a_file_in_fixed_order() -> None:
    files = render_files(clothes(), formats=["pdf", "ipynb", "html"])
    assert list(files) == ["report.html", "report.ipynb", "report.pdf"]
    assert files["report.html"].startswith(b"<!DOCTYPE html>")
    assert json.loads(files["report.ipynb"])["nbformat"] == 4
    assert files["report.pdf"].startswith(b"%PDF-")
    assert list(render_files(clothes(), formats={"ipynb"})) == ["report.ipynb"]
    assert render_files(clothes(), formats=()) == {}


def test_formats_that_are_one_text_are_an_error() -> None:
    with pytest.raises(ConfigError, match=r"formats are 'html', one text; give a list of them, such as \['html'\]"):
        render_files(clothes(), formats="html")


def test_an_unknown_format_is_an_error_that_names_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"report format 'docx' is not known; the known ones are html, ipynb, pdf"):
        render_files(clothes(), formats=["html", "docx"])


@pytest.mark.parametrize(("name", "package"), [("html", "jinja2"), ("ipynb", "jinja2"), ("pdf", "typst")])
def test_a_missing_package_is_an_error_that_names_it(name: str, package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(
        ConfigError, match=f"report format '{name}' needs the package {package}, which is not installed"
    ):
        render_files(clothes(), formats=[name])
    assert render_files(clothes(), formats=["html" if package == "typst" else "pdf"])


def test_thresholds_that_do_not_fit_are_an_error_and_no_files() -> None:
    with pytest.raises(ThresholdError, match="CDDL"):
        render_files(clothes(), thresholds=Thresholds({"CDDL": 0.1}))


def test_rendering_is_deterministic_except_for_the_time() -> None:
    first, second = (render_files(hostile_analysis(), thresholds=RULES, created=CREATED) for _ in range(2))
    later = render_files(hostile_analysis(), thresholds=RULES, created=datetime(2026, 11, 22, tzinfo=UTC))
    assert first == second
    assert all(first[name] != later[name] for name in first)


def test_every_format_has_the_same_content() -> None:
    analysis = clothes()
    files = render_files(analysis, thresholds=RULES, config=configuration(), created=CREATED, data="s3://bucket/a.csv")
    page, pdf = files["report.html"].decode(), text_of_pdf(files["report.pdf"])
    notebook = json.loads(files["report.ipynb"])
    words = "\n".join("".join(cell["source"]) for cell in notebook["cells"])
    overview = next(cell for cell in notebook["cells"] if cell["id"] == "overview-1")
    shown = Cells("".join(overview["outputs"][0]["data"]["text/html"]))
    for text in (page, words, pdf):
        for said in ("Inconclusive", "22,626", "s3://bucket/a.csv", configuration().sha256, "of all others, 77.1"):
            assert said in text
    report = build_report(analysis, thresholds=RULES, created=CREATED)
    for group, row in zip(report.facets[0].groups, shown.rows[1:], strict=True):
        assert row[0] == group.value
        for column in report.facets[0].columns:
            value = group.get_measurement(column.metric).value  # type: ignore[union-attr]
            assert value is not None
            written = format_number(value, column.decimals)
            assert any(cell.endswith(written) for cell in row)
            assert f">{written}</td>" in page.replace("</i>", ">")
            assert written in pdf


@pytest.mark.parametrize("weight", [None, 0.1])
def test_the_hash_in_the_evidence_is_that_of_the_file(tmp_path: Path, weight: float | None) -> None:
    def shown(folder: str) -> dict[str, str]:
        page = (tmp_path / folder / "report.html").read_text()
        return dict(re.findall(r"<dt>(analysis\.json[^<]*), SHA-256</dt> <dd>(\w+)</dd>", page))

    counts = {"f": (127, 80), "m": (300, 111), "x": (3, 14)}
    analysis = analysis_of(facet("gender", counts, weight), weighted=weight is not None)
    written = {
        folder: write_analysis(str(tmp_path / folder), analysis, configuration(), formats=["html"])
        for folder in ("before", "after")
    }
    on_disk = hashlib.sha256((tmp_path / "after" / "analysis.json").read_bytes()).hexdigest()
    assert shown("after") == {"analysis.json": on_disk}
    # As another wrote it, with the same numbers: not the file that was judged, where its hash is known.
    other = (tmp_path / "after" / "analysis.json").read_bytes().replace(b"    ", b"  ")
    (tmp_path / "after" / "analysis.json").write_bytes(other)
    now = Analysis.from_xcom(written["after"].to_xcom())
    with pytest.raises(DataError, match="belongs to another run than the analysis that was judged"):
        write_verdict(now, RULES.judge(now), RULES, before=written["before"])
    # An XCom of an earlier version has no hash, so that the numbers are compared.
    now = replace(now, file_sha256="")
    write_verdict(now, RULES.judge(now), RULES, before=written["before"])
    assert shown("after") == {"analysis.json": hashlib.sha256(other).hexdigest(), "analysis.json before": on_disk}
    # Where the files of both are the same, the earlier ones are no longer there.
    write_verdict(now, RULES.judge(now), RULES, before=written["after"])
    assert shown("after").keys() == {"analysis.json"}


def _all_kinds_of_reports() -> dict[str, Report]:
    document = json.loads(clothes().to_clarify_json())
    metrics = document["pre_training_bias_metrics"]["facets"]["product_category"][0]["metrics"]
    next(metric for metric in metrics if metric["name"] == "KL")["value"] = "Infinity"
    metrics[0].update(value=None, error="no <luck>")
    infinite = Analysis.from_clarify_json(json.dumps(document))
    balanced = analysis_of(facet("product_category", dict.fromkeys(CLOTHES, (9, 18))))
    gender = facet("gender", {"f": (120, 80), "m": (300, 100), None: (1, 2)}, weight=1.5)
    several = analysis_of(facet("product_category", CLOTHES), facet("size", {"S": (9000, 2000), "L": (8433, 3193)}))
    return {
        "not judged": build_report(clothes(), created=CREATED),
        "passed": build_report(clothes(), thresholds=Thresholds({"DPL": 0.2}), created=CREATED),
        "without counts": build_report(infinite, thresholds=Thresholds({"KL": 0.5, "CI": 0.5}), created=CREATED),
        "repaired": build_report(balanced, before=clothes(), thresholds=RULES, created=CREATED),
        "a group that is new": build_report(
            clothes(), before=analysis_of(facet("product_category", {"Trend": (1, 2)}))
        ),
        "weighted": build_report(analysis_of(gender, weighted=True), thresholds=RULES, created=CREATED),
        "one-sided": build_report(
            analysis_of(facet("g", {"f": (0, 8), "m": (0, 10)})), thresholds=RULES, created=CREATED
        ),
        "several facets": build_report(several, thresholds=RULES, config=configuration(), created=CREATED),
        "one group": build_report(analysis_of(facet("g", {"only": (5, 5)})), created=CREATED),
    }


@pytest.mark.parametrize("kind", _all_kinds_of_reports())
def test_every_kind_of_report_has_every_format(kind: str) -> None:
    from airflow_clarify.reports.html import renderer as html
    from airflow_clarify.reports.notebook import renderer as notebook
    from airflow_clarify.reports.pdf import renderer as pdf

    report = _all_kinds_of_reports()[kind]
    headline = report.verdict.headline
    assert headline in html.render_html(report)
    assert headline in notebook.render_notebook(report)
    assert headline in text_of_pdf(pdf.render_pdf(report))


def test_very_long_values_are_shortened() -> None:
    counts = {f"{index} " + "x" * 20_000: (1 + index, 20) for index in range(30)}
    files = render_files(analysis_of(facet("text", counts)), thresholds=RULES, created=CREATED)
    assert all(len(content) < 300_000 for content in files.values())
    assert "x… (20,002 characters)" in files["report.html"].decode()


@pytest.mark.costly
def test_600_groups_that_all_fail_in_all_metrics_stay_small() -> None:
    names = [f"customer segment {index:03d}" for index in range(600)]
    analysis = analysis_of(facet("segment", {name: (1 + 7 * n % 90, 95 - 7 * n % 90) for n, name in enumerate(names)}))
    rules = Thresholds(dict.fromkeys(METHODS, 0.0), confidence=0.95, on_inconclusive="fail")
    files = render_files(analysis, thresholds=rules, created=CREATED)
    assert len(files["report.html"]) < 1_000_000
    assert len(files["report.ipynb"]) < 1_000_000
    assert len(files["report.pdf"]) < 3_000_000
    pages = [page.extract_text() for page in pypdf.PdfReader(io.BytesIO(files["report.pdf"])).pages]
    assert all(any(name in page for page in pages) for name in names)
    # The headings of a table are repeated on each of its pages.
    of_the_table = [page for page in pages if page.count("customer segment") > 45]
    assert len(of_the_table) > 5
    assert all(all(metric in page for metric in METHODS) for page in of_the_table)


# --- Cost ---------------------------------------------------------------------------------------------------------

_FRESH = """
import json, sys
sys.modules["airflow"] = None  # as in the container image, where it is not
from airflow_clarify.bias.analysis import Analysis
from airflow_clarify.reports.render import render_files
heavy = {"jinja2", "nbformat", "typst", "pandas", "numpy", "matplotlib", "duckdb"}
before = heavy & set(sys.modules)
render_files(Analysis.from_xcom(json.load(sys.stdin)), formats=sys.argv[1:])
print(json.dumps([sorted(before), sorted(heavy & set(sys.modules))]))
"""


@pytest.mark.parametrize(
    ("formats", "needed"),
    [(["html"], ["jinja2"]), (["html", "ipynb"], ["jinja2"]), (["pdf"], ["typst"])],
)
def test_a_format_loads_what_it_needs_and_nothing_else_and_no_airflow(formats: list[str], needed: list[str]) -> None:
    given = json.dumps(clothes().to_xcom())
    run = subprocess.run(
        [sys.executable, "-c", _FRESH, *formats], input=given, capture_output=True, text=True, check=True
    )
    assert json.loads(run.stdout) == [[], needed]


def test_every_metric_can_be_reported() -> None:
    assert set(METHODS) | {"CDDL"} == set(METRICS)


def test_hostile_names_are_in_every_format() -> None:
    analysis = hostile_analysis()
    files = render_files(analysis, thresholds=RULES, created=CREATED, title="<script>alert(6)</script> $x$")
    cells = json.loads(files["report.ipynb"])["cells"]
    overview = next(cell for cell in cells if cell["id"] == "overview-1")
    in_notebook = {row[0] for row in Cells("".join(overview["outputs"][0]["data"]["text/html"])).rows}
    in_page = {row[0] for row in Cells(files["report.html"].decode()).rows if row}
    for result in analysis.facets[0].results:
        shown = escape_invisible(result.value) or '""'
        assert shown in in_notebook
        assert shown in in_page
