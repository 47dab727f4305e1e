"""The Python API: DataFrames are analysed and balanced like files with the same rows, and are not modified."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest
from pandas.testing import assert_frame_equal

import airflow_clarify
from airflow_clarify import BiasConfig, DataConfig, DuckDBEngine
from airflow_clarify.api import analyze, balance, gate
from airflow_clarify.bias.analysis import Analysis
from airflow_clarify.bias.resampling import BalanceConfig
from airflow_clarify.bias.thresholds import Outcome
from airflow_clarify.exceptions import ConfigError, DataError, QuotaError

ROWS = 1200
APPROVED_OF_GENDER = BiasConfig([1], "gender")


def loans(seed: int = 0) -> pandas.DataFrame:
    """Build a DataFrame of loans with columns of many dtypes."""
    random = np.random.default_rng(seed)
    gender = random.choice(["F", "M", "X"], ROWS, p=[0.3, 0.6, 0.1])
    income = random.normal(50, 20, ROWS).round(2)
    income[random.random(ROWS) < 0.1] = np.nan
    return pandas.DataFrame(
        {
            "gender": gender,
            "region": pandas.Categorical(
                random.choice(["north", "south"], ROWS), categories=["south", "north", "west"]
            ),
            "age": random.integers(18, 90, ROWS).astype("int16"),
            "income": income,
            "children": pandas.array(random.choice([0, 1, 2, None], ROWS), dtype="Int64"),
            "owner": pandas.array(random.choice([True, False, None], ROWS), dtype="boolean"),
            "applied": pandas.Timestamp("2026-01-01") + pandas.to_timedelta(random.integers(0, 9, ROWS), unit="D"),
            "weight": random.choice([0.5, 1.0, 2.5], ROWS),
            "approved": (random.random(ROWS) < np.where(gender == "F", 0.4, 0.6)).astype("int64"),
        }
    )


def compute_dpl(frame: pandas.DataFrame, facet: str, value: Any) -> float:
    """Compute the DPL of a facet value by its definition."""
    sensitive = (frame[facet] == value).fillna(False).astype(bool)
    positive = frame["approved"] == 1
    return float(positive[~sensitive].mean() - positive[sensitive].mean())


def dpl(analysis: Analysis) -> dict[str, float | None]:
    """Return the DPL of every tested group."""
    found = {}
    for facet, result in analysis.results():
        metric = result.metric("DPL")
        assert metric is not None
        found[f"{facet.column}={result.value}"] = metric.value
    return found


def analyze_parquet_file(frame: pandas.DataFrame, folder: Path, bias: BiasConfig, **asked: Any) -> Analysis:
    """Analyze a Parquet file with the rows of a DataFrame."""
    path = folder / "loans.parquet"
    frame.to_parquet(path)
    return analyze(DataConfig(str(path)), bias, label="approved", **asked)


# --- Analysing ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("facet", "values"),
    [
        ("gender", ["F", "M", "X"]),
        ("region", ["north", "south"]),
        ("children", [0, 1, 2]),
        ("owner", [True, False]),
    ],
)
def test_each_value_against_the_rest(facet: str, values: list[Any]) -> None:
    frame = loans()

    found = dpl(analyze(frame, BiasConfig([1], facet, facet_type="categorical"), label="approved"))

    expected = {f"{facet}={value}": compute_dpl(frame, facet, value) for value in values}
    assert {name: found[name] for name in expected} == pytest.approx(expected, abs=1e-12)


def test_a_threshold_on_floats_leaves_nan_to_the_rest() -> None:
    frame = loans()

    analysis = analyze(frame, BiasConfig([1], "income", [60.0]), label="approved")

    ((name, value),) = dpl(analysis).items()
    assert name == f"income=(60.0, {float(frame['income'].max())}]"
    assert value == pytest.approx(compute_dpl(frame.assign(above=frame["income"] > 60.0), "above", True), abs=1e-12)
    assert any("rows have no value" in warning for warning in analysis.warnings)


@pytest.mark.parametrize(
    ("bias", "asked"),
    [
        pytest.param(APPROVED_OF_GENDER, {}, id="text"),
        pytest.param(BiasConfig([1], "gender", ["F", "X"], group_name="region"), {}, id="group variable"),
        pytest.param(BiasConfig([1], "children", facet_type="categorical"), {}, id="nullable integers"),
        pytest.param(BiasConfig([1], "owner"), {}, id="nullable booleans"),
        pytest.param(BiasConfig([1], "region"), {}, id="categories"),
        pytest.param(BiasConfig([1], "income", [60.0]), {}, id="floats with NaN"),
        pytest.param(BiasConfig([1], "applied"), {}, id="dates"),
        pytest.param(BiasConfig([1], ["gender", "region", "income"], [None, ["north"], [50]]), {}, id="several facets"),
        pytest.param(APPROVED_OF_GENDER, {"weight": "weight"}, id="weights"),
        pytest.param(APPROVED_OF_GENDER, {"methods": ["DPL", "CI"]}, id="some metrics"),
    ],
)
def test_a_frame_and_a_file_give_the_same_analysis(bias: BiasConfig, asked: dict[str, Any], tmp_path: Path) -> None:
    frame = loans()

    of_frame = analyze(frame, bias, label="approved", **asked)
    of_file = analyze_parquet_file(frame, tmp_path, bias, **asked)

    assert of_frame.to_clarify_json() == of_file.to_clarify_json()
    assert of_frame.to_summary()["facets"] == of_file.to_summary()["facets"]
    assert of_frame.warnings == of_file.warnings


def test_integer_weights_equal_repeated_rows() -> None:
    frame = loans().assign(weight=np.tile([1, 2, 3], ROWS // 3))
    repeated = frame.loc[frame.index.repeat(frame["weight"])]

    weighted = analyze(frame, APPROVED_OF_GENDER, label="approved", weight="weight")
    counted = analyze(repeated, APPROVED_OF_GENDER, label="approved")

    assert dpl(weighted) == pytest.approx(dpl(counted), abs=1e-12)
    assert weighted.weighted
    assert not counted.weighted


def test_columns_may_be_named_by_index() -> None:
    frame = loans()

    by_index = analyze(frame, BiasConfig([1], 0), label=len(frame.columns) - 1)

    assert by_index.to_clarify_json() == analyze(frame, APPROVED_OF_GENDER, label="approved").to_clarify_json()


def test_the_index_and_the_order_of_rows_do_not_change_the_analysis() -> None:
    frame = loans()
    shuffled = frame.sample(frac=1, random_state=1).set_index("applied")

    in_order = dpl(analyze(frame, APPROVED_OF_GENDER, label="approved"))

    assert dpl(analyze(shuffled, APPROVED_OF_GENDER, label="approved")) == in_order


def test_the_frame_is_not_modified() -> None:
    frame = loans()
    before = frame.copy(deep=True)

    analyze(frame, BiasConfig([1], ["region", "owner"]), label="approved")
    balance(frame, ["gender", "approved"])

    assert_frame_equal(frame, before)


def test_the_analysis_is_converted_to_a_frame() -> None:
    metrics = analyze(loans(), APPROVED_OF_GENDER, label="approved", methods=["CI", "DPL"]).to_pandas()

    assert list(metrics["metric"]) == ["CI", "DPL"] * 3
    assert metrics["rows"].sum() == 2 * ROWS


def test_an_engine_with_limits_is_used(tmp_path: Path) -> None:
    engine = DuckDBEngine(duckdb_conn_id=None, memory_limit="nonsense")

    with pytest.raises(ConfigError, match="nonsense"):
        analyze(loans(), APPROVED_OF_GENDER, label="approved", engine=engine)


@pytest.mark.parametrize(
    ("frame", "asked", "error", "says"),
    [
        (loans(), {}, ConfigError, "label"),
        (loans(), {"label": "granted"}, ConfigError, "no column 'granted'"),
        (loans(), {"label": "approved", "methods": ["DPX"]}, ConfigError, "no metric 'DPX'"),
        (loans(), {"label": "approved", "weight": "income"}, DataError, "every row needs a weight"),
        (loans().head(0), {"label": "approved"}, DataError, "no rows"),
        (loans().rename(columns={"age": 7}), {"label": "approved"}, DataError, "not texts"),
        (loans().rename(columns={"age": "Gender"}), {"label": "approved"}, DataError, "'Gender'.* case"),
        ({"gender": ["F"], "approved": [1]}, {"label": "approved"}, ConfigError, "not dict"),
    ],
    ids=[
        "no label",
        "no such label",
        "no such metric",
        "NaN as weight",
        "no rows",
        "a number as name",
        "case",
        "a dict",
    ],
)
def test_invalid_analyze_arguments(frame: Any, asked: dict[str, Any], error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says) as raised:
        analyze(frame, APPROVED_OF_GENDER, **asked)

    assert len(str(raised.value).splitlines()) == 1


# --- Balancing ----------------------------------------------------------------------------------------------------


def make_indexed_frame(kind: str) -> pandas.DataFrame:
    frame = loans()
    if kind == "texts":
        return frame.set_index(pandas.Index([f"loan {i}" for i in range(ROWS)], name="loan"))
    if kind == "twice the same":
        return frame.set_index(pandas.Index([0] * ROWS))
    if kind == "two levels":
        return frame.set_index([frame["region"].rename("where"), frame["age"].rename("old")])
    return frame.iloc[::-1]


@pytest.mark.parametrize("kind", ["texts", "twice the same", "two levels", "descending"])
def test_index_order_columns_and_types_are_kept(kind: str) -> None:
    frame = make_indexed_frame(kind).assign(row=range(ROWS))

    balanced = balance(frame, ["gender", "approved"], seed=3)

    kept = balanced["row"].to_numpy()
    assert (np.diff(kept) > 0).all()
    assert_frame_equal(balanced, frame.iloc[kept], check_flags=False)
    assert list(balanced.dtypes) == list(frame.dtypes)


def test_each_stratum_keeps_as_many_rows_as_the_smallest_has() -> None:
    frame = loans()
    sizes = frame.groupby(["gender", "approved"]).size()

    balanced = balance(frame, ["gender", "approved"])

    assert set(balanced.groupby(["gender", "approved"]).size()) == {sizes.min()}
    assert len(balanced) == len(sizes) * sizes.min()


@pytest.mark.parametrize(
    "plan",
    [
        {"seed": 1},
        {"seed": 2, "size": 5},
        {"seed": 3, "fraction": 0.25},
        {"seed": 4, "strategy": "oversample"},
        {"strategy": "reweigh"},
    ],
    ids=str,
)
@pytest.mark.parametrize("by", [["gender", "approved"], ["region", "children", "approved"]], ids=str)
def test_a_frame_and_a_file_give_the_same_rows(plan: dict[str, Any], by: list[str], tmp_path: Path) -> None:
    frame = loans().assign(row=range(ROWS)).rename(columns={"weight": "importance"})
    source, target = tmp_path / "loans.parquet", tmp_path / "balanced.parquet"
    frame.to_parquet(source)

    of_frame = balance(frame, by, **plan)
    result = DuckDBEngine(duckdb_conn_id=None).balance(DataConfig(str(source)), str(target), BalanceConfig(by, **plan))

    of_file = pandas.read_parquet(target)
    assert list(of_frame["row"]) == list(of_file["row"])
    assert list(of_frame.columns) == list(of_file.columns)
    if "weight" in of_file:
        assert list(of_frame["weight"]) == list(of_file["weight"])
    assert of_frame.attrs["balance"] == {**result.to_json(), "target": ""}


def test_only_the_seed_determines_the_rows() -> None:
    frame = loans()

    first, again, other = (balance(frame, ["gender", "approved"], seed=seed) for seed in (1, 1, 2))

    assert_frame_equal(first, again)
    assert list(first.index) != list(other.index)
    assert len(first) == len(other)


def test_oversampling_keeps_and_repeats_rows() -> None:
    frame = loans()

    balanced = balance(frame, ["gender", "approved"], strategy="oversample")

    assert set(balanced.index) == set(frame.index)
    assert set(balanced.groupby(["gender", "approved"]).size()) == {frame.groupby(["gender", "approved"]).size().max()}


def test_reweighing_makes_facet_and_label_independent() -> None:
    frame = loans().drop(columns="weight")

    weighted = balance(frame, ["gender", "approved"], strategy="reweigh")
    after = analyze(weighted, APPROVED_OF_GENDER, label="approved", methods=["DPL"], weight="weight")

    assert_frame_equal(weighted.drop(columns="weight"), frame, check_flags=False)
    assert [value for value in dpl(after).values() if value is not None] == pytest.approx([0.0] * 3, abs=2**-53)


def test_balanced_data_have_no_difference_left() -> None:
    balanced = balance(loans(), ["gender", "approved"])

    assert dpl(analyze(balanced, APPROVED_OF_GENDER, label="approved")) == {
        "gender=F": 0.0,
        "gender=M": 0.0,
        "gender=X": 0.0,
    }


@pytest.mark.parametrize("column", ["children", "owner", "income_group"])
@pytest.mark.parametrize("missing", ["drop", "keep"])
def test_rows_without_a_value(column: str, missing: str) -> None:
    frame = loans()
    frame["income_group"] = np.where(frame["income"].isna(), np.nan, frame["income"] // 50 * 0 + 1)

    balanced = balance(frame, [column, "approved"], size=20, missing=missing)

    assert balanced[column].isna().sum() == (40 if missing == "keep" else 0)


@pytest.mark.parametrize(
    ("by", "plan", "error", "says"),
    [
        (["gender", "granted"], {}, ConfigError, "granted"),
        ("gender", {}, ConfigError, "not a list"),
        (["gender", "approved"], {"size": 0}, ConfigError, "size"),
        (["gender", "approved"], {"strategy": "guess"}, ConfigError, "no 'guess'"),
        (["gender", "approved"], {"strategy": "reweigh"}, ConfigError, "'weight' already"),
        (["gender", "approved"], {"size": 10_000}, QuotaError, "fewer than"),
        (["owner", "approved"], {"missing": "error"}, DataError, "without a value in owner"),
    ],
)
def test_invalid_balance_arguments(by: Any, plan: dict[str, Any], error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says) as raised:
        balance(loans(), by, **plan)

    assert len(str(raised.value).splitlines()) == 1


def test_a_combination_without_rows_is_named() -> None:
    frame = loans().query("not (gender == 'X' and approved == 1)")

    with pytest.raises(QuotaError, match="gender='X' and approved='1'"):
        balance(frame, ["gender", "approved"])
    assert len(balance(frame, ["gender", "approved"], empty="ignore")) > 0


def test_an_empty_frame_and_a_missing_frame_are_refused() -> None:
    with pytest.raises(DataError, match="no row to balance"):
        balance(loans().head(0), ["gender"])
    with pytest.raises(ConfigError, match="not list"):
        balance([1, 2], ["gender"])  # type: ignore[arg-type]


# --- Imports and types of arguments -------------------------------------------------------------------------------


def test_importing_the_functions_loads_no_heavy_module() -> None:
    assert airflow_clarify.analyze is analyze
    assert airflow_clarify.balance is balance
    script = """
