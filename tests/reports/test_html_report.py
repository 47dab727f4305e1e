"""Test the HTML report: its content, missing data, self-containment and safety from hostile data."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import subprocess
import sys
from dataclasses import replace
from functools import cached_property
from html.parser import HTMLParser

import pytest
from report_factories import (
    CLOTHES,
    CREATED,
    HOSTILE,
    METHODS,
    analysis_of,
    configuration,
    facet,
    render,
    with_an_unknown_label,
)

from airflow_clarify.bias.analysis import Analysis
from airflow_clarify.bias.thresholds import Thresholds
from airflow_clarify.exceptions import ThresholdError

_VOID = {"meta", "link", "br", "hr", "img", "input"}


class Page(HTMLParser):
    """Parse the page as a browser does; fails if tags are not nested properly."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.source = source
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.raw: dict[str, str] = {}
        self._open: list[str] = []
        self.feed(source)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len({name for name, _ in attrs}) == len(attrs), f"<{tag}> has an attribute twice"
        self.elements.append((tag, dict(attrs)))
        if tag not in _VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open, f"</{tag}> closes nothing"
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] in ("script", "style"):
            self.raw[self._open[-1]] = data
        else:
            self.texts.append(data)

    @cached_property
    def text(self) -> str:
        """All text, with whitespace collapsed."""
        return re.sub(r"\s+", " ", "".join(self.texts))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture
def clothes() -> Analysis:
    return analysis_of(facet("product_category", CLOTHES))


@pytest.fixture
def from_clarify(clothes: Analysis) -> Analysis:
    return Analysis.from_clarify_json(clothes.to_clarify_json())


# --- Content ----------------------------------------------------------------------------------------------------


def test_the_verdict_comes_first_with_its_reason_and_the_number_of_checks(clothes: Analysis) -> None:
    page = Page(render(clothes, thresholds=Thresholds({"DPL": 0.1})))
    assert page.text.index("Violation") < page.text.index("1 of 3 checks fails.") < page.text.index("DPL by")
    assert "DPL of product_category=Trend is 0.1100, outside [-0.1, 0.1]" in page.text
    assert "|DPL| at most 0.1 (3 checks)" in page.text


@pytest.mark.parametrize(
    ("thresholds", "headline", "summary"),
    [
        (Thresholds({"DPL": 0.2}), "Pass", "All 3 checks pass."),
        (Thresholds({"DPL": 0.1}), "Violation", "1 of 3 checks fails."),
        (
            Thresholds({"DPL": 0.1}, confidence=0.95, on_inconclusive="fail"),
            "Inconclusive",
            "1 of 3 checks cannot be decided",
        ),
        (
            Thresholds({"DPL": 0.1}, confidence=0.95, on_inconclusive="pass"),
            "Pass",
            "No check fails; 1 of 3 checks is inconclusive, and inconclusive checks pass here.",
        ),
        (None, "Not judged", "No thresholds were given"),
    ],
)
def test_every_verdict_has_a_word(
    clothes: Analysis, thresholds: Thresholds | None, headline: str, summary: str
) -> None:
    page = Page(render(clothes, thresholds=thresholds))
    assert f"Analysis Report: {headline}" in page.text
    assert summary in page.text


def test_an_earlier_verdict_can_be_rendered(clothes: Analysis) -> None:
    thresholds = Thresholds({"DPL": 0.1})
    given = render(clothes, verdict=thresholds.judge(clothes), created=CREATED)
    assert given == render(clothes, thresholds=thresholds, created=CREATED)


def test_thresholds_that_do_not_fit_are_an_error_not_a_page(clothes: Analysis) -> None:
    with pytest.raises(ThresholdError, match="CDDL"):
        render(clothes, thresholds=Thresholds({"CDDL": 0.1}))


