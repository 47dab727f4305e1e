"""The command line: commands, output, exit status, and no partial output after an error."""

from __future__ import annotations

import gzip
import json
import os
import pty
import resource
import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from cli_factories import COUNT_WITHOUT_END, CommandResult, Run

from airflow_clarify import __version__
from airflow_clarify.artifacts import read_analysis
from airflow_clarify.bias.analysis import Analysis
from airflow_clarify.bias.config import AnalysisConfig, BiasConfig, DataConfig
from airflow_clarify.bias.thresholds import Thresholds
from airflow_clarify.cli.main import build_parser, main
from airflow_clarify.cli.terminal import EXIT_OK, EXIT_USAGE, EXIT_VIOLATION
from airflow_clarify.engines.duckdb import DuckDBEngine

#: Rows by gender, region and approved; DPL is 0.2 for F and -0.2 for M.
LOANS = {("F", "north", 1): 20, ("F", "north", 0): 40, ("F", "south", 1): 20, ("F", "south", 0): 20} | {
    ("M", "north", 1): 30, ("M", "north", 0): 25, ("M", "south", 1): 30, ("M", "south", 0): 15
}  # fmt: skip
ASKED = ("--label", "approved", "--positive", "1", "--facet", "gender")
REPORTS = ("report.html", "report.ipynb", "report.pdf")
FILES = {"analysis.json", "summary.json", "analysis_config.json", *REPORTS}


@pytest.fixture
def loans(tmp_path: Path) -> Path:
    path = tmp_path / "loans.csv"
    rows = [f"{i},{g},{r},{a}\n" for i, (g, r, a) in enumerate(key for key, n in LOANS.items() for _ in range(n))]
    path.write_text("id,gender,region,approved\n" + "".join(rows))
    return path


@pytest.fixture
def analysis_file(loans: Path, tmp_path: Path, run: Run) -> Path:
    """The analysis.json of the loans, with its summary in the same folder."""
    assert run("analyze", "--data", loans, *ASKED, "--output", tmp_path / "out").status == EXIT_OK
    return tmp_path / "out" / "analysis.json"


#: The environment of a process that buffers its output, which is Python's default.
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}


def run_process(*arguments: object, **how: Any) -> CommandResult:
    """Run a command in a subprocess."""
    command = [sys.executable, "-m", "airflow_clarify.cli", *map(str, arguments)]
    how = {"capture_output": True, "text": True, "env": ENVIRONMENT, **how}
    ran = subprocess.run(command, check=False, **how)
    return CommandResult(ran.returncode, ran.stdout or "", ran.stderr or "")


