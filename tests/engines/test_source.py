from __future__ import annotations

import gzip
import json
import time
from pathlib import Path
from typing import Any

import duckdb
import pandas
import pyarrow
import pyarrow.parquet
import pytest
from counting_factories import LOANS, count, csv_of, tallies, written

from airflow_clarify.bias.config import DataConfig
from airflow_clarify.bias.resampling import BalanceConfig
from airflow_clarify.engines.duckdb import DuckDBEngine
from airflow_clarify.engines.duckdb.source import Source, open_source
from airflow_clarify.exceptions import ConfigError, DataError

COUNTED = {"F": (30, 0), "M": (0, 30)}
JSON = '{"gender": "F", "approved": 1}\n{"gender": "M", "approved": 0}\n' * 30


def opened(path: Path | str, **about: Any) -> Source:
    return open_source(duckdb.connect(), DataConfig(str(path), **about))


# --- CSV ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "options"),
    [
        pytest.param(LOANS, {}, id="as it is"),
        pytest.param(LOANS.rstrip("\n"), {}, id="no newline at the end"),
        pytest.param(LOANS.replace("\n", "\r\n"), {}, id="CRLF"),
        pytest.param("\ufeff" + LOANS, {}, id="byte order mark"),
        pytest.param("\n\n" + LOANS, {}, id="blank lines first"),
        pytest.param("\ufeff\n" + LOANS, {}, id="byte order mark and a blank line"),
        pytest.param(LOANS.replace("F,1\n", "F,1\n\n", 3) + "\n\n", {}, id="blank lines between and after"),
        pytest.param(LOANS.replace("F", '"F"').replace("approved", '"approved"'), {}, id="quoted"),
        pytest.param(LOANS.replace(",", ";"), {"delim": ";"}, id="semicolons"),
        pytest.param(LOANS.replace(",", "\t"), {"delim": "\t"}, id="tabs"),
        pytest.param(LOANS.replace("F", "'F'"), {"quote": "'"}, id="single quotes"),
        pytest.param("made by hand\n" + LOANS, {"skip": 1}, id="skip a line"),
        pytest.param("made by hand\n\n" + LOANS, {"skip": "1"}, id="skip a line before a blank one"),
        pytest.param("# a\n\n# b\n" + LOANS + "# the end\n", {"comment": "#"}, id="comments"),
        pytest.param("junk\n# a\n" + LOANS.replace("F,1", "F,1# yes"), {"comment": "#", "skip": 1}, id="both"),
        pytest.param(LOANS.encode("utf-16"), {"encoding": "UTF-16"}, id="UTF-16"),
        pytest.param(LOANS.encode("utf-16-le"), {"encoding": "UTF-16"}, id="UTF-16 without a byte order mark"),
        pytest.param(gzip.compress(LOANS.encode()), {"compression": "gzip"}, id="gzip under another name"),
        pytest.param(LOANS + "F,1\r\n", {"strict_mode": False}, id="two kinds of newlines"),
    ],
)
def test_csv_files_in_many_dialects(content: str | bytes, options: dict[str, Any], tmp_path: Path) -> None:
    found = tallies(count(written(tmp_path / "loans.csv", content), csv_options=options)[0])
    assert found == (COUNTED if "strict_mode" not in options else {**COUNTED, "F": (31, 0)})


@pytest.mark.parametrize("name", ["latin-1", "ISO-8859-1", "latin1", "l1"])
def test_every_name_of_an_encoding_is_accepted(name: str, tmp_path: Path) -> None:
    data = written(tmp_path / "loans.csv", ("größe,approved\n" + "groß,1\nklein,0\n" * 30).encode("latin-1"))
    found = tallies(count(data, "größe", csv_options={"encoding": name})[0])
    assert found == {"groß": (30, 0), "klein": (0, 30)}


def test_tsv_files_are_separated_by_tabs(tmp_path: Path) -> None:
    assert tallies(count(written(tmp_path / "loans.tsv", LOANS.replace(",", "\t")))[0]) == COUNTED


def test_gz_files_are_decompressed(tmp_path: Path) -> None:
    packed = gzip.compress(LOANS.encode()[:40]) + gzip.compress(LOANS.encode()[40:])
    assert tallies(count(written(tmp_path / "loans.csv.gz", packed))[0]) == COUNTED
    assert tallies(count(written(tmp_path / "loans.jsonl.gz", gzip.compress(JSON.encode())))[0]) == COUNTED


