"""Test what reports show of predictions: confusion matrices, rates with intervals, and both stages side by side."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from io import BytesIO
from typing import Any

import pypdf
import pytest
from report_factories import CREATED

from airflow_clarify.bias.analysis import Analysis
from airflow_clarify.bias.confidence import compute_wilson_interval
from airflow_clarify.bias.config import AnalysisConfig
from airflow_clarify.bias.contingency import Cell, Contingency, FacetContingency, WeightedCount
from airflow_clarify.bias.suppression import hide_small_counts
from airflow_clarify.bias.thresholds import Thresholds
from airflow_clarify.reports.builder import build_report
from airflow_clarify.reports.console import format_table
from airflow_clarify.reports.html.renderer import render_html
from airflow_clarify.reports.render import render_files
from airflow_clarify.reports.sections.predictions import RATES, StageChange, build_stages, summarize_stages
from airflow_clarify.reports.tables import build_tables
from airflow_clarify.reports.xcom import build_overview

#: TP, FP, FN and TN of each facet value.
REGIONS = {"north": (400, 50, 100, 450), "south": (250, 50, 150, 550), "<east>": (90, 60, 30, 20)}
STAGES = ("pre_training", "post_training")


def scored(
    regions: Mapping[str, Sequence[int]] = REGIONS, stages: Sequence[str] = STAGES, weight: float | None = None
) -> Analysis:
    """Analyse labels and predictions."""
    count = WeightedCount.from_rows if weight is None else lambda n: WeightedCount.from_equal_weights(n, weight)
    outcomes = ((True, True), (False, True), (True, False), (False, False))
    cells = [
        Cell(region, str(int(label)), label, None, count(rows), predicted=prediction)
        for region, counts in regions.items()
        for (label, prediction), rows in zip(outcomes, counts, strict=True)
    ]
    document: dict[str, Any] = {
        "dataset_type": "text/csv",
        "label": "approved",
        "predicted_label": "prediction",
        "label_values_or_threshold": [1],
        "facet": [{"name_or_index": "region"}],
        "methods": {f"{stage}_bias": {"methods": "all"} for stage in stages},
    }
    contingency = Contingency(
        "approved",
        "1",
        [FacetContingency("region", list(regions), cells, predicted=True)],
        weighted=weight is not None,
        predicted_label="prediction",
        predicted_text="1",
    )
    return Analysis.from_contingency(contingency, AnalysisConfig(document))


def test_a_row_has_the_confusion_matrix_and_each_rate_with_its_interval() -> None:
    table = build_tables(build_report(scored()))["rates-1"]
    names = [column.name for column in table.columns]
    rows = {row[0]: dict(zip(names, row, strict=True)) for row in table.rows}

    north = rows["north"]
    assert [north[cell] for cell in ("TP", "FP", "FN", "TN")] == [400, 50, 100, 450]
    shares = {"Acceptance": (450, 1000), "Recall": (400, 500), "Specificity": (450, 500), "Precision": (400, 450)}
    for name, (part, whole) in {**shares, "Accuracy": (850, 1000)}.items():
        assert north[name] == part / whole
        # Each interval has the denominator of its own rate.
        assert north[f"{name}, 95\u00a0%"] == compute_wilson_interval(part / whole, whole, 0.95)
    assert [rows["all rows"][cell] for cell in ("TP", "FP", "FN", "TN")] == [740, 160, 280, 1020]


def test_a_single_tested_group_is_beside_all_others() -> None:
    analysis = scored()
    only = replace(analysis, facets=(replace(analysis.facets[0], results=analysis.facets[0].results[:1]),))
    table = build_tables(build_report(only))["rates-1"]
    assert [(row[0], row[1]) for row in table.rows] == [("north", 400), ("all others", 340), ("all rows", 740)]


def test_a_share_without_rows_has_no_number() -> None:
    table = build_tables(build_report(scored({"a": (0, 0, 5, 5), "b": (5, 1, 1, 5)})))["rates-1"]
    precision = [column.name for column in table.columns].index("Precision")
    assert table.rows[0][precision] is None or table.rows[1][precision] is None
    assert sorted(table.format_cell(row, precision) for row in range(2)) == ["83.3\u00a0%", "–"]


def test_weighted_data_have_weights_in_the_matrix_and_effective_rows_in_the_intervals() -> None:
    plain, weighted = (build_tables(build_report(scored(weight=w)))["rates-1"] for w in (None, 2.5))
    names = [column.name for column in plain.columns]
    assert weighted.rows[0][names.index("TP")] == 2.5 * plain.rows[0][names.index("TP")]
    # Equal weights say as much as none.
    for rate in RATES:
        assert weighted.rows[0][names.index(rate)] == pytest.approx(plain.rows[0][names.index(rate)])
        place = names.index(f"{rate}, 95\u00a0%")
        assert weighted.rows[0][place] == pytest.approx(plain.rows[0][place])


# --- Both stages --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("d", "change"),
    [
        ((4000, 500, 1000, 4500), "larger"),  # accepted less often than labelled positive
        ((5000, 0, 0, 5000), "unchanged"),
        ((4990, 12, 10, 4988), "no clear change"),
        ((5000, 1000, 0, 4000), "smaller"),
        ((5000, 4000, 0, 1000), "reversed"),
    ],
)
def test_the_change_of_a_difference_by_the_model(d: Sequence[int], change: str) -> None:
    """Half of group d and 70 % of the others have a positive label; all others are predicted correctly."""
    analysis = scored({"d": d, "a": (7000, 0, 0, 3000)})
    changes = {each.value: each for each in build_stages(analysis.facets[0], ["d", "a"])}

    assert (changes["d"].change, changes["a"].change) == (change, change)
    assert changes["d"].before == pytest.approx(0.2)
    result = analysis.facets[0].results[0]
    assert changes["d"].after == result.metric("DPPL").value  # type: ignore[union-attr]
    low, high = changes["d"].interval  # type: ignore[misc]
    assert low <= changes["d"].after - changes["d"].before <= high


def test_the_interval_of_the_change_has_its_nominal_coverage() -> None:
    """Simulate both sides: labels and predictions of the same rows, whose errors are drawn anew each time."""
    import numpy

    random = numpy.random.default_rng(7)
    truth = {"d": [0.35, 0.10, 0.15, 0.40], "a": [0.55, 0.12, 0.05, 0.28]}
    expected = (0.12 - 0.05) - (0.10 - 0.15)
    covered = 0
    for _ in range(400):
        counts = {side: random.multinomial(300, shares).tolist() for side, shares in truth.items()}
        (change, _) = build_stages(scored(counts).facets[0], ["d", "a"])
        low, high = change.interval  # type: ignore[misc]
        covered += low <= expected <= high
    assert 0.92 <= covered / 400 <= 0.98


def test_an_analysis_without_counts_compares_values_only() -> None:
    analysis = Analysis.from_clarify_json(scored().to_clarify_json())
    facet = build_report(analysis).facets[0]
    assert facet.predictions == ()
    assert {each.change for each in facet.stages} <= {"larger", "smaller", "reversed"}
    assert all(each.interval is None for each in facet.stages)


def test_the_summary_counts_groups_and_names_the_one_whose_difference_grew_most() -> None:
    changes = [
        StageChange("a", 0.1, 0.3, None, None, None, "larger"),  # type: ignore[arg-type]
        StageChange("b", 0.1, 0.2, None, None, None, "larger"),  # type: ignore[arg-type]
        StageChange("c", 0.1, 0.05, None, None, None, "smaller"),  # type: ignore[arg-type]
        StageChange("d", None, 0.05, None, None, None, "–"),  # type: ignore[arg-type]
    ]
    assert "".join(summarize_stages(changes)) == (
        "Compared with the labels, the difference from the rest in the predictions is larger for 2 of 3 groups, "
        "smaller for 1; it grew most for a: DPL 0.1000 in the labels, DPPL 0.3000 in the predictions."
    )
    assert "".join(summarize_stages(changes[2:3])).startswith("The model made the difference smaller: DPL 0.1000 in")
    assert "No group" in "".join(summarize_stages(changes[3:]))


# --- Formats ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stages", [STAGES, STAGES[:1], STAGES[1:]])
def test_every_format_shows_each_stage_that_was_measured(stages: Sequence[str]) -> None:
    analysis = scored(stages=stages)
    files = render_files(analysis, created=CREATED)
    pdf = "\n".join(page.extract_text() for page in pypdf.PdfReader(BytesIO(files["report.pdf"])).pages)
    notebook = json.loads(files["report.ipynb"])
    texts = {
        "html": files["report.html"].decode(),
        "pdf": pdf,
        "ipynb": json.dumps(notebook, ensure_ascii=False),
        "console": "\n".join(format_table(analysis)),
    }
    for name, text in texts.items():
        shown = {
            metric: metric in text for metric in ("TVD", "DIL", "DPPL", "DRR", "Specificity", "DPPL (predictions)")
        }
        labels, predictions = (stage in stages for stage in STAGES)
        assert shown == {
            "TVD": labels,
            "DIL": labels,
            "DPPL": predictions,
            "DRR": predictions,
            # Predictions are counted even if only metrics of labels are asked for.
            "Specificity": True,
            "DPPL (predictions)": labels and predictions,
        }, name


def test_both_stages_are_drawn_beside_each_other() -> None:
    report = build_report(scored())
    pictures = {picture.metric: picture for picture in report.facets[0].pictures}
    assert list(pictures) == ["DPL", "DPPL"]
    assert pictures["DPPL"].compared_with == "DPL of the labels"
    for dot in pictures["DPPL"].dots:
        assert dot.measurement.before == dot.group.get_measurement("DPL").value  # type: ignore[union-attr]
    assert "DPL of the labels" in render_html(report)


def test_a_ratio_is_drawn_and_sorted_around_one() -> None:
    rules = Thresholds({"DI": [0.8, 1.25]})
    report = build_report(scored(stages=STAGES[1:]), thresholds=rules)
    picture = next(each for each in report.facets[0].pictures if each.metric == "DI")
    assert picture.parity == 1.0
    assert picture.axis.low < 0.8 < 1.25 < picture.axis.high
    unjudged = build_report(scored(stages=STAGES[1:])).facets[0].groups[0].get_measurement("DI")
    assert unjudged is not None
    assert unjudged.value is not None
    assert unjudged.distance == pytest.approx(max(unjudged.value, 1 / unjudged.value) - 1)


def test_a_metric_without_a_threshold_is_marked_as_not_judged() -> None:
    analysis = scored()
    rules = Thresholds({"DPPL": 0.05})
    report = build_report(analysis, thresholds=rules)
    tables = build_tables(report)
    assert "DPPL" not in tables["predictions-1"].unjudged
    assert {"RD", "DI"} <= {*tables["predictions-1"].unjudged}
    assert {"DPL", "DIL"} <= {*tables["overview-1"].unjudged}
    page = render_html(report)
    assert page.count("<small>not judged</small>") == sum(len(tables[name].unjudged) for name in tables)
    assert "<small>not judged</small>" not in render_html(build_report(analysis))


def test_a_check_that_passes_with_too_few_rows_does_not_look_like_a_pass() -> None:
    rules = Thresholds({"DPPL": 0.9}, min_rows=500, below_min_rows="pass")
    analysis = scored()
    verdict = rules.judge(analysis)
    report = build_report(analysis, verdict=verdict, thresholds=rules)
    assert {outcome.value: count for outcome, count in report.verdict.tallies} == {"pass": 2, "ignored": 1}
    (overview,) = build_overview([analysis], [verdict], thresholds=rules)["analyses"]
    assert overview["checks"] == {"violation": 0, "inconclusive": 0, "pass": 2, "ignored": 1}
    facet = overview["facets"][0]
    outcomes = dict(zip(facet["values"], facet["judged"]["DPPL"]["outcomes"], strict=True))
    assert outcomes == {"north": "pass", "south": "pass", "<east>": "ignored"}


def test_the_overview_of_the_page_has_confusion_matrices_and_both_stages() -> None:
    analysis = scored()
    document = json.loads(json.dumps(build_overview([analysis])))["analyses"][0]
    facet = document["facets"][0]
    assert (document["stages"], document["predicted_label"]) == (list(STAGES), "prediction")
    counts = dict(zip(facet["values"], facet["confusion"], strict=True))
    assert counts["north"] == [400, 50, 100, 450, 340, 110, 180, 570]
    assert {"DIL", "DPPL", "DPL"} <= facet["metrics"].keys()
    assert len(facet["stages"]["changes"]) == 3
    labels_only = build_overview([scored(stages=STAGES[:1])])["analyses"][0]
    assert "predicted_label" not in labels_only


def test_an_infinite_ratio_is_in_every_format() -> None:
    analysis = scored({"a": (5, 0, 5, 5), "b": (5, 1, 1, 5)})
    assert any(math.isinf(metric.value or 0) for _, result in analysis.results() for metric in result.metrics)
    files = render_files(analysis, created=CREATED)
    assert "∞" in files["report.html"].decode()
    assert "inf" in "\n".join(format_table(analysis))


# --- Hidden counts, and corrections --------------------------------------------------------------------------------


def test_hidden_groups_keep_their_place_in_every_table() -> None:
    regions = {"tiny": (3, 2, 4, 20), "west": (20, 20, 20, 14), **REGIONS}
    analysis = hide_small_counts(replace(scored(regions), suppress_below=10))
    report = build_report(analysis, thresholds=Thresholds({"DPL": 0.5}))
    hidden = {str(group.value) for group in report.facets[0].groups if group.hidden}
    assert len(hidden) == 2  # a single hidden group could be computed from the totals
    assert "tiny" in hidden

    tables = build_tables(report)
    order = [str(group.value) for group in report.facets[0].groups]
    for name in ("overview-1", "rates-1", "predictions-1", "stages-1"):
        table = tables[name]
        assert [str(row[0]) for row in table.rows[: len(order)]] == order
        for place, row in enumerate(table.rows):
            numbers = [at for at, column in enumerate(table.columns) if at and column.kind != "text"]
            shown = {table.format_cell(place, column) for column in numbers}
            assert ("hidden" in shown) == (str(row[0]) in hidden)
            assert str(row[0]) not in hidden or shown == {"hidden"}


def test_every_format_marks_hidden_counts() -> None:
    analysis = hide_small_counts(replace(scored({"tiny": (3, 2, 4, 20), **REGIONS}), suppress_below=10))

    lines = format_table(analysis)
    tiny = [line for line in lines if line.startswith("tiny ")]
    assert len(tiny) == 4
    assert all("hidden" in line and "undefined" not in line for line in tiny)
    files = render_files(analysis, created=CREATED)
    assert '<td class="number undefined">hidden</td>' in files["report.html"].decode()
    assert "<td>hidden</td>" in files["report.ipynb"].decode()
    text = "\n".join(page.extract_text() for page in pypdf.PdfReader(BytesIO(files["report.pdf"])).pages)
    assert "hidden" in text.split("Metrics of the labels")[1]


def test_the_verdict_has_the_number_of_questions_and_the_adjusted_p_values() -> None:
    thresholds = Thresholds({"DPL": 0.05, "RD": 0.05}, confidence=0.95, correction="holm", on_inconclusive="fail")
    verdict = thresholds.judge(scored())
    section = build_report(scored(), verdict=verdict, thresholds=thresholds).verdict

    assert f"p-values are adjusted for {verdict.questions} questions (Holm)" in section.rules
    assert verdict.questions > 1
    assert all("(adjusted p " in "".join(reason) for reason in section.reasons)