def test_the_rules_of_the_verdict_are_listed(clothes: Analysis) -> None:
    rules = Thresholds({"DPL": {"product_category": {"Trend": (None, 0.2), "*": 0.05}}}, 200, "ignore", 0.9, "pass")
    page = Page(render(clothes, thresholds=rules))
    assert "DPL at most 0.2 (1 check)" in page.text
    assert "a group of fewer than 200 rows is ignored" in page.text
    assert (
        "the 90 % confidence interval of a metric that has one is judged, and an inconclusive check passes" in page.text
    )
    assert "118 too few" in page.text


def test_a_metric_is_interpreted_in_terms_of_the_data(clothes: Analysis) -> None:
    text = Page(render(clothes)).text
    assert "of rows with product_category=Trend, 66.1 % are positive; of all others, 77.1 %" in text
    assert "118 rows with product_category=Trend against 22,508 of all others: 0.5 % of the data" in text
    for metric in METHODS:
        assert f"{metric} " in text


def test_the_worst_violations_come_first(clothes: Analysis) -> None:
    source = render(clothes, thresholds=Thresholds({"DPL": 0.1}))
    overview = source[source.index('class="overview"') :]
    assert re.findall(r'<th scope="row"><bdi>(\w+)</bdi>', overview)[:3] == ["Trend", "others", "Dresses"]


def test_counts_and_labels_are_shown(clothes: Analysis) -> None:
    text = Page(render(clothes)).text
    assert "Rows 22,626" in text
    assert re.search(r"Positive 77\.0.% 17,433 rows", text)
    assert "6,145" in text
    assert "75.4 %" in text


def test_a_violation_is_marked_by_word_and_shape_and_colour(clothes: Analysis) -> None:
    page = Page(render(clothes, thresholds=Thresholds({"DPL": 0.1})))
    assert "violation 0.1100" in page.text
    shapes = [use["href"] for use in page.all("use") if use.get("class") == use["href"].removeprefix("#")]  # type: ignore[union-attr]
    assert shapes.count("#violation") == 1
    assert shapes.count("#pass") == 2


def test_confidence_intervals_are_drawn(clothes: Analysis) -> None:
    assert 'class="whisker"' not in render(clothes, thresholds=Thresholds({"DPL": 0.1}))
    assert 'class="whisker"' in render(clothes, thresholds=Thresholds({"DPL": 0.1}, 0, "fail", 0.95, "fail"))


def test_another_metric_is_drawn_if_it_fails(clothes: Analysis) -> None:
    text = Page(render(clothes, thresholds=Thresholds({"DPL": 0.2, "CI": 0.9}))).text
    assert text.index("DPL by product_category") < text.index("CI by product_category")
    assert "KL by product_category" not in text


def test_several_facets_each_have_their_section(clothes: Analysis) -> None:
    analysis = analysis_of(facet("product_category", CLOTHES), facet("size", {"S": (9000, 2000), "L": (8433, 3193)}))
    page = Page(render(analysis, thresholds=Thresholds({"DPL": {"size": 0.05, "product_category": 0.2}})))
    assert "DPL by product_category" in page.text
    assert "DPL by size" in page.text
    assert "DPL of size=L is 0.0928" in page.text
    identifiers = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(set(identifiers)) == len(identifiers)


def test_the_legend_of_a_facet_has_the_outcomes_that_occur_in_it(clothes: Analysis) -> None:
    analysis = analysis_of(facet("product_category", CLOTHES), facet("size", {"S": (9000, 2000), "L": (8433, 3193)}))
    text = Page(render(analysis, thresholds=Thresholds({"DPL": {"size": 0.05}}))).text
    size = text.index("All metrics by size")
    category = text.index("All metrics by product_category")
    legends = {name: text[at : at + 250] for name, at in (("size", size), ("product_category", category))}
    assert "violation" in legends["size"]
    assert "violation" not in legends["product_category"]
    assert "its bounds" not in legends["product_category"]


