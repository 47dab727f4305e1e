"""Test the table in task logs and on terminals: aligned columns, the worst first, and hostile names."""

from __future__ import annotations

import time
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_clarify.bias.analysis import Analysis, FacetAnalysis, FacetResult, MetricResult
from airflow_clarify.bias.config import AnalysisConfig, BiasConfig, DataConfig
from airflow_clarify.bias.contingency import Cell, Contingency, FacetContingency, WeightedCount
from airflow_clarify.bias.thresholds import Outcome, Thresholds, Verdict
from airflow_clarify.reports.console import LEGEND, format_table, sanitize_line

HOSTILE = [
    "\x1b[31mred\x1b[0m",
    "two\nlines",
    "back\rwards",
    "\x07bell",
    "tab\there",
    "\u202egnp.exe",
    "\u2028separator",
    "\x00nul",
    "\ud800surrogate",
    "\x9b31mC1",
]


def counted(
    counts: Mapping[str | None, tuple[int, int]],
    methods: Sequence[str] = ("CI", "DPL"),
    *,
    facets: Sequence[str] = ("gender",),
    label: str = "approved",
    positive: str = "1",
    weight: float | None = None,
) -> Analysis:
    """Analyse (positive rows, negative rows) per facet value; positive rows may have a larger weight."""

    def tally(rows: int, is_positive: bool) -> WeightedCount:
        each = weight if weight is not None and is_positive else 1.0
        return (
            WeightedCount.from_rows(rows)
            if weight is None
            else WeightedCount.from_weights(rows, rows * each, rows * each * each)
        )

    cells = [
        Cell(value, positive if is_positive else "0", is_positive, None, tally(rows, is_positive))
        for value, of_value in counts.items()
        for is_positive, rows in zip((True, False), of_value, strict=True)
        if rows
    ]
    contingencies = [FacetContingency(facet, list(counts), cells) for facet in facets]
    contingency = Contingency(label, positive, contingencies, weighted=weight is not None)
    config = AnalysisConfig.build(DataConfig("data.csv", label=label), BiasConfig([positive], list(facets)), methods)
    return Analysis.from_contingency(contingency, config)


def width(text: str) -> int:
    """Measure the width of a text on a terminal."""
    wide = {"W": 2, "F": 2}
    return sum(
        0 if unicodedata.category(c) in ("Mn", "Me") else wide.get(unicodedata.east_asian_width(c), 1) for c in text
    )


def judged(analysis: Analysis, rules: Mapping[str, Any], **how: Any) -> Verdict:
    return Thresholds(rules, **how).judge(analysis)


# --- Content ------------------------------------------------------------------------------------------------------


def test_every_value_with_its_rows_share_and_metrics() -> None:
    assert format_table(counted({"F": (400, 600), "M": (1500, 1000)})) == [
        "gender   rows  approved=1       CI     DIL      DPL",
        "---------------------------------------------------",
        "F       1,000       40.0%   0.4286  0.6667   0.2000",
        "M       2,500       60.0%  -0.4286  1.5000  -0.2000",
    ]


def test_findings_are_marked_and_numbers_stay_aligned() -> None:
    analysis = counted({"M": (60, 40), "X": (50, 50), "F": (30, 70)})
    verdict = judged(analysis, {"DPL": {"gender": {"F": 0.2, "X": 0.2}}})

    assert format_table(analysis, verdict) == [
        "gender  rows  approved=1      CI     DIL      DPL",
        "---------------------------------------------------",
        "F        100       30.0%  0.3333  0.5455   0.2500 !",
        "X        100       50.0%  0.3333  1.1111  -0.0500",
        "M        100       60.0%  0.3333  1.5000  -0.2000",
        LEGEND,
        "without a threshold, so not judged: CI",
    ]


def test_nothing_is_marked_if_all_checks_pass() -> None:
    analysis = counted({"M": (60, 40), "F": (50, 50)})

    *lines, last = format_table(analysis, judged(analysis, {"DPL": 0.5}))
    assert sorted(lines) == sorted(format_table(analysis))
    assert last == "without a threshold, so not judged: CI"
    assert sorted(format_table(analysis, judged(analysis, {"DPL": 0.5, "CI": 0.5}))) == sorted(lines)
    assert LEGEND not in format_table(analysis)


