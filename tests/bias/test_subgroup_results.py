"""The result of a search: its files, its report, and how a gate judges it."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest
from subgroup_factories import count_rows, draw_codes

from airflow_clarify import Thresholds
from airflow_clarify.api import find_subgroups, gate
from airflow_clarify.bias.analysis import Analysis
from airflow_clarify.bias.subgroups.adapter import build_analysis
from airflow_clarify.bias.subgroups.config import SearchConfig
from airflow_clarify.bias.subgroups.result import SubgroupSearch
from airflow_clarify.bias.subgroups.search import search_counts
from airflow_clarify.bias.thresholds import Outcome
from airflow_clarify.cli.main import main
from airflow_clarify.exceptions import DataError
from airflow_clarify.reports.sections.subgroups import build_subgroup_page, format_subgroups, render_subgroups

CODES = draw_codes(6_000, (2, 3, 4), seed=21)


def search(chance: np.ndarray, *, weighted: bool = False, predicted: bool = False, **question: Any) -> SubgroupSearch:
    random = np.random.default_rng(22)
    labels = random.random(6_000) < chance
    weights = random.choice([0.5, 2.0], 6_000) if weighted else None
    predictions = random.random(6_000) < np.where(labels, chance, 0.1) if predicted else None
    found = search_counts(count_rows(CODES, labels, predictions, weights), SearchConfig(("a", "b", "c"), **question))
    return replace(found, label="ok", label_value_or_threshold="1", warnings=("a warning",))


PLANTED = np.where((CODES[0] == 1) & (CODES[1] == 2), 0.25, 0.6)


@pytest.mark.parametrize(
    ("weighted", "predicted", "metric"), [(False, False, "DPL"), (True, False, "DPL"), (False, True, "RD")]
)
def test_a_result_is_read_as_it_was_written(weighted: bool, predicted: bool, metric: str) -> None:
    found = search(PLANTED, weighted=weighted, predicted=predicted, metric=metric, top=2)

    document = json.loads(json.dumps(found.to_json()))

    assert document["format"] == "airflow_clarify.subgroups/1"
    assert SubgroupSearch.from_json(document) == found


def test_top_limits_the_list_and_not_what_a_gate_judges() -> None:
    every, first = search(PLANTED, top=20), None
    for top in (1, 2):
        first = search(PLANTED, top=top)
        assert len(first.subgroups) == top
        assert first.found >= 3
    assert first is not None
    listed = [one.value for one in (*first.subgroups, *first.furthest)]
    assert max(listed) == max(one.value for one in every.subgroups)
    assert min(listed) == min(one.value for one in every.subgroups)


@pytest.mark.parametrize("document", [{}, {"format": "airflow_clarify.analysis/1"}, {"format": 1}, {"subgroups": []}])
def test_a_document_that_is_not_a_result_is_refused(document: dict[str, Any]) -> None:
    with pytest.raises(DataError, match=r"subgroups.json: not a result of a search for subgroups"):
        SubgroupSearch.from_json(document)


@pytest.mark.parametrize(
    ("weighted", "predicted", "metric"), [(False, False, "DPL"), (True, False, "DPL"), (False, True, "RD")]
)
def test_a_gate_judges_the_findings(weighted: bool, predicted: bool, metric: str) -> None:
    found = search(PLANTED, weighted=weighted, predicted=predicted, metric=metric)

    analysis = Analysis.from_xcom(found.to_json())
    verdict = gate(analysis, {metric: 0.2})

    worst = found.subgroups[0]
    assert worst.group == {"a": "a1", "b": "b2"}
    crossed = analysis.facet("a+b")
    assert crossed is not None
    result = crossed.result("a1+b2")
    assert result is not None
    assert result.split is not None
    assert result.split.d.rows == worst.rows
    assert result.split.a.rows == 6_000 - worst.rows
    metric_of_counts = gate(analysis, Thresholds({metric: 0.2}, confidence=0.95, on_inconclusive="fail"))
    assert verdict.outcome is metric_of_counts.outcome is Outcome.VIOLATION
    assert "a+b=a1+b2" in verdict.sentence
    assert gate(analysis, {metric: 0.9}).passed


def test_a_search_without_a_finding_passes_the_gate() -> None:
    found = search(np.full(6_000, 0.5), confidence=0.999)
    assert found.subgroups == ()

    verdict = gate(
        build_analysis(found), Thresholds({"DPL": 0.1}, min_rows=100, confidence=0.95, on_inconclusive="fail")
    )

    assert verdict.passed
    assert "none of 58 groups of at least 100 rows differs" in found.sentence


def test_the_page_shows_the_tree_and_escapes_names() -> None:
    found = search(PLANTED)
    hostile = replace(found.subgroups[0], group={"<b>sex</b>": "<script>alert(1)</script>", "b": "b2"})
    found = replace(found, subgroups=(hostile, *found.subgroups[1:]))

    page = render_subgroups(found)

    assert "<script" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "a warning" in page
    assert "default-src &#39;none&#39;" in page or "default-src 'none'" in page
    rows = build_subgroup_page(found).rows
    levels = [row.level for row in rows]
    assert len(rows) == len(found.subgroups)
    assert 1 in levels
    # A finding follows the one that contains it.
    assert all(later - earlier <= 1 for earlier, later in itertools.pairwise(levels))


def test_the_table_is_a_line_for_each_finding() -> None:
    found = search(PLANTED)

    lines = format_subgroups(found)

    assert lines[0].split()[:3] == ["subgroup", "rows", "rate"]
    assert lines[2].startswith("a=a1 and b=b2")
    assert len(lines) == len(found.subgroups) + 3
    assert lines[-1].startswith(f"{found.found} of 58 groups")
    assert format_subgroups(replace(found, subgroups=(), found=0)) == [
        "None of 58 groups of at least 100 rows differs in DPL from the rest beyond chance and beyond its parents"
    ]


# --- The command line -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def loans(tmp_path_factory: pytest.TempPathFactory) -> Path:
    random = np.random.default_rng(23)
    frame = pandas.DataFrame(
        {
            "sex": np.where(CODES[0] == 1, "F", "M"),
            "region": np.array(["north", "south", "east"])[CODES[1] - 1],
            "age": random.integers(18, 80, 6_000),
        }
    )
    frame["ok"] = (random.random(6_000) < PLANTED).astype(int)
    frame["predicted"] = (random.random(6_000) < np.where(frame["ok"] == 1, PLANTED, 0.1)).astype(int)
    path = tmp_path_factory.mktemp("data") / "loans.csv"
    frame.to_csv(path, index=False)
    return path


def run_search(loans: Path, *options: str) -> int:
    return main(["search", "--data", str(loans), "--label", "ok", "--positive", "1", *options])


def test_search_prints_a_json_list(loans: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--columns", "sex,age,region", "--max-depth", "3", "--min-rows", "100", "--metric", "DPL", "--json"]

    assert run_search(loans, *options) == 0

    listed = json.loads(capsys.readouterr().out)
    assert listed[0]["group"] == {"sex": "F", "region": "south"}
    assert all(set(one) == {"group", "rows", "value", "excess", "interval", "p_adjusted"} for one in listed)
    assert [abs(one["excess"]) for one in listed] == sorted((abs(one["excess"]) for one in listed), reverse=True)
    # Ages explain nothing, and what contains the planted group is no finding of its own.
    assert not any("age" in one["group"] for one in listed)


def test_search_writes_its_files_and_the_gate_takes_them(
    loans: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"

    assert run_search(loans, "--columns", "sex", "--columns", "region,age", "--output", str(out)) == 0
    assert sorted(path.name for path in out.iterdir()) == ["subgroups.html", "subgroups.json"]
    assert "Wrote subgroups.html, subgroups.json to" in capsys.readouterr().out
    assert run_search(loans, "--columns", "sex,region", "--suppress-below", "2000", "--json") == 0
    assert json.loads(capsys.readouterr().out) == []
    assert main(["gate", "--analysis", str(out / "subgroups.json"), "--threshold", "DPL=0.2"]) == 1
    assert main(["gate", "--analysis", str(out / "subgroups.json"), "--threshold", "DPL=0.9"]) == 0


def test_search_ranks_by_error_rates(loans: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--columns", "sex,region", "--predicted-label", "predicted", "--metric", "RD", "--json"]

    assert run_search(loans, *options) == 0

    assert json.loads(capsys.readouterr().out)[0]["group"] == {"sex": "F", "region": "south"}


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--columns", "sex,sex"], "--columns: 'sex' is given twice; a column cannot be crossed with itself"),
        (["--columns", "sex,ok"], "--columns: 'ok' is the label; a label cannot be biased against itself"),
        (["--columns", "sex,gender"], "--columns: the data have no column 'gender'"),
        (["--columns", "sex", "--min-rows", "7000"], "min_rows: 7,000 is above the number of rows, 6,000"),
        (["--columns", "sex", "--metric", "TPR"], "--metric: 'TPR' is not a difference of two proportions"),
        (
            ["--columns", "sex", "--metric", "RD"],
            "metric: RD needs predictions; name their column in --pred",
        ),
        (["--columns", "sex", "--max-depth", "9"], "--max-depth: a whole number from 1 to 5, not 9"),
        (["--columns", "sex", "--continuous", "sex"], "column 'sex' holds text values, which cannot be cut"),
        (["--columns", "sex", "--categorical", "age"], "--categorical or --continuous: 'age' is not among the columns"),
    ],
)
def test_bad_input_is_one_line(
    options: list[str], sentence: str, loans: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_search(loans, *options) == 2

    error = capsys.readouterr().err
    assert sentence in error
    assert error.count("\n") == 1


def test_the_same_search_in_python(loans: Path) -> None:
    frame = pandas.read_csv(loans)

    found = find_subgroups(frame, ["sex", "age", "region"], [1], label="ok", min_rows=200)

    assert found.subgroups[0].group == {"sex": "F", "region": "south"}
    assert next(column for column in found.columns if column.name == "age").intervals[0].startswith("[18, ")


def test_a_correction_counts_all_groups_that_the_search_has_tested() -> None:
    found = search(PLANTED, top=1)
    rules = Thresholds({"DPL": 0.1}, confidence=0.95, on_inconclusive="pass", correction="holm")

    verdict = rules.judge(build_analysis(found))

    assert verdict.questions == found.questions > len(verdict.checks)
    assert verdict.outcome is Outcome.VIOLATION