def test_weighted_data_are_labelled() -> None:
    text = Page(render(analysis_of(facet("gender", {"f": (120, 80), "m": (300, 100)}, weight=1.5), weighted=True))).text
    assert "The data are weighted" in text
    assert "weight 1,530" in text
    assert "of the weight of rows with gender=f, 75.0 % are positive; of all others, 85.7 %" in text
    # The bars show weights too, as does every share.
    assert re.search(
        r"Weight ?Positive ?Positive share ?Weight, drawn m ?1,050 ?900 ?85\.7.% f ?480 ?360 ?75\.0.%", text
    )
    assert re.search(r"Weight ?Share ?Counts as ?Weight, drawn 1 ?1,260 ?82\.4.% positive 0 ?270 ?17\.6.%", text)


def test_a_label_of_unknown_class_is_drawn_as_neither() -> None:
    source = render(with_an_unknown_label())
    assert source.count('class="bar unknown"') == 3  # a missing label is never positive
    assert "positive not positive not known" in Page(source).text
    assert "not known" not in Page(render(analysis_of(facet("gender", {"f": (1, 2)})))).text


def test_a_repair_is_shown_beside_what_was_before(clothes: Analysis) -> None:
    after = analysis_of(facet("product_category", dict.fromkeys(CLOTHES, (9, 18))))
    page = Page(render(after, thresholds=Thresholds({"DPL": 0.1}), before=clothes))
    assert "Before and after" in page.text
    assert "before: 22,626" in page.text
    assert sum(use["href"] == "#before" for use in page.all("use")) == len(CLOTHES) + 1  # and one in the legend
    assert "Before and after" not in Page(render(after)).text


def test_a_group_that_is_new_has_no_before(clothes: Analysis) -> None:
    before = analysis_of(facet("product_category", {"Trend": (78, 40), "Dresses": (4634, 1511)}))
    assert "others" in Page(render(clothes, before=before)).text


# --- Missing data -------------------------------------------------------------------------------------------------


def test_an_analysis_without_counts_is_rendered(from_clarify: Analysis) -> None:
    page = Page(render(from_clarify, thresholds=Thresholds({"DPL": 0.1})))
    assert "contains metrics but no counts" in page.text
    assert "Violation" in page.text
    assert "all others are positive more often than rows with product_category=Trend, by 11.0 points" in page.text
    assert "rows with product_category=Trend are 0.5 % of the data" in page.text
    assert "Positive share" not in page.text


def test_an_undefined_metric_is_shown_with_its_error() -> None:
    # Clarify lists the missing value as "nan", and its metrics are errors.
    page = Page(render(analysis_of(facet("gender", {"f": (12, 8), "m": (30, 10), None: (1, 1)}))))
    assert "not defined" in page.text
    assert "DPL of nan: Facet set is empty." in page.text


def test_a_metric_that_is_nowhere_defined_says_so(clothes: Analysis) -> None:
    document = json.loads(clothes.to_clarify_json())
    for entry in document["pre_training_bias_metrics"]["facets"]["product_category"]:
        for metric in entry["metrics"]:
            metric.update(value=None, error="no luck")
    page = Page(render(Analysis.from_clarify_json(json.dumps(document)), thresholds=Thresholds({"DPL": 0.1})))
    assert "3 of 3 checks fail." in page.text
    assert "It is not defined for any group of these data." in page.text
    assert "DPL of Dresses, Trend, others: no luck" in page.text


def test_an_infinite_metric_is_on_the_page_and_fails(clothes: Analysis) -> None:
    document = json.loads(clothes.to_clarify_json())
    metrics = document["pre_training_bias_metrics"]["facets"]["product_category"][0]["metrics"]
    next(metric for metric in metrics if metric["name"] == "KL")["value"] = "Infinity"
    page = Page(render(Analysis.from_clarify_json(json.dumps(document)), thresholds=Thresholds({"KL": 0.5})))
    assert "1 of 3 checks fails." in page.text
    assert "∞" in page.text