@pytest.mark.parametrize(
    ("content", "about", "columns"),
    [
        ("a,b\n1,2\n", {}, ["a", "b"]),
        ("a,,\n1,2,3\n", {}, ["a", "Unnamed: 1", "Unnamed: 2"]),
        ("1,2\n", {"header_row": False}, ["0", "1"]),
        ("1,2\n", {"headers": ["a", "b"]}, ["a", "b"]),
        ("a,b\n1,2\n", {"headers": ["a", "b"]}, ["a", "b"]),
        ("x,y\n1,2\n", {"headers": ["a", "b"], "header_row": True}, ["a", "b"]),
        ('"two\nlines","say ""hi"""\n1,2\n', {}, ["two\nlines", 'say "hi"']),
    ],
)
def test_names_and_first_row(content: str, about: dict[str, Any], columns: list[str], tmp_path: Path) -> None:
    source = opened(written(tmp_path / "data.csv", content), **about)
    assert list(source.columns) == columns
    assert source.execute(source.scan()) == [("1", "2", "3")[: len(columns)]]


def test_a_first_row_that_is_data_is_a_row(tmp_path: Path) -> None:
    source = opened(written(tmp_path / "data.csv", "x,y\nz,y\n"), headers=["a", "b"])
    assert source.execute(source.scan()) == [("x", "y"), ("z", "y")]
    source = opened(written(tmp_path / "data.csv", "x,y\n1,2\n"), headers=["a", "b"], header_row=False)
    assert source.execute(source.scan()) == [("x", "y"), ("1", "2")]


def test_equal_column_names_are_an_error_only_if_used(tmp_path: Path) -> None:
    table = "ID,id,gender,approved,gender.1\n" + "1,2,F,1,x\n3,4,M,0,x\n" * 30
    said = "columns 'ID' and 'id' differ only in case; rename one, or give headers"
    lines = '{"ID": 1, "id": 2, "gender": "F", "approved": 1}\n{"ID": 3, "id": 4, "gender": "M", "approved": 0}\n' * 30
    frame = pandas.DataFrame([[1, 2, "F", 1], [3, 4, "M", 0]] * 30, columns=["ID", "id", "gender", "approved"])
    pyarrow.parquet.write_table(pyarrow.Table.from_pandas(frame), tmp_path / "data.parquet")
    for data in (
        written(tmp_path / "data.csv", table),
        written(tmp_path / "data.jsonl", lines),
        tmp_path / "data.parquet",
        frame,
    ):
        assert tallies(count(data)[0]) == COUNTED
        for facet in ("ID", "id", 0, 1):
            with pytest.raises(DataError, match=f"{said}$"):
                count(data, facet, facet_type="categorical")
        if isinstance(data, Path):
            engine = DuckDBEngine(None)
            target = str(tmp_path / f"out{data.suffix}")
            if data.suffix != ".parquet":
                assert engine.balance(DataConfig(str(data)), target, BalanceConfig(["gender"])).rows_out == 60
            with pytest.raises(DataError, match=f"{said}$"):
                engine.balance(DataConfig(str(data)), target, BalanceConfig(["id"]))


def test_a_duplicate_header_name_is_an_error_only_if_used(tmp_path: Path) -> None:
    source = opened(written(tmp_path / "data.csv", "a,b,b,b.1\n1,2,3,4\n"))
    assert list(source.columns) == ["a", "b", "b.2", "b.1"]
    assert source.execute(source.scan(["a", "b.1"])) == [("1", "4")]
    for name in ("b", "b.2"):
        with pytest.raises(DataError, match=r"column 'b' occurs twice; rename one, or give headers$"):
            source.scan([name])


def test_many_column_names_are_compared_quickly(tmp_path: Path) -> None:
    names = [f"column{number}" for number in range(20_000)]
    data = written(tmp_path / "data.csv", ",".join(names) + "\n" + ",".join("1" for _ in names) + "\n")
    started = time.monotonic()
    assert len(opened(data, headers=names).columns) == 20_000
    assert time.monotonic() - started < 20


def test_cells_are_read_as_their_exact_texts(tmp_path: Path) -> None:
    cells = ["00123", "1.0", "NA", "1e3", "TRUE", "2020-01-01", " x ", "", "'quoted'", "ü"]
    source = opened(written(tmp_path / "data.csv", csv_of({f"c{i}": [cell] for i, cell in enumerate(cells)})))
    assert source.execute(source.scan()) == [tuple(cell or None for cell in cells)]


