"""Bad input: one sentence that names the error, its location and the remedy, and no files left behind."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import numpy
import pandas
import pytest
from counting_factories import LOANS, analyse, count, csv_of, metric, tallies, written

from airflow_clarify import DataConfig, balance
from airflow_clarify.bias.resampling import BalanceConfig
from airflow_clarify.engines.duckdb import DuckDBEngine
from airflow_clarify.engines.duckdb.errors import explain_error
from airflow_clarify.exceptions import ClarifyError, ConfigError, DataError, UnfitDataError

HEADER, ROWS = LOANS[:16], LOANS[16:]
JSON = '{"gender": "F", "approved": 1}\n{"gender": "M", "approved": 0}\n' * 30
RUBBISH = bytes(range(256)) * 20

#: What is said of a file that can be read and holds no rows: to try again would not help.
NO_ROWS = ("the file is empty", "the file holds no rows", "the data hold no rows, so there is nothing to measure")


@pytest.fixture(autouse=True)
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Provide a folder for temporary files, and check that it is empty afterwards."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield folder
    assert list(folder.iterdir()) == []


def sentence(error: type[ClarifyError], data: Path | str | pandas.DataFrame, *facet: str, **asked: Any) -> str:
    """Return the error message of a count that must fail."""
    with pytest.raises(ClarifyError) as caught:
        count(data, *facet, **asked)
    assert type(caught.value) is error
    said = str(caught.value)
    assert "\n" not in said
    return said


def error_of(said: str) -> type[DataError]:
    """The class of the error that says a sentence about a file."""
    return UnfitDataError if said.endswith(NO_ROWS) else DataError


# --- Files that cannot be read ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param("", "{file}: the file is empty", id="empty"),
        pytest.param("\n \n\n"[::2], "{file}: the file holds no rows", id="blank lines"),
        pytest.param(HEADER, "{file}: the data hold no rows, so there is nothing to measure", id="header only"),
        pytest.param(
            LOANS + "F\n" + ROWS,
            "{file}: line 62 has 1 cell, not 2; correct the file, or set its dialect in csv_options",
            id="short row",
        ),
        pytest.param(
            LOANS + "F,1,2\n" + ROWS,
            "{file}: line 62 has 3 cells, not 2; correct the file, or set its dialect in csv_options",
            id="long row",
        ),
        pytest.param(
            LOANS + '"F,1\n' + ROWS,
            "{file}: line 62 has a quote that is not closed, or text after a closing one; correct it, or set quote in "
            "csv_options",
            id="open quote",
        ),
        pytest.param(
            LOANS + '"F"emale,1\n' + ROWS,
            "{file}: line 62 has a quote that is not closed, or text after a closing one; correct it, or set quote in "
            "csv_options",
            id="text after a quote",
        ),
        pytest.param(
            LOANS + "F,1\r\n" + ROWS,
            "{file}: its line endings differ (\\n and \\r\\n), or unquoted cells contain quotes; correct it, "
            'or set csv_options={{"strict_mode": False}}',
            id="two kinds of newlines",
        ),
        pytest.param(
            (LOANS + "é,1\n").encode("latin-1"),
            '{file}: line 62 is not UTF-8; set its encoding, as in csv_options={{"encoding": "latin-1"}}',
            id="wrong encoding",
        ),
        pytest.param(
            ("größe," + LOANS).encode("latin-1"),
            '{file}: line 1 is not UTF-8; set its encoding, as in csv_options={{"encoding": "latin-1"}}',
            id="wrong encoding of the header",
        ),
        pytest.param(RUBBISH, "{file}: this is a binary file, not CSV; check the path or dataset_type", id="rubbish"),
        pytest.param(
            LOANS.encode("utf-16"),
            '{file}: this looks like UTF-16; set csv_options={{"encoding": "utf-16"}}, or write it as UTF-8',
            id="UTF-16 that nobody told of",
        ),
        pytest.param(
            LOANS.encode("utf-16-le"),
            '{file}: this looks like UTF-16; set csv_options={{"encoding": "utf-16"}}, or write it as UTF-8',
            id="UTF-16 without a byte order mark",
        ),
        pytest.param(
            gzip.compress(LOANS.encode()),
            "{file}: compressed with gzip, but its name does not end in .gz; rename it, or set "
            'csv_options={{"compression": "gzip"}}',
            id="gzip that nobody told of",
        ),
        pytest.param(
            LOANS + "F" * 3_000_000 + ",1\n",
            '{file}: line 62 is longer than max_line_size; raise it, as in csv_options={{"max_line_size": 20000000}}',
            id="very long line",
        ),
        pytest.param(
            "F" * 3_000_000 + "\n" + LOANS,
            "{file}: its first line is longer than max_line_size (2,000,000 bytes); is it CSV at all? Then raise it, "
            'as in csv_options={{"max_line_size": 20000000}}',
            id="very long first line",
        ),
        pytest.param(
            HEADER + "F" * 40_000_000 + ",1\n" + ROWS,
            '{file}: a line is longer than max_line_size; raise it, as in csv_options={{"max_line_size": 20000000}}',
            id="a line longer than the buffer",
        ),
        pytest.param(
            LOANS + "F" * 40_000_000 + ",1\n",
            "{file}: its last line is longer than max_line_size; raise it, as in "
            'csv_options={{"max_line_size": 20000000}}',
            id="a last line longer than the buffer",
        ),
        pytest.param(
            "gender,approved,gender\nF,1,x\n",
            "{file}: column 'gender' occurs twice; rename one, or give headers",
            id="a name twice",
        ),
        pytest.param(
            "gender,approved,Gender\nF,1,x\n",
            "{file}: columns 'gender' and 'Gender' differ only in case; rename one, or give headers",
            id="a name twice but for case",
        ),
    ],
)
def test_a_csv_file_that_cannot_be_read(content: str | bytes, said: str, tmp_path: Path) -> None:
    data = written(tmp_path / "loans.csv", content)
    assert sentence(error_of(said), data) == said.format(file=data)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        (
            "x.csv.gz",
            LOANS,
            "{file}: not compressed with gzip, contrary to its name or csv_options; correct one or the other",
        ),
        ("x.jsonl", "", "{file}: the file is empty"),
        ("x.jsonl", "\n\n", "{file}: the file holds no rows"),
        (
            "x.jsonl",
            JSON + '{"gender":\n',
            "{file}: line 61 is not a JSON object (unexpected end of data); correct the file",
        ),
        ("x.jsonl", JSON + "[1]\n", "{file}: line 61 is not a JSON object; JSON Lines has one object a line"),
        ("x.jsonl", "[1]\n", "{file}: its lines are not JSON objects with fields; JSON Lines has one a line"),
        ("x.json", '{\n"a": 1\n}\n', "{file}: line 1 is not a JSON object (unexpected end of data); correct the file"),
        (
            "x.jsonl",
            '{"gender": 1, "gender": 2, "approved": 1}\n',
            "{file}: column 'gender' occurs twice; rename one, or give headers",
        ),
        (
            "x.jsonl",
            JSON + '{"gender": "F", "gender": "M", "approved": 1}\n',
            "{file}: column 'gender' occurs twice; rename one, or give headers",
        ),
        (
            "x.jsonl",
            (JSON + '{"gender": "é"}\n').encode("latin-1"),
            "{file}: line 61 is not a JSON object (invalid UTF-8 encoding in string); correct the file",
        ),
        ("x.jsonl", RUBBISH, "{file}: line 1 is not a JSON object (unexpected character); correct the file"),
        ("x.parquet", "", "{file}: the file is empty"),
        (
            "x.parquet",
            LOANS,
            "{file}: not a Parquet file, or a damaged one (No magic bytes found at end of file '{file}')",
        ),
        (
            "x.parquet",
            b"PAR1",
            "{file}: not a Parquet file, or a damaged one (File '{file}' too small to be a Parquet file)",
        ),
    ],
)
def test_other_files_that_cannot_be_read(name: str, content: str | bytes, said: str, tmp_path: Path) -> None:
    data = written(tmp_path / name, content)
    assert sentence(error_of(said), data) == said.format(file=data)


@pytest.mark.skipif(duckdb.__version__ < "2", reason="DuckDB before 2.0 takes what there is for the whole")
def test_a_compressed_file_that_is_cut_off(tmp_path: Path) -> None:
    packed = gzip.compress((LOANS * 10_000).encode())
    data = written(tmp_path / "loans.csv.gz", packed[: len(packed) // 2])
    assert sentence(DataError, data) == f"{data} is cut off; write it again"


def test_a_parquet_file_that_is_cut_off_or_damaged(tmp_path: Path) -> None:
    whole = tmp_path / "whole.parquet"
    duckdb.execute(
        f"COPY (SELECT md5(i::VARCHAR) AS gender, i % 2 AS approved FROM range(60_000) AS t(i)) TO '{whole}'"
    )
    content = bytearray(whole.read_bytes())
    cut = written(tmp_path / "cut.parquet", bytes(content[:-10]))
    assert sentence(DataError, cut).startswith(f"{cut}: not a Parquet file, or a damaged one (")
    content[1000:50_000] = RUBBISH * 9 + RUBBISH[:2920]
    damaged = written(tmp_path / "damaged.parquet", bytes(content))
    assert sentence(DataError, damaged).startswith(f"{damaged}: not a Parquet file, or a damaged one (")


def test_a_parquet_file_without_a_column_that_others_have(tmp_path: Path) -> None:
    for name, columns in (("a", "'F' AS gender, 1 AS approved"), ("b", "'F' AS gender")):
        duckdb.execute(f"COPY (SELECT {columns}) TO '{tmp_path}/{name}.parquet'")
    assert sentence(DataError, tmp_path, dataset_type="application/x-parquet") == (
        f"{tmp_path}/b.parquet: there is no column 'approved', which {tmp_path}/a.parquet has; give all files the same "
        "columns"
    )


# --- Places where nothing is --------------------------------------------------------------------------------------


def test_a_path_that_does_not_exist(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    written(tmp_path / "folder" / "notes.md", "x")
    missing, folder, pattern = tmp_path / "no.csv", tmp_path / "folder", tmp_path / "*.csv"
    assert sentence(DataError, missing) == f"{missing}: no such file or folder; check the path"
    assert sentence(DataError, folder) == f"{folder}: no file there (.csv, .tsv, .txt); check the path"
    assert sentence(DataError, pattern) == f"{pattern}: no file there (.csv, .tsv, .txt); check the path"
    assert sentence(DataError, missing / "x.csv") == f"{missing / 'x.csv'}: no such file or folder; check the path"
    assert sentence(DataError, "  ") == "the input path is '  '; give a file, a folder or a glob"
    assert sentence(DataError, "nowhere://bucket/x.csv") == (
        "nowhere://bucket/x.csv: cannot be opened (Protocol not known: nowhere); check the URI and the connection"
    )


@pytest.mark.costly
@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="permissions of Unix")
@pytest.mark.parametrize("what", ["file", "folder"])
def test_a_path_without_read_permission(what: str, tmp_path: Path) -> None:
    for folder in (tmp_path, *list(tmp_path.parents)[:2]):
        folder.chmod(0o755)
    data = written(tmp_path / "closed" / "loans.csv", LOANS)
    (data if what == "file" else data.parent).chmod(0)
    # The first count imports what a user without rights may not be able to.
    code = f"""
