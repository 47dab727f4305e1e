"""Our numbers against the open-source Clarify metrics, on random data: values, errors, names and their order."""

from __future__ import annotations

import json
import os
import random
import subprocess
from collections import Counter
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from cases import Case, Column, cases
from differences import Difference, put_plainly
from hypothesis import HealthCheck, given, seed, settings

from airflow_clarify.bias.analysis import Analysis
from airflow_clarify.bias.config import AnalysisConfig, BiasConfig, DataConfig
from airflow_clarify.engines.duckdb import DuckDBEngine
from airflow_clarify.exceptions import ClarifyError

pytestmark = pytest.mark.conformance

CLOSE = 1e-12
SEED = int(os.environ.get("CLARIFY_CONFORMANCE_SEED") or random.SystemRandom().randrange(1 << 32))
DATASETS = int(os.environ.get("CLARIFY_CONFORMANCE_DATASETS") or 600)


class Oracle:
    """The open-source package in its own environment, asked over a pipe."""

    def __init__(self, python: str) -> None:
        script = Path(__file__).with_name("oracle.py")
        self._process = subprocess.Popen(
            [python, str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
        )

    def ask(self, case: Case, path: Path, **changes: Any) -> dict[str, Any]:
        question = {
            "path": str(path),
            "format": case.format,
            "label": "label",
            "label_values": list(case.label_values),
            "facet": "facet",
            "facet_values": None if case.facet_values is None else list(case.facet_values),
            "group": None if case.group is None else "group",
            "methods": list(case.methods),
        }
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(question | changes) + "\n")
        self._process.stdin.flush()
        reply = self._process.stdout.readline()
        assert reply, "the oracle has died"
        answer: dict[str, Any] = json.loads(reply)
        return answer

    def close(self) -> None:
        self._process.communicate(timeout=30)


@pytest.fixture(scope="module")
def oracle() -> Iterator[Oracle]:
    asked = Oracle(os.environ["CLARIFY_ORACLE_PYTHON"])
    yield asked
    asked.close()


def ours(case: Case, path: Path) -> dict[str, Any]:
    """The same answer from this package, through the file that it writes."""
    data = DataConfig(str(path), label="label")
    bias = BiasConfig(
        list(case.label_values),
        "facet",
        None if case.facet_values is None else list(case.facet_values),
        None if case.group is None else "group",
    )
    try:
        config = AnalysisConfig.build(data, bias, "all" if case.methods == ("all",) else list(case.methods))
        contingency = DuckDBEngine(duckdb_conn_id=None, threads=1).count(data, config)
        written = Analysis.from_contingency(contingency, config).to_clarify_json()
    except ClarifyError as error:
        return {"error": f"{type(error).__name__}: {error}"}
    section = json.loads(written)["pre_training_bias_metrics"]
    assert list(section["facets"]) == ["facet"]
    return {"facet": section["facets"]["facet"], "label_text": section["label_value_or_threshold"]}


def disagreement(ours: dict[str, Any], theirs: dict[str, Any], *, names: bool = True) -> str | None:
    """What differs between two answers, or None.

    :param names: compare how the values of the configuration are written
    """
    if "error" in ours or "error" in theirs:
        return None if "error" in ours and "error" in theirs else f"error: {ours.get('error')} / {theirs.get('error')}"
    if names and ours["label_text"] != theirs["label_text"]:
        return f"label: {ours['label_text']!r} / {theirs['label_text']!r}"
    tested = [[entry["value_or_threshold"] for entry in answer["facet"]] for answer in (ours, theirs)]
    if len(tested[0]) != len(tested[1]) or (names and tested[0] != tested[1]):
        return f"facet values: {tested[0]} / {tested[1]}"
    for mine, other in zip(ours["facet"], theirs["facet"], strict=True):
        if len(mine["metrics"]) != len(other["metrics"]):
            return "number of metrics"
        for one, another in zip(mine["metrics"], other["metrics"], strict=True):
            if not _alike(one, another):
                return f"{mine['value_or_threshold']}: {one} / {another}"
    return None


