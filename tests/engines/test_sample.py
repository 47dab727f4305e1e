from __future__ import annotations

import csv
import gzip
import hashlib
import io
import itertools
import json
import os
import subprocess
import sys
import tracemalloc
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_clarify.bias.config import DataConfig
from airflow_clarify.bias.resampling import BalanceConfig, BalanceResult, Stratum
from airflow_clarify.engines.duckdb import DuckDBEngine
from airflow_clarify.engines.duckdb.resampling import record_copy as lines
from airflow_clarify.engines.duckdb.resampling import strata
from airflow_clarify.engines.duckdb.resampling import writer as rewrite
from airflow_clarify.engines.duckdb.resampling.random_keys import BLOCK, RowKeys
from airflow_clarify.engines.duckdb.resampling.resample import resample, resample_dataframe
from airflow_clarify.engines.duckdb.resampling.selection import select_from_strata
from airflow_clarify.engines.duckdb.source import open_frame, open_source
from airflow_clarify.exceptions import ConfigError, DataError, OutputError, QuotaError
from airflow_clarify.io.atomic import atomic_write

Row = dict[str, Any]
BY = ("g", "t")


def balance_file(path: Path | str, target: Path | str, by: Sequence[str] = BY, **parameters: Any) -> BalanceResult:
    """Balance a file in a connection of its own; what ``DataConfig`` and DuckDB are to know goes by name."""
    settings = {name: parameters.pop(name) for name in ("threads", "memory_limit") if name in parameters}
    options = {name: parameters.pop(name) for name in DataConfig.__annotations__ if name in parameters}
    with duckdb.connect(config=settings) as connection:
        source = open_source(connection, DataConfig(input_path=str(path), **options))
        callbacks = {name: parameters.pop(name) for name in ("publish", "progress") if name in parameters}
        return resample(source, str(target), BalanceConfig(by, **parameters), **callbacks)


def wanted_rows(strata_of_rows: Sequence[Stratum], seed: int, balance: BalanceConfig) -> list[tuple[int, float | None]]:
    """The positions to write, in order and as often as wanted, with their weights: from the definitions, row by row."""
    members = defaultdict(list)
    for position, stratum in enumerate(strata_of_rows):
        members[stratum].append(position)
    shares = balance.plan({stratum: len(rows) for stratum, rows in members.items()}).shares
    wanted = []
    for share in shares:
        ranked = sorted(
            members[share.values], key=lambda position: RowKeys(seed).compute_range(position, position + 1)[0]
        )
        whole, rest = divmod(share.after, share.before)
        wanted += [(position, share.weight) for position in ranked * whole + ranked[:rest]]
    return sorted(wanted, key=lambda row: row[0])


def a_table(rows: int, seed: int = 0) -> list[Row]:
    """Rows in six strata of unequal sizes; many rows are equal to others."""
    random = np.random.default_rng(seed)
    g = random.choice(["a", "b", "c"], rows, p=[0.6, 0.3, 0.1])
    t = random.choice(["0", "1"], rows, p=[0.7, 0.3])
    return [{"g": str(g[i]), "n": f"{i % 7:05d}", "t": str(t[i])} for i in range(rows)]


def strata_of(table: Sequence[Row]) -> list[Stratum]:
    return [(row["g"], row["t"]) for row in table]


def as_csv(table: Sequence[Row], delimiter: str = ",", newline: str = "\n", quote_all: bool = False) -> str:
    """Not by the csv module, whose older versions leave a carriage return unquoted."""

    def cell(text: str) -> str:
        special = quote_all or any(character in text for character in f'{delimiter}"\r\n')
        return '"' + text.replace('"', '""') + '"' if special else text

    records = [list(table[0]), *(row.values() for row in table)]
    return "".join(delimiter.join(map(cell, record)) + newline for record in records)


def write_table(table: Sequence[Row], path: Path) -> Path:
    """A table as a file of the kind its name says."""
    text = as_csv(table) if ".csv" in path.name else "".join(json.dumps(row) + "\n" for row in table)
    if path.suffix == ".parquet":
        pd.DataFrame(table).to_parquet(path, row_group_size=500)
    elif path.suffix == ".gz":
        path.write_bytes(gzip.compress(text.encode()))
    else:
        path.write_text(text, newline="")
    return path


def read_table(path: Path) -> list[Row]:
    if path.suffix == ".parquet":
        rows: list[Row] = pd.read_parquet(path).to_dict("records")
        return rows
    data = path.read_bytes()
    text = (gzip.decompress(data) if path.suffix == ".gz" else data).decode()
    if ".jsonl" in path.name:
        return [json.loads(line) for line in text.splitlines()]
    return list(csv.DictReader(io.StringIO(text, newline="")))


def ids_in(path: Path) -> bytes:
    """The column "id" of a large file, in order."""
    with duckdb.connect() as connection:
        return bytes(connection.execute(f"SELECT id::BIGINT AS id FROM '{path}'").fetchnumpy()["id"].tobytes())


def nothing_but(folder: Path, *names: str) -> bool:
    return sorted(path.name for path in folder.iterdir()) == sorted(names)


