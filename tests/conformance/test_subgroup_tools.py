"""The search against DivExplorer and SliceLine on the Adult dataset: the same subgroups, the same divergence."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from airflow_clarify import DataConfig, DuckDBEngine
from airflow_clarify.bias.subgroups.analysis_config import build_search_config
from airflow_clarify.bias.subgroups.search import Candidates, SearchConfig, evaluate_candidates

PYTHON = os.environ.get("CLARIFY_SUBGROUPS_PYTHON")
pytestmark = [
    pytest.mark.conformance,
    pytest.mark.skipif(PYTHON is None, reason="`make conformance` creates the environment of DivExplorer"),
]

ROWS, MIN_ROWS = 30_162, 300
COLUMNS = ("workclass", "education", "marital_status", "relationship", "race", "sex")


def ask(*arguments: str) -> Any:
    script = Path(__file__).with_name("subgroup_oracle.py")
    assert PYTHON is not None
    run = subprocess.run([PYTHON, str(script), *arguments], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def adult(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("adult") / "adult.csv"
    assert ask("adult", str(path)) == {"rows": ROWS}
    return path


@pytest.fixture(scope="module")
def ours(adult: Path) -> dict[frozenset[str], tuple[int, float]]:
    """Every candidate, as DivExplorer writes itemsets: its rows, and its share of positive labels."""
    question = SearchConfig(COLUMNS, min_rows=MIN_ROWS)
    data = DataConfig(str(adult), label="income")
    counts = DuckDBEngine(duckdb_conn_id=None).count_combinations(
        data, build_search_config(data, [1], question), question
    )
    found: Candidates = evaluate_candidates(counts, question)
    candidates = {}
    for at in range(len(found.value)):
        items = [
            f"{counts.columns[column].name}={counts.columns[column].values[code - 1]}"
            for column, code in found.get_codes(at).items()
        ]
        negative, positive = found.sums[0, at]
        candidates[frozenset(items)] = (int(negative + positive), positive / (negative + positive))
    return candidates


def test_divexplorer_finds_the_same_groups_and_divergences(
    adult: Path, ours: dict[frozenset[str], tuple[int, float]]
) -> None:
    theirs = ask("divexplorer", str(adult), "income", repr((MIN_ROWS - 0.5) / ROWS), "3")["itemsets"]
    overall = 7_508 / ROWS

    divergences = {frozenset(items): divergence for items, _, divergence in theirs}

    assert divergences.keys() == ours.keys()
    assert len(ours) > 500
    for items, (_, share) in ours.items():
        assert share - overall == pytest.approx(divergences[items], abs=1e-12)
    for sign in (1, -1):
        worst = sorted(ours, key=lambda items: (sign * round(ours[items][1] - overall, 12), sorted(items)))
        theirs_first = sorted(ours, key=lambda items: (sign * round(divergences[items], 12), sorted(items)))
        assert worst[:20] == theirs_first[:20]


def test_sliceline_ranks_the_same_groups_first(adult: Path, ours: dict[frozenset[str], tuple[int, float]]) -> None:
    alpha = 0.95
    theirs = ask("sliceline", str(adult), "income", str(MIN_ROWS), "3", str(alpha))

    average = 1 - 7_508 / ROWS
    # S. Sagadeeva and M. Boehm, "SliceLine", SIGMOD 2021: the score of a slice.
    scores = {
        items: alpha * ((1 - share) / average - 1) - (1 - alpha) * (ROWS / rows - 1)
        for items, (rows, share) in ours.items()
    }
    best = sorted(scores.values(), reverse=True)[: len(theirs)]

    assert len(theirs) >= 10
    assert [statistics["slice_score"] for _, statistics in theirs] == pytest.approx(best)
    for group, statistics in theirs:
        items = frozenset(f"{column}={value}" for column, value in group.items())
        rows, share = ours[items]
        assert rows == statistics["slice_size"]
        assert 1 - share == pytest.approx(statistics["slice_average_error"])
    assert np.isfinite(best).all()
