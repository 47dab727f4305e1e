"""Predictions and facets in files of their own: joined by row position or by an identifier, with nothing left out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy
import pandas
import pytest
from counting_factories import csv_of, written

from airflow_clarify import AnalysisConfig, BiasConfig, DataConfig, DuckDBEngine, SparkEngine, SQLEngine
from airflow_clarify.bias.contingency import Contingency
from airflow_clarify.exceptions import ConfigError, DataError

ROWS = 20_000
CHANCE = numpy.random.default_rng(1)
LOANS = pandas.DataFrame(
    {
        "loan": CHANCE.permutation(ROWS),
        "gender": CHANCE.choice(["F", "M", "X"], ROWS),
        "approved": CHANCE.integers(0, 2, ROWS),
    }
)
PREDICTIONS = pandas.Series((LOANS.approved + (CHANCE.random(ROWS) < 0.3)) % 2, name="prediction")


def count(
    source: Path, *, engine: DuckDBEngine | None = None, stage: str = "both", facet: Any = "gender", **options: Any
) -> Contingency:
    data = DataConfig(str(source), label="approved", **options)
    methods = None if stage == "post" else "all"
    config = AnalysisConfig.build(
        data, BiasConfig([1], facet), methods, post_training_methods=["DPPL"] if stage != "pre" else None
    )
    return (engine or DuckDBEngine(duckdb_conn_id=None, threads=2)).count(data, config)


def confusions(contingency: Contingency) -> dict[str | None, tuple[int, ...]]:
    (facet,) = contingency.facets
    found = {}
    for value in facet.values:
        counts = facet.split({value}).d_confusion
        assert counts is not None
        found[value] = tuple(each.rows for each in counts.cells)
    return found


def expected() -> dict[str | None, tuple[int, ...]]:
    found: dict[str | None, tuple[int, ...]] = {}
    for value in LOANS.gender.unique():
        rows = LOANS.gender == value
        labels, predictions = LOANS.approved[rows], PREDICTIONS[rows]
        found[value] = tuple(
            int(((labels == label) & (predictions == prediction)).sum())
            for label, prediction in ((1, 1), (0, 1), (1, 0), (0, 0))
        )
    return found


def write_parts(frame: pandas.DataFrame | pandas.Series, folder: Path, ends: list[int], ending: str) -> Path:
    """Several files of different lengths, in the order of their names."""
    folder.mkdir()
    frame = pandas.DataFrame(frame)
    for number, (start, end) in enumerate(zip([0, *ends], [*ends, len(frame)], strict=True)):
        part, path = frame[start:end], folder / f"part-{number}.{ending}"
        if ending == "csv":
            part.to_csv(path, index=False)
        elif ending == "parquet":
            part.to_parquet(path)
        else:
            part.to_json(path, orient="records", lines=True)
    return folder


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize(("loans", "predictions"), [("csv", "parquet"), ("parquet", "jsonl"), ("jsonl", "csv")])
def test_rows_are_joined_by_position_across_files(loans: str, predictions: str, threads: int, tmp_path: Path) -> None:
    types = {"csv": "text/csv", "parquet": "application/x-parquet", "jsonl": "application/jsonlines"}
    source = write_parts(LOANS, tmp_path / "loans", [7, 12_345], loans)
    other = write_parts(PREDICTIONS, tmp_path / "predictions", [9_999], predictions)
    found = count(
        source,
        dataset_type=types[loans],
        predicted_label_dataset_uri=str(other / f"*.{predictions}"),
        predicted_label="prediction",
        engine=DuckDBEngine(duckdb_conn_id=None, threads=threads),
    )
    assert confusions(found) == expected()
    assert found.facets[0].values == tuple(LOANS.gender.unique())


def test_little_memory_is_enough(tmp_path: Path) -> None:
    frame = pandas.concat([LOANS] * 25, ignore_index=True)
    frame.to_parquet(tmp_path / "loans.parquet")
    pandas.DataFrame(pandas.concat([PREDICTIONS] * 25, ignore_index=True)).to_parquet(tmp_path / "p.parquet")
    found = count(
        tmp_path / "loans.parquet",
        predicted_label_dataset_uri=str(tmp_path / "p.parquet"),
        predicted_label="prediction",
        engine=DuckDBEngine(duckdb_conn_id=None, threads=2, memory_limit="40MB"),
    )
    assert confusions(found) == {value: tuple(25 * n for n in counts) for value, counts in expected().items()}


def test_rows_are_joined_by_an_identifier_in_any_order(tmp_path: Path) -> None:
    LOANS.to_parquet(tmp_path / "loans.parquet")
    scored = pandas.DataFrame({"prediction": PREDICTIONS, "loan": LOANS.loan})
    scored.sample(frac=1, random_state=2).to_csv(tmp_path / "scored.csv", index=False)
    found = count(
        tmp_path / "loans.parquet",
        predicted_label_dataset_uri=str(tmp_path / "scored.csv"),
        predicted_label="prediction",
        joinsource="loan",
    )
    assert confusions(found) == expected()


@pytest.mark.parametrize("options", [{}, {"predicted_label": "mine"}, {"predicted_label_headers": ["mine"]}])
def test_a_file_of_predictions_without_a_header_row(options: dict[str, Any], tmp_path: Path) -> None:
    LOANS.to_csv(tmp_path / "loans.csv", index=False)
    PREDICTIONS.to_csv(tmp_path / "p.csv", index=False, header=False)
    found = count(tmp_path / "loans.csv", predicted_label_dataset_uri=str(tmp_path / "p.csv"), **options)
    assert confusions(found) == expected()


def test_facets_in_a_file_of_their_own(tmp_path: Path) -> None:
    pandas.DataFrame({"approved": LOANS.approved, "prediction": PREDICTIONS}).to_csv(tmp_path / "l.csv", index=False)
    LOANS[["gender"]].to_parquet(tmp_path / "g.parquet")
    facets = str(tmp_path / "g.parquet")
    found = count(tmp_path / "l.csv", facet_dataset_uri=facets, predicted_label="prediction")
    assert confusions(found) == expected()
    assert found.facets[0].values == tuple(LOANS.gender.unique())
    assert not count(tmp_path / "l.csv", facet_dataset_uri=facets, stage="pre").facets[0].predicted


def test_the_file_is_not_read_for_labels_alone(tmp_path: Path) -> None:
    LOANS.to_csv(tmp_path / "loans.csv", index=False)
    assert not count(tmp_path / "loans.csv", predicted_label_dataset_uri="absent.csv", stage="pre").predicted_label


SMALL = {"loan": [1, 2, 3], "gender": ["F", "M", "M"], "approved": [1, 0, 1]}


@pytest.mark.parametrize(
    ("columns", "options", "complaint"),
    [
        ({"p": [1, 0]}, {"predicted_label": "p"}, r"other.csv has 2 rows and .*loans.csv has 3"),
        ({"p": [1, 0, 1, 1]}, {"predicted_label": "p"}, r"other.csv has 4 rows and .*loans.csv has 3"),
        (
            {"p": [1, 0, 1], "loan": [1, 2, 2]},
            {"predicted_label": "p", "joinsource": "loan"},
            "'2' in column 'loan' occurs more than once",
        ),
        (
            {"p": [1, 0, 1], "loan": [1, 2, 4]},
            {"predicted_label": "p", "joinsource": "loan"},
            "'3' in column 'loan' is in one of the files only",
        ),
        (
            {"p": [1, 0, 1], "loan": [1, 2, None]},
            {"predicted_label": "p", "joinsource": "loan"},
            "'loan' has rows without a value|'3' in column 'loan' is in one",
        ),
        (
            {"p": [1, 0, 1]},
            {"predicted_label": "p", "joinsource": "loan"},
            "joinsource: the data have no column 'loan'",
        ),
        ({"gender": [1, 0, 1]}, {"predicted_label": "gender"}, "column 'gender' of .*other.csv is also in .*loans.csv"),
        ({"p": [1, 0, 1]}, {"predicted_label": "q"}, "no column 'q'|loans.csv has 3"),
    ],
)
def test_files_that_do_not_match(columns: Any, options: Any, complaint: str, tmp_path: Path) -> None:
    source = written(tmp_path / "loans.csv", csv_of(SMALL))
    other = written(tmp_path / "other.csv", csv_of(columns))
    with pytest.raises((ConfigError, DataError), match=complaint):
        count(source, predicted_label_dataset_uri=str(other), **options)


@pytest.mark.parametrize("engine", [SQLEngine("warehouse"), SparkEngine(url="sc://localhost")])
@pytest.mark.parametrize("key", ["predicted_label_dataset_uri", "facet_dataset_uri"])
def test_other_engines_join_in_the_query(engine: Any, key: str) -> None:
    with pytest.raises(ConfigError, match=rf"{key}: SQL does not join a file .*join them in the query"):
        engine.check_data(DataConfig(table="loans", label="approved", **{key: "s3://bucket/p.csv"}))


def test_periods_are_counted_with_predictions_in_a_file_of_their_own(tmp_path: Path) -> None:
    night = pandas.Series([f"2026-01-0{1 + row % 2}" for row in range(ROWS)], name="night")
    LOANS.assign(night=night).to_csv(tmp_path / "loans.csv", index=False)
    PREDICTIONS.to_csv(tmp_path / "predictions.csv", index=False)
    LOANS.assign(night=night, prediction=PREDICTIONS).to_csv(tmp_path / "together.csv", index=False)

    def count_nights(file: str, **options: Any) -> dict[str, dict[str | None, tuple[int, ...]]]:
        data = DataConfig(str(tmp_path / file), label="approved", predicted_label="prediction", **options)
        config = AnalysisConfig.build(data, BiasConfig([1], "gender"), post_training_methods=["DPPL"])
        counted = DuckDBEngine(duckdb_conn_id=None).count_periods(data, config, "night", "day")
        return {str(day): confusions(contingency) for day, contingency in counted}

    apart = count_nights("loans.csv", predicted_label_dataset_uri=str(tmp_path / "predictions.csv"))
    assert list(apart) == ["2026-01-01", "2026-01-02"]
    assert apart == count_nights("together.csv")