def test_a_label_without_positive_rows_is_a_violation_with_a_sentence() -> None:
    page = Page(render(analysis_of(facet("gender", {"f": (0, 8), "m": (0, 10)})), thresholds=Thresholds({"DPL": 0.1})))
    assert "None of 1 check fails, but the data cannot be judged." in page.text
    assert page.text.count("no row of 18 counts as positive") == 1


def test_warnings_are_shown(clothes: Analysis) -> None:
    analysis = analysis_of(facet("product_category", CLOTHES), warnings=["3 labels are missing"])
    assert "1 warning 3 labels are missing" in Page(render(analysis)).text
    assert "warning" not in Page(render(clothes)).text


@pytest.mark.parametrize("weight", [None, 0.375])
def test_an_analysis_of_an_xcom_is_shown_as_the_one_that_went_in(weight: float | None) -> None:
    analysis = analysis_of(facet("product_category", CLOTHES, weight), weighted=weight is not None)
    again = Analysis.from_xcom(json.loads(json.dumps(analysis.to_xcom())))
    assert render(again, created=CREATED) == render(analysis, created=CREATED)


# --- Evidence -----------------------------------------------------------------------------------------------------


def test_fingerprints_and_configuration_are_shown(clothes: Analysis) -> None:
    config = configuration()
    text = Page(render(clothes, config=config, created=CREATED, hashes={"analysis.json": "12ab"})).text
    assert config.sha256 in text
    assert "analysis.json, SHA-256 12ab" in text
    assert "analysis.json, SHA-256" not in Page(render(clothes, config=config)).text
    assert "Counted by DuckDB 1.4" in text
    assert "2026-11-21 12:00:00 UTC" in text
    assert '"label": "sentiment"' in text


def test_the_configuration_holds_no_secrets(clothes: Analysis) -> None:
    config = configuration()
    uri = "https://ana:p@ss@host/my reviews.csv?sig=secret"
    text = Page(render(clothes, config=replace(config, document=config.document | {"dataset_uri": uri}))).text
    assert '"dataset_uri": "https://ana:***@host/my reviews.csv?***"' in text


def test_a_configuration_of_another_analysis_is_reported(clothes: Analysis) -> None:
    text = Page(render(clothes, config=configuration(label="stars"))).text
    assert "the configuration shown here is not the one of this analysis" in text


def test_rendering_is_deterministic(clothes: Analysis) -> None:
    first, second = (render(clothes, thresholds=Thresholds({"DPL": 0.1}), created=CREATED) for _ in range(2))
    assert first == second


# --- A page of its own, and safe ----------------------------------------------------------------------------------


@pytest.fixture
def hostile() -> Analysis:
    counts = {value: (10 + index, 20) for index, value in enumerate(HOSTILE)}
    return analysis_of(
        *(facet(column, counts) for column in ("</th><script>alert(2)</script>", "עברית")),
        label='<img src="http://example.test/" onerror=alert(3)>',
        warnings=["<b>bold</b> </style>"],
    )


def _hostile_page(analysis: Analysis) -> Page:
    config = configuration("<script>alert(4)</script>", label="</script><script>alert(5)</script>")
    source = render(
        analysis, thresholds=Thresholds({"DPL": 0.1}), config=config, title="<script>alert(6)</script>", before=analysis
    )
    return Page(source)


def test_hostile_names_are_text_and_nothing_else(hostile: Analysis) -> None:
    page = _hostile_page(hostile)
    text = "".join(page.texts)
    for payload in [*HOSTILE, hostile.label, *(each.column for each in hostile.facets), "<b>bold</b> </style>"]:
        assert payload in text
    for number in (4, 5, 6):
        assert f"<script>alert({number})</script>" in text
    assert len(page.all("script")) == len(page.all("style")) == 1
    assert not page.all("img")
    assert not page.all("b")
    assert not any(name.startswith("on") for _, attributes in page.elements for name in attributes)
    assert "alert" not in page.raw["script"] + page.raw["style"]