def test_each_outcome_has_its_mark() -> None:
    analysis = counted({"M": (6000, 4000), "X": (50, 50), "F": (30, 70), "few": (1, 1)})
    verdict = judged(
        analysis, {"DPL": 0.1}, confidence=0.95, on_inconclusive="pass", min_rows=10, below_min_rows="ignore"
    )

    lines = {line.split()[0]: line for line in format_table(analysis, verdict)}
    outcomes = {finding.value: finding.outcome for finding in verdict.findings}
    assert outcomes["F"] is Outcome.VIOLATION
    assert lines["F"].endswith(" !")
    assert outcomes["X"] is Outcome.INCONCLUSIVE
    assert lines["X"].endswith(" ?")
    assert outcomes["few"] is Outcome.IGNORED
    assert lines["few"].endswith(" -")


def test_the_worst_comes_first() -> None:
    analysis = counted({"third": (50, 50), "last": (30, 70), "first": (5, 95), "second": (70, 30)})

    verdict = judged(analysis, {"DPL": 0.1})

    assert [line.split()[0] for line in format_table(analysis, verdict)[2:-2]] == ["first", "second", "third", "last"]
    assert [line.split()[0] for line in format_table(analysis)[2:]] == ["third", "last", "first", "second"]


def test_of_many_values_the_others_are_counted() -> None:
    analysis = counted({f"value {i}": (i + 1, 60) for i in range(60)})
    verdict = judged(analysis, {"DPL": 0.1})
    beyond = len(verdict.violations) - 5

    assert len(format_table(analysis)) == 2 + 50 + 1
    assert format_table(analysis)[-1] == "... and 10 more values"
    assert format_table(analysis, max_values=59)[-1] == "... and 1 more value"
    assert format_table(analysis, max_values=60)[-1].startswith("value 59")
    assert beyond > 0
    assert format_table(analysis, verdict, max_values=5)[-3:-1] == [
        f"... and 55 more values, {beyond} in violation",
        LEGEND,
    ]


@pytest.mark.costly
def test_ten_thousand_values_are_put_in_order_at_once() -> None:
    started = time.process_time()
    analysis = counted({f"value {i}": (i % 97 + 1, i % 89 + 1) for i in range(10_000)}, ["CI", "DPL", "TVD"])
    verdict = judged(analysis, {"CI": 0.5, "DPL": 0.1, "TVD": 0.1})
    measured_and_judged = time.process_time() - started

    started = time.process_time()
    lines = format_table(analysis, verdict)
    took = time.process_time() - started

    assert lines[-2].startswith("... and 9,950 more values")
    assert lines[-1] == LEGEND
    # In a fixed ratio on any machine. Looking each value up in a list of them took ten times as long.
    assert took < 5 * measured_and_judged


def test_a_metric_without_a_value_is_undefined() -> None:
    (_, _, only) = format_table(counted({"F": (10, 10)}))

    assert only.split() == ["F", "20", "50.0%", "undefined", "undefined", "undefined"]


def test_missing_values_and_empty_texts_have_a_name() -> None:
    lines = format_table(counted({None: (1, 1), "": (5, 5), "F": (5, 5)}))

    assert [line.split()[0] for line in lines[2:]] == ["nan", '""', "F"]


def test_infinite_zero_and_undefined_numbers() -> None:
    values = [("inf", float("inf")), ("zero", -1e-9), ("none", None)]
    results = [FacetResult(name, (MetricResult("KL", value, None if value else "why"),)) for name, value in values]
    analysis = Analysis("y", "1", (FacetAnalysis("f", (*results, FacetResult("left out", ()))),), ("KL",))

    assert [line.split()[1:] for line in format_table(analysis)[2:]] == [
        ["inf"],
        ["0.0000"],
        ["undefined"],
        ["out", "undefined"],
    ]


def test_weights_make_the_share_and_rows_stay_rows() -> None:
    lines = format_table(counted({"F": (10, 30), "M": (10, 10)}, weight=3.0))

    assert lines[0].split()[:4] == ["gender", "rows", "approved=1", "(weighted)"]
    assert lines[2].split()[:3] == ["F", "40", "50.0%"]
    assert lines[3].split()[:3] == ["M", "20", "75.0%"]


def test_an_analysis_without_counts_has_no_empty_columns() -> None:
    analysis = Analysis.from_clarify_json(counted({"F": (400, 600), "M": (1500, 1000)}).to_clarify_json())

    assert format_table(analysis) == [
        "gender       CI      DPL",
        "------------------------",
        "F        0.4286   0.2000",
        "M       -0.4286  -0.2000",
    ]