import os
from airflow_clarify.exceptions import ClarifyError
from counting_factories import count
count({str(written(tmp_path / "open.csv", LOANS))!r})
if os.geteuid() == 0:
    os.setuid(65534)
try:
    count({str(data)!r})
except ClarifyError as error:
    print(type(error).__name__, error)
"""
    environment = {**os.environ, "TMPDIR": "/tmp"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env=environment,
        cwd=Path(__file__).parent,
        check=False,
    )
    data.parent.chmod(0o755)
    said = f"DataError {data}: no permission to read it; ask for the right to, or choose another file"
    assert done.stdout.strip() == said, done.stderr


# --- Configurations that do not fit the data ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"label": "loan"}, "label: the data have no column 'loan' (columns: 'gender', 'approved', 'age', 'w')"),
        (
            {"label": "Approved"},
            "label: the data have no column 'Approved'; did you mean 'approved'? "
            "(columns: 'gender', 'approved', 'age', 'w')",
        ),
        ({"label": 4}, "label: index 4 is outside the 4 columns (0 to 3)"),
        ({"facet": "sex"}, "facet_name: the data have no column 'sex' (columns: 'gender', 'approved', 'age', 'w')"),
        ({"group": "zip"}, "group_name: the data have no column 'zip' (columns: 'gender', 'approved', 'age', 'w')"),
        ({"weight": "v"}, "weight: the data have no column 'v' (columns: 'gender', 'approved', 'age', 'w')"),
        ({"facet": "approved"}, "facet_name: 'approved' is the label; a label cannot be biased against itself"),
        ({"facet": ["gender", 0]}, "facet_name: 'gender' is given twice, perhaps by name and by index"),
        ({"weight": "gender"}, "weight: 'gender' is also the label, a facet or the group variable"),
        (
            {"positive": ["yes"]},
            "label_values_or_threshold: column 'approved' holds numbers, which 'yes' can never match",
        ),
        (
            {"facet": "age"},
            "facet_values_or_threshold of facet 'age': column 'age' is continuous (integer, 60 distinct values in 60 "
            "rows), so it needs a threshold such as [0.5], or the type 'categorical'",
        ),
        (
            {"facet": "age", "values": ["old"]},
            "facet_values_or_threshold of facet 'age': column 'age' is continuous, and 'old' is not a number",
        ),
        ({"csv_options": {"sep": ";"}}, "csv_options: no option 'sep'; there are comment, compression, delim, "
         "encoding, escape, max_line_size, quote, skip, strict_mode"),
        ({"csv_options": {"encoding": "cp1252"}}, "csv_options: encoding 'cp1252' is not one of utf-8, latin-1 and "
         "utf-16, which DuckDB reads"),
        ({"csv_options": {"compression": "zip"}}, "csv_options: compression 'zip' is not one of gzip, none and auto"),
        ({"header_row": "no"}, "header_row: it is true or false, not 'no'"),
        ({"label": "aproved"}, "label: the data have no column 'aproved'; did you mean 'approved'? "
         "(columns: 'gender', 'approved', 'age', 'w')"),
        ({"headers": ["a", "b"]}, "headers: 2 names are given, and {file} has 4 columns"),
        (
            {"headers": ["a", "b"], "csv_options": {"delim": ";"}},
            "headers: 2 names are given, and {file} has 1 columns; it seems to be separated by ',': set "
            "csv_options={{'delim': ','}}",
        ),
        (
            {"dataset_type": "application/json"},
            "dataset_type: application/json needs JMESPath features, which only a Clarify job reads; the embedded "
            "engine reads application/jsonlines",
        ),
        (
            {"dataset_type": "application/jsonlines", "csv_options": {"delim": ";"}},
            "csv_options: given for application/jsonlines; they are for text/csv",
        ),
    ],
)  # fmt: skip
def test_a_configuration_that_does_not_fit(asked: dict[str, Any], said: str, tmp_path: Path) -> None:
    table = {"gender": ["F", "M"] * 30, "approved": [1, 0] * 30, "age": range(60), "w": [1.5] * 60}
    data = written(tmp_path / "loans.csv", csv_of(table))
    facet = asked.pop("facet", "gender")
    assert sentence(ConfigError, data, facet, **asked) == said.format(file=data)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("sex;y\nF;1\n", "it seems to be separated by ';': set csv_options={'delim': ';'} (columns: one, whose name is "
         "no word)"),
        ("sex\ty\nF\t1\n", "it seems to be separated by '\\t': set csv_options={'delim': '\\t'} (columns: one, whose "
         "name is no word)"),
        ("root:x:0:0:root:/root:/bin/bash\n", "label: the data have no column 'y' (columns: one, whose name is no "
         "word)"),
        ("sex\nF\n", "label: the data have no column 'y' (columns: 'sex')"),
    ],
)  # fmt: skip
def test_a_file_of_one_column_hints_at_its_delimiter_and_shows_no_line(content: str, said: str, tmp_path: Path) -> None:
    assert sentence(ConfigError, written(tmp_path / "loans.csv", content), "sex", label="y").endswith(said)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"skip": -1}, "skip is a number of lines up to 1,000,000,000, such as 1, not -1"),
        ({"skip": True}, "skip is a number of lines up to 1,000,000,000, such as 1, not True"),
        ({"skip": 10**20}, "skip is a number of lines up to 1,000,000,000, such as 1, not 100000000000000000000"),
        ({"comment": "\n"}, "comment is a single character, but not a letter, such as '#', not '\\n'"),
        ({"comment": " "}, "comment is a single character, but not a letter, such as '#', not ' '"),
        ({"quote": "ab"}, "quote is a single character, but not a letter, such as \"'\", not 'ab'"),
        ({"escape": "\r"}, "escape is a single character, but not a letter, such as '\\\\', not '\\r'"),
        ({"delim": ""}, "delim is a single character, but not a letter, such as ';', not ''"),
        ({"delim": None}, "delim is a single character, but not a letter, such as ';', not None"),
        ({"delim": "F"}, "delim is a single character, but not a letter, such as ';', not 'F'"),
        ({"comment": ","}, "delim and comment are both ','; give them two characters"),
        ({"quote": ","}, "delim and quote are both ','; give them two characters"),
        ({"strict_mode": "no"}, "strict_mode: it is true or false, not 'no'"),
        (
            {"max_line_size": 10**20},
            "max_line_size is a number of bytes up to 1,000,000,000, such as 20000000, not 100000000000000000000",
        ),
    ],
)
def test_invalid_csv_options(options: dict[str, Any], said: str, tmp_path: Path) -> None:
    data = written(tmp_path / "loans.csv", LOANS)
    assert sentence(ConfigError, data, csv_options=options) == f"csv_options: {said}"


def test_lines_to_skip_beyond_the_end_of_the_file(tmp_path: Path) -> None:
    data = written(tmp_path / "loans.csv", LOANS)
    said = sentence(DataError, data, csv_options={"skip": 10**9})
    assert said == f"{data}: csv_options: skip=1000000000 passes over all of its lines; give fewer"


def test_utf_16_in_big_endian_order_is_refused(tmp_path: Path) -> None:
    for number, mark in enumerate((b"", b"\xfe\xff")):
        data = written(tmp_path / f"{number}.csv", mark + LOANS.encode("utf-16-be"))
        assert sentence(DataError, data, csv_options={"encoding": "utf-16"}) == (
            f"{data}: UTF-16 in big-endian order, which DuckDB does not read; write it again as UTF-8"
        )


def test_json_lines_that_hold_null_are_not_rows(tmp_path: Path) -> None:
    data = written(tmp_path / "loans.jsonl", JSON + "null\n")
    assert sentence(DataError, data) == f"{data}: a line holds null, not an object; JSON Lines has one object a line"
    data = written(tmp_path / "loans.jsonl", "null\nnull\n" + JSON)
    assert sentence(DataError, data) == f"{data}: 2 lines hold null, not an object; JSON Lines has one object a line"
    # An object without fields is a row without values.
    assert tallies(count(written(tmp_path / "loans.jsonl", JSON + "{}\n"))[0])[None] == (0, 1)


def test_dense_json_lines_are_refused_by_name(tmp_path: Path) -> None:
    data = written(tmp_path / "loans.jsonl", '{"features": ["F", 30], "approved": 1}\n' * 3)
    said = sentence(ConfigError, data, features="features", headers=["gender", "age", "approved"])
    assert said == (
        "features: 'features' is a JMESPath into dense records, which only a Clarify job reads; write records with one "
        "field a column and leave features out, or measure with SageMakerEngine"
    )
    # A selection of fields by their own names is what is read anyway.
    data = written(tmp_path / "loans.jsonl", JSON)
    assert len(tallies(count(data, features="[gender]", headers=["gender", "approved"])[0])) == 2


def test_headers_that_are_not_fields_of_json_lines(tmp_path: Path) -> None:
    data = written(tmp_path / "loans.jsonl", JSON)
    assert sentence(ConfigError, data, "Gender", headers=["Gender", "approved"]) == (
        f"headers: the records in {data} have no field 'Gender'; did you mean 'gender'?"
    )
    assert sentence(ConfigError, data, "sex", label="y", headers=["sex", "y"]) == (
        f"headers: none of them is a field of the records in {data} (fields: 'gender', 'approved'); JSON Lines is read "
        "by the names of its fields, so leave headers out"
    )


def test_passwords_in_urls_are_masked_in_errors() -> None:
    said = sentence(DataError, "http://ana:secret@127.0.0.1:9/loans.csv?sig=secret")
    assert said == "http://ana:***@127.0.0.1:9/loans.csv?***: no file there (.csv, .tsv, .txt); check the path"


def test_a_csv_file_that_shrinks_during_the_read_has_an_error_about_csv() -> None:
    error = duckdb.IOException('IO Error: Could not read enough bytes from file "loans.csv": attempted to read 8')
    assert str(explain_error(error, "loans.csv", "csv")) == (
        "loans.csv: it ends too soon; it is cut off, or changed while it was read"
    )


def test_a_protocol_without_a_path_is_refused() -> None:
    for nothing in ("local://", "file://"):
        assert sentence(ConfigError, nothing) == (
            f"{nothing!r} names no file or folder; give a path, such as file:///data/loans.csv"
        )
    assert sentence(ConfigError, "memory://") == (
        "'memory://' names no file or folder; give what follows the protocol as well"
    )


@pytest.mark.parametrize("threads", [0, -1, 1025, 10**9, "many", True, 2.5])
def test_threads_are_bounded(threads: Any) -> None:
    with pytest.raises(ConfigError) as caught:
        DuckDBEngine(None, threads=threads)
    assert str(caught.value) == f"threads: it is a whole number from 1 to 1024, not {threads!r}"


@pytest.mark.parametrize("threads", ["2", "None"])
def test_threads_can_be_a_rendered_template(threads: Any, tmp_path: Path) -> None:
    assert DuckDBEngine(None, threads="{{ params.threads }}").threads == "{{ params.threads }}"  # type: ignore[arg-type]
    engine = DuckDBEngine(None, threads=threads)
    assert len(tallies(count(written(tmp_path / "loans.csv", LOANS), engine=engine)[0])) == 2


def test_limits_that_duckdb_rejects(tmp_path: Path) -> None:
    said = sentence(ConfigError, written(tmp_path / "loans.csv", LOANS), engine=DuckDBEngine(None, memory_limit="lots"))
    assert said.startswith("DuckDB cannot be opened with {'memory_limit': 'lots'}: ")


@pytest.mark.parametrize("weight", ["", "x", "-1", "inf", "nan", "NA", "1e200", "1e-200", "1e999"])
def test_invalid_weights(weight: str, tmp_path: Path) -> None:
    data = written(tmp_path / "loans.csv", csv_of({"g": ["F", "M"], "h": ["a", "b"], "y": [1, 0], "w": [2, weight]}))
    for facets in (["g"], ["g", "h"]):
        assert sentence(UnfitDataError, data, facets, label="y", weight="w") == (
            "weight: column 'w' has 1 of 2 rows without a number from 0; every row needs a weight, which is 0 or "
            "between 1e-100 and 1e+100"
        )


def test_a_column_that_cannot_be_weights(tmp_path: Path) -> None:
    data = tmp_path / "loans.parquet"
    duckdb.execute(f"COPY (SELECT 'F' AS gender, 1 AS approved, DATE '2020-01-01' AS day) TO '{data}'")
    assert (
        sentence(ConfigError, data, weight="day") == "weight: column 'day' holds DATE values, which cannot be weights"
    )


def test_a_threshold_for_a_column_without_numbers(tmp_path: Path) -> None:
    data = written(tmp_path / "loans.csv", "gender,approved\n" + "F,\nM,\n" * 30)
    assert sentence(UnfitDataError, data, positive=[0.5]) == (
        "column 'approved' holds no value, so label_values_or_threshold = 0.5 selects nothing; check the column"
    )


# --- Data that can be read, and say little ------------------------------------------------------------------------


def test_label_values_that_never_occur_are_reported(tmp_path: Path) -> None:
    analysis = analyse(written(tmp_path / "loans.csv", LOANS), positive=[7], methods=["DPL"])
    assert metric(analysis, "DPL") == {"F": 0.0, "M": 0.0}
    assert analysis.warnings[0] == "label 'approved': no row holds '7'"


def test_all_rows_in_one_facet_value_is_an_error_of_each_metric(tmp_path: Path) -> None:
    analysis = analyse(written(tmp_path / "loans.csv", LOANS.replace("M", "F")), methods=["CI", "DPL"])
    assert metric(analysis, "CI") == metric(analysis, "DPL") == {"F": None}
    assert any("not defined" in warning for warning in analysis.warnings)


def test_missing_values_are_counted_and_reported(tmp_path: Path) -> None:
    data = written(tmp_path / "loans.csv", LOANS + "NaN,1\n,0\nF,NaN\nM,\n")
    analysis = analyse(data, label_type="categorical", methods=["CI"])
    assert metric(analysis, "CI") == {
        "F": pytest.approx((33 - 31) / 64),
        "M": pytest.approx((33 - 31) / 64),
        "nan": None,
    }
    assert list(analysis.warnings[:4]) == [
        "column 'approved': 'NaN' in 1 rows is read as missing, as pandas and so Clarify do; set na_values=[''] to "
        "keep it as a value",
        "label 'approved': 2 rows have no label and count as not positive, as in Clarify",
        "column 'gender': 'NaN' in 1 rows is read as missing, as pandas and so Clarify do; set na_values=[''] to "
        "keep it as a value",
        "facet 'gender': 2 rows have no value and count among the rest of every value, as in Clarify",
    ]


# --- A full disk --------------------------------------------------------------------------------------------------


def test_a_full_disk(tmp_path: Path) -> None:
    data = tmp_path / "loans.parquet"
    query = "SELECT 'g' || (i % 3) AS gender, i % 2 AS approved, md5(i::VARCHAR) AS who FROM range(400_000) AS t(i)"
    duckdb.execute(f"COPY ({query}) TO '{data}'")
    # A limit on the size of files fails writes as a full disk does.
    code = f"""
