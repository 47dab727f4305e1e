"""Test the PDF: same content as the HTML page, tagged for screen readers, printable, and every character shown."""

from __future__ import annotations

import io
import re

import pypdf
import pytest
import typst
from hypothesis import example, given, settings
from hypothesis import strategies as st
from report_factories import CLOTHES, CREATED, HOSTILE, HOSTILE_ELSEWHERE, METHODS, analysis_of, configuration, facet

from airflow_clarify.bias.analysis import Analysis
from airflow_clarify.bias.config import AnalysisConfig, BiasConfig, DataConfig
from airflow_clarify.bias.contingency import Contingency
from airflow_clarify.bias.thresholds import Thresholds
from airflow_clarify.reports.builder import build_report
from airflow_clarify.reports.formatting import escape_invisible
from airflow_clarify.reports.pdf import document as pdf_document
from airflow_clarify.reports.pdf import renderer as pdf
from airflow_clarify.reports.tables import build_tables


def read(content: bytes) -> pypdf.PdfReader:
    return pypdf.PdfReader(io.BytesIO(content))


def text_of(content: bytes) -> str:
    return "\n".join(page.extract_text() for page in read(content).pages)


def joined(text: str) -> str:
    """Remove line breaks and spaces from a text, since long names span several lines."""
    return re.sub(r"\s+", "", text)


@pytest.fixture(scope="module")
def lab() -> bytes:
    analysis = analysis_of(facet("product_category", CLOTHES), warnings=["3 labels are missing"])
    report = build_report(
        analysis,
        thresholds=Thresholds({"DPL": 0.1}),
        config=configuration(),
        created=CREATED,
        data="s3://b/reviews.csv",
    )
    return pdf.render_pdf(report)


def test_the_verdict_comes_first_and_the_sections_follow_the_html_page(lab: bytes) -> None:
    text = joined(text_of(lab))
    order = [
        "AnalysisReport", "s3://b/reviews.csv", "Violation", "1of3checksfails.", "22,626", "1warning",
        "3labelsaremissing",
        "DPLbyproduct_category", "Allmetricsbyproduct_category", "Therowsbehindthenumbers",
        "Whatthemetricsmeanhere", "Evidence", "Configuration", '"label":"sentiment"',
    ]  # fmt: skip
    places = [text.index(each) for each in order]
    assert places == sorted(places)
    assert "ofrowswithproduct_category=Trend,66.1%arepositive;ofallothers,77.1%" in text
    assert all(metric in text for metric in METHODS)


def test_is_tagged_titled_and_numbered_on_a4(lab: bytes) -> None:
    document = read(lab)
    root = document.trailer["/Root"]
    assert root["/MarkInfo"]["/Marked"]
    assert root["/Lang"] == "en"
    assert document.metadata is not None
    assert document.metadata.title == "Analysis Report: Violation · s3://b/reviews.csv"
    assert b"pdfuaid:part" in root["/Metadata"].get_data()
    for number, page in enumerate(document.pages, start=1):
        assert [round(float(size)) for size in page.mediabox[2:]] == [595, 842]
        assert f"{number} / {len(document.pages)}" in page.extract_text()


def test_headings_are_bookmarks(lab: bytes) -> None:
    titles = [str(entry["/Title"]) for entry in _flat(read(lab).outline)]
    assert titles[:3] == ["Analysis Report", "Violation", "1 warning"]
    assert "Evidence" in titles


def _flat(outline: list[object]) -> list[dict[str, object]]:
    found: list[dict[str, object]] = []
    for entry in outline:
        found += _flat(entry) if isinstance(entry, list) else [entry]  # type: ignore[list-item]
    return found


def test_fonts_are_embedded(lab: bytes) -> None:
    for page in read(lab).pages:
        for font in page["/Resources"]["/Font"].values():  # type: ignore[index]
            descriptor = font.get_object()["/DescendantFonts"][0].get_object()["/FontDescriptor"]
            assert {"/FontFile2", "/FontFile3"} & set(descriptor)


def test_of_too_many_groups_the_worst_are_listed_with_a_note(monkeypatch: pytest.MonkeyPatch) -> None:
    assert pdf_document._MAX_ROWS >= 600
    monkeypatch.setattr(pdf_document, "_MAX_ROWS", 50)
    counts = {f"group {index:02d}": (index, 300 - index) for index in range(1, 61)}
    text = text_of(pdf.render_pdf(build_report(analysis_of(facet("g", counts)), created=CREATED)))
    assert "The 50 largest of 60 are listed; the report in HTML has all." in text
    table = text[text.index("All metrics") : text.index("The rows behind")]
    listed = re.findall(r"group (\d\d)", table)
    assert len(listed) == 50
    assert {"01", "60"} <= set(listed)
    assert "30" not in listed


def test_names_have_room_beside_many_columns_of_numbers() -> None:
    """Checked by position: the text alone is the same if a name overlaps the numbers beside it."""
    counts = {"Dresses and coats": (4634, 1511), "Trend": (78, 40), "others": (1272100, 364200)}
    categories = facet("product_category", counts, weight=123.45)
    config = AnalysisConfig.build(DataConfig("r.csv", label="s"), BiasConfig([1], "product_category"), "all")
    analysis = Analysis.from_contingency(Contingency("s", "1", [categories], weighted=True), config)
    rules = Thresholds(dict.fromkeys(METHODS, 0.0))
    report = build_report(analysis, before=analysis, thresholds=rules, created=CREATED)
    assert len(build_tables(report)["overview-1"].columns) == 1 + 15
    lines = [line for page in read(pdf.render_pdf(report)).pages for line in _lines_of(page)]
    tables = [line for line in lines if line[0][1] == "Trend" and len(line) >= 6]
    assert len(tables) == 2  # of the metrics, and of the counts
    for (left, _), (first_number, _), *_ in tables:
        assert first_number - left > 60