def files_in(folder: Path) -> dict[str, bytes]:
    """List all files and folders below a folder, including hidden ones and empty folders."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else b"(a folder)"
        for path in folder.rglob("*")
    }


def dpl(analysis: Path) -> dict[str, float | None]:
    return {
        f"{facet.column}={result.value}": metric.value
        for facet, result in read_analysis(str(analysis)).results()
        if (metric := result.metric("DPL")) is not None
    }


# --- analyze ------------------------------------------------------------------------------------------------------


def test_analyze_measures_and_writes(loans: Path, tmp_path: Path, run: Run) -> None:
    out = tmp_path / "new" / "out"

    ran = run("analyze", "--data", loans, *ASKED, "--output", out)

    assert ran.status == EXIT_OK
    assert ran.err == ""
    assert set(files_in(out)) == FILES
    assert dpl(out / "analysis.json") == pytest.approx({"gender=F": 0.2, "gender=M": -0.2})
    lines = ran.out.splitlines()
    assert lines[0].split()[:3] == ["gender", "rows", "approved=1"]
    assert lines[2].split()[:3] == ["F", "100", "40.0%"]
    assert lines[-1] == f"Wrote {', '.join(REPORTS)}, summary.json, analysis_config.json, analysis.json to {out}"


def test_the_summary_has_the_locations_of_the_files(analysis_file: Path) -> None:
    places = json.loads((analysis_file.parent / "summary.json").read_text())["outputs"]

    assert set(places) == {"analysis", "summary", "report", "notebook", "pdf", "config"}
    assert all(Path(place).is_file() for place in places.values())


def test_analyze_without_output_only_prints(
    loans: Path, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    before = files_in(tmp_path)

    ran = run("analyze", "--data", "loans.csv", *ASKED)

    assert ran.status == EXIT_OK
    assert "DPL" in ran.out
    assert "Wrote" not in ran.out
    assert files_in(tmp_path) == before


def test_a_configuration_file_is_equivalent_to_options(
    loans: Path, analysis_file: Path, tmp_path: Path, run: Run
) -> None:
    written = analysis_file.parent / "analysis_config.json"

    ran = run("analyze", "--data", loans, "--config", written, "--output", tmp_path / "again")

    assert ran.status == EXIT_OK
    assert (tmp_path / "again" / "analysis.json").read_bytes() == analysis_file.read_bytes()
    assert (tmp_path / "again" / "analysis_config.json").read_bytes() == written.read_bytes()


def test_a_configuration_file_names_the_columns_of_a_file_without_header(
    loans: Path, analysis_file: Path, tmp_path: Path, run: Run
) -> None:
    header, _, rows = loans.read_text().partition("\n")
    (tmp_path / "bare.csv").write_text(rows)
    config = json.loads((analysis_file.parent / "analysis_config.json").read_text()) | {"headers": header.split(",")}
    (tmp_path / "config.json").write_text(json.dumps(config))

    run("analyze", "--data", tmp_path / "bare.csv", "--config", tmp_path / "config.json", "--output", tmp_path / "bare")

    assert (tmp_path / "bare" / "analysis.json").read_bytes() == analysis_file.read_bytes()


def test_declared_types_beside_a_configuration_file(loans: Path, analysis_file: Path, tmp_path: Path, run: Run) -> None:
    written = analysis_file.parent / "analysis_config.json"
    continuous = ["--label-type", "continuous", "--output", tmp_path / "typed"]

    run("analyze", "--data", loans, "--config", written, *continuous)

    typed = json.loads((tmp_path / "typed" / "analysis.json").read_text())
    # No label exceeds 1, so Clarify's interval has no bounds.
    assert typed["pre_training_bias_metrics"]["label_value_or_threshold"] == ""


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--facet", "gender", "--facet", "region"], {"gender=F", "gender=M", "region=north", "region=south"}),
        (["--facet", "gender", "--facet-values", "F"], {"gender=F"}),
        (["--facet", "gender", "--facet-values", "F,M"], {"gender=F,M"}),
        (["--facet", "gender", "--facet-values", "F", "--facet-values", "M"], {"gender=F,M"}),
        (["--facet", "id", "--facet-values", "100"], {"id=(100, 199]"}),
        (["--facet", "id", "--facet-values", "7", "--facet-type", "categorical"], {"id=7"}),
    ],
)
def test_the_groups_that_are_compared(
    options: list[str], expected: set[str], loans: Path, tmp_path: Path, run: Run
) -> None:
    asked = ["--label", "approved", "--positive", "1", *options]

    ran = run("analyze", "--data", loans, *asked, "--output", tmp_path / "out")

    assert ran.status == EXIT_OK
    assert set(dpl(tmp_path / "out" / "analysis.json")) == expected


def test_metrics_group_variable_and_weights(loans: Path, tmp_path: Path, run: Run) -> None:
    weighted = tmp_path / "weighted.csv"
    header, *rows = loans.read_text().splitlines()
    weighted.write_text("\n".join([f"{header},w", *(f"{row},{3 if ',1' in row[-2:] else 1}" for row in rows)]))
    options = ["--methods", "DPL,CDDL", "--methods", "CI", "--group", "region", "--weight", "w"]

    run("analyze", "--data", weighted, *ASKED, *options, "--output", tmp_path / "out")

    analysis = read_analysis(str(tmp_path / "out" / "analysis.json"))
    assert analysis.methods == ("CDDL", "CI", "DPL")
    assert analysis.weighted
    assert all(metric.value is not None for _, result in analysis.results() for metric in result.metrics)
    # 60 of 100 rows of M and 40 of F are positive, and each of these counts three times.
    expected = 180 / 220 - 120 / 180
    assert dpl(tmp_path / "out" / "analysis.json") == pytest.approx({"gender=F": expected, "gender=M": -expected})


def as_parquet(loans: Path, target: Path) -> None:
    import pandas

    pandas.read_csv(loans).to_parquet(target)


def as_json_lines(loans: Path, target: Path) -> None:
    import pandas

    pandas.read_csv(loans).to_json(target, orient="records", lines=True)


@pytest.mark.parametrize(
    ("name", "write", "options"),
    [
        ("loans.parquet", as_parquet, []),
        ("loans.jsonl", as_json_lines, []),
        ("loans.dat", as_json_lines, ["--dataset-type", "application/jsonlines"]),
        ("loans.csv.gz", lambda loans, target: target.write_bytes(gzip.compress(loans.read_bytes())), []),
        (
            "semicolons.csv",
            lambda loans, target: target.write_text(loans.read_text().replace(",", ";")),
            ["--csv-option", "delim=;"],
        ),
        (
            "tabs.csv",
            lambda loans, target: target.write_text(loans.read_text().replace(",", "\t")),
            ["--csv-option", r"delim=\t"],
        ),
        (
            "remark.csv",
            lambda loans, target: target.write_text("made in 2026\n" + loans.read_text()),
            ["--csv-option", "skip=1", "--csv-option", "max_line_size=4000000", "--csv-option", "strict_mode=false"],
        ),
        ("loans.csv", lambda *_: None, ["--threads", "1", "--memory-limit", "200MB"]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_same_numbers_from_every_format(
    name: str,
    write: Callable[[Path, Path], object],
    options: list[str],
    loans: Path,
    analysis_file: Path,
    tmp_path: Path,
    run: Run,
) -> None:
    write(loans, tmp_path / name)

    ran = run("analyze", "--data", tmp_path / name, *ASKED, *options, "--output", tmp_path / "other")

    assert ran.status == EXIT_OK, ran.err
    assert (tmp_path / "other" / "analysis.json").read_bytes() == analysis_file.read_bytes()


def test_a_glob_and_a_folder(loans: Path, analysis_file: Path, tmp_path: Path, run: Run) -> None:
    header, *rows = loans.read_text().splitlines()
    (tmp_path / "parts").mkdir()
    for part in range(4):
        (tmp_path / "parts" / f"{part}.csv").write_text("\n".join([header, *rows[50 * part : 50 * part + 50]]))

    for data in (tmp_path / "parts", tmp_path / "parts" / "*.csv"):
        assert run("analyze", "--data", data, *ASKED, "--output", tmp_path / "whole").status == EXIT_OK
        assert (tmp_path / "whole" / "analysis.json").read_bytes() == analysis_file.read_bytes()


def test_columns_of_a_file_without_header_have_numbers(loans: Path, tmp_path: Path, run: Run) -> None:
    (tmp_path / "bare.csv").write_text(loans.read_text().partition("\n")[2])
    asked = ["--no-header", "--label", "3", "--positive", "1", "--facet", "1"]

    run("analyze", "--data", tmp_path / "bare.csv", *asked, "--output", tmp_path / "out")

    assert dpl(tmp_path / "out" / "analysis.json") == pytest.approx({"1=F": 0.2, "1=M": -0.2})


def test_a_header_row_unlike_the_headers_is_an_error_with_two_remedies(loans: Path, tmp_path: Path, run: Run) -> None:
    table = loans.read_text()
    names = table.partition("\n")[0].split(",")
    config = {
        "dataset_type": "text/csv",
        "headers": [name.upper() for name in names],
        "label": names[-1].upper(),
        "label_values_or_threshold": [1],
        "facet": [{"name_or_index": names[1].upper()}],
        "methods": {"pre_training_bias": {"methods": ["DPL"]}},
    }
    (tmp_path / "config.json").write_text(json.dumps(config))
    asked = ["analyze", "--data", loans, "--config", tmp_path / "config.json"]

    assert run(*asked).refused() == (
        f"headers: the first row of {loans} seems to hold the same names in another spelling; set header_row=True "
        "(--header) if it is a header row, or header_row=False (--no-header) if it is data"
    )
    run(*asked, "--header", "--output", tmp_path / "out")
    assert dpl(tmp_path / "out" / "analysis.json") == pytest.approx({"GENDER=F": 0.2, "GENDER=M": -0.2})
    # The row has the names in another case, so it cannot be data.
    assert "the headers themselves" in run(*asked, "--no-header").refused()


def test_na_values(tmp_path: Path, run: Run) -> None:
    data = tmp_path / "countries.csv"
    data.write_text("country,ok\n" + 'NA,1\nNA,0\n"a,b",1\n-,0\n' * 10)
    asked = ["--data", data, "--label", "ok", "--positive", "1", "--facet", "country", "--output", tmp_path / "out"]

    def found(*options: str) -> set[str]:
        assert run("analyze", *asked, *options).status == EXIT_OK
        return {name.removeprefix("country=") for name in dpl(tmp_path / "out" / "analysis.json")}

    assert found() == {"nan", "a,b", "-"}
    assert found("--na-values", "") == {"NA", "a,b", "-"}
    assert found("--na-values=-,") == {"NA", "a,b", "nan"}
    assert found("--na-values", '["a,b", "-"]') == {"NA", "nan"}
    assert found("--na-values", '["a,b"]', "--na-values=-") == {"NA", "nan"}


@pytest.mark.parametrize(
    ("given", "values"),
    [
        (["1"], [1]),
        (['"1"'], ["1"]),
        (["1.5"], [1.5]),
        (["true"], [True]),
        (["F"], ["F"]),
        (["F,M"], ["F", "M"]),
        (["5, 4"], [5, 4]),
        (["5,yes"], [5, "yes"]),
        (["yes", "5,4"], ["yes", 5, 4]),
        (['"a,b"'], ["a,b"]),
        (['"a,b","c"'], ["a,b", "c"]),
        (['["a,b", 1, "1"]'], ["a,b", 1, "1"]),
        (['["[0, 1)"]'], ["[0, 1)"]),
        (["01"], ["01"]),
        ([">50K"], [">50K"]),
        (["null"], ["null"]),
        (["NaN"], ["NaN"]),
        (["-Infinity,1"], ["-Infinity", 1]),
        (['5" pipe'], ['5" pipe']),
        (["it's"], ["it's"]),
        (['{"a":1}'], ['{"a":1}']),
        (["日本,Ärzte"], ["日本", "Ärzte"]),
        (["[" * 100_000 + "x"], None),
        (["[18, 25)"], None),
        (["[null]"], None),
        (["[1"], None),
        (['"a,b",c'], None),
    ],
    ids=lambda value: str(value)[:30],
)
def test_values_are_read_as_in_json(given: list[str], values: list[Any] | None, tmp_path: Path, run: Run) -> None:
    data = tmp_path / "answers.csv"
    data.write_text("answer,gender\n" + "x,F\ny,M\n" * 20)
    options = [option for text in given for option in (f"--positive={text}",)]
    asked = ["--data", data, "--label", "answer", *options, "--facet", "gender", "--output", tmp_path / "out"]

    ran = run("analyze", *asked)

    if values is None:
        assert "JSON list" in ran.refused()
        assert not (tmp_path / "out").exists()
    else:
        assert ran.status == EXIT_OK, ran.err
        config = json.loads((tmp_path / "out" / "analysis_config.json").read_text())
        assert config["label_values_or_threshold"] == values
        assert list(map(type, config["label_values_or_threshold"])) == list(map(type, values))


def test_commas_quotes_newlines_and_other_scripts_in_names_and_values(tmp_path: Path, run: Run) -> None:
    data = tmp_path / "wëird, “name”.csv"
    label, facet, value, plain = 'ok?, "really"', "größe\n<b>", 'a,"b"\nc', "日本"
    cells = [(facet, label), *[(value, "j,a"), (value, "nein"), (plain, "j,a"), (plain, "j,a")] * 10]
    quoted = [",".join('"' + cell.replace('"', '""') + '"' for cell in row) for row in cells]
    data.write_text("\n".join(quoted))
    out = tmp_path / "öut, put"

    ran = run(
        *("analyze", "--data", data, "--label", label, "--positive", '["j,a"]', "--facet", facet),
        *("--facet-values", json.dumps([value]), "--output", out),
    )

    assert ran.status == EXIT_OK, ran.err
    assert dpl(out / "analysis.json") == {f"{facet}={value}": 0.5}
    assert all(line.isprintable() for line in (ran.out + ran.err).splitlines())

    strata = json.dumps([facet, label])
    ran = run("balance", "--data", data, "--by", strata, "--empty", "ignore", "--output", tmp_path / "b.csv")
    assert ran.status == EXIT_OK, ran.err
    assert len(ran.out.splitlines()) == 1

    gate = ("gate", "--analysis", out / "analysis.json")
    assert run(*gate, "--threshold", f"DPL:{facet}:{value}=0.4").status == EXIT_VIOLATION
    assert run(*gate, "--threshold", f"DPL:{facet}:{value}=0.6").status == EXIT_OK


def test_warnings_are_on_stderr(tmp_path: Path, run: Run) -> None:
    data = tmp_path / "gaps.csv"
    data.write_text("gender,approved\n" + "F,1\n,0\nM,1\n\x1b[31mX,0\n" * 10)

    ran = run("analyze", "--data", data, *ASKED)

    warnings = ran.err.splitlines()
    assert any("10 rows have no value" in warning for warning in warnings)
    assert all(line.startswith("warning: ") and line.isprintable() for line in warnings)
    assert all(line.isprintable() for line in ran.out.splitlines())


# --- balance ------------------------------------------------------------------------------------------------------


def count_strata(path: Path) -> dict[str, int]:
    _, *rows = path.read_text().splitlines()
    strata = [",".join(row.split(",")[1:4]) for row in rows]
    return {stratum: strata.count(stratum) for stratum in sorted(set(strata))}


def test_balance_writes_a_balanced_copy(loans: Path, tmp_path: Path, run: Run) -> None:
    target = tmp_path / "new" / "balanced.csv"

    ran = run("balance", "--data", loans, "--by", "gender,region,approved", "--seed", "7", "--output", target)

    assert (ran.status, ran.err) == (EXIT_OK, "")
    assert set(count_strata(target).values()) == {15}
    assert ran.out == f"Read 200 rows in 8 strata by gender, region, approved; wrote 120 rows to {target}\n"
    header, *rows = target.read_text().splitlines()
    source_header, *source_rows = loans.read_text().splitlines()
    assert header == source_header
    assert [row for row in source_rows if row in set(rows)] == rows


def test_the_seed_determines_the_rows(loans: Path, tmp_path: Path, run: Run) -> None:
    def drawn(name: str, seed: int) -> bytes:
        target = tmp_path / name
        assert run("balance", "--data", loans, "--by", "gender", "--size", 5, "--seed", seed, "--output", target)
        return target.read_bytes()

    assert drawn("a.csv", 1) == drawn("b.csv", 1)
    assert drawn("c.csv", 2) != drawn("a.csv", 1)


@pytest.mark.parametrize(
    ("options", "rows"),
    [
        ([], 120),
        (["--strategy", "oversample"], 320),
        (["--size", "3"], 24),
        (["--strategy", "oversample", "--size", "50"], 400),
        (["--fraction", "0.1"], 21),
    ],
    ids=str,
)
def test_size_and_fraction_set_the_quota(options: list[str], rows: int, loans: Path, tmp_path: Path, run: Run) -> None:
    target = tmp_path / "balanced.csv"

    ran = run("balance", "--data", loans, "--by", "gender,region", "--by", "approved", *options, "--output", target)

    assert ran.status == EXIT_OK, ran.err
    assert len(target.read_text().splitlines()) == 1 + rows


def test_reweighing_adds_a_column(loans: Path, tmp_path: Path, run: Run) -> None:
    target = tmp_path / "weighted.csv"

    run(
        *("balance", "--data", loans, "--by", "gender,approved", "--strategy", "reweigh"),
        *("--weight-column", "importance", "--output", target),
    )
    run("analyze", "--data", target, *ASKED, "--weight", "importance", "--output", tmp_path / "out")

    assert target.read_text().splitlines()[0] == "id,gender,region,approved,importance"
    assert dpl(tmp_path / "out" / "analysis.json") == pytest.approx({"gender=F": 0, "gender=M": 0}, abs=1e-12)


def test_prior_weights_are_multiplied(loans: Path, tmp_path: Path, run: Run) -> None:
    import pandas

    frame = pandas.read_csv(loans)
    frame["survey"] = [[1.0, 2.5, 0.5][i % 3] for i in range(len(frame))]
    frame.to_csv(tmp_path / "survey.csv", index=False)
    asked = ("balance", "--data", tmp_path / "survey.csv", "--by", "gender,approved", "--weight", "survey")

    assert run(*asked, "--strategy", "reweigh", "--output", tmp_path / "out.csv").status == EXIT_OK
    weighted = pandas.read_csv(tmp_path / "out.csv")
    assert weighted["weight"].sum() == pytest.approx(frame["survey"].sum())
    run("analyze", "--data", tmp_path / "out.csv", *ASKED, "--weight", "weight", "--output", tmp_path / "out")
    assert dpl(tmp_path / "out" / "analysis.json") == pytest.approx({"gender=F": 0, "gender=M": 0}, abs=1e-12)
    refused = run(*asked, "--output", tmp_path / "other.csv")
    assert (refused.status, "weight: undersample counts rows" in refused.err) == (EXIT_USAGE, True)


def test_the_suffix_of_the_copy_sets_its_format(loans: Path, tmp_path: Path, run: Run) -> None:
    import pandas

    target = tmp_path / "balanced.parquet"

    assert run("balance", "--data", loans, "--by", "gender,approved", "--output", target).status == EXIT_OK

    assert len(pandas.read_parquet(target)) == 160


def test_options_for_empty_strata_and_missing_values(tmp_path: Path, run: Run) -> None:
    data = tmp_path / "gaps.csv"
    data.write_text("g,y\n" + "F,0\nF,1\nM,0\n,1\n" * 10)
    asked = ["balance", "--data", data, "--by", "g,y", "--output", tmp_path / "balanced.csv"]

    assert "g='M' and y='1'" in run(*asked).refused()
    dropped = run(*asked, "--empty", "ignore")
    assert "wrote 30 rows" in dropped.out
    assert "10 rows without a value" in dropped.err
    assert "wrote 40 rows" in run(*asked, "--empty", "ignore", "--missing", "keep").out


# --- gate ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("thresholds", "status"),
    [
        (["DPL=0.3"], EXIT_OK),
        (["DPL=0.1"], EXIT_VIOLATION),
        (["DPL=-0.3:0.3"], EXIT_OK),
        (["DPL=-0.1:0.3"], EXIT_VIOLATION),
        (["DPL=:0.3"], EXIT_OK),
        (["DPL=-0.1:"], EXIT_VIOLATION),
        (["DPL=-.3:3e-1"], EXIT_OK),
        (["DPL=0.3", "CI=0.1"], EXIT_OK),
        (["DPL=0.3", "KL=0.01"], EXIT_VIOLATION),
        (["DPL:gender=0.3"], EXIT_OK),
        (["DPL:gender=0.1"], EXIT_VIOLATION),
        (["DPL:gender:F=0.3"], EXIT_OK),
        (["DPL:gender:F=0.3", "DPL:gender=0.1"], EXIT_VIOLATION),
        (["DPL:gender:F=0.1", "DPL:gender=0.3"], EXIT_VIOLATION),
        (['{"DPL": 0.3}'], EXIT_OK),
        (['{"DPL": {"gender": {"F": [null, 0.3], "*": 0.3}}, "CI": 0.1}'], EXIT_OK),
        (['{"DPL": {"gender": {"F": [null, 0.1], "*": 0.3}}}'], EXIT_VIOLATION),
    ],
    ids=str,
)
def test_the_status_is_the_verdict(thresholds: list[str], status: int, analysis_file: Path, run: Run) -> None:
    ran = run("gate", "--analysis", analysis_file, *(f"--threshold={threshold}" for threshold in thresholds))

    assert (ran.status, ran.err) == (status, "")
    assert ran.out.splitlines()[-1].startswith("Verdict passed: " if status == EXIT_OK else "Verdict violation: ")


@pytest.mark.parametrize(
    ("threshold", "says"),
    [
        ("0.1", "METRIC=BOUND"),
        ("DPL", "METRIC=BOUND"),
        ("=0.1", "METRIC=BOUND"),
        ("DPL=", "'' is neither"),
        ("DPL=much", "'much' is neither"),
        ("DPL=1:2:3", "'1:2:3' is neither"),
        ("DPL=-0.1", "from 0"),
        ("DPL=nan", "from 0"),
        ("DPL=inf", "finite"),
        ("DPL=nan:1", "not a finite number"),
        ("DPL=0.2:0.1", "above the upper"),
        ("DPL=:", "without any bound"),
        ("DPX=0.1", "no metric 'DPX'"),
        ("dpl=0.1", "no metric 'dpl'"),
        ("DPL=0.1=0.2", "no metric 'DPL=0.1'"),
        ("CDDL:age=0.1", "no facet 'age'"),
        ("DPL:gender:X=0.1", "no value 'X'"),
        ("DPL:*:F=0.1", "name the facet"),
        ('{"DPL": }', "is not valid JSON"),
        ('{"DPL": 0.1, "DPL": 0.9}', "'DPL' occurs twice"),
        ('{"DPL": {}}', "has no bounds"),
        ("{}", "give at least one"),
        ('{"DPL": "0.1"}', "neither a number"),
        ("{" * 100_000, "is not valid JSON"),
    ],
    ids=lambda value: value[:20],
)
def test_an_invalid_threshold_is_refused(threshold: str, says: str, analysis_file: Path, run: Run) -> None:
    assert says in run("gate", "--analysis", analysis_file, f"--threshold={threshold}").refused()


@pytest.mark.parametrize(
    "thresholds",
    [["DPL=0.1", "DPL=0.9"], ["DPL:gender=0.1", "DPL:gender=0.9"], ['{"DPL": 0.1}', "CI=0.9"], ["DPL=0.1", "{}"]],
    ids=str,
)
def test_two_thresholds_for_one_group_are_refused(thresholds: list[str], analysis_file: Path, run: Run) -> None:
    ran = run("gate", "--analysis", analysis_file, *(f"--threshold={threshold}" for threshold in thresholds))

    assert ran.refused().startswith("--threshold: ")


def test_the_gate_corrects_for_the_number_of_questions(analysis_file: Path, run: Run) -> None:
    options = ["--threshold", "DPL=0.1", "--confidence", "0.95", "--on-inconclusive", "pass", "--json"]
    verdict = json.loads(run("gate", "--analysis", analysis_file, *options, "--correction", "holm").out)
    assert (verdict["questions"], verdict["correction"]) == (1, "holm")  # two groups that mirror each other
    assert "1 question asked, Holm correction" in verdict["sentence"]
    refused = run("gate", "--analysis", analysis_file, "--threshold", "DPL=0.1", "--correction", "by").refused()
    assert refused.startswith("correction: 'by' needs confidence, such as 0.95")


def test_small_counts_are_hidden_in_the_table_and_not_in_the_files(loans: Path, tmp_path: Path, run: Run) -> None:
    data = ["analyze", "--data", loans, "--label", "approved", "--positive", "1", "--facet", "gender"]
    ran = run(*data, "--suppress-below", "1000000", "--output", tmp_path / "out")
    shown = [line.split() for line in ran.out.splitlines() if line.split()[:1] in (["F"], ["M"])]
    assert shown
    assert not any(character.isdigit() for line in shown for cell in line[1:] for character in cell)
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["suppress_below"] == 1_000_000
    assert all(value["positive"]["rows"] > 0 for value in summary["facets"]["gender"]["values"])


def test_the_gate_marks_violations(analysis_file: Path, run: Run) -> None:
    ran = run("gate", "--analysis", analysis_file, "--threshold", "DPL:gender:M=0.1")

    lines = ran.out.splitlines()
    assert lines[2].split()[0] == "M"
    assert "-0.2000 !" in lines[2]
    assert "!" not in lines[3]
    # Which data were judged stands at the end.
    data = analysis_file.parent.parent / "loans.csv"
    assert lines[-1] == (
        "Verdict violation: 1 of 1 check fails, the worst: DPL of gender=M is -0.2000, outside [-0.1, 0.1]: "
        f"all others are worse off (fewer positive labels); data: {data}"
    )


def test_the_verdict_as_json(analysis_file: Path, run: Run) -> None:
    ran = run("gate", "--analysis", analysis_file, "--threshold", "DPL=0.1", "--json")

    assert ran.status == EXIT_VIOLATION
    expected = Thresholds({"DPL": 0.1}).judge(read_analysis(str(analysis_file))).to_json()
    assert json.loads(ran.out) == json.loads(json.dumps(expected))


@pytest.mark.parametrize(
    ("options", "status"),
    [
        (["--min-rows", "101"], EXIT_VIOLATION),
        (["--min-rows", "100"], EXIT_OK),
        (["--min-rows", "101", "--below-min-rows", "pass"], EXIT_OK),
        (["--min-rows", "101", "--below-min-rows", "ignore"], EXIT_VIOLATION),
        (["--confidence", "0.95", "--on-inconclusive", "fail"], EXIT_VIOLATION),
        (["--confidence", "0.95", "--on-inconclusive", "pass"], EXIT_OK),
    ],
    ids=str,
)
def test_min_rows_and_confidence(options: list[str], status: int, analysis_file: Path, run: Run) -> None:
    assert run("gate", "--analysis", analysis_file, "--threshold", "DPL=0.25", *options).status == status


def test_metrics_without_a_value(analysis_file: Path, run: Run) -> None:
    asked = ["gate", "--analysis", analysis_file, "--threshold", "DPL=0.3", "--threshold", "CDDL=0.3"]

    assert run(*asked).status == EXIT_VIOLATION
    assert run(*asked, "--undefined", "ignore").status == EXIT_OK


CLARIFY = {
    "version": "1.0",
    "post_training_bias_metrics": {"label": "y", "facets": {}},
    "pre_training_bias_metrics": {
        "label": "y",
        "facets": {
            "sex": [
                {
                    "value_or_threshold": value,
                    "metrics": [
                        {"name": "DPL", "description": "Difference in Positive Proportions", "value": dpl},
                        {"name": "KL", "description": "Kullback-Liebler Divergence (KL)", "value": kl, **error},
                    ],
                }
                for value, dpl, kl, error in [
                    ("0", 0.05, "Infinity", {}),
                    ("1", -0.05, None, {"error": "No instance of common facet found"}),
                ]
            ]
        },
        "label_value_or_threshold": "(0.0, 1.0]",
    },
}


@pytest.fixture
def clarify_file(tmp_path: Path) -> Path:
    """The analysis.json of a Clarify job, without counts."""
    (tmp_path / "job").mkdir()
    path = tmp_path / "job" / "analysis.json"
    path.write_text(json.dumps(CLARIFY, indent=4))
    return path


@pytest.mark.parametrize(
    ("options", "status"),
    [
        (["--threshold", "DPL=0.1"], EXIT_OK),
        (["--threshold", "DPL=0.01"], EXIT_VIOLATION),
        (["--threshold", "KL=100"], EXIT_VIOLATION),
        (["--threshold", "KL=100", "--threshold", "DPL=0.1", "--undefined", "ignore"], EXIT_OK),
        (["--threshold", "KL=100", "--undefined", "ignore"], EXIT_VIOLATION),
    ],
    ids=str,
)
def test_the_gate_judges_clarifys_own_analysis(options: list[str], status: int, clarify_file: Path, run: Run) -> None:
    ran = run("gate", "--analysis", clarify_file, *options)

    assert ran.status == status
    assert ran.out.splitlines()[0].split() == ["sex", "DPL", "KL"]
    (warning,) = ran.err.splitlines()
    assert "no counts beside it" in warning


@pytest.mark.parametrize("options", [["--min-rows", "10"], ["--confidence", "0.95", "--on-inconclusive", "pass"]])
def test_options_that_need_counts_are_refused_without_counts(options: list[str], clarify_file: Path, run: Run) -> None:
    assert "need counts" in run("gate", "--analysis", clarify_file, "--threshold", "DPL=0.1", *options).refused()


@pytest.mark.parametrize("decision", ["yes", "no"])
def test_a_one_sided_label_never_passes(decision: str, tmp_path: Path, run: Run) -> None:
    """All distances are 0.0, which would pass every threshold."""
    data = tmp_path / "loans.csv"
    data.write_text("gender,approved\n" + f"F,{decision}\nM,{decision}\n" * 50)
    asked = ["--label", "approved", "--positive", "yes", "--facet", "gender", "--output", tmp_path / "out"]
    measured = run("analyze", "--data", data, *asked)
    analysis = tmp_path / "out" / "analysis.json"

    ran = run("gate", "--analysis", analysis, "--threshold", "DPL=0.1")

    assert "of 100 counts as positive" in measured.err
    assert set(dpl(analysis).values()) == {0.0}
    assert ran.status == EXIT_VIOLATION
    assert "of 100 counts as positive" in ran.out
    assert "counts as positive" not in ran.err  # it is in the verdict already


@pytest.mark.parametrize(
    ("summary", "says"),
    [
        ("", "not a summary"),
        ("{}", "not a summary"),
        ("[]", "not a summary"),
        ('{"label": "income", "facets": {}}', "another analysis"),
        ("the jobs of this week went well", "not a summary"),
    ],
)
def test_an_invalid_summary_is_an_error(summary: str, says: str, analysis_file: Path, run: Run) -> None:
    (analysis_file.parent / "summary.json").write_text(summary)

    refused = run("gate", "--analysis", analysis_file, "--threshold", "DPL=0.9").refused()

    assert "summary.json" in refused
    assert says in refused


def test_the_summary_of_other_data_is_an_error(loans: Path, analysis_file: Path, tmp_path: Path, run: Run) -> None:
    fewer = loans.read_text().replace(",1\n", ",0\n", 5)
    loans.write_text(fewer)
    run("analyze", "--data", loans, *ASKED, "--output", tmp_path / "later")
    (tmp_path / "later" / "summary.json").rename(analysis_file.parent / "summary.json")

    refused = run("gate", "--analysis", analysis_file, "--threshold", "DPL=0.9").refused()
    assert "summary.json: belongs to another run than" in refused


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "not JSON"),
        ('{"version": "1.0", "pre_training_bias', "was it cut off?"),
        ("{}", "not an analysis.json"),
        ("[]", "not an analysis.json"),
        ('{"pre_training_bias_metrics": {"label": "y", "facets": {}}}', "not an analysis.json"),
        ("[" * 100_000, "not an analysis.json"),
    ],
    ids=lambda text: text[:30],
)
def test_a_file_that_is_not_an_analysis_is_refused(text: str, says: str, tmp_path: Path, run: Run) -> None:
    (tmp_path / "analysis.json").write_text(text)

    refused = run("gate", "--analysis", tmp_path / "analysis.json", "--threshold", "DPL=0.1").refused()

    assert str(tmp_path / "analysis.json") in refused
    assert says in refused


# --- Errors -------------------------------------------------------------------------------------------------------


def written(path: Path, content: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


ROWS = "".join(f"{'FM'[i % 2]},{i % 3 == 0:d}\n" for i in range(60))
BAD_DATA = {
    "nosuch.csv": (None, "nosuch.csv: no such file"),
    "nosuch/*.csv": (None, "nosuch/*.csv: no file there"),
    "empty.csv": ("", "empty.csv: the file is empty"),
    "header.csv": ("gender,approved\n", "header.csv: the data hold no rows"),
    "ragged.csv": (f"gender,approved\n{ROWS}F,1,2\n", "ragged.csv: line 62"),
    "short.csv": (f"gender,approved\n{ROWS}F\n", "short.csv: line 62"),
    "quote.csv": (f'gender,approved\n{ROWS}"F,1\n', "quote.csv"),
    "latin.csv": (f"gender,approved\n{ROWS}".encode() + "Müller,1\n".encode("latin-1"), "is not UTF-8"),
    "binary.csv": (bytes(range(256)) * 40, "binary.csv"),
    "text.parquet": (f"gender,approved\n{ROWS}", "not a Parquet file"),
    "cut.parquet": (b"PAR1" + bytes(100), "not a Parquet file"),
    "text.jsonl": (f"gender,approved\n{ROWS}", "text.jsonl"),
    "text.csv.gz": (f"gender,approved\n{ROWS}", "text.csv.gz"),
    "other.csv": (f"sex,approved\n{ROWS}", "facet: the data have no column 'gender' (columns: 'sex', 'approved')"),
    "twice.csv": (f"gender,gender,approved\n{ROWS.replace(',', ',x,')}", "'gender'"),
    "case.csv": (f"gender,Approved\n{ROWS}", "did you mean 'Approved'?"),
    "floats.csv": ("gender,approved\n" + "1.5,1\n2.5,0\n" * 30, "column 'gender' is continuous"),
}


@pytest.mark.parametrize("name", BAD_DATA)
def test_data_that_cannot_be_analysed(name: str, tmp_path: Path, run: Run) -> None:
    content, says = BAD_DATA[name]
    if content is not None:
        written(tmp_path / name, content)
    before = files_in(tmp_path)

    refused = run("analyze", "--data", tmp_path / name, *ASKED, "--output", tmp_path / "out").refused()

    assert says in refused
    assert files_in(tmp_path) == before


@pytest.mark.parametrize("name", sorted(set(BAD_DATA) - {"floats.csv", "case.csv"}), ids=str)
def test_data_that_cannot_be_balanced(name: str, tmp_path: Path, run: Run) -> None:
    content, _ = BAD_DATA[name]
    if content is not None:
        written(tmp_path / name, content)
    before = files_in(tmp_path)

    refused = run("balance", "--data", tmp_path / name, "--by", "gender", "--output", tmp_path / "new" / "b").refused()

    assert len(refused) > 20
    assert files_in(tmp_path) == before


@pytest.mark.parametrize(
    ("config", "says"),
    [
        (None, "config.json: no such file"),
        ("", "config.json: not JSON"),
        ("[]", "config.json: the configuration is a JSON object"),
        ("{}", "config.json: dataset_type: required"),
        ('{"dataset_type": "text/csv", "methods": {}}', "methods: pre_training_bias or post_training_bias is missing"),
        ('{"dataset_type": "text/csv", "lable": "approved", "methods": {}}', "lable: Clarify knows no such key"),
        ('{"dataset_type": "csv", "methods": {}}', "dataset_type: 'csv' is not one of text/csv"),
        (b"\xff\xfe", "config.json: not a text file"),
    ],
)
def test_an_invalid_configuration_is_refused(
    config: str | bytes | None, says: str, loans: Path, tmp_path: Path, run: Run
) -> None:
    if config is not None:
        written(tmp_path / "config.json", config)

    refused = run(
        *("analyze", "--data", loans, "--config", tmp_path / "config.json", "--output", tmp_path / "out")
    ).refused()

    assert says in refused
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "option", ["--label=a", "--positive=1", "--facet=a", "--facet-values=b", "--group=c", "--methods=CI"]
)
def test_options_that_a_configuration_file_sets_are_refused(option: str, loans: Path, run: Run) -> None:
    refused = run("analyze", "--data", loans, "--config", "config.json", option).refused()

    assert refused == f"{option.partition('=')[0]}: --config already sets this; give one of the two"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--positive", "1", "--facet", "gender"], "--label: missing"),
        (["--label", "approved", "--facet", "gender"], "--positive: missing"),
        (["--label", "approved", "--positive", "1"], "--facet: missing"),
        ([*ASKED, "--facet", "region", "--facet-values", "F"], "--facet-values: which of the facets"),
        ([*ASKED, "--facet", "gender"], "facet: 'gender' occurs twice"),
        ([*ASKED, "--methods", "DPX"], "no metric 'DPX'"),
        ([*ASKED, "--methods", "all,CI"], "no metric 'all'"),
        ([*ASKED, "--methods", ""], "no metric ''"),
        (["--label", "approved", "--positive", "", "--facet", "gender"], "the list is empty"),
        (["--label", "gender", "--positive", "1", "--facet", "gender"], "'gender' is the label"),
        (["--label", "approved", "--positive", "yes", "--facet", "gender"], "'yes' can never match"),
        ([*ASKED, "--group", "age"], "--group: the data have no column 'age'"),
        ([*ASKED, "--weight", "region"], "every row needs a weight"),
        ([*ASKED, "--threads", "0"], "threads"),
        ([*ASKED, "--threads", "-3"], "threads"),
        ([*ASKED, "--memory-limit", "plenty"], "plenty"),
        ([*ASKED, "--csv-option", "delim"], "--csv-option: 'delim' is not of the form KEY=VALUE"),
        ([*ASKED, "--csv-option", "dlim=;"], "no option 'dlim'"),
        ([*ASKED, "--csv-option", "delim=ab"], "csv_options: delim is a single character"),
        ([*ASKED, "--dataset-type", "csv"], "dataset_type: 'csv' is not one of"),
        ([*ASKED, "--dataset-type", "application/x-parquet"], "not a Parquet file"),
        ([*ASKED, "--na-values", "[1"], "--na-values: '[1' begins with"),
    ],
    ids=lambda value: " ".join(value[-2:]) if isinstance(value, list) else "",
)
def test_invalid_analyze_options(arguments: list[str], says: str, loans: Path, tmp_path: Path, run: Run) -> None:
    before = files_in(tmp_path)

    refused = run("analyze", "--data", loans, *arguments, "--output", tmp_path / "out").refused()

    assert says in refused
    assert files_in(tmp_path) == before


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--by", "gender,grade"], "no column 'grade'"),
        (["--by", ""], "by"),
        (["--by", "gender,"], "by"),
        (["--by", "gender,gender"], "listed twice"),
        (["--by", "gender", "--size", "0"], "size: 0"),
        (["--by", "gender", "--size", "1000"], "100 rows with gender='F', fewer than the size of 1000"),
        (["--by", "gender", "--fraction", "2"], "fraction: 2.0"),
        (["--by", "gender", "--fraction", "nan"], "fraction: nan"),
        (["--by", "gender", "--size", "1", "--fraction", "0.5"], "size and fraction"),
        (["--by", "gender", "--strategy", "reweigh"], "needs both"),
        (["--by", "gender,approved", "--strategy", "reweigh", "--weight-column", "Region"], "'Region'"),
        (["--by", "gender,approved", "--strategy", "reweigh", "--weight-column", ""], "weight_column"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_invalid_balance_options(arguments: list[str], says: str, loans: Path, tmp_path: Path, run: Run) -> None:
    before = files_in(tmp_path)

    refused = run("balance", "--data", loans, *arguments, "--output", tmp_path / "new" / "balanced.csv").refused()

    assert says in refused
    assert files_in(tmp_path) == before


@pytest.mark.parametrize("name", ["loans.csv", "./loans.csv", "sub/../loans.csv", "link.csv", "hard.csv"])
def test_the_copy_is_never_the_source(
    name: str, loans: Path, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("sub").mkdir()
    Path("link.csv").symlink_to("loans.csv")
    Path("hard.csv").hardlink_to("loans.csv")
    before = files_in(tmp_path)

    refused = run("balance", "--data", "loans.csv", "--by", "gender", "--output", name).refused()

    assert "the target is the source" in refused
    assert files_in(tmp_path) == before


@pytest.mark.parametrize("data", ["analysis.json", "*.json"])
def test_the_files_of_an_analysis_never_replace_the_source(
    data: str, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    rows = "".join(f'{{"gender": "{"FM"[i % 2]}", "approved": {i % 3 % 2}}}\n' for i in range(60))
    written(tmp_path / "analysis.json", rows)
    before = files_in(tmp_path)

    refused = run("analyze", "--data", data, *ASKED, "--output", ".").refused()

    assert "the source" in refused
    assert files_in(tmp_path) == before


@pytest.mark.parametrize(
    ("command", "output", "says"),
    [
        ("analyze", "taken", "a part of its path is a file"),
        ("analyze", "taken/out", "a part of its path is a file"),
        ("balance", "taken/copy.csv", "a part of its path is a file"),
        ("analyze", "folder", "it is a folder"),
        ("balance", "folder", "it is a folder"),
        ("analyze", "", "--output: '' is not a name; give the name of a folder"),
        ("balance", " ", "--output: ' ' is not a name; give the name of a file"),
        ("analyze", "x" * 300, "its name is too long"),
        ("balance", "x" * 300, "its name is too long"),
        ("analyze", "nosuchstore://bucket/bias", "nosuchstore://bucket/bias: cannot be opened"),
        ("balance", "nosuchstore://bucket/copy.csv", "nosuchstore://bucket/copy.csv: cannot be opened"),
    ],
    ids=lambda value: value[:12],
)
def test_outputs_that_cannot_be_written(
    command: str, output: str, says: str, loans: Path, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    written(tmp_path / "taken", "a file")
    written(tmp_path / "folder" / "analysis.json" / "a file", "")
    before = files_in(tmp_path)
    asked = ASKED if command == "analyze" else ("--by", "gender")

    refused = run(command, "--data", loans, *asked, "--output", output).refused()

    assert says in refused
    assert files_in(tmp_path) == before


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["anlyze"], "invalid choice: 'anlyze'"),
        (["--verbose"], "unrecognized arguments: --verbose"),
        (["analyze"], "the following arguments are required: --data; see airflow-clarify analyze --help"),
        (["analyze", "--data"], "argument --data: expected one argument"),
        (["analyze", "--data", "a.csv", "--lab", "b"], "unrecognized arguments: --lab b"),
        (["analyze", "--data", "a.csv", "--positive", "-1,0"], "--option=-1"),
        (["analyze", "--data", "a.csv", "two\nlines\x1b[31m"], r"two\nlines\x1b[31m"),
        (["analyze", "--data", "a.csv", "--label-type", "nominal"], "invalid choice: 'nominal'"),
        (["balance", "--data", "a.csv", "--output", "b.csv"], "required: --by"),
        (["balance", "--data", "a.csv", "--by", "c"], "required: --output"),
        (["balance", "--data", "a.csv", "--by", "c", "--output", "b.csv", "--seed", "x"], "'x' is not a whole number"),
        (
            ["gate", "--analysis", "a.json", "--threshold", "DPL=10"],
            "DPL: the bound 10 is beyond the range of DPL, which is -1 to 1; if 10 means percent, write 0.1",
        ),
        (["gate", "--analysis", "a.json", "--threshold", "DPL=-9:9"], "DPL: the bound -9 is beyond the range of DPL"),
        (["gate", "--analysis", "a.json", "--threshold", "KS=100"], "KS: the bound 100 is beyond the range of KS"),
        (["gate", "--analysis", "a.json", "--threshold", "DPL=1_0"], "'1_0' is neither a number nor a range"),
        (["gate", "--analysis", "a.json", "--threshold", "DPL=\u0660.\u0661"], "is neither a number nor a range"),
        (
            ["gate", "--analysis", "a.json", "--threshold", "DPL=0.1", "--min-rows", "1_0"],
            "'1_0' is not a whole number",
        ),
        (["gate", "--analysis", "a.json", "--threshold", "DPL=0.1", "--confidence", "0_.9"], "'0_.9' is not a number"),
        (["gate", "--analysis", "analysis.json"], "--threshold: give at least one, such as DPL=0.1, or --drift"),
        (["gate", "--analysis", "analysis.json", "--threshold", "DPL=1", "--confidence", "95"], "confidence"),
        (["gate", "--analysis", "analysis.json", "--threshold", "DPL=1", "--confidence", "0.9"], "on_inconclusive"),
        (["gate", "--analysis", "analysis.json", "--threshold", "DPL=1", "--min-rows", "-1"], "min_rows"),
        (["gate", "--analysis", "nosuch.json", "--threshold", "DPL=1"], "nosuch.json: no such file"),
        (["gate", "--analysis", ".", "--threshold", "DPL=1"], ".: a folder"),
    ],
    ids=lambda value: ascii(" ".join(value)) if isinstance(value, list) else "",
)
def test_invalid_arguments_are_refused(
    arguments: list[str], says: str, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    assert says in run(*arguments).refused()


def test_names_cannot_forge_lines(tmp_path: Path, run: Run) -> None:
    name = tmp_path / "x\nairflow-clarify: all is well\x1b[2K.csv"

    refused = run("analyze", "--data", name, *ASKED).refused()

    assert r"x\nairflow-clarify: all is well\x1b[2K.csv: no " in refused


def test_an_unexpected_error_has_a_status_of_its_own_and_a_traceback(
    loans: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("a defect")

    monkeypatch.setattr(DuckDBEngine, "count", broken)

    done = run("analyze", "--data", loans, *ASKED)

    first, second, *_, last = done.err.splitlines()
    assert done.status == 255
    assert first == (
        "airflow-clarify: a defect of airflow-clarify (ZeroDivisionError: a defect); please report it with its "
        "traceback"
    )
    assert second == "Traceback (most recent call last):"
    assert last == "ZeroDivisionError: a defect"


# --- Help ---------------------------------------------------------------------------------------------------------


def help_of(*command: str, capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as ended:
        main([*command, "--help"])
    assert ended.value.code == 0
    out, err = capsys.readouterr()
    assert err == ""
    return out


def test_a_missing_command_prints_the_help_and_fails(run: Run) -> None:
    ran = run()

    assert (ran.status, ran.out) == (EXIT_USAGE, "")
    assert all(command in ran.err for command in ("analyze", "balance", "gate"))


@pytest.mark.parametrize("command", [[], ["analyze"], ["balance"], ["gate"]], ids=str)
def test_the_examples_in_the_help_can_be_parsed(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    text = help_of(*command, capsys=capsys)

    lines = text.replace("\\\n", "").splitlines()  # an example may go on in the next line
    examples = [line.strip() for line in lines if line.strip().startswith("airflow-clarify ")]
    assert len(examples) >= 3
    for example in examples:
        assert callable(build_parser().parse_args(shlex.split(example)[1:]).run)
    assert "exit status: 0 success, 1 violation of a threshold, 2 invalid input or configuration, 255 internal" in text


def test_the_first_examples_work(
    loans: Path, tmp_path: Path, run: Run, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    text = help_of(capsys=capsys)

    examples = [shlex.split(line) for line in text.splitlines() if line.strip().startswith("airflow-clarify ")]

    assert [run(*example[1:]).status for example in examples] == [EXIT_OK, EXIT_VIOLATION, EXIT_OK]
    assert {"loans.csv", "balanced.csv", "out/analysis.json", "out/report.html"} <= set(files_in(tmp_path))


@pytest.mark.parametrize("form", ["  DPL=0.1 ", "  DPL=-0.05:0.1 ", "  DPL:gender=0.1 ", "  DPL:gender:F=0.1 "])
def test_the_thresholds_in_the_help_can_be_parsed(
    form: str, analysis_file: Path, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert form in help_of("gate", capsys=capsys)
    assert run("gate", "--analysis", analysis_file, "--threshold", form.strip()).status == EXIT_VIOLATION


# --- As a process -------------------------------------------------------------------------------------------------


@pytest.mark.costly
def test_analyze_gate_and_balance_in_processes(loans: Path, tmp_path: Path) -> None:
    script = Path(sys.executable).with_name("airflow-clarify")

    def status(*arguments: str) -> int:
        return subprocess.run([script, *arguments], cwd=tmp_path, check=False, capture_output=True).returncode

    gate = ("gate", "--threshold", "DPL=0.1", "--analysis")
    assert status("analyze", "--data", "loans.csv", *ASKED, "--output", "out") == 0
    assert status(*gate, "out/analysis.json") == 1
    assert status("balance", "--data", "loans.csv", "--by", "gender,approved", "--output", "balanced.csv") == 0
    assert status("analyze", "--data", "balanced.csv", *ASKED, "--output", "out") == 0
    assert status(*gate, "out/analysis.json") == 0
    assert status(*gate, "nosuch/analysis.json") == 2


def test_the_version(tmp_path: Path) -> None:
    assert run_process("--version") == CommandResult(0, f"airflow-clarify {__version__}\n", "")


def test_an_error_is_one_line_of_a_process_too(loans: Path) -> None:
    assert "no such file" in run_process("analyze", "--data", "nosuch.csv", *ASKED).refused()
    assert "required: --data" in run_process("analyze").refused()


HEAVY = {"airflow", "boto3", "botocore", "duckdb", "jinja2", "numpy", "pandas", "pyarrow", "pydantic", "sqlglot"}


@pytest.mark.costly
@pytest.mark.parametrize(
    ("arguments", "needed"),
    [
        (["--version"], set()),
        (["analyze"], set()),
        (["gate", "--analysis", "out/analysis.json", "--threshold", "DPL=0.1"], set()),
        (["analyze", "--data", "loans.csv", *ASKED], {"duckdb", "sqlglot"}),
        (["analyze", "--data", "loans.csv", *ASKED, "--output", "new"], {"duckdb", "jinja2", "sqlglot"}),
        (
            ["balance", "--data", "loans.csv", "--by", "gender", "--output", "balanced.csv"],
            {"duckdb", "numpy", "sqlglot"},
        ),
    ],
    ids=lambda value: " ".join(value[:1]) if isinstance(value, list) else "",
)
def test_a_command_imports_what_it_needs(
    arguments: list[str], needed: set[str], analysis_file: Path, tmp_path: Path
) -> None:
    script = f"""