import resource, signal, sys
from airflow_clarify.engines.duckdb import DuckDBEngine
from airflow_clarify.exceptions import DataError
from counting_factories import count
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
try:
    count({str(data)!r}, group="who", engine=DuckDBEngine(None, memory_limit="64MB", threads=1))
except DataError as error:
    print(error)
"""
    environment = {**os.environ, "TMPDIR": str(tmp_path / "scratch")}
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env=environment,
        cwd=Path(__file__).parent,
        check=True,
    )
    assert done.stdout.strip() == (
        f"{data}: the data spilled from memory cannot be written to temp_directory (File too large); free some space "
        "there, or give another"
    )


# --- Nested values ------------------------------------------------------------------------------------------------

NESTED = "column 'n' holds nested values (structs, lists or maps), which are neither categories nor numbers; "
NESTED += "name another column, or write the field that you mean to a column of its own"


@pytest.mark.parametrize("nested", ["{'a': i % 2}", "[i % 2]", "[i % 2, 1]::INT[2]", "MAP {'a': i % 2}", "[{'a': 1}]"])
def test_nested_values_of_a_parquet_file_are_refused_by_name(nested: str, tmp_path: Path) -> None:
    file = tmp_path / "data.parquet"
    columns = f"{nested} AS n, 'a' AS g, i % 2 AS y, i % 3 AS h"
    duckdb.sql(f"COPY (SELECT {columns} FROM range(30) AS t(i)) TO '{file}' (FORMAT parquet)")
    asked: dict[str, Any] = {"label_type": "categorical"}
    assert sentence(ConfigError, file, "n", label="y", **asked) == f"facet: {NESTED}"
    assert sentence(ConfigError, file, "g", label="n", **asked) == f"label: {NESTED}"
    assert sentence(ConfigError, file, "g", label="y", group="n", **asked) == f"group_variable: {NESTED}"
    assert sentence(ConfigError, file, "g", label="y", weight="n", **asked) == f"weight: {NESTED}"
    # And where the column takes no part, nothing is wrong with it.
    assert count(file, "g", label="y", **asked)[0].facets[0].values == ("a",)
    with pytest.raises(ConfigError, match=r"^by: column 'n' holds nested values"):
        DuckDBEngine(duckdb_conn_id=None).balance(
            DataConfig(str(file)), str(tmp_path / "out.parquet"), BalanceConfig(["n"])
        )
    assert not (tmp_path / "out.parquet").exists()


@pytest.mark.parametrize("nested", [{"a": 1}, [1, 2], [], {}])
@pytest.mark.parametrize("field", ["n", "a/b~c"])
def test_nested_fields_of_json_lines_are_refused_by_name(nested: Any, field: str, tmp_path: Path) -> None:
    records = [{field: "x" if number else nested, "g": "ab"[number % 2], "y": number % 2} for number in range(12)]
    file = written(tmp_path / "data.jsonl", "".join(json.dumps(record) + "\n" for record in reversed(records)))
    refused = NESTED.replace("'n'", f"'{field}'")
    assert sentence(ConfigError, file, field, label="y") == f"facet: {refused}"
    assert sentence(ConfigError, file, "g", label="y", group=field) == f"group_variable: {refused}"
    with pytest.raises(ConfigError, match=r"^by: ") as raised:
        DuckDBEngine(duckdb_conn_id=None).balance(
            DataConfig(str(file)), str(tmp_path / "out.jsonl"), BalanceConfig([field])
        )
    assert str(raised.value) == f"by: {refused}"
    assert not (tmp_path / "out.jsonl").exists()
    assert count(file, "g", label="y")[0].facets[0].values == ("b", "a")


def test_texts_that_look_nested_are_texts(tmp_path: Path) -> None:
    records = [{"g": ["[1]", '{"a": 1}'][number % 2], "y": number % 3 % 2} for number in range(12)]
    file = written(tmp_path / "data.jsonl", "".join(json.dumps(record) + "\n" for record in records))
    assert count(file, "g", label="y")[0].facets[0].values == ("[1]", '{"a": 1}')
    balanced = DuckDBEngine(duckdb_conn_id=None).balance(
        DataConfig(str(file)), str(tmp_path / "out.jsonl"), BalanceConfig(["g"])
    )
    assert balanced.rows_out == 12


@pytest.mark.parametrize(
    "nested", [[1], (1,), {"a": 1}, {1}, numpy.array([1])], ids=lambda nested: type(nested).__name__
)
def test_nested_values_of_a_data_frame_are_refused_by_name(nested: Any) -> None:
    frame = pandas.DataFrame({"n": [None, *[nested] * 3], "y": [0, 1, 0, 1], "g": ["a", "b", "a", "b"]})
    asked: dict[str, Any] = {"label": "y", "label_type": "categorical"}
    assert sentence(ConfigError, frame, "n", **asked) == f"facet: {NESTED}"
    assert count(frame, "g", **asked)[0].facets[0].values == ("a", "b")
    with pytest.raises(ConfigError, match=r"^by: column 'n' holds nested values"):
        balance(frame, ["n"])