def test_several_facets_are_tables_of_their_own() -> None:
    analysis = counted({"F": (40, 60), "M": (60, 40)}, facets=["gender", "region"])
    verdict = judged(analysis, {"DPL": {"region": 0.1}})

    lines = format_table(analysis, verdict)

    headings = [line.split()[0] for line in lines if "approved" in line]
    assert headings == ["gender", "region"]
    second = lines.index(next(line for line in lines if line.startswith("region")))
    assert not any("!" in line for line in lines[:second])
    assert all(line.endswith("!") for line in lines[second + 2 : second + 4])


def test_the_heading_states_that_no_label_is_positive() -> None:
    analysis = counted({"F": (0, 60), "M": (0, 40)}, positive="")

    assert "approved=nothing" in format_table(analysis)[0]


def test_a_missing_value_and_a_text_that_says_nan_are_shown_apart() -> None:
    analysis = counted({"nan": (50, 50), None: (50, 50), "F": (50, 50)})

    marks = {line.split()[0]: line[-1] for line in format_table(analysis, judged(analysis, {"DPL": 0.1}))[2:]}

    assert (marks["nan"], marks["(missing)"]) == ("0", "!")


# --- Hostile names ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", HOSTILE, ids=ascii)
@pytest.mark.parametrize("where", ["value", "facet", "label", "positive"])
def test_control_characters_never_reach_a_log(name: str, where: str) -> None:
    names = {"value": "F", "facet": "gender", "label": "approved", "positive": "1"} | {where: name}
    analysis = counted(
        {names["value"]: (40, 60), "M": (60, 40)},
        facets=[names["facet"]],
        label=names["label"],
        positive=names["positive"],
    )

    lines = format_table(analysis, judged(analysis, {"DPL": 0.1}))

    assert len(lines) == 6
    assert all(line.isprintable() for line in lines)
    assert len(set(map(width, lines[2:4]))) == 1


def test_unknown_metrics_of_a_file_are_shown() -> None:
    result = FacetResult("F", (MetricResult("\x1b[2J\nDPL", 0.5),))
    analysis = Analysis("y", "1", (FacetAnalysis("f", (result,)),), ("\x1b[2J\nDPL",))

    assert all(line.isprintable() for line in format_table(analysis))


@pytest.mark.parametrize(
    "names",
    [
        ["日本語", "F", "한국어 사람"],
        ["\u00e9", "e\u0301", "e"],
        ["हिन्दी", "ไทย", "עברית", "عربي"],
        ["👩", "ａｂｃ", "abc"],
        ["x" * 300, "字" * 300, "é" * 300, "short"],
    ],
    ids=ascii,
)
def test_columns_stay_straight_in_every_script(names: list[str]) -> None:
    lines = format_table(counted({name: (10 + i, 20) for i, name in enumerate(names)}))

    # The numbers begin where the first column ends: after its widest name and two spaces.
    starts = {width(line[: line.index(f"{30 + i}")]) for i, line in enumerate(lines[2:])}
    assert len(starts) == 1
    assert max(map(width, lines)) < 100


def test_long_names_are_cut_with_an_ellipsis() -> None:
    assert sanitize_line("x" * 41) == "x" * 37 + "..."
    assert sanitize_line("x" * 40) == "x" * 40
    assert sanitize_line("x" * 400, None) == "x" * 400
    assert width(sanitize_line("字" * 21)) <= 40
    assert sanitize_line("字" * 20) == "字" * 20


def test_a_name_of_many_combining_characters_is_cut() -> None:
    assert len(sanitize_line("e" + "\u0301" * 10_000)) < 100


@given(st.text(st.characters(), max_size=200), st.none() | st.integers(10, 80))
def test_every_text_is_one_line_without_control_characters(text: str, widest: int | None) -> None:
    shown = sanitize_line(text, widest)

    assert shown.isprintable()
    assert len(shown.splitlines()) <= 1
    assert widest is None or width(shown) <= widest
    shown.encode()  # no half of a surrogate pair, which no file could hold


@given(st.text(st.characters(categories=["L", "N", "P", "S"]), max_size=30))
def test_an_ordinary_name_is_unchanged(text: str) -> None:
    assert sanitize_line(text, None) == text