@pytest.fixture(params=["line by line", "by DuckDB"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both ways of writing a text file."""
    if request.param == "by DuckDB":
        monkeypatch.setattr(rewrite, "record_splitters", lambda *_: [])
    return str(request.param)


class TestTheRowsThatAreDrawn:
    @pytest.mark.parametrize("name", ["data.csv", "data.csv.gz", "data.parquet", "data.jsonl", "data.jsonl.gz"])
    @pytest.mark.parametrize(
        "parameters",
        [
            {},
            {"size": 17},
            {"fraction": 0.3},
            {"strategy": "oversample"},
            {"strategy": "oversample", "size": 5000},
            {"strategy": "reweigh"},
        ],
        ids=str,
    )
    def test_are_those_of_the_definition(self, tmp_path: Path, name: str, parameters: dict[str, Any]) -> None:
        table = a_table(2500)
        target = tmp_path / f"balanced-{name}"

        result = balance_file(write_table(table, tmp_path / name), target, seed=7, **parameters)

        wanted = wanted_rows(strata_of(table), 7, BalanceConfig(BY, **parameters))
        written = read_table(target)
        weights = [float(row.pop("weight")) for row in written] if "reweigh" in parameters.values() else []
        assert written == [table[position] for position, _ in wanted]
        assert weights == [weight for _, weight in wanted if weight is not None]
        assert (result.rows_in, result.rows_out) == (2500, len(wanted))

    @given(
        st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("01")), min_size=1, max_size=60),
        st.integers(),
        st.sampled_from(["undersample", "oversample", "reweigh"]),
    )
    def test_are_those_of_the_definition_in_any_small_frame(
        self, rows: list[tuple[str, str]], seed: int, strategy: Any
    ) -> None:
        frame = pd.DataFrame(rows, columns=list(BY))

        balanced = resample_dataframe(frame, BalanceConfig(BY, strategy=strategy, seed=seed, empty="ignore"))

        wanted = wanted_rows(list(rows), seed, BalanceConfig(BY, strategy, empty="ignore"))
        assert balanced.index.tolist() == [position for position, _ in wanted]

    def test_are_the_same_in_every_format_and_a_frame(self, tmp_path: Path) -> None:
        table = [row | {"row": str(i)} for i, row in enumerate(a_table(2000))]
        drawn = {}
        for name in ("a.csv", "a.csv.gz", "a.parquet", "a.jsonl"):
            balance_file(write_table(table, tmp_path / name), tmp_path / "out" / name, seed=3)
            drawn[name] = [row["row"] for row in read_table(tmp_path / "out" / name)]
        frame = pd.DataFrame(table)
        drawn["frame"] = resample_dataframe(frame, BalanceConfig(BY, seed=3))["row"].tolist()
        with duckdb.connect() as connection:
            resample(open_frame(connection, frame), str(tmp_path / "frame.csv"), BalanceConfig(BY, seed=3))
        drawn["frame to file"] = [row["row"] for row in read_table(tmp_path / "frame.csv")]

        assert len({tuple(rows) for rows in drawn.values()}) == 1

    @pytest.mark.costly
    @pytest.mark.parametrize("strategy", ["undersample", "oversample"])
    @pytest.mark.parametrize("ending", ["csv", "parquet"])
    def test_are_the_same_whatever_the_threads_and_the_memory(
        self, tmp_path: Path, large: Callable[[str], Path], ending: str, strategy: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # Lines are written by one thread anyway.
        monkeypatch.setattr(rewrite, "record_splitters", lambda *_: [])
        outputs = []
        for limits in ({"threads": 1}, {"threads": 2}, {"threads": 8}, {"threads": 4, "memory_limit": "256MB"}):
            target = tmp_path / f"out.{ending}"
            balance_file(large(ending), target, strategy=strategy, seed=5, **limits)
            # A CSV has the same bytes, a Parquet file the same rows: its layout may depend on the threads.
            content = target.read_bytes() if ending == "csv" else ids_in(target)
            outputs.append(hashlib.sha256(content).hexdigest())
        assert len(set(outputs)) == 1

    @pytest.mark.costly
    @pytest.mark.parametrize("strategy", ["undersample", "oversample"])
    def test_are_the_same_by_lines_by_duckdb_and_from_other_formats(
        self, tmp_path: Path, large: Callable[[str], Path], strategy: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("lines.csv", "duckdb.csv", "rows.parquet"):
            if name == "duckdb.csv":
                monkeypatch.setattr(rewrite, "record_splitters", lambda *_: [])
            balance_file(large(name.rsplit(".", 1)[1]), tmp_path / name, strategy=strategy, seed=5)

        balance_file(large("jsonl"), tmp_path / "json.parquet", strategy=strategy, seed=5)
        frame = pd.read_parquet(large("parquet"))
        with duckdb.connect() as connection:
            resample(
                open_frame(connection, frame), str(tmp_path / "frame.csv"), BalanceConfig(BY, strategy=strategy, seed=5)
            )

        assert (tmp_path / "lines.csv").read_bytes() == (tmp_path / "duckdb.csv").read_bytes()
        drawn = ids_in(tmp_path / "lines.csv")
        assert all(ids_in(tmp_path / name) == drawn for name in ("rows.parquet", "json.parquet", "frame.csv"))
        balanced = resample_dataframe(frame, BalanceConfig(BY, strategy=strategy, seed=5))
        assert balanced["id"].to_numpy().tobytes() == drawn

    def test_depend_on_the_seed(self, tmp_path: Path) -> None:
        frame = pd.DataFrame(a_table(2000))
        drawn = {tuple(resample_dataframe(frame, BalanceConfig(BY, seed=seed)).index) for seed in (0, 1, -1, 2**70)}

        assert len(drawn) == 4

    def test_equal_rows_are_drawn_independently(self) -> None:
        frame = pd.DataFrame({"g": ["a"] * 1000, "n": 1})

        drawn = resample_dataframe(frame, BalanceConfig(["g"], size=500, seed=1)).index

        # Were it by content, it would be all or none; were it the first half, none of the second.
        assert 200 < sum(drawn < 500) < 300

    def test_texts_may_first_appear_late(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(strata, "_HEAD", 10)
        table = sorted(a_table(3000), key=lambda row: row["g"])

        result = balance_file(write_table(table, tmp_path / "sorted.csv"), tmp_path / "out.csv")

        assert len(result.strata) == 6
        assert read_table(tmp_path / "out.csv") == [
            table[position] for position, _ in wanted_rows(strata_of(table), 0, BalanceConfig(BY))
        ]


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """A file large enough for DuckDB to read it in parallel: some buffers of CSV, many row groups of Parquet."""
    folder = tmp_path_factory.mktemp("large")
    rows = (
        "SELECT range AS id, (range * 7919) % 1000 AS n, repeat('word ', 30) AS words, "
        "['a', 'b', 'c'][(1 + hash(range) % 3)::INTEGER] AS g, hash(range + 1) % 5 AS t FROM range(250000)"
    )
    duckdb.execute(f"COPY ({rows}) TO '{folder}/large.csv' (HEADER)")
    duckdb.execute(f"COPY ({rows}) TO '{folder}/large.parquet' (ROW_GROUP_SIZE 20480)")
    duckdb.execute(f"COPY ({rows}) TO '{folder}/large.jsonl' (FORMAT json)")
    return lambda ending: folder / f"large.{ending}"


class TestCsvCells:
    TEXTS = ("00123", "1.0", "NA", "1e3", "", "nan", "True", " x ", "é", "日本", "'", "#", "<b>", "'; DROP TABLE x; --")
    NASTY = (*TEXTS, 'say "hi"', "a,b", "two\nlines", "two\r\nlines", "cr\rcr", '"', "\n", "\\", "\t", "NULL", "null")

    def test_come_out_as_they_went_in(self, tmp_path: Path, way: str) -> None:
        table = [{"select": text, 'a "b", c': text, "t": "1"} for text in self.TEXTS]
        path = write_table(table, tmp_path / "in.csv")

        balance_file(path, tmp_path / "out.csv", ["t"])

        assert read_table(tmp_path / "out.csv") == table

    @pytest.mark.parametrize("fraction", [0.5, 1.0])
    def test_lines_come_out_byte_for_byte(self, tmp_path: Path, fraction: float) -> None:
        data = b'g,"n"\r\n"a","1"\r\na,1\r\n"a", 1 \r\na,""\r\n'
        (tmp_path / "in.csv").write_bytes(data)

        balance_file(tmp_path / "in.csv", tmp_path / "out.csv", ["g"], fraction=fraction)

        written = (tmp_path / "out.csv").read_bytes().splitlines(keepends=True)
        assert written == [line for line in data.splitlines(keepends=True) if line in written]
        assert len(written) == 1 + 4 * fraction

    @settings(max_examples=2 * settings.default.max_examples)
    @given(
        table=st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from(NASTY), st.text("ab,\"\n\r '\\é")), min_size=1),
        quote_all=st.booleans(),
        delimiter=st.sampled_from(",;|\t"),
        newline=st.sampled_from(["\n", "\r\n"]),
        last_newline=st.booleans(),
        mark=st.booleans(),
        strategy=st.sampled_from(["undersample", "oversample"]),
    )
    def test_random_tables_are_sampled_correctly(
        self,
        tmp_path_factory: pytest.TempPathFactory,
        table: list[tuple[str, str, str]],
        quote_all: bool,
        delimiter: str,
        newline: str,
        last_newline: bool,
        mark: bool,
        strategy: Any,
    ) -> None:
        folder = tmp_path_factory.mktemp("any")
        rows = [dict(zip(("g", "n", "o"), row, strict=True)) for row in table]
        text = as_csv(rows, delimiter, newline, quote_all)
        text = text if last_newline else text.removesuffix(newline)
        (folder / "in.csv").write_bytes(text.encode("utf-8-sig" if mark else "utf-8"))

        options = {"csv_options": {"delim": delimiter}}
        balance_file(folder / "in.csv", folder / "out.csv", ["g"], strategy=strategy, seed=1, **options)

        with (folder / "out.csv").open(newline="", encoding="utf-8") as file:
            written = list(csv.DictReader(file, delimiter=delimiter))
        wanted = wanted_rows([(row["g"],) for row in rows], 1, BalanceConfig(("g",), strategy))
        assert written == [rows[position] for position, _ in wanted]

    def test_a_record_of_several_lines_is_kept_whole_even_far_down(self, tmp_path: Path) -> None:
        rows = 50_000
        table = [{"g": "ab"[i % 2], "n": "two\nlines" if i == rows - 1 else str(i)} for i in range(rows)]

        balance_file(write_table(table, tmp_path / "in.csv"), tmp_path / "out.csv", ["g"], fraction=1.0)

        assert read_table(tmp_path / "out.csv") == table

    def test_a_file_without_a_header_row_has_none_in_its_copy(self, tmp_path: Path, way: str) -> None:
        (tmp_path / "in.csv").write_text("a,1\nb,2\na,3\n")

        balance_file(tmp_path / "in.csv", tmp_path / "out.csv", ["g"], headers=["g", "n"], fraction=1.0)

        assert (tmp_path / "out.csv").read_text() == "a,1\nb,2\na,3\n"

    def test_comments_and_skipped_lines_are_left_out(self, tmp_path: Path) -> None:
        (tmp_path / "in.csv").write_text("about this file\ng,n\n#no row\na,1\nb,2\n")

        options = {"comment": "#", "skip": 1}
        balance_file(tmp_path / "in.csv", tmp_path / "out.csv", ["g"], csv_options=options)

        assert (tmp_path / "out.csv").read_text() == "g,n\na,1\nb,2\n"

    def test_a_blank_line_is_no_row(self, tmp_path: Path) -> None:
        (tmp_path / "in.csv").write_text("g,n\na,1\n\nb,2\n\n")

        result = balance_file(tmp_path / "in.csv", tmp_path / "out.csv", ["g"])

        assert result.rows_in == 2
        assert (tmp_path / "out.csv").read_text() == "g,n\na,1\nb,2\n"

    def test_the_encoding_is_kept_if_lines_are_copied(self, tmp_path: Path) -> None:
        (tmp_path / "in.csv").write_bytes("g,n\né,ü\nè,ß\n".encode("latin-1"))

        result = balance_file(tmp_path / "in.csv", tmp_path / "out.csv", ["g"], csv_options={"encoding": "latin-1"})

        assert [share.values for share in result.strata] == [("è",), ("é",)]
        assert (tmp_path / "out.csv").read_bytes() == "g,n\né,ü\nè,ß\n".encode("latin-1")

    def test_na_texts_are_missing_values(self, tmp_path: Path) -> None:
        (tmp_path / "in.csv").write_text("g,n\na,1\nNA,2\n,3\nb,4\nnull,5\n")

        dropped = balance_file(tmp_path / "in.csv", tmp_path / "out.csv", ["g"])
        kept = balance_file(tmp_path / "in.csv", tmp_path / "kept.csv", ["g"], missing="keep")
        as_told = balance_file(tmp_path / "in.csv", tmp_path / "told.csv", ["g"], na_values=["NA", ""])

        assert (tmp_path / "out.csv").read_text() == "g,n\na,1\nb,4\n"
        assert [(s.values, s.before, s.after) for s in dropped.strata][-1] == ((None,), 3, 0)
        assert [(s.values, s.before, s.after) for s in kept.strata][-1] == ((None,), 3, 1)
        assert [s.values for s in as_told.strata] == [("a",), ("b",), ("null",), (None,)]
        assert dropped.warnings[0].startswith("there are 3 rows without a value in g, left out")


class TestSeveralFiles:
    @pytest.mark.parametrize("ending", ["csv", "csv.gz", "parquet", "jsonl"])
    def test_are_one_dataset(self, tmp_path: Path, ending: str) -> None:
        table = a_table(3000)
        folder = tmp_path / "parts"
        folder.mkdir()
        for number, start in enumerate(range(0, 3000, 700)):
            write_table(table[start : start + 700], folder / f"part-{number}.{ending}")

        kind = {"parquet": "application/x-parquet", "jsonl": "application/jsonlines"}.get(ending)
        balance_file(folder, tmp_path / f"out.{ending}", dataset_type=kind, seed=2, strategy="oversample")

        wanted = wanted_rows(strata_of(table), 2, BalanceConfig(BY, "oversample"))
        assert read_table(tmp_path / f"out.{ending}") == [table[position] for position, _ in wanted]

    def test_files_without_rows_are_accepted(self, tmp_path: Path) -> None:
        folder = tmp_path / "parts"
        folder.mkdir()
        for name, text in {"a": "g,n\na,1", "b": "", "c": "g,n\n", "d": "g,n\nb,2\n"}.items():
            (folder / f"{name}.csv").write_text(text)

        balance_file(folder, tmp_path / "out.csv", ["g"])

        assert (tmp_path / "out.csv").read_text() == "g,n\na,1\nb,2\n"


class TestParquet:
    def test_types_and_order_of_columns_are_kept(self, tmp_path: Path) -> None:
        columns = (
            "SELECT range % 2 = 0 AS g, (range / 8)::DECIMAL(18, 3) AS d, TIMESTAMPTZ '2026-11-21 10:00:00+02' AS z, "
            "[range, NULL] AS l, {'a': range, 'b': 'x'} AS s, 'blob'::BLOB AS b, range::TINYINT AS i, "
            "DATE '2026-11-21' AS y, range::FLOAT AS f, TIME '10:00' AS h, MAP {'k': range} AS m, "
            "uuid() AS u, NULL::INTEGER AS n, '2026-11-21'::TIMESTAMP_NS AS ns, "
            'INTERVAL 1 DAY AS "select" FROM range(100)'
        )
        duckdb.execute(f"COPY ({columns}) TO '{tmp_path}/in.parquet'")

        balance_file(tmp_path / "in.parquet", tmp_path / "out.parquet", ["g"], fraction=0.5)

        described = [duckdb.execute(f"DESCRIBE FROM '{tmp_path}/{name}.parquet'").fetchall() for name in ("in", "out")]
        assert described[0] == described[1]
        whole, half = (duckdb.execute(f"FROM '{tmp_path}/{name}.parquet'").fetchall() for name in ("in", "out"))
        assert half == [row for row in whole if row in half]
        assert len(half) == 50

    def test_columns_named_like_those_of_the_reader_are_data(self, tmp_path: Path) -> None:
        table = [
            row | {"file_row_number": 7, "Clarify key": i, "clarify position": 1} for i, row in enumerate(a_table(500))
        ]

        balance_file(write_table(table, tmp_path / "in.parquet"), tmp_path / "out.parquet", seed=4)

        wanted = wanted_rows(strata_of(table), 4, BalanceConfig(BY))
        assert read_table(tmp_path / "out.parquet") == [table[position] for position, _ in wanted]

    @pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet", "frame"])
    def test_strata_are_the_values_that_are_counted(self, tmp_path: Path, ending: str) -> None:
        """What analyze takes for one label is one stratum, so that a reweighed copy has a DPL of 0."""
        if ending in ("csv", "jsonl"):
            rows = [(g, y) for y in ("1", "1.0", "0", "-0.0") for g in "aab" * (2 if y == "1" else 1)] + [("b", "1.0")]
            lines = [f"{g},{y}" if ending == "csv" else f'{{"g": "{g}", "y": {y}}}' for g, y in rows]
            text = "\n".join(["g,y", *lines] if ending == "csv" else lines)
            (tmp_path / f"in.{ending}").write_text(text + "\n")
        else:
            frame = pd.DataFrame({"g": list("aab" * 5 + "b"), "y": [1.0] * 9 + [0.0, -0.0] * 3 + [1.0]})
            frame.to_parquet(tmp_path / "in.parquet")
        how = {"by": ["g", "y"], "strategy": "reweigh"}

        if ending == "frame":
            shares = BalanceResult.from_json(resample_dataframe(frame, BalanceConfig(**how)).attrs["balance"]).strata
        else:
            shares = balance_file(tmp_path / f"in.{ending}", tmp_path / f"out.{ending}", **how).strata

        assert [(share.values, share.before) for share in shares] == [
            (("a", "0.0"), 4),
            (("a", "1.0"), 6),
            (("b", "0.0"), 2),
            (("b", "1.0"), 4),
        ]

    def test_booleans_are_strata_by_their_counted_names(self, tmp_path: Path) -> None:
        (tmp_path / "in.csv").write_text("g\ntrue\nTRUE\nfalse\n")
        duckdb.execute(f"COPY (SELECT unnest([true, true, false]) AS g) TO '{tmp_path}/in.parquet'")

        for name in ("in.csv", "in.parquet"):
            result = balance_file(tmp_path / name, tmp_path / f"out{name[2:]}", ["g"])
            assert [(share.values, share.before) for share in result.strata] == [(("False",), 1), (("True",), 2)]

    def test_nan_and_null_are_missing_values(self, tmp_path: Path) -> None:
        pd.DataFrame({"g": [1.0, 2.0, None, float("nan")], "n": [1, 2, 3, 4]}).to_parquet(tmp_path / "in.parquet")
        duckdb.execute(f"COPY (SELECT unnest([1.0::DOUBLE, 2.0, NULL, 'nan'::DOUBLE]) AS g) TO '{tmp_path}/in.parquet'")

        result = balance_file(tmp_path / "in.parquet", tmp_path / "out.parquet", ["g"])

        assert [(share.values, share.before) for share in result.strata] == [(("1.0",), 1), (("2.0",), 1), ((None,), 2)]

    def test_columns_of_nulls_only(self, tmp_path: Path) -> None:
        duckdb.execute(f"COPY (SELECT NULL::INTEGER AS g, range AS n FROM range(9)) TO '{tmp_path}/in.parquet'")

        kept = balance_file(tmp_path / "in.parquet", tmp_path / "out.parquet", ["g"], missing="keep")

        assert [(share.values, share.before) for share in kept.strata] == [((None,), 9)]
        with pytest.raises(DataError, match=r"^no row has a value in each of g"):
            balance_file(tmp_path / "in.parquet", tmp_path / "out.parquet", ["g"])

    def test_weights_are_floats(self, tmp_path: Path) -> None:
        result = balance_file(
            write_table(a_table(500), tmp_path / "in.parquet"),
            tmp_path / "out.parquet",
            strategy="reweigh",
            weight_column="w",
        )

        written = pd.read_parquet(tmp_path / "out.parquet")
        of_stratum = {share.values: share.weight for share in result.strata}
        assert written["w"].dtype == np.float64
        assert written["w"].tolist() == [of_stratum[row] for row in zip(written["g"], written["t"], strict=True)]
        assert result.weight_column == "w"


class TestPriorWeights:
    @pytest.fixture
    def table(self) -> list[Row]:
        return [row | {"w": [0, 0.5, 1, 3.25, 1 / 3][i % 5]} for i, row in enumerate(a_table(500))]

    @staticmethod
    def by_hand(table: Sequence[Row]) -> list[float]:
        """The definition of AIF360's Reweighing, in floats."""
        frame = pd.DataFrame(table)
        total, both = frame["w"].sum(), frame.groupby(["g", "t"])["w"].sum()
        of_g, of_t = frame.groupby("g")["w"].sum(), frame.groupby("t")["w"].sum()
        return [row["w"] * of_g[row["g"]] * of_t[row["t"]] / (total * both[row["g"], row["t"]]) for row in table]

    @pytest.mark.parametrize("source", ["in.csv", "in.parquet", "in.jsonl"])
    @pytest.mark.parametrize("target", ["out.csv", "out.parquet", "out.jsonl", "out.jsonl.gz"])
    def test_they_are_counted_in_place_of_rows(
        self, table: list[Row], source: str, target: str, tmp_path: Path
    ) -> None:
        file = write_table(
            [{**row, "w": str(row["w"])} if source == "in.csv" else row for row in table], tmp_path / source
        )
        engine = DuckDBEngine(None, threads=2)
        result = engine.balance(
            DataConfig(str(file)), str(tmp_path / target), BalanceConfig(BY, strategy="reweigh", weight="w")
        )
        written = read_table(tmp_path / target)
        assert [float(row["weight"]) for row in written] == pytest.approx(self.by_hand(table), rel=1e-12)
        assert [float(row["w"]) for row in written] == [row["w"] for row in table]
        assert sum(float(row["weight"]) for row in written) == pytest.approx(sum(row["w"] for row in table))
        data = DataConfig(str(file), weight="w")
        assert (
            engine.balance(data, str(tmp_path / target), BalanceConfig(BY, strategy="reweigh")).strata == result.strata
        )

    def test_a_dataframe_gets_the_weights_of_a_file(self, table: list[Row], tmp_path: Path) -> None:
        frame = pd.DataFrame(table)
        weighted = resample_dataframe(frame, BalanceConfig(BY, strategy="reweigh", weight="w"))
        assert weighted["weight"].tolist() == pytest.approx(self.by_hand(table), rel=1e-12)
        file = write_table(table, tmp_path / "in.parquet")
        DuckDBEngine(None).balance(
            DataConfig(str(file)), str(tmp_path / "out.parquet"), BalanceConfig(BY, strategy="reweigh", weight="w")
        )
        assert pd.read_parquet(tmp_path / "out.parquet")["weight"].tolist() == weighted["weight"].tolist()
        texts = frame.assign(w=frame["w"].map(repr).astype(object))
        assert resample_dataframe(texts, BalanceConfig(BY, strategy="reweigh", weight="w"))["weight"].equals(
            weighted["weight"]
        )

    @pytest.mark.parametrize("weight", ["", "x", "-1", "nan", "1e200", "1e-200"])
    def test_a_row_without_one_is_an_error(self, weight: str, table: list[Row], tmp_path: Path) -> None:
        texts = [{**row, "w": weight if i == 7 else str(row["w"])} for i, row in enumerate(table)]
        said = r"^weight: column 'w' has 1 of 500 rows without a number from 0"
        file = write_table(texts, tmp_path / "in.csv")
        with pytest.raises(DataError, match=said):
            DuckDBEngine(None).balance(
                DataConfig(str(file), weight="w"), str(tmp_path / "out.csv"), BalanceConfig(BY, strategy="reweigh")
            )
        assert not (tmp_path / "out.csv").exists()
        with pytest.raises(DataError, match=said):
            resample_dataframe(pd.DataFrame(texts), BalanceConfig(BY, strategy="reweigh", weight="w"))

    def test_a_column_that_is_none(self, table: list[Row], tmp_path: Path) -> None:
        frame = pd.DataFrame(table).assign(day=pd.Timestamp("2020-01-01"))
        frame.to_parquet(tmp_path / "in.parquet")
        for column, said in (("day", "holds .* values, which cannot be weights"), ("v", "column")):
            with pytest.raises(ConfigError, match=f"^weight: .*{said}"):
                resample_dataframe(frame, BalanceConfig(BY, strategy="reweigh", weight=column))
            with pytest.raises(ConfigError, match=f"^weight: .*{said}"):
                DuckDBEngine(None).balance(
                    DataConfig(str(tmp_path / "in.parquet")),
                    str(tmp_path / "o.csv"),
                    BalanceConfig(BY, strategy="reweigh", weight=column),
                )


class TestOtherFormats:
    @pytest.mark.parametrize("source", ["in.csv", "in.parquet", "in.jsonl"])
    @pytest.mark.parametrize("target", ["out.csv", "out.csv.gz", "out.parquet", "out.jsonl"])
    def test_the_extension_of_the_target_sets_the_format(self, tmp_path: Path, source: str, target: str) -> None:
        table = a_table(300)

        balance_file(write_table(table, tmp_path / source), tmp_path / target)

        assert read_table(tmp_path / target) == [
            table[position] for position, _ in wanted_rows(strata_of(table), 0, BalanceConfig(BY))
        ]

    def test_a_target_without_an_extension_has_the_format_of_the_source(self, tmp_path: Path) -> None:
        balance_file(write_table(a_table(300), tmp_path / "in.csv"), tmp_path / "out")

        assert (tmp_path / "out").read_text().startswith("g,n,t\n")

    def test_tsv_is_separated_by_tabs(self, tmp_path: Path) -> None:
        balance_file(write_table(a_table(300), tmp_path / "in.csv"), tmp_path / "out.tsv")
        balance_file(tmp_path / "out.tsv", tmp_path / "back.csv")
        balance_file(tmp_path / "in.csv", tmp_path / "out.csv")

        assert (tmp_path / "out.tsv").read_text().startswith("g\tn\tt\n")
        assert (tmp_path / "back.csv").read_text() == (tmp_path / "out.csv").read_text()

    def test_a_dataframe_needs_a_target_with_an_extension(self, tmp_path: Path) -> None:
        with (
            duckdb.connect() as connection,
            pytest.raises(ConfigError, match="its ending does not determine the format"),
        ):
            resample(open_frame(connection, pd.DataFrame({"g": ["a"]})), str(tmp_path / "out"), BalanceConfig(["g"]))

    def test_gzipped_output_has_the_same_bytes_each_time(self, tmp_path: Path) -> None:
        path = write_table(a_table(300), tmp_path / "in.csv")
        for name in ("a.csv.gz", "b.csv.gz"):
            balance_file(path, tmp_path / name)

        assert (tmp_path / "a.csv.gz").read_bytes() == (tmp_path / "b.csv.gz").read_bytes()


class TestJsonLines:
    def test_lines_are_kept_as_they_are(self, tmp_path: Path) -> None:
        text = '{"g": "a",  "deep": {"x": [1, 2.50]}, "big": 12345678901234567890}\n\n{"g":"b"}\n{"g": "b", "n": null}'
        (tmp_path / "in.jsonl").write_text(text)

        balance_file(tmp_path / "in.jsonl", tmp_path / "out.jsonl", ["g"], fraction=1.0)

        assert (tmp_path / "out.jsonl").read_text() == text.replace("\n\n", "\n") + "\n"

    def test_weights_are_fields(self, tmp_path: Path) -> None:
        (tmp_path / "in.jsonl").write_text('{"g": "a", "t": 1}\n{ "g":"b","t":1 }\r\n{}\n{"t": 1}\n')

        balance_file(tmp_path / "in.jsonl", tmp_path / "out.jsonl", strategy="reweigh", empty="ignore")

        assert (tmp_path / "out.jsonl").read_text() == (
            '{"g": "a", "t": 1, "weight": 0.75}\n{ "g":"b","t":1, "weight": 0.75}\n{"weight": 0.5}\n'
            '{"t": 1, "weight": 1.5}\n'
        )


class TestFrames:
    def test_index_and_types_are_kept(self) -> None:
        frame = pd.DataFrame(
            {"g": pd.Categorical(list("aabbb")), "n": pd.array([1, None, 3, 4, 5], "Int8"), "t": [1.0, 0, 1, 0, 1]},
            index=pd.Index(list("vwxyz"), name="who"),
        )

        balanced = resample_dataframe(frame, BalanceConfig(["g"], seed=1))

        pd.testing.assert_frame_equal(balanced, frame.loc[balanced.index], check_flags=False)
        assert balanced["g"].value_counts().tolist() == [2, 2]
        assert BalanceResult.from_json(balanced.attrs["balance"]).rows_out == 4
        assert frame.attrs == {}

    def test_missing_values_and_weights(self) -> None:
        frame = pd.DataFrame({"g": ["a", None, "b", "a"], "t": [1, 1, 0, 0]})

        balanced = resample_dataframe(frame, BalanceConfig(BY, strategy="reweigh", empty="ignore", missing="drop"))

        assert balanced.index.tolist() == [0, 2, 3]
        assert balanced["weight"].tolist() == [2 * 1 / (3 * 1), 1 * 2 / (3 * 1), 2 * 2 / (3 * 1)]

    def test_the_frame_is_not_modified(self) -> None:
        frame = pd.DataFrame(a_table(100))
        before = frame.copy()

        balanced = resample_dataframe(frame, BalanceConfig(BY, strategy="oversample"))
        balanced["n"] = "x"

        pd.testing.assert_frame_equal(frame, before)

    @pytest.mark.parametrize(
        ("frame", "message"),
        [
            (pd.DataFrame({"x": [1]}), "by: the data have no column 'g'"),
            (pd.DataFrame([[1, 2]], columns=["g", "g"]), "by: the DataFrame has 2 columns 'g'"),
            (pd.DataFrame({"g": [[1], {}]}), "by: column 'g' holds nested values"),
        ],
    )
    def test_bad_columns(self, frame: pd.DataFrame, message: str) -> None:
        with pytest.raises(ConfigError, match=message):
            resample_dataframe(frame, BalanceConfig(["g"]))


class TestBadInput:
    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        return write_table(a_table(200), tmp_path / "in.csv")

    @pytest.mark.parametrize(
        ("parameters", "message"),
        [
            ({"by": ["gender"]}, "by: the data have no column 'gender'"),
            ({"strategy": "smote"}, "strategy: there is no 'smote'"),
            ({"seed": "7"}, "seed: '7' is not a whole number"),
            ({"strategy": "reweigh", "weight_column": "N"}, "weight_column: there is a column 'N' already"),
            ({"strategy": "reweigh", "weight_column": ""}, "weight_column: it is empty"),
        ],
    )
    def test_parameters(self, tmp_path: Path, path: Path, parameters: dict[str, Any], message: str) -> None:
        with pytest.raises(ConfigError, match=message):
            balance_file(path, tmp_path / "out.csv", **parameters)
        assert nothing_but(tmp_path, "in.csv")

    def test_a_quota_that_cannot_be_met_leaves_nothing(self, tmp_path: Path, path: Path) -> None:
        with pytest.raises(QuotaError, match=r"rows with g='c' and t='1', fewer than the size of 1000 asked for"):
            balance_file(path, tmp_path / "new" / "out.csv", size=1000)
        assert nothing_but(tmp_path, "in.csv")

    def test_a_column_of_identifiers_makes_too_many_strata(
        self, tmp_path: Path, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(strata, "MAX_STRATA", 5)
        for balanced in (
            lambda: balance_file(path, tmp_path / "out.csv", ["n"]),
            lambda: resample_dataframe(pd.DataFrame(a_table(200)), BalanceConfig(["n"])),
        ):
            with pytest.raises(ConfigError, match="n make more than 5 strata"):
                balanced()

    def test_damaged_data(self, tmp_path: Path, path: Path) -> None:
        path.write_text(path.read_text() + 'a,"1\n')

        with pytest.raises(DataError, match=r"in\.csv: line 202 has a quote that is not closed"):
            balance_file(path, tmp_path / "out.csv")
        assert nothing_but(tmp_path, "in.csv")

    @pytest.mark.parametrize("change", ["more", "fewer"])
    def test_data_that_change_while_they_are_read(
        self, tmp_path: Path, path: Path, change: str, monkeypatch: pytest.MonkeyPatch, way: str
    ) -> None:
        write = rewrite.write_rows

        def rewriting(*given: Any, **options: Any) -> None:
            text = path.read_text()
            path.write_text(text + text[6:] if change == "more" else text[: text.index("\n", 40) + 1])
            write(*given, **options)

        monkeypatch.setattr(rewrite, "write_rows", rewriting)
        with pytest.raises(DataError, match=r"in\.csv: it changed while it was read"):
            balance_file(path, tmp_path / "out.csv", fraction=0.5)
        assert nothing_but(tmp_path, "in.csv")


class TestTargetsThatAreTheSource:
    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        (tmp_path / "data").mkdir()
        return write_table(a_table(200), tmp_path / "data" / "in.csv")

    @pytest.mark.parametrize("name", ["in.csv", "../data/in.csv", "link.csv", "hard.csv"])
    def test_are_refused_by_every_name(self, path: Path, name: str) -> None:
        (path.parent / "link.csv").symlink_to(path)
        (path.parent / "hard.csv").hardlink_to(path)
        before = path.read_bytes()

        with pytest.raises(ConfigError, match="the target is the source, which would be lost"):
            balance_file(path, path.parent / name)
        assert path.read_bytes() == before

    @pytest.mark.parametrize(
        ("source", "target"),
        [("data", "data/out.csv"), ("data", "data/deep/out.csv"), ("data/*.csv", "data/out.csv"), ("dat?", "dat2")],
    )
    def test_are_refused_inside_a_source_of_many_files(
        self, tmp_path: Path, path: Path, source: str, target: str
    ) -> None:
        if source == "dat?":
            path.rename(tmp_path / "dat1")
        with pytest.raises(ConfigError, match="the target is inside the source"):
            balance_file(tmp_path / source, tmp_path / target, dataset_type="text/csv")

    @pytest.mark.parametrize(("source", "target"), [("data/*.csv", "data/deep/out.csv"), ("data", "data.csv")])
    def test_are_allowed_beside_it(self, tmp_path: Path, path: Path, source: str, target: str) -> None:
        assert balance_file(tmp_path / source, tmp_path / target).rows_in == 200


class TestTargetsThatCannotBeWritten:
    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        return write_table(a_table(2000), tmp_path / "in.csv")

    @pytest.mark.parametrize(
        ("target", "reason"),
        [
            ("in.csv/out.csv", "a part of its path is a file, not a folder"),
            ("in.csv/deep/out.csv", "a part of its path is a file, not a folder"),
            ("folder", "it is a folder"),
            ("x" * 300 + ".csv", "its name is too long"),
            ("/dev/null", "it is a device, not a file"),
        ],
    )
    def test_say_why(self, tmp_path: Path, path: Path, target: str, reason: str) -> None:
        (tmp_path / "folder").mkdir()

        with pytest.raises(OutputError, match=f"cannot be written: {reason}; [^\n]*$"):
            balance_file(path, tmp_path / target)
        assert nothing_but(tmp_path, "in.csv", "folder")

    def test_a_folder_without_permission(self, tmp_path: Path) -> None:
        folder = tmp_path / "closed"
        folder.mkdir(mode=0o500)
        user = os.geteuid()
        if user == 0:
            # Nothing is forbidden to root.
            os.seteuid(65534)
        try:
            with (
                pytest.raises(OutputError, match="cannot be written: no permission"),
                atomic_write(f"{folder}/out.csv") as path,
            ):
                path.write_text("x")
        finally:
            os.seteuid(user)

    def test_a_folder_that_is_not_writable(self, path: Path) -> None:
        with pytest.raises(OutputError, match=r"^/proc/out\.csv cannot be written: "):
            balance_file(path, "/proc/out.csv")

    @pytest.mark.parametrize("name", ["new/folder/out.csv", "out.parquet", "out.csv.gz"])
    def test_a_full_disk_leaves_nothing(self, tmp_path: Path, path: Path, name: str) -> None:
        # A limit on the size of files stands for a small disk; it is set in a process of its own.
        script = """
import resource, signal, sys
import duckdb
from airflow_clarify.bias.config import DataConfig
from airflow_clarify.bias.resampling import BalanceConfig
from airflow_clarify.engines.duckdb.resampling.resample import resample
from airflow_clarify.engines.duckdb.source import open_source
from airflow_clarify.exceptions import OutputError

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
connection = duckdb.connect()
connection.execute("SET enable_progress_bar_print = false")  # which a busy machine would show
source = open_source(connection, DataConfig(input_path=sys.argv[1]))
try:
    resample(source, sys.argv[2], BalanceConfig(["g", "t"], strategy="oversample"))
except OutputError as error:
    print(error)
"""
        command = [sys.executable, "-c", script, str(path), str(tmp_path / name)]
        run = subprocess.run(command, capture_output=True, text=True, check=True)

        assert run.stdout.startswith(
            f"{tmp_path / name} cannot be written: the file would be larger than is allowed here"
        )
        assert nothing_but(tmp_path, "in.csv")

    @pytest.mark.parametrize("ending", ["csv", "parquet", "csv.gz"])
    def test_a_disk_that_is_really_full(self, path: Path, small_disk: Path, ending: str) -> None:
        (small_disk / "filler").write_bytes(b"x" * 61_000)

        with pytest.raises(OutputError, match=r"cannot be written: the disk is full; free some space$"):
            balance_file(path, small_disk / f"out.{ending}", strategy="oversample", size=20_000)
        assert nothing_but(small_disk, "filler")

    def test_an_existing_target_remains_if_the_copy_fails(self, tmp_path: Path, path: Path) -> None:
        (tmp_path / "out.csv").write_text("precious")

        with pytest.raises(QuotaError):
            balance_file(path, tmp_path / "out.csv", size=10_000)
        assert (tmp_path / "out.csv").read_text() == "precious"

    def test_an_interruption_leaves_nothing(
        self, tmp_path: Path, path: Path, monkeypatch: pytest.MonkeyPatch, way: str
    ) -> None:
        def interrupted(message: str, _: float) -> None:
            if message == "writing the rows":
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            balance_file(path, tmp_path / "new" / "out.csv", progress=interrupted)
        assert nothing_but(tmp_path, "in.csv")


@pytest.fixture
def small_disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A file system of 64 KB."""
    folder = tmp_path_factory.mktemp("disk")
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)], capture_output=True)
    if mounted.returncode:
        pytest.skip("no file system can be mounted here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


class TestTargets:
    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        return write_table(a_table(200), tmp_path / "in.csv")

    def test_folders_are_made(self, tmp_path: Path, path: Path) -> None:
        balance_file(path, tmp_path / "new" / "folder" / "out.csv")

        assert nothing_but(tmp_path / "new" / "folder", "out.csv")

    def test_an_existing_target_is_replaced_and_links_are_followed(self, tmp_path: Path, path: Path) -> None:
        (tmp_path / "real.csv").write_text("old")
        (tmp_path / "link.csv").symlink_to(tmp_path / "real.csv")

        balance_file(path, tmp_path / "link.csv")

        assert (tmp_path / "link.csv").is_symlink()
        assert (tmp_path / "real.csv").read_text().startswith("g,n,t\n")

    def test_a_remote_one_is_published_whole(self, path: Path) -> None:
        published = {}

        balance_file(
            path, "s3://bucket/out.csv", publish=lambda local: published.update(name=local.name, text=local.read_text())
        )

        assert published["name"] == "out.csv"
        assert published["text"].startswith("g,n,t\n")

    def test_a_remote_one_goes_through_its_filesystem(self, path: Path) -> None:
        import fsspec

        balance_file(path, "memory://bucket/out.csv")

        assert fsspec.filesystem("memory").cat("/bucket/out.csv").startswith(b"g,n,t\n")

    def test_an_upload_that_fails_is_an_output_error(self, path: Path) -> None:
        def publish(_: Path) -> None:
            raise PermissionError(13, "denied")

        with pytest.raises(OutputError, match=r"^s3://bucket/out\.csv cannot be written: no permission"):
            balance_file(path, "s3://bucket/out.csv", publish=publish)

    def test_progress_is_reported(self, tmp_path: Path, path: Path) -> None:
        told: list[tuple[str, float]] = []

        for name in ("out.csv", "out.parquet"):
            balance_file(path, tmp_path / name, progress=lambda message, share: told.append((message, share)))

        stages = [stage for stage, _ in itertools.groupby(message for message, _ in told)]
        assert stages == ["reading the strata", "writing the rows"] * 2
        assert ("writing the rows", 1.0) in told
        assert all(share == -1 or 0 <= share <= 1 for _, share in told)


@pytest.mark.parametrize("strategy", ["undersample", "oversample"])
def test_the_state_of_a_row_is_at_most_16_bytes(strategy: Any) -> None:
    rows = 2_000_000
    codes = (np.arange(rows) % 7).astype(np.uint8)
    numbering = strata.StratumEncoding(("g",), (tuple("abcdefg"),), (tuple("abcdefg"),), ("VARCHAR",))
    tracemalloc.start()
    coded = strata.EncodedRows(numbering, codes)
    chosen = select_from_strata(coded, BalanceConfig(("g",), strategy).plan(coded.count_strata()), RowKeys(1))
    chosen.count_copies(0, BLOCK)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert codes.nbytes + peak < 16 * rows


@pytest.mark.parametrize(
    ("text", "ways"),
    [
        ("g,n\na,1\nb,2\n", ["lines", "quotes"]),
        ('g,n\na,"1\n2"\nb,"2"""\n', ["quotes"]),
        ('g,n\na,"1\r2"\nb,"x\r\ny"\n', ["quotes"]),
        ('g,n\na,5" pipe\nb,"6"""\n', ["lines"]),
        ('g,n\na,5" pipe\nb,"6\n"\n', []),
        ('g,n\na, "x\n"\nb,1\n', []),
        ('g,n\na,"x\n" \nb,1\n', []),
        ('"g",n\na,1\n\nb,1\n', []),
    ],
)
def test_records_are_split_only_at_proved_boundaries(tmp_path: Path, text: str, ways: list[str]) -> None:
    (tmp_path / "in.csv").write_text(text, newline="")
    with duckdb.connect() as connection:
        source = open_source(connection, DataConfig(input_path=str(tmp_path / "in.csv")))
        coded = strata.read_strata(source, ["g"])
        chosen = select_from_strata(coded, BalanceConfig(("g",), fraction=1.0).plan(coded.count_strata()), RowKeys(1))
        tried = {
            ("quotes" if isinstance(cut, partial) else "lines"): cut for cut in lines.record_splitters(source, chosen)
        }
        assert set(tried) == {"lines", "quotes"}
        proved = {}
        for way, cut in tried.items():
            out = io.BytesIO()
            with suppress(lines.RecordBoundaryError):
                lines.write_records(source, chosen, out, cut, "")
                proved[way] = out.getvalue().decode()

    assert proved == dict.fromkeys(ways, text)
