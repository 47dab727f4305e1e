"""Counting combinations of column values: types, cuts, missing values, and the same counts by both ways."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_clarify import DataConfig, DuckDBEngine
from airflow_clarify.api import find_subgroups
from airflow_clarify.bias.subgroups.analysis_config import build_search_config
from airflow_clarify.bias.subgroups.combinations import CombinationCounts
from airflow_clarify.bias.subgroups.config import SearchConfig
from airflow_clarify.engines.duckdb import combinations
from airflow_clarify.exceptions import ConfigError, UnfitDataError

Key = tuple[tuple[str, str], ...]


def count(data: Any, columns: Sequence[str], positive: Sequence[Any] = ("yes",), **question: Any) -> CombinationCounts:
    """Count combinations with DuckDB, of a file or a DataFrame with the label "y"."""
    asked = SearchConfig(tuple(columns), **({"min_rows": 1} | question))
    engine = DuckDBEngine(duckdb_conn_id=None, threads=2)
    if isinstance(data, DataConfig):
        return engine.count_combinations(data, build_search_config(data, positive, asked), asked)
    described = DataConfig("DataFrame", label="y", headers=list(data.columns), dataset_type="text/csv")
    return engine.count_combinations(data, build_search_config(described, positive, asked), asked)


def list_counts(counts: CombinationCounts, max_depth: int = 3) -> dict[Key, tuple[float, ...]]:
    """The counts of each combination by the names of its values, with "missing" for a missing one."""
    found: dict[Key, tuple[float, ...]] = {}
    for block in counts.list_blocks(min(max_depth, len(counts.columns))):
        for place in range(block.sums.shape[1]):
            named = []
            for column, codes in zip(block.columns, block.codes, strict=True):
                described, code = counts.columns[column], int(codes[place])
                named.append((described.name, described.values[code - 1] if code else "missing"))
            assert tuple(named) not in found
            found[tuple(named)] = tuple(block.sums[0, place])
    return found


def count_plainly(frame: pandas.DataFrame, columns: Sequence[str]) -> dict[Key, tuple[float, ...]]:
    """The same counts, by pandas."""
    texts = frame[list(columns)].astype(object).where(frame[list(columns)].notna(), "missing").astype(str)
    found: dict[Key, tuple[float, ...]] = {}
    for depth in range(1, min(3, len(columns)) + 1):
        for chosen in itertools.combinations(columns, depth):
            for values, rows in texts.groupby(list(chosen)).groups.items():
                ones = float((frame.loc[rows, "y"] == "yes").sum())
                named = values if isinstance(values, tuple) else (values,)
                found[tuple(zip(chosen, named, strict=True))] = (len(rows) - ones, ones)
    return found


TEXTS = st.none() | st.sampled_from(["a", "b", "c d", "é", "x,y", "'; --"])


ROWS = st.tuples(TEXTS, TEXTS, st.sampled_from(["1", "2"]), st.sampled_from(["no", "yes"]))


@given(
    rows=st.lists(ROWS, min_size=1, max_size=40),
    limit=st.sampled_from([0, 1_000_000]),
)
@settings(max_examples=8)
def test_counts_are_those_of_the_rows(rows: list[tuple[Any, ...]], limit: int, tmp_path_factory: Any) -> None:
    frame = pandas.DataFrame(rows, columns=["g", "h", "k", "y"]).astype({"g": object, "h": object})
    path = tmp_path_factory.mktemp("data") / "data.parquet"
    frame.to_parquet(path)
    data = DataConfig(str(path), label="y")
    with pytest.MonkeyPatch.context() as patch:
        # Without room for the combinations of all columns, those of up to three are counted by grouping sets.
        patch.setitem(combinations.count_combinations.__kwdefaults__, "max_combinations", max(limit, 200))
        if not limit:
            patch.setattr(combinations.CountPlan, "max_joint", property(lambda plan: 1_000))
        counted = count(data, ["g", "h", "k"])

    assert (counted.joint is None) == (limit == 0)
    assert list_counts(counted) == count_plainly(frame, ["g", "h", "k"])
    assert counted.totals.tolist() == [[float((frame["y"] == "no").sum()), float((frame["y"] == "yes").sum())]]


def test_combinations_with_few_rows_are_left_to_the_engine() -> None:
    random = np.random.default_rng(1)
    frame = pandas.DataFrame({name: random.integers(0, 9, 3_000).astype(str) for name in "abcd"})
    frame["y"] = random.choice(["no", "yes"], 3_000)

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(combinations.count_combinations.__kwdefaults__, "max_combinations", 2_000)
        counted = count(frame, list("abcd"), min_rows=10)

    assert counted.joint is None
    plain = {key: rows for key, rows in count_plainly(frame, list("abcd")).items() if sum(rows) >= 10}
    assert list_counts(counted) == plain


def test_numbers_are_cut_at_observed_quantiles(tmp_path: Path) -> None:
    frame = pandas.DataFrame({"age": range(18, 118), "score": [0.5 + n for n in range(100)], "y": ["no", "yes"] * 50})
    frame.to_csv(tmp_path / "data.csv", index=False)

    for data in (frame, DataConfig(str(tmp_path / "data.csv"), label="y")):
        age, score = count(data, ["age", "score"], bins=4).columns
        assert age.values == ("[18, 42]", "(42, 67]", "(67, 92]", "(92, 117]")
        assert age.cuts == (42, 67, 92)
        assert score.values == ("[0.5, 24.5]", "(24.5, 49.5]", "(49.5, 74.5]", "(74.5, 99.5]")
        assert all(sum(rows) == 25 for key, rows in list_counts(count(data, ["age", "score"])).items() if len(key) == 1)


def test_a_value_that_many_rows_share_is_an_interval_of_its_own() -> None:
    frame = pandas.DataFrame({"income": [0] * 80 + list(range(1, 41)), "y": ["no", "yes"] * 60})

    (income,) = count(frame, ["income"], bins=4).columns

    assert income.values == ("[0, 0]", "(0, 10]", "(10, 40]")


@pytest.mark.parametrize(
    ("values", "types", "is_cut"),
    [
        (list(range(20)) * 50, None, False),
        (list(range(21)) * 50, None, True),
        ([n / 2 for n in range(10)] * 50, None, True),
        ([0.5, 1.5, 2.5] * 50, None, False),
        (list(range(10)) * 10, None, True),
        (list(range(21)) * 50, {"v": "categorical"}, False),
        (list(range(10)) * 50, {"v": "continuous"}, True),
        ([str(n) for n in range(21)] * 50, {"v": "categorical"}, False),
    ],
    ids=["20 codes", "21 integers", "floats", "few floats", "5 % are distinct", "declared a code", "declared", "texts"],
)
def test_which_columns_are_cut(values: list[Any], types: Any, is_cut: bool) -> None:
    frame = pandas.DataFrame({"v": values, "y": ["no" if n % 2 else "yes" for n in range(len(values))]})

    (column,) = count(frame, ["v"], column_types=types).columns

    assert (column.cuts is not None) == is_cut
    assert is_cut or len(column.values) == len(set(values))


def test_missing_values_of_text_files_are_counted_and_named(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("g,y\n" + "a,yes\n" * 5 + ",yes\n" * 2 + "NA,no\n" * 3)

    counted = count(DataConfig(str(tmp_path / "data.csv"), label="y"), ["g"])

    assert list_counts(counted) == {(("g", "a"),): (0, 5), (("g", "missing"),): (3, 2)}
    assert counted.columns[0].missing == 5
    assert any("'NA' in 3 rows" in warning for warning in counted.warnings)
    assert any("5 of 10 rows have no value" in warning for warning in counted.warnings)


def test_different_texts_of_one_number_are_one_value(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("g,y\n" + "1,yes\n01,no\n+1,yes\n2,no\n" * 40)

    counted = count(DataConfig(str(tmp_path / "data.csv"), label="y"), ["g"])

    assert list_counts(counted) == {(("g", "1"),): (40, 80), (("g", "2"),): (40, 0)}


def test_zeros_and_nan_of_a_float_column_are_counted_once() -> None:
    frame = pandas.DataFrame({"g": [0.0, -0.0, float("nan"), 1.5] * 5, "y": ["yes", "no"] * 10})

    found = list_counts(count(frame, ["g"]))

    assert found == {(("g", "0.0"),): (5, 5), (("g", "missing"),): (0, 5), (("g", "1.5"),): (5, 0)}


def test_weights_are_summed() -> None:
    frame = pandas.DataFrame({"g": ["a", "a", "b"] * 4, "y": ["yes", "no", "yes"] * 4, "w": [0.5, 2.0, 3.0] * 4})
    asked = SearchConfig(("g",), min_rows=1)
    described = DataConfig("DataFrame", label="y", headers=list(frame.columns), dataset_type="text/csv")

    counted = DuckDBEngine(duckdb_conn_id=None).count_combinations(
        frame, build_search_config(described, ["yes"], asked), asked, weight="w"
    )

    (block,) = counted.list_blocks(1)
    assert block.sums[0].tolist() == [[4, 4], [0, 4]]
    assert block.sums[1].tolist() == [[8.0, 2.0], [0.0, 12.0]]
    assert block.sums[2].tolist() == [[16.0, 1.0], [0.0, 36.0]]


def test_predictions_are_counted_beside_labels() -> None:
    labels, predicted = ["yes", "yes", "no", "no"], ["yes", "no", "no", "yes", "yes", "no", "no", None]
    frame = pandas.DataFrame({"g": ["a", "b"] * 8, "y": labels * 4, "p": predicted * 2})
    asked = SearchConfig(("g",), metric="RD", min_rows=1)
    described = DataConfig(
        "DataFrame", label="y", headers=list(frame.columns), dataset_type="text/csv", predicted_label="p"
    )
    config = build_search_config(described, ["yes"], asked)

    counted = DuckDBEngine(duckdb_conn_id=None).count_combinations(frame, config, asked)

    (block,) = counted.list_blocks(1)
    assert counted.outcomes == ("tn", "fp", "fn", "tp")
    assert block.sums[0].tolist() == [[4, 0, 0, 4], [2, 2, 4, 0]]


def test_scores_are_compared_with_their_threshold() -> None:
    random = np.random.default_rng(2)
    frame = pandas.DataFrame({"g": random.choice(["a", "b"], 2_000), "y": random.integers(0, 2, 2_000)})
    frame["score"] = np.where((frame["g"] == "a") & (frame["y"] == 1), 0.2, 0.4) + 0.5 * frame["y"]

    found = find_subgroups(
        frame, ["g"], [1], label="y", predicted_label="score", probability_threshold=0.8, metric="RD"
    )

    assert [(one.group, one.rate, one.rest_rate) for one in found.subgroups] == [({"g": "a"}, 0.0, 1.0)]


# --- Bad input ------------------------------------------------------------------------------------------------------


def frame_of(**columns: Any) -> pandas.DataFrame:
    rows = max((len(column) for column in columns.values()), default=2_000)
    return pandas.DataFrame({"y": ["no", "yes"] * (rows // 2), **columns})


@pytest.mark.parametrize(
    ("columns", "question", "error", "sentence"),
    [
        (["zip"], {}, ConfigError, "columns: 'zip' holds 2,000 different values, more than 1,000; leave it out"),
        (["g", "y"], {}, ConfigError, "columns: 'y' is the label; a label cannot be biased against itself"),
        (["g", 1], {}, ConfigError, "columns: 'g' is given twice, perhaps by name and by index"),
        (["sex"], {}, ConfigError, "columns: the data have no column 'sex'"),
        (["g"], {"min_rows": 2_001}, UnfitDataError, "min_rows: 2,001 is above the number of rows, 2,000"),
        (["g"], {"metric": "RD"}, ConfigError, "metric: RD needs predictions; name their column in predicted_label"),
        (["g"], {"column_types": {"g": "continuous"}}, ConfigError, "column_types: column 'g' holds text values"),
        (["g"], {"depth": 2}, ConfigError, "depth: no such parameter; there are columns, max_depth"),
    ],
)
def test_data_that_do_not_fit_are_one_sentence(
    columns: list[Any], question: dict[str, Any], error: type[Exception], sentence: str
) -> None:
    frame = frame_of(g=["a", "b"] * 1_000, zip=[f"z{number}" for number in range(2_000)])

    with pytest.raises(error, match=sentence) as raised:
        find_subgroups(frame, columns, ["yes"], label="y", **question)

    assert "\n" not in str(raised.value)


def test_more_combinations_than_can_be_fetched_is_one_sentence() -> None:
    random = np.random.default_rng(3)
    frame = frame_of(**{name: random.integers(0, 15, 4_000).astype(str) for name in "abcd"})

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(combinations.count_combinations.__kwdefaults__, "max_combinations", 500)
        with pytest.raises(ConfigError, match="columns: 4 columns have more than 500 combinations of up to 3 values"):
            count(frame, list("abcd"))


def test_labels_of_one_outcome_cannot_be_searched() -> None:
    frame = frame_of(g=["a", "b"] * 500).assign(y="no")

    with pytest.raises(UnfitDataError, match="label: no row of 1,000 counts as positive"):
        find_subgroups(frame, ["g"], ["yes"], label="y")
