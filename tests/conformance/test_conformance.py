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

import pandas
import pytest
from case_frames import series_of
from cases import Case, Column, cases
from differences import Difference, put_plainly
from hypothesis import HealthCheck, given, seed, settings

from airflow_clarify import BiasConfig, DataConfig, DuckDBEngine, analyze
from airflow_clarify.exceptions import ClarifyError

pytestmark = pytest.mark.conformance

CLOSE = 1e-12
_SEED_IN_CI = 3758157019
SEED = int(
    os.environ.get("CLARIFY_CONFORMANCE_SEED")
    or (_SEED_IN_CI if os.environ.get("CI") else random.SystemRandom().randrange(1 << 32))
)
DATASETS = int(os.environ.get("CLARIFY_CONFORMANCE_DATASETS") or 600)


_TYPES = {"csv": "text/csv", "parquet": "application/x-parquet", "jsonlines": "application/jsonlines"}


class Oracle:
    """The open-source package in its own environment, asked over a pipe."""

    def __init__(self, python: str) -> None:
        script = Path(__file__).with_name("oracle.py")
        self._process = subprocess.Popen(
            [python, str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
        )

    def ask(self, case: Case, path: Path, facet: str, **changes: Any) -> dict[str, Any]:
        question = {
            "path": str(path),
            "format": case.format,
            "label": "label",
            "label_values": list(case.label_values),
            "facet": facet,
            "facet_values": None if case.facet_values is None else list(case.facet_values),
            "group": None if case.group is None else "group",
            "methods": list(case.methods),
        }
        return self.send(question | changes)

    def send(self, question: dict[str, Any]) -> dict[str, Any]:
        """Send a question in the format of the oracle."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(question) + "\n")
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


def ours(case: Case, path: Path, *facets: str, weight: str | None = None) -> dict[str, Any]:
    """The same answer from this package, through the file that it writes; of several facets under their names."""
    of_facets = [None if case.facet_values is None or facet != "facet" else list(case.facet_values) for facet in facets]
    bias = BiasConfig(list(case.label_values), list(facets), of_facets, None if case.group is None else "group")
    methods = "all" if case.methods == ("all",) else list(case.methods)
    engine = DuckDBEngine(duckdb_conn_id=None, threads=1)
    try:
        if case.format == "dataframe":
            columns = json.loads(path.read_text())
            frame = pandas.DataFrame({name: series_of(**column) for name, column in columns.items()})
            analysis = analyze(frame, bias, label="label", methods=methods, weight=weight, engine=engine)
        else:
            analysis = analyze(
                DataConfig(str(path), dataset_type=_TYPES[case.format], label="label", weight=weight),
                bias,
                methods=methods,
                engine=engine,
            )
    except ClarifyError as error:
        return {"error": f"{type(error).__name__}: {error}"}
    section = json.loads(analysis.to_clarify_json())["pre_training_bias_metrics"]
    assert list(section["facets"]) == list(facets)
    answers = {
        name: {"facet": of_facet, "label_text": section["label_value_or_threshold"]}
        for name, of_facet in section["facets"].items()
    }
    return answers if len(facets) > 1 else answers[facets[0]]


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
    seen[case.format] += 1
    differences = compare_facet(case, oracle, path, "facet")
    if case.second is not None:
        seen["two facets"] += 1
        differences |= compare_facet(case.of_second(), oracle, path, "second")
        compare_both_facets(case, path)
    if case.weights is not None:
        compare_weights(case, oracle, path, folder)
    return differences


def compare_both_facets(case: Case, path: Path) -> None:
    """Compare an answer about two facets with two answers about one facet each."""
    both, alone = ours(case, path, "facet", "second"), {name: ours(case, path, name) for name in ("facet", "second")}
    if any("error" in answer for answer in alone.values()):
        assert both["error"] in [answer.get("error") for answer in alone.values()]
    else:
        assert both == alone


def compare_weights(case: Case, oracle: Oracle, path: Path, folder: Path) -> None:
    """Compare weighted rows with the same rows without weights, or repeated."""
    assert case.weights is not None
    weighted = ours(case, path, "facet", weight="w")
    if len(set(case.weights)) == 1:
        seen["one weight for all"] += 1
        found = disagreement(weighted, ours(case, path, "facet"))
    else:
        seen["whole weights"] += 1
        repeated = case.repeated()
        (folder / "repeated").mkdir(exist_ok=True)
        file = repeated.write(folder / "repeated")
        compare_facet(repeated, oracle, file, "facet")
        found = disagreement(weighted, ours(repeated, file, "facet"))
    assert found is None, f"weights: {found}"


def compare_facet(case: Case, oracle: Oracle, path: Path, facet: str) -> set[Difference]:
    """Compare the results of one facet."""
    mine, theirs = ours(case, path, facet), oracle.ask(case, path, facet)
    seen["errors on our side" if "error" in mine else "analyses"] += 1
    found = disagreement(mine, theirs)
    if found is None:
        seen["alike"] += 1
        return set()
    plainly = put_plainly(case, oracle.ask(case, path, facet, describe=True))
    if not plainly.differences and _has_failed_itself(theirs):
        seen["failures of smclarify itself"] += 1
        return set()
    for difference in plainly.differences:
        seen[difference.name] += 1
    assert plainly.differences, found
    if plainly.refused:
        assert "can never match" in mine.get("error", ""), found
        return plainly.differences
    put_again = oracle.ask(case, path, facet, **plainly.question)
    if _has_failed_itself(put_again):
        seen["failures of smclarify itself"] += 1
        return plainly.differences
    again = disagreement(mine, put_again, names=False)
    why = ", ".join(sorted(difference.name for difference in plainly.differences))
    assert again is None, f"{found}; differences that apply: {why}; put plainly: {again}"
    return plainly.differences


def _has_failed_itself(answer: dict[str, Any]) -> bool:
    """Return whether smclarify failed by its own defect.

    It names the metric of an error only after the step that can fail, so it fails itself.
    """
    return str(answer.get("error", "")).startswith("UnboundLocalError")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("conformance")


#: As many random cases as are asked for, the same for the same seed.
random_cases = settings(
    max_examples=DATASETS,
    derandomize=False,
    print_blob=True,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    database=None,
)


@seed(SEED)
@random_cases
@given(case=cases())
@pytest.mark.timeout(1800)
def test_random_data(case: Case, oracle: Oracle, folder: Path) -> None:
    compare(case, oracle, folder)


# --- Each difference by an example --------------------------------------------------------------------------------


def case(label: Column, facet: Column, group: Column | None = None, **asked: Any) -> Case:
    asked = {"format": "csv", "label_values": (1,), "facet_values": None, "methods": ("all",)} | asked
    return Case(label=label, facet=facet, group=group, **asked)


def column(meaning: Any, *values: Any, dtype: Any = None) -> Column:
    return Column(meaning, values, dtype)


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
    Difference.OBJECT_TRUTHS: case(
        column("integer", *[1, 0] * 10),
        column("boolean", *[True, True, False, False] * 5, dtype="object"),
        format="dataframe",
        facet_values=(True,),
    ),
    Difference.JSON_FLOATS: case(
        column("integer", *[1, 0] * 30),
        column("float", *[1.0, 2.0, 3.0] * 20),
        format="jsonlines",
        facet_values=(2,),
    ),
    Difference.JSON_TRUTHS: case(
        column("integer", *[1, 0] * 30),
        column("boolean", *[True, False, None] * 20),
        format="jsonlines",
        facet_values=(True,),
    ),
    Difference.TWO_NANS: case(
        column("integer", *[1, 0] * 30),
        column("text", *["nan", "a", None] * 20),
        format="parquet",
    ),
    Difference.NEGATIVE_ZERO: case(
        column("integer", *[1, 0] * 30),
        column("float", *[-0.0, 1.0, 0.0] * 20, dtype="category"),
        format="dataframe",
    ),
    Difference.DATES: case(
        column("integer", *[1, 0] * 30),
        column("date", *[date(2020, 1, 1), date(2021, 1, 1), date(2020, 1, 1)] * 20),
        format="parquet",
        facet_values=("2020-01-01",),
    ),
}


@pytest.mark.parametrize("difference", Difference, ids=lambda difference: difference.name)
def test_a_deliberate_difference_from_smclarify_still_exists(
    difference: Difference, oracle: Oracle, folder: Path
) -> None:
    """If smclarify changes, the difference can be removed from the list."""
    assert difference in compare(EXAMPLES[difference], oracle, folder)