def _lines_of(page: pypdf.PageObject) -> list[list[tuple[float, str]]]:
    """List the texts of each line with their horizontal positions."""
    lines: dict[int, list[tuple[float, str]]] = {}

    def visit(text: str, outer: list[float], inner: list[float], *_: object) -> None:
        if text.strip():
            x, y = inner[4] * outer[0] + outer[4], inner[5] * outer[3] + outer[5]
            lines.setdefault(round(y), []).append((x, text.strip()))

    page.extract_text(visitor_text=visit)
    return [sorted(line) for line in lines.values()]


# --- Hostile names ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def hostile() -> str:
    values = [*HOSTILE, *HOSTILE_ELSEWHERE, "日本語", "😀", "ไทย", "x" * 500]
    counts = {value: (10 + index, 20) for index, value in enumerate(values)}
    analysis = analysis_of(facet('#[*x*] "', counts), warnings=["#panic() <b>"])
    report = build_report(
        analysis, thresholds=Thresholds({"DPL": 0.1}), created=CREATED, title="#panic() $x$ " + "y" * 200
    )
    return joined(text_of(pdf.render_pdf(report)))


def test_names_are_always_text(hostile: str) -> None:
    from_left_to_right = [
        value
        for value in [*HOSTILE, *HOSTILE_ELSEWHERE]
        if value and value.isascii() and escape_invisible(value) == value
    ]
    assert len(from_left_to_right) > 20
    assert "x…(500characters)" in hostile
    for value in from_left_to_right:
        assert joined(value) in hostile
    assert "#panic()<b>" in hostile
    assert "#panic()$x$" + "y" * 200 in hostile


def test_names_cannot_reverse_or_hide_text(hostile: str) -> None:
    for shown in ("⟨U+202E⟩gpj.exe", "⟨U+001B⟩[31mred", "⟨U+E000⟩private", "⟨U+E0041⟩tag", '""'):
        assert shown in hostile


def test_a_character_that_no_font_has_is_written_as_its_code_point(monkeypatch: pytest.MonkeyPatch) -> None:
    # As on a machine without system fonts.
    own = typst.Fonts(include_system_fonts=False)
    monkeypatch.setattr(pdf, "_load_fonts", lambda system_fonts: own)
    analysis = analysis_of(facet("city", {"東京": (10, 20), "Ωλж é": (11, 20), "👩‍👧 x": (12, 20), "a⟨": (1, 2)}))
    text = joined(text_of(pdf.render_pdf(build_report(analysis, created=CREATED))))
    assert "⟨U+6771⟩⟨U+4EAC⟩" in text
    assert "⟨U+1F469⟩⟨U+200D⟩⟨U+1F467⟩x" in text
    assert "Ωλжé" in text
    assert "東" not in text


def test_fonts_of_the_machine_are_used_only_if_ours_do_not_suffice(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    fonts = pdf._load_fonts

    def listening(system_fonts: bool) -> object:
        asked.append(system_fonts)
        return fonts(system_fonts)

    monkeypatch.setattr(pdf, "_load_fonts", listening)
    pdf.render_pdf(build_report(analysis_of(facet("city", {"Köln": (10, 20), "שלום": (11, 20), "مرحبا": (1, 2)}))))
    assert asked == [False]
    pdf.render_pdf(build_report(analysis_of(facet("city", {"東京": (10, 20), "b": (11, 20)}))))
    assert asked[:3] == [False, False, True]


def test_a_name_from_right_to_left_stays_in_its_place() -> None:
    report = build_report(analysis_of(facet("עיר", {"שלום": (1, 9), "b": (9, 1)})), thresholds=Thresholds({"DPL": 0.1}))
    text = text_of(pdf.render_pdf(report))
    assert re.search(r"DPL of .*=.* is 0\.8000, outside \[-0\.1, 0\.1\]", text)


@settings(max_examples=settings.default.max_examples // 2)
@example([""], "", " ")
@given(st.lists(st.text(max_size=30), min_size=1, max_size=6, unique=True), st.text(max_size=30), st.text(max_size=200))
def test_no_text_prevents_a_report(values: list[str], column: str, title: str) -> None:
    analysis = analysis_of(
        facet(column, {value: (3 + index, 5) for index, value in enumerate(values)}), warnings=[title]
    )
    report = build_report(analysis, title=title, thresholds=Thresholds({"DPL": 0.1}), before=analysis, data=title)
    # Only rendering is measured: parsing the PDF takes far longer.
    assert pdf.render_pdf(report).startswith(b"%PDF-")


def test_another_error_of_typst_is_not_taken_for_a_missing_character(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf, "_read_template", lambda: b'#panic("out of order")')
    with pytest.raises(typst.TypstError, match="out of order"):
        pdf.render_pdf(build_report(analysis_of(facet("g", {"a": (1, 2), "b": (2, 1)}))))