def test_hostile_names_do_not_end_up_in_attributes(hostile: Analysis) -> None:
    page = _hostile_page(hostile)
    values = [value or "" for _, attributes in page.elements for value in attributes.values()]
    assert not any(payload in value for payload in HOSTILE for value in values)


def test_names_cannot_reverse_or_hide_text() -> None:
    hidden = {
        "\u202egpj.exe": (5, 5),
        "a\u200bb": (5, 6),
        "a\nb": (6, 5),
        "nul\x00": (7, 5),
        "\ud800": (8, 5),
        "": (9, 5),
    }
    source = render(analysis_of(facet("name", hidden)))
    source.encode("utf-8")
    assert not re.search("[\x00-\x09\x0b-\x1f\u200b\u202a-\u202e]", source)
    text = Page(source).text
    for shown in ("⟨U+202E⟩gpj.exe", "a⟨U+200B⟩b", "a⟨U+000A⟩b", "nul⟨U+0000⟩", "⟨U+D800⟩", '""'):
        assert shown in text


@pytest.mark.parametrize("value", ["שלום", "x" * 300, "a\nb"])
def test_a_name_in_the_verdict_is_set_apart_from_its_sentence(value: str) -> None:
    source = render(analysis_of(facet("עיר", {value: (1, 9), "b": (9, 1)})), thresholds=Thresholds({"DPL": 0.1}))
    shown = value.replace("\n", "⟨U+000A⟩")
    assert f"<li>DPL of <bdi><bdi>עיר</bdi>=<bdi>{shown}</bdi></bdi> is 0.8000, outside [-0.1, 0.1]: " in source


def test_nothing_is_fetched(hostile: Analysis) -> None:
    page = _hostile_page(hostile)
    for tag, attributes in page.elements:
        assert tag not in ("link", "img", "iframe", "object", "embed", "base", "form", "image", "foreignobject")
        assert not {"src", "srcset", "style"} & attributes.keys()
        assert (attributes.get("href") or "#").startswith("#")
    assert not re.search(r"url\(|@import|fetch\(|XMLHttpRequest", page.raw["style"] + page.raw["script"])


def test_every_link_inside_the_page_leads_somewhere(clothes: Analysis) -> None:
    page = Page(render(clothes, thresholds=Thresholds({"DPL": 0.1}, 0, "fail", 0.95, "fail"), before=clothes))
    targets = {attributes["id"] for _, attributes in page.elements if "id" in attributes}
    wanted = {attributes["href"].removeprefix("#") for _, attributes in page.elements if attributes.get("href")}  # type: ignore[union-attr]
    wanted |= {attributes["aria-labelledby"] for _, attributes in page.elements if attributes.get("aria-labelledby")}
    assert wanted <= targets