def test_invalid_bytes_in_unread_columns_are_ignored(tmp_path: Path) -> None:
    rows = b"F,1,fine\nM,0,fine\n" * 200_000
    data = written(tmp_path / "loans.csv", b"gender,approved,note\n" + rows + "F,1,voilà\n".encode("latin-1") + rows)
    assert tallies(count(data)[0]) == {"F": (400_001, 0), "M": (0, 400_000)}
    with pytest.raises(DataError):
        count(data, "note", values=["fine"])


@pytest.mark.parametrize(("row", "cells"), [(b"F,1\n", "2 cells"), (b"F,1,x,y\n", "4 cells")])
def test_a_ragged_row_is_found_at_every_position(row: bytes, cells: str, tmp_path: Path) -> None:
    rows = b"F,1,some more text to make the file a little larger\n" * 200_000
    data = written(tmp_path / "loans.csv", b"gender,approved,note\n" + rows + row + rows)
    with pytest.raises(DataError, match=f"line 200002 has {cells}, not 3"):
        count(data)


# --- JSON Lines ---------------------------------------------------------------------------------------------------


def test_json_lines_are_read_by_name(tmp_path: Path) -> None:
    lines = '{"gender": "F", "approved": 1}\n\n{"approved": 0, "gender": "M"}\r\n{"other": [1, {"a": 2}]}\n'
    source = opened(written(tmp_path / "data.jsonl", lines))
    assert list(source.columns) == ["gender", "approved", "other"]
    assert source.execute(source.scan()) == [("F", "1", None), ("M", "0", None), (None, None, '[1,{"a":2}]')]


def test_numbers_and_booleans_of_json_keep_their_types(tmp_path: Path) -> None:
    lines = '{"g": 1, "b": true, "y": "1"}\n{"g": "01", "b": false, "y": 0}\n{"g": null, "b": null}\n' * 20
    data = written(tmp_path / "data.jsonl", lines)
    assert count(data, "g", label="y", facet_type="categorical")[0].facets[0].values == ("1", None)
    assert count(data, "b", label="y")[0].facets[0].values == ("True", "False", None)


def test_texts_of_json_are_never_missing_values(tmp_path: Path) -> None:
    texts = ["NA", "None", "", "null", "x"]
    lines = "".join(json.dumps({"g": text, "y": number % 2}) + "\n" for number, text in enumerate([*texts, None]))
    data = written(tmp_path / "data.jsonl", lines * 30)
    read = pandas.read_json(data, lines=True, dtype=False)["g"]
    assert count(data, "g", label="y")[0].facets[0].values == (*texts, None) == (*read.dropna().unique(), None)
    result = DuckDBEngine(None).balance(DataConfig(str(data)), str(tmp_path / "out.jsonl"), BalanceConfig(["g"]))
    assert result.rows_out == 150
    numbers = written(tmp_path / "numbers.jsonl", '{"g": 1, "y": NaN}\n{"g": NaN, "y": 0.5}\n{"g": 0, "y": 1.5}\n')
    assert tallies(count(numbers, "g", label="y", facet_type="categorical")[0]) == {
        "1": (0, 1),
        None: (0, 1),
        "0": (1, 0),
    }
    assert count(data, "g", label="y", na_values=["NA", ""])[0].facets[0].values == (None, "None", "null", "x")


def test_a_field_that_appears_late_can_be_named_in_headers(tmp_path: Path) -> None:
    data = written(tmp_path / "data.jsonl", '{"g": "F"}\n' * 20_000 + '{"g": "M", "y": 1}\n')
    with pytest.raises(ConfigError, match="no column 'y'"):
        count(data, "g", label="y")
    options = {"label": "y", "label_type": "categorical", "headers": ["g", "y"]}
    assert tallies(count(data, "g", **options)[0]) == {"F": (0, 20_000), "M": (1, 0)}


# --- Parquet ------------------------------------------------------------------------------------------------------


def test_parquet_columns_keep_their_types(tmp_path: Path) -> None:
    data = tmp_path / "data.parquet"
    table = pyarrow.table(
        {
            "text": ["1", "01", None],
            "category": pyarrow.array(["b", "a", "b"]).dictionary_encode(),
            "flag": [True, None, False],
            "small": pyarrow.array([1, 2, 3], pyarrow.int8()),
            "large": pyarrow.array([1, 2, 2**64 - 1], pyarrow.uint64()),
            "real": [0.5, float("nan"), None],
            "money": pyarrow.array([100, 250, None], pyarrow.int64()).cast(pyarrow.decimal128(21, 2)),
            "nothing": pyarrow.nulls(3),
            "y": [1, 0, 1],
        }
    )
    pyarrow.parquet.write_table(table, data)
    counted, _ = count(data, table.column_names[:-1], label="y", label_type="categorical", facet_type="categorical")
    assert {facet.column: facet.values for facet in counted.facets} == {
        "text": ("1", "01", None),
        "category": ("b", "a"),
        "flag": ("True", None, "False"),
        "small": ("1", "2", "3"),
        "large": ("1", "2", "18446744073709551615"),
        "real": ("0.5", None),
        "money": ("100.00", "250.00", None),
        "nothing": (None,),
    }