import sys
from airflow_clarify import analyze, balance
print(sorted({"airflow", "duckdb", "jinja2", "numpy", "pandas", "pydantic", "sqlglot"} & set(sys.modules)))
"""
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout == "[]\n"


@pytest.mark.costly
def test_a_frame_needs_no_airflow() -> None:
    script = """
import sys
import pandas
from airflow_clarify import BiasConfig, analyze, balance
frame = pandas.DataFrame({"f": list("aabb") * 9, "y": [0, 1, 1, 1] * 9})
analyze(frame, BiasConfig([1], "f"), label="y")
balance(frame, ["f"])
print("airflow" in sys.modules)
"""
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout == "False\n"


@pytest.mark.parametrize(
    ("arguments", "refusal"),
    [
        ({"bias_config": {"facet_name": "g"}}, "bias_config: a BiasConfig is needed, not dict"),
        ({"engine": "duckdb"}, "engine: a DuckDBEngine is needed here, not str"),
        ({"weight": 1.5}, "weight: 1.5 is not allowed; give a column name or its index from 0"),
        ({"methods": 7}, "methods: 7 is not allowed; give 'all' or a list of metrics"),
    ],
)
def test_an_argument_of_a_wrong_type_is_refused(arguments: dict[str, Any], refusal: str) -> None:
    frame = pandas.DataFrame({"g": ["a", "b"], "y": [1, 0]})
    given: dict[str, Any] = {"bias_config": BiasConfig([1], "g"), "label": "y"} | arguments
    with pytest.raises(ConfigError) as raised:
        analyze(frame, **given)
    assert str(raised.value) == refusal


@pytest.mark.parametrize("by", [None, 1, 1.5, [["g"]], object()])
def test_strata_of_a_wrong_type_are_refused(by: Any) -> None:
    with pytest.raises(ConfigError, match=r"^by: "):
        balance(pandas.DataFrame({"g": ["a", "b"]}), by)


def test_gate_judges_an_analysis_or_its_file(tmp_path: Path) -> None:
    frame = pandas.DataFrame({"g": ["a", "b"] * 30, "y": [1, 0] * 30})
    analysis = analyze(frame, BiasConfig([1], "g", label_type="categorical"), label="y")
    (tmp_path / "data.csv").write_text(frame.to_csv(index=False))
    data = DataConfig(str(tmp_path / "data.csv"), label="y", output_path=str(tmp_path / "out"))
    analyze(data, BiasConfig([1], "g", label_type="categorical"))

    assert not gate(analysis, {"DPL": 0.1}).passed
    assert not gate(str(tmp_path / "out" / "analysis.json"), {"DPL": 0.1}).passed
    assert gate(analysis, {"DPL": (-1.0, 0.99), "CI": 0.5}).outcome is Outcome.VIOLATION
    assert gate(analysis, {"CI": 0.5}).passed