def test_the_policy_allows_our_style_and_script_and_nothing_else(clothes: Analysis) -> None:
    page = Page(render(clothes))
    policy = next(meta["content"] for meta in page.all("meta") if meta.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    directives = dict(directive.split(" ", 1) for directive in policy.split("; "))
    for tag in ("style", "script"):
        digest = base64.b64encode(hashlib.sha256(page.raw[tag].encode()).digest()).decode()
        assert directives.pop(f"{tag}-src") == f"'sha256-{digest}'"
    assert set(directives.values()) == {"'none'"}
    assert "default-src" in directives


# --- For every reader ---------------------------------------------------------------------------------------------


def test_tables_and_charts_are_accessible_to_screen_readers(clothes: Analysis) -> None:
    page = Page(render(clothes, thresholds=Thresholds({"DPL": 0.1})))
    assert all(header.get("scope") in ("row", "col") for header in page.all("th"))
    for picture in page.all("svg"):
        assert picture.get("role") == "img" or picture.get("aria-hidden") == "true"
    assert len(page.all("title")) - 1 == sum(picture.get("role") == "img" for picture in page.all("svg"))
    assert "DPL 0.1100; allowed from -0.1 to 0.1; violation" in page.text
    assert page.all("html") == [{"lang": "en"}]


def test_styles_support_dark_mode_print_and_small_screens(clothes: Analysis) -> None:
    page = Page(render(clothes))
    for medium in ("prefers-color-scheme: dark", "@media print", "max-width: 40rem"):
        assert medium in page.raw["style"]
    assert any(meta.get("name") == "viewport" for meta in page.all("meta"))


def _luminance(colour: str) -> float:
    digits = colour.removeprefix("#")
    digits = "".join(2 * digit for digit in digits) if len(digits) == 3 else digits
    parts = (int(digits[index : index + 2], 16) / 255 for index in (0, 2, 4))
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_text_has_enough_contrast(clothes: Analysis, theme: int) -> None:
    blocks = re.findall(r":root \{(.*?)\}", Page(render(clothes)).raw["style"], re.DOTALL)
    colours = dict(re.findall(r"--([\w-]+): (#\w+)", blocks[theme]))
    behind = {
        "text": [name for name in colours if name.endswith("wash") or name in ("page", "raised", "band", "heat-6")],
        "muted": ["page", "raised"],
        "accent": ["page"],
        "bad": ["page", "bad-wash", "raised"],
        "good": ["page", "good-wash"],
        "unsure": ["page", "unsure-wash", "raised"],
    }
    for text, backgrounds in behind.items():
        for background in backgrounds:
            light, dark = sorted((_luminance(colours[text]), _luminance(colours[background])), reverse=True)
            assert (light + 0.05) / (dark + 0.05) >= 4.5, f"{text} on {background}"


# --- Size ---------------------------------------------------------------------------------------------------------


@pytest.mark.costly
@pytest.mark.parametrize("name", ["customer segment {:03d}", "{:03d}" + "x" * 297], ids=["short", "long"])
def test_the_page_stays_small_for_600_violations(name: str) -> None:
    counts = {name.format(index): ((7 * index) % 90, 90 - (7 * index) % 90) for index in range(600)}
    analysis = analysis_of(facet("segment", counts))
    source = render(analysis, thresholds=Thresholds(dict.fromkeys(METHODS, 0.0)), config=configuration("segment"))
    assert len(source.encode()) < 1_000_000
    page = Page(source)
    assert "The 40 worst of 600 are drawn; the table of all metrics has the others." in page.text
    unjudged = Page(render(analysis)).text
    assert "600 groups tested, each against all other rows; the largest first." in unjudged
    assert "The 40 largest of 600 are drawn;" in unjudged
    assert "violating" not in unjudged
    assert all(value in page.text for value in counts)


def test_the_module_is_light_to_import() -> None:
    code = "import sys, airflow_clarify.reports.html.renderer; print({'jinja2', 'pandas', 'duckdb'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_the_first_screen_and_the_title_name_the_data_the_dag_the_run_and_its_date() -> None:
    run = {
        "dag_id": "loans",
        "run_id": "scheduled__2026-11-27",
        "task_id": "bias",
        "instance": "Germany",
        "date": "2026-11-27T03:00:00+00:00",
    }
    analysis = replace(analysis_of(facet("g", CLOTHES)), whereabouts={"path": "s3://b/germany.csv"}, run=run)
    page = render(Analysis.from_xcom(json.loads(json.dumps(analysis.to_xcom()))), created=CREATED)
    assert "<title>Analysis Report: Not judged · s3://b/germany.csv · loans, 2026-11-27 03:00 UTC</title>" in page
    first = page[: page.index('<section id="verdict"')]
    for what, value in (
        ("Data", "s3://b/germany.csv"),
        ("DAG", "loans"),
        ("Task", "bias [Germany]"),
        ("Run", "scheduled__2026-11-27"),
        ("Date", "2026-11-27 03:00 UTC"),
    ):
        assert f"<dt>{what}</dt> <dd><bdi>{value}</bdi></dd>" in first
    assert (
        Analysis.from_clarify_json(analysis.to_clarify_json()).with_summary(json.dumps(analysis.to_summary())).run
        == run
    )