def test_columns_of_parquet_files_are_matched_by_name(tmp_path: Path) -> None:
    for name, columns in (("a", "'F' AS gender, 1 AS approved"), ("b", "0 AS approved, 'M' AS gender, 'x' AS more")):
        duckdb.execute(f"COPY (SELECT {columns} FROM range(30)) TO '{tmp_path / name}.parquet'")
    assert tallies(count(tmp_path, dataset_type="application/x-parquet")[0]) == COUNTED


def test_differing_types_are_an_error_only_in_columns_that_are_read(tmp_path: Path) -> None:
    for name, columns in (
        ("a", "'F' AS gender, 1 AS approved, 1 AS n"),
        ("b", "'M' AS gender, 0 AS approved, 0.5 AS n"),
    ):
        duckdb.execute(f"COPY (SELECT {columns} FROM range(30)) TO '{tmp_path / name}.parquet'")
    where = {"dataset_type": "application/x-parquet"}
    assert tallies(count(tmp_path, **where)[0]) == COUNTED
    with pytest.raises(DataError) as caught:
        count(tmp_path, "n", **where)
    first, second = tmp_path / "a.parquet", tmp_path / "b.parquet"
    assert str(caught.value) == (
        f"{second}: column 'n' is DECIMAL(2,1), and INTEGER in {first}; give it one type everywhere"
    )


def test_whole_numbers_of_two_sizes_are_read_together(tmp_path: Path) -> None:
    for name, kind in (("a", "INTEGER"), ("b", "BIGINT")):
        query = f"SELECT 'F' AS gender, (i % 2)::{kind} AS approved FROM range(60) AS t(i)"
        duckdb.execute(f"COPY ({query}) TO '{tmp_path}/{name}.parquet'")
    assert tallies(count(tmp_path, dataset_type="application/x-parquet")[0]) == {"F": (60, 60)}


def test_columns_with_similar_names_are_distinct(tmp_path: Path) -> None:
    duckdb.execute(
        f"COPY (SELECT 'F' AS g, 'M' AS g_1, i % 2 AS y FROM range(60) AS t(i)) TO '{tmp_path}/data.parquet'"
    )
    assert tallies(count(tmp_path / "data.parquet", "g_1", label="y")[0]) == {"M": (30, 30)}


# --- Places -------------------------------------------------------------------------------------------------------


def test_a_folder_is_read_by_extension_in_order_of_name(tmp_path: Path) -> None:
    for name in ("b.csv", "a.csv", "sub/c.csv", "d.csv.gz", ".hidden.csv", "_temporary/e.csv", "notes.md", "f.json"):
        content = "gender,approved\n" + f"{name},1\n{name},0\n" * 30
        written(tmp_path / name, gzip.compress(content.encode()) if name.endswith(".gz") else content)
    written(tmp_path / "empty.csv", "")
    written(tmp_path / "_SUCCESS", "")
    for location in (tmp_path, f"{tmp_path}/", f"file://{tmp_path}", f"local://{tmp_path}"):
        assert count(location)[0].facets[0].values == ("a.csv", "b.csv", "d.csv.gz", "sub/c.csv")
    assert count(tmp_path / "*.csv")[0].facets[0].values == ("a.csv", "b.csv")
    assert count(tmp_path / "**/c*")[0].facets[0].values == ("sub/c.csv",)
    assert count(tmp_path / "[!b].csv")[0].facets[0].values == ("a.csv",)


def test_two_stars_select_files_of_any_extension(tmp_path: Path) -> None:
    folder = tmp_path / "[a] folder"
    for name in ("part", "a.2026", "sub/c.csv", ".hidden", "_temporary/e.csv", "sub/_f"):
        written(folder / name, "gender,approved\n" + f"{name},1\n{name},0\n" * 30)
    written(folder / "empty", "")
    for location in (f"{folder}/**", f"file://{folder}/**"):
        assert count(location)[0].facets[0].values == ("a.2026", "part", "sub/c.csv")
    with pytest.raises(DataError) as caught:
        count(f"{tmp_path}/nothing/**")
    assert str(caught.value) == f"{tmp_path}/nothing/**: no file there; check the path"