import atexit, sys
atexit.register(lambda: print("imported", sorted({HEAVY} & set(sys.modules)), file=sys.stderr))
from airflow_clarify.cli.main import main
main({arguments})
"""
    ran = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False)

    # DuckDB before 2.0 imports pandas, and with it pyarrow, when it hands over NumPy arrays.
    by_duckdb = {"pandas", "pyarrow"} if "numpy" in needed and version("duckdb").startswith("1.") else set()
    assert ran.stderr.splitlines()[-1] == f"imported {sorted(needed | by_duckdb)}"


def limit_file_size(most: int = 2000) -> Callable[[], None]:
    """Simulate a full disk: limit the size of every file of a process."""
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (most, resource.RLIM_INFINITY))


def test_a_full_disk_leaves_nothing_of_an_analysis(loans: Path, analysis_file: Path, tmp_path: Path) -> None:
    before = files_in(tmp_path)
    full = {"preexec_fn": limit_file_size(), "env": {**ENVIRONMENT, "PYTHONDONTWRITEBYTECODE": "1"}}

    for output in (tmp_path / "out", tmp_path / "new" / "out"):
        refused = run_process(
            "analyze", "--data", loans, *ASKED, "--facet", "region", "--output", output, **full
        ).refused()
        assert f"{output} cannot be written: " in refused

    assert files_in(tmp_path) == before


def test_a_full_disk_leaves_nothing_of_a_copy(loans: Path, tmp_path: Path) -> None:
    header, *rows = loans.read_text().splitlines()
    loans.write_text("\n".join([header, *rows * 20]))
    written(tmp_path / "balanced.csv", "an old copy")
    before = files_in(tmp_path)
    full = {"preexec_fn": limit_file_size(), "env": {**ENVIRONMENT, "PYTHONDONTWRITEBYTECODE": "1"}}

    for target in (tmp_path / "balanced.csv", tmp_path / "new" / "balanced.csv"):
        refused = run_process("balance", "--data", loans, "--by", "gender", "--output", target, **full).refused()
        assert f"{target} cannot be written: " in refused

    assert files_in(tmp_path) == before


@pytest.mark.costly
@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["gate", "--analysis", "out/analysis.json", "--threshold", "DPL=0.1"], EXIT_VIOLATION),
        (["gate", "--analysis", "out/analysis.json", "--threshold", "DPL=0.9"], EXIT_OK),
        (["analyze", "--data", "loans.csv", *ASKED, "--output", "new"], EXIT_OK),
        (["analyze", "--help"], EXIT_OK),
        (["--version"], EXIT_OK),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_closed_pipe_does_not_change_the_status(
    arguments: list[str], status: int, analysis_file: Path, tmp_path: Path
) -> None:
    reading, writing = os.pipe()
    os.close(reading)

    ran = run_process(*arguments, cwd=tmp_path, capture_output=False, stdout=writing, stderr=subprocess.PIPE)

    os.close(writing)
    assert ran == CommandResult(status, "", "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
@pytest.mark.parametrize("threshold", ["DPL=0.1", "DPL=0.9"])
def test_a_verdict_that_cannot_be_written_is_not_a_pass(threshold: str, analysis_file: Path) -> None:
    with Path("/dev/full").open("w") as full:
        asked = ["gate", "--analysis", analysis_file, "--threshold", threshold]
        ran = run_process(*asked, capture_output=False, stdout=full, stderr=subprocess.PIPE)

    assert "standard output cannot be written (No space left on device)" in ran.refused()


@pytest.mark.costly
@pytest.mark.parametrize("closed", ["1", "2"])
def test_a_stream_that_is_closed(closed: str, analysis_file: Path, tmp_path: Path) -> None:
    command = shlex.join([sys.executable, "-m", "airflow_clarify.cli", "gate", "--analysis", "out/analysis.json"])

    def shell(threshold: str) -> CommandResult:
        line = f"{command} --threshold {threshold} {closed}>&-"
        ran = subprocess.run(
            ["sh", "-c", line], cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True, check=False
        )
        return CommandResult(ran.returncode, ran.stdout, ran.stderr)

    assert shell("DPL=0.1").status == EXIT_VIOLATION
    assert shell("DPL=0.9").status == EXIT_OK
    wrong = shell("DPX=0.9")
    assert (wrong.status, wrong.out) == (EXIT_USAGE, "")


def test_an_encoding_with_few_characters(tmp_path: Path) -> None:
    written(tmp_path / "data.csv", "gender,approved\n" + "日本,1\n日本,0\nM,1\nM,0\n" * 20)
    environment = {**ENVIRONMENT, "PYTHONIOENCODING": "ascii"}

    ran = run_process("analyze", "--data", "data.csv", *ASKED, cwd=tmp_path, env=environment)

    assert (ran.status, ran.err) == (EXIT_OK, "")
    assert r"\u65e5\u672c" in ran.out


# --- Stopping -----------------------------------------------------------------------------------------------------

COUNTING_WITHOUT_END = f"""
import sys
from airflow_clarify.cli import main
{COUNT_WITHOUT_END}
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_a_query_and_leaves_nothing(number: signal.Signals, loans: Path, tmp_path: Path) -> None:
    before = files_in(tmp_path)
    command = [sys.executable, "-c", COUNTING_WITHOUT_END, "analyze", "--data", str(loans), *ASKED, "--output", "out"]
    counting = subprocess.Popen(command, cwd=tmp_path, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        assert counting.stdout is not None
        assert counting.stdout.readline() == "counting\n"
        counting.send_signal(number)
        out, err = counting.communicate(timeout=60)
    finally:
        counting.kill()

    assert (counting.returncode, out, err) == (128 + number, "", "airflow-clarify: interrupted\n")
    assert files_in(tmp_path) == before


def test_a_signal_that_duckdb_converts_is_recognized(loans: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """DuckDB replaces KeyboardInterrupt by its own error, which must not end with status 1, a verdict."""

    def count(*_: object, **__: object) -> None:
        try:
            os.kill(os.getpid(), signal.SIGINT)
        except KeyboardInterrupt:
            raise RuntimeError("Query interrupted") from None

    monkeypatch.setattr(DuckDBEngine, "count", count)

    assert run("analyze", "--data", loans, *ASKED) == CommandResult(130, "", "airflow-clarify: interrupted\n")


def test_ctrl_c_anywhere_is_one_line(loans: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(DuckDBEngine, "count", interrupted)

    assert run("analyze", "--data", loans, *ASKED) == CommandResult(130, "", "airflow-clarify: interrupted\n")


@pytest.fixture
def sigint() -> Iterator[None]:
    before = signal.getsignal(signal.SIGINT)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("sigint")
def test_an_ignored_ctrl_c_remains_ignored(loans: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    count = DuckDBEngine.count

    def signalled(self: DuckDBEngine, *arguments: Any, **how: Any) -> Any:
        os.kill(os.getpid(), signal.SIGINT)
        return count(self, *arguments, **how)

    monkeypatch.setattr(DuckDBEngine, "count", signalled)

    assert run("analyze", "--data", loans, *ASKED).status == EXIT_OK


def test_signal_handlers_are_restored(loans: Path, run: Run) -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]

    run("analyze", "--data", loans, *ASKED)
    run("analyze", "--data", "nosuch.csv", *ASKED)

    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


def test_a_thread_may_run_a_command(analysis_file: Path) -> None:
    statuses: list[int] = []
    arguments = ["gate", "--analysis", str(analysis_file), "--threshold", "DPL=0.1"]
    thread = threading.Thread(target=lambda: statuses.append(main(arguments)))

    thread.start()
    thread.join()

    assert statuses == [EXIT_VIOLATION]


# --- Progress -----------------------------------------------------------------------------------------------------


def run_on_terminal(*arguments: object) -> tuple[int, str, str]:
    """Run a command with stderr on a terminal; return status, stdout and the output on the terminal."""
    master, terminal = pty.openpty()
    command = [sys.executable, "-m", "airflow_clarify.cli", *map(str, arguments)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=terminal, text=True) as running:
        os.close(terminal)
        shown = b""
        while True:
            try:
                chunk = os.read(master, 4096)
            except OSError:  # the other side is closed
                break
            if not chunk:
                break
            shown += chunk
        assert running.stdout is not None
        out = running.stdout.read()
    os.close(master)
    return running.returncode, out, shown.decode()


def render_line(shown: str) -> str:
    """Return the visible text of a line with clear sequences."""
    return shown.replace("\r\n", "\n").rpartition("\r\x1b[K")[2]


@pytest.mark.costly
def test_progress_is_shown_on_a_terminal_and_cleared(loans: Path, tmp_path: Path) -> None:
    status, out, shown = run_on_terminal("analyze", "--data", loans, *ASKED, "--output", tmp_path / "out")

    assert status == EXIT_OK
    assert "reading the data" in shown
    assert render_line(shown) == ""
    assert "reading the data" not in out

    status, out, shown = run_on_terminal("balance", "--data", loans, "--by", "gender", "--output", tmp_path / "b.csv")
    assert status == EXIT_OK
    assert "reading the strata" in shown
    assert render_line(shown) == ""
    assert out.startswith("Read 200 rows")


def test_an_error_on_a_terminal_has_its_own_line(tmp_path: Path) -> None:
    data = written(tmp_path / "floats.csv", BAD_DATA["floats.csv"][0] or "")

    status, _, shown = run_on_terminal("analyze", "--data", data, *ASKED)

    assert status == EXIT_USAGE
    assert "reading the data" in shown
    assert render_line(shown).startswith("airflow-clarify: --facet-values of facet")


def test_progress_is_written_to_a_terminal_only(loans: Path) -> None:
    assert run_process("analyze", "--data", loans, *ASKED).err == ""


# --- Comparison with the library ----------------------------------------------------------------------------------


def test_the_command_line_and_the_library_give_the_same_analysis(loans: Path, analysis_file: Path) -> None:
    data = DataConfig(str(loans), label="approved")
    config = AnalysisConfig.build(data, BiasConfig([1], "gender"))

    analysis = Analysis.from_contingency(DuckDBEngine(duckdb_conn_id=None).count(data, config), config)

    said = json.loads(analysis_file.read_text())
    # The section with the SHA-256 of the summary is not compared.
    del said["airflow_clarify"]
    assert said == json.loads(analysis.to_clarify_json())