def _alike(one: dict[str, Any], another: dict[str, Any]) -> bool:
    if {key: one.get(key) for key in ("name", "description", "error")} != {
        key: another.get(key) for key in ("name", "description", "error")
    }:
        return False
    if isinstance(one["value"], float | int) and isinstance(another["value"], float | int):
        return abs(one["value"] - another["value"]) <= CLOSE
    # None, or "Infinity".
    return bool(one["value"] == another["value"])


seen: Counter[str] = Counter()


def compare(case: Case, oracle: Oracle, folder: Path) -> set[Difference]:
    """Compare one case, and say which of the differences made on purpose were needed."""
    path = case.write(folder)
    mine, theirs = ours(case, path), oracle.ask(case, path)
    seen["errors on our side" if "error" in mine else "analyses"] += 1
    found = disagreement(mine, theirs)
    if found is None:
        seen["alike"] += 1
        return set()
    plainly = put_plainly(case, oracle.ask(case, path, describe=True))
    for difference in plainly.differences:
        seen[difference.name] += 1
    assert plainly.differences, found
    if plainly.refused:
        assert "can never match" in mine.get("error", ""), found
        return plainly.differences
    again = disagreement(mine, oracle.ask(case, path, **plainly.question), names=False)
    why = ", ".join(sorted(difference.name for difference in plainly.differences))
    assert again is None, f"{found}; differences that apply: {why}; put plainly: {again}"
    return plainly.differences


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("conformance")


@seed(SEED)
@settings(
    max_examples=DATASETS,
    derandomize=False,
    print_blob=True,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    database=None,
)
@given(case=cases())
@pytest.mark.timeout(1800)
def test_random_data(case: Case, oracle: Oracle, folder: Path) -> None:
    compare(case, oracle, folder)


# --- Each difference by an example --------------------------------------------------------------------------------


def case(label: Column, facet: Column, group: Column | None = None, **asked: Any) -> Case:
    asked = {"format": "csv", "label_values": (1,), "facet_values": None, "methods": ("all",)} | asked
    return Case(label=label, facet=facet, group=group, **asked)


def column(meaning: Any, *values: Any) -> Column:
    return Column(meaning, values)


YES_NO = column("integer", *"1101001010" * 10)
F_M = column("text", *"FMFMFFMMFM" * 10)

EXAMPLES = {
    Difference.MIXED_VALUES: case(column("integer", *"5435415432" * 10), F_M, label_values=("5", 4)),
    Difference.TRUTHS: case(
        YES_NO, column("boolean", *["True", "False", "True"] * 33, "True"), facet_values=("False",)
    ),
    Difference.NEVER_MATCHING: case(YES_NO, column("integer", *"5435415432" * 10), facet_values=(5, "zzz")),
    Difference.GAP_AT_THE_BEGINNING: case(column("text", "", *"yyyynnnnn" * 11), F_M, label_values=("yes",)),
    Difference.GROUP_GAPS: case(YES_NO, F_M, column("text", *["a", "b", "", "a"] * 25), methods=("CDDL",)),
    Difference.THE_MISSING_VALUE: case(YES_NO, column("boolean", *["True", "False", "", "True"] * 25)),
    Difference.DECIMALS: case(
        column("integer", *[1, 0] * 30),
        column("decimal", *[Decimal("0.53"), Decimal("-0.53")] * 30),
        format="parquet",
        facet_values=(0.53,),
    ),
    Difference.DATES: case(
        column("integer", *[1, 0] * 30),
        column("date", *[date(2020, 1, 1), date(2021, 1, 1), date(2020, 1, 1)] * 20),
        format="parquet",
        facet_values=("2020-01-01",),
    ),
}


@pytest.mark.parametrize("difference", Difference, ids=lambda difference: difference.name)
def test_a_difference_made_on_purpose_is_still_one(difference: Difference, oracle: Oracle, folder: Path) -> None:
    """Should smclarify come round, the difference can be struck off the list."""
    assert difference in compare(EXAMPLES[difference], oracle, folder)