def test_two_stars_read_partition_folders(tmp_path: Path) -> None:
    for gender, approved in (("F", 1), ("M", 0)):
        folder = tmp_path / "run=5" / f"gender={gender}"
        folder.mkdir(parents=True)
        duckdb.execute(f"COPY (SELECT {approved} AS approved FROM range(30)) TO '{folder}/part' (FORMAT parquet)")
    assert tallies(count(f"{tmp_path}/run=5/**", dataset_type="application/x-parquet")[0]) == COUNTED


@pytest.mark.parametrize("name", ["[1].csv", "*.csv", "?.csv", "a]b.csv", "{a,b}.csv", "!x.csv", "it's.csv", "%20.csv"])
def test_the_format_follows_from_the_file_name(name: str, tmp_path: Path) -> None:
    written(tmp_path / "1.csv", "gender,approved\n" + "wrong,1\nwrong,0\n" * 30)
    data = written(tmp_path / name, LOANS)
    assert tallies(count(data)[0]) == COUNTED
    written(tmp_path / "folder" / name, LOANS)
    assert tallies(count(tmp_path / "folder")[0]) == COUNTED


def test_partition_folders_are_a_column_of_parquet_only(tmp_path: Path) -> None:
    for gender, approved in (("F", 1), ("M", 0)):
        folder = tmp_path / "run=5" / "data" / f"gender={gender}"
        written(folder / "part.csv", csv_of({"gender": ["x"] * 30, "approved": [approved] * 30}))
        duckdb.execute(f"COPY (SELECT {approved} AS approved FROM range(30)) TO '{folder}/part.parquet'")
    root = tmp_path / "run=5" / "data"
    assert tallies(count(root, dataset_type="application/x-parquet")[0]) == COUNTED
    assert tallies(count(root / "*/part.parquet")[0]) == COUNTED
    assert tallies(count(root)[0]) == {"x": (30, 30)}
    # Folders above the location say nothing.
    assert list(opened(root / "gender=F/part.parquet").columns) == ["approved"]


def test_files_of_a_folder_must_have_the_same_header(tmp_path: Path) -> None:
    written(tmp_path / "a.csv", LOANS)
    written(tmp_path / "b.csv", "approved,gender\n1,F\n")
    with pytest.raises(DataError) as caught:
        count(tmp_path)
    first, second = tmp_path / "a.csv", tmp_path / "b.csv"
    assert str(caught.value) == (
        f"{second}: its header differs from that of {first}; make them the same, or set header_row=False if there are "
        "none"
    )


def test_files_without_headers_are_read_as_rows(tmp_path: Path) -> None:
    for name in ("a", "b"):
        written(tmp_path / f"{name}.csv", LOANS.partition("\n")[2])
    assert tallies(count(tmp_path, headers=["gender", "approved"])[0]) == {"F": (60, 0), "M": (0, 60)}
    assert tallies(count(tmp_path, "0", label="1", header_row=False)[0]) == {"F": (60, 0), "M": (0, 60)}
    written(tmp_path / "b.csv", LOANS)
    with pytest.raises(DataError, match=r"b.csv begins with a header row, and .*a.csv does not; make them the same$"):
        count(tmp_path, headers=["gender", "approved"])


def test_a_tilde_is_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    written(tmp_path / "loans.csv", LOANS)
    assert tallies(count("~/loans.csv")[0]) == COUNTED


def test_every_fsspec_filesystem_can_be_read(tmp_path: Path) -> None:
    import fsspec

    memory = fsspec.filesystem("memory")
    try:
        memory.pipe("/lab/a.csv", LOANS.encode())
        memory.pipe("/lab/b.csv.gz", gzip.compress(LOANS.encode()))
        memory.pipe("/lab/[1].csv", LOANS.encode())
        memory.pipe("/lab/_SUCCESS", b"")
        assert tallies(count("memory://lab")[0]) == {"F": (90, 0), "M": (0, 90)}
        assert tallies(count("memory://lab/*.csv")[0]) == {"F": (60, 0), "M": (0, 60)}
        assert tallies(count("memory://lab/**")[0]) == {"F": (90, 0), "M": (0, 90)}
        assert tallies(count("memory://lab/a.csv")[0]) == COUNTED
    finally:
        memory.rm("/lab", recursive=True)
