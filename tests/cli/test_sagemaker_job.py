"""``airflow-clarify analyze`` as a processing job: Clarify's folders in, Clarify's files out, in an environment without
Airflow, and one sentence on what came of it whatever happens.

``make test`` names the Python of such an environment, which is made as the image is. Without it, a wrapper keeps this
one's Airflow and its like from being imported.
"""

from __future__ import annotations

import ctypes
import gzip
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest
from cli_factories import COUNT_WITHOUT_END

from airflow_clarify.artifacts import read_analysis
from airflow_clarify.bias.analysis import Analysis
from airflow_clarify.bias.config import AnalysisConfig, DataConfig
from airflow_clarify.cli.main import main
from airflow_clarify.engines.duckdb import DuckDBEngine

PROJECT = Path(__file__).resolve().parents[2]
DOCKERFILE = PROJECT / "container" / "Dockerfile"
NOT_THERE = ("airflow", "boto3", "botocore", "fsspec", "numpy", "pandas", "pyarrow", "s3fs")
REPORTS = ("report.html", "report.ipynb", "report.pdf")
FILES = {"analysis.json", "summary.json", "analysis_config.json", *REPORTS}
OPTIONS = "AIRFLOW_CLARIFY_OPTIONS"

ROWS = [("FM"[n % 2], n % 3 == 0 or n % 8 == 1, "NA" if n % 5 else "x", 1 + n % 2) for n in range(240)]
HEADER = ["gender", "approved", "country", "w"]
CSV_ROWS = "".join(f"{gender},{approved:d},{country},{w}\n" for gender, approved, country, w in ROWS)
CSV = ",".join(HEADER) + "\n" + CSV_ROWS
CONFIG = {
    "dataset_type": "text/csv",
    "label": "approved",
    "label_values_or_threshold": [1],
    "facet": [{"name_or_index": "gender"}],
    "group_variable": "w",
    "methods": {
        "report": {"name": "report", "title": "Analysis Report"},
        "pre_training_bias": {"methods": "all"},
    },
}

WITHOUT_AIRFLOW = f"""
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {NOT_THERE}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Absent())
"""
RUN = """
import sys
from airflow_clarify.cli.main import main
status = main(["analyze"])
"""
END = """
sys.exit(status)
"""


@dataclass(frozen=True)
class JobResult:
    """The exit status and the output of a job."""

    status: int
    out: str
    err: str


@dataclass
class Job:
    """The folder and the process of a job."""

    folder: Path
    python: list[str]

    @property
    def output(self) -> Path:
        return self.folder / "processing" / "output"

    @property
    def message(self) -> str:
        return (self.folder / "output" / "message").read_text(encoding="utf-8")

    def configure(self, text: str | None = None, **changes: Any) -> Path:
        config = CONFIG | changes
        text = json.dumps({key: value for key, value in config.items() if value is not None}) if text is None else text
        return self.put("processing/input/config/analysis_config.json", text)

    def data(self, content: str | bytes, name: str = "part") -> Path:
        return self.put(f"processing/input/data/{name}", content)

    def put(self, name: str, content: str | bytes) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def command(self, before: str = "", after: str = "") -> list[str]:
        prelude = self.python[1] if len(self.python) > 1 else ""
        return [self.python[0], "-c", prelude + before + RUN + after + END]

    def environment(self, **more: str) -> dict[str, str]:
        return {**os.environ, "AIRFLOW_CLARIFY_ML_FOLDER": str(self.folder), **more}

    def run(self, before: str = "", after: str = "", *, how: Any = None, **environment: str) -> JobResult:
        ran = subprocess.run(
            self.command(before, after),
            capture_output=True,
            text=True,
            check=False,
            env=self.environment(**environment),
            **(how or {}),
        )
        return JobResult(ran.returncode, ran.stdout, ran.stderr)

    def refused(self, *, how: Any = None, **environment: str) -> str:
        """Check that the job failed without other output, and return its message."""
        before = files_in(self.output)
        ran = self.run(how=how, **environment)
        assert ran.status == 2, ran
        (line,) = ran.err.splitlines()
        assert line.isprintable()
        sentence = line.removeprefix("airflow-clarify: ")
        assert self.message == sentence != line
        assert files_in(self.output) == before
        return sentence

    def completed(self, **environment: str) -> JobResult:
        ran = self.run(**environment)
        assert (ran.status, ran.err) == (0, ""), ran
        assert set(files_in(self.output)) == FILES
        return ran

    def dpl(self) -> dict[str, float | None]:
        analysis = read_analysis(str(self.output / "analysis.json"))
        return {r.value: m.value for _, r in analysis.results() if (m := r.metric("DPL")) is not None}


def files_in(folder: Path) -> dict[str, bytes]:
    """List all files below a folder, including hidden ones."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="session")
def container_python() -> list[str]:
    """The Python of an environment without Airflow, or this Python with code that hides Airflow."""
    named = os.environ.get("CLARIFY_CONTAINER_PYTHON")
    return [named] if named else [sys.executable, WITHOUT_AIRFLOW]


@pytest.fixture
def job(container_python: list[str], tmp_path: Path) -> Job:
    """A job with a configuration and an empty output folder, as SageMaker mounts it, but without data."""
    made = Job(tmp_path / "opt" / "ml", container_python)
    made.configure()
    made.output.mkdir(parents=True)
    (made.folder / "processing" / "input" / "data").mkdir()
    return made


@pytest.fixture
def expected(tmp_path: Path) -> bytes:
    """The analysis.json of the rows, as the command with arguments writes it."""
    data, config, out = tmp_path / "ordinary.csv", tmp_path / "ordinary.json", tmp_path / "ordinary"
    data.write_text(CSV)
    config.write_text(json.dumps(CONFIG))
    assert main(["analyze", "--data", str(data), "--config", str(config), "--output", str(out)]) == 0
    return (out / "analysis.json").read_bytes()


# --- Analysis -----------------------------------------------------------------------------------------------------


def test_a_job_measures_and_writes_where_clarify_does(job: Job, expected: bytes) -> None:
    data = job.data(CSV, "loans.csv")

    ran = job.completed()

    assert (job.output / "analysis.json").read_bytes() == expected
    assert json.loads((job.output / "analysis_config.json").read_text()) == CONFIG
    assert job.message == "Completed: airflow-clarify measured 2 facet values over 240 rows"
    first, second, header, *table, last = ran.out.splitlines()
    assert first == f"Reading text/csv from {data.parent}"
    assert second == "Read 240 rows"
    assert header.split()[:3] == ["gender", "rows", "approved=1"]
    assert [row.split()[0] for row in table[1:]] == ["F", "M"]
    assert last == f"Wrote {', '.join(REPORTS)}, summary.json, analysis_config.json, analysis.json to {job.output}"


def test_the_metrics_are_those_of_the_engine(job: Job) -> None:
    data = job.data(CSV, "loans.csv")

    job.completed()

    config = AnalysisConfig(CONFIG)
    here = Analysis.from_contingency(DuckDBEngine(duckdb_conn_id=None).count(DataConfig(str(data)), config), config)
    there = json.loads((job.output / "analysis.json").read_text())
    # The section with the SHA-256 of the summary is not compared.
    del there["airflow_clarify"]
    assert there == json.loads(here.to_clarify_json())


def test_the_command_itself(job: Job, container_python: list[str]) -> None:
    job.data(CSV)
    script = Path(container_python[0]).with_name("airflow-clarify")

    ran = subprocess.run([script, "analyze"], env=job.environment(), capture_output=True, check=False)

    assert (ran.returncode, ran.stderr) == (0, b"")
    assert job.message.startswith("Completed: ")


def parquet(rows: str, folder: Path) -> bytes:
    source, target = folder / "rows.csv", folder / "rows.parquet"
    source.write_text(",".join(HEADER) + "\n" + rows)
    # A relation does not keep its connection open.
    with duckdb.connect() as connection:
        connection.sql(f"SELECT * FROM read_csv('{source}', header=true)").write_parquet(str(target))
    return target.read_bytes()


def json_lines(rows: str, _: Path) -> bytes:
    cells = [row.split(",") for row in rows.splitlines()]
    lines = [{"gender": g, "approved": int(a), "country": c, "w": int(w)} for g, a, c, w in cells]
    return "\n".join(map(json.dumps, lines)).encode()


def csv_with_header(rows: str, _: Path) -> bytes:
    return (",".join(HEADER) + "\n" + rows).encode()


def csv_without_header(rows: str, _: Path) -> bytes:
    return rows.encode()


KINDS: dict[str, tuple[Callable[[str, Path], bytes], dict[str, Any]]] = {
    "csv": (csv_with_header, {}),
    "csv and headers": (csv_with_header, {"headers": HEADER}),
    "csv without header": (csv_without_header, {"headers": HEADER}),
    "parquet": (parquet, {"dataset_type": "application/x-parquet"}),
    "json lines": (json_lines, {"dataset_type": "application/jsonlines"}),
}
NAMES = {
    "one file": ["loans.csv"],
    "no ending": ["loans"],
    "another ending": ["loans.2026-01-01"],
    # In the order in which the files are read, since values are listed in order of appearance.
    "several files": ["b.parquet", "c.json", "part-0", "part-1.csv", "sub/part-2"],
}


@pytest.mark.parametrize(
    ("kind", "names"),
    [pytest.param("csv", names, id=f"csv, {what}") for what, names in NAMES.items()]
    + [pytest.param(kind, NAMES["several files"], id=kind) for kind in KINDS if kind != "csv"],
)
def test_the_configuration_sets_the_dataset_type(
    kind: str, names: list[str], job: Job, expected: bytes, tmp_path: Path
) -> None:
    write, changes = KINDS[kind]
    lines = CSV_ROWS.splitlines(keepends=True)
    share = len(lines) // len(names)
    for position, name in enumerate(names):
        job.data(write("".join(lines[position * share : (position + 1) * share]), tmp_path), name)
    # Files that the S3 console and Spark create next to the data.
    for marker in ("folder", "_SUCCESS", "sub_$folder$"):
        job.data("", marker)
    job.data("not of the data", ".hidden")
    job.data("not of the data", "_temporary/part")
    job.configure(**changes)

    job.completed()

    assert (job.output / "analysis.json").read_bytes() == expected


def test_a_compressed_file(job: Job, expected: bytes) -> None:
    job.data(gzip.compress(CSV.encode()), "loans.gz")

    job.completed()

    assert (job.output / "analysis.json").read_bytes() == expected


def test_the_folder_may_have_any_name(job: Job, expected: bytes) -> None:
    job.data(CSV)
    job.folder = job.folder.rename(job.folder.with_name("m[l] *"))

    job.completed()

    assert (job.output / "analysis.json").read_bytes() == expected


def test_warnings_are_in_the_log(job: Job) -> None:
    job.data("gender,approved,w\n" + "F,1,1\nM,0,1\n,1,1\n" * 30)

    ran = job.completed()

    warnings = [line for line in ran.out.splitlines() if line.startswith("warning: ")]
    assert warnings
    assert all(line.isprintable() for line in ran.out.splitlines())


def test_a_second_job_replaces_the_files_and_not_the_folder(job: Job) -> None:
    job.data(CSV)
    job.put("processing/output/of_others", "stays")
    before = job.output.stat().st_ino

    assert job.run().status == 0
    assert job.run().status == 0

    assert set(files_in(job.output)) == {*FILES, "of_others"}
    assert job.output.stat().st_ino == before


def test_airflow_is_not_imported(job: Job) -> None:
    job.data(CSV)

    ran = job.run(after=f"print('imported', sorted(set({NOT_THERE}) & set(sys.modules)))")

    assert ran.status == 0
    assert ran.out.splitlines()[-1] == "imported []"


@pytest.mark.skipif(not os.environ.get("CLARIFY_CONTAINER_PYTHON"), reason="`make test` makes the environment")
def test_airflow_is_not_installed(container_python: list[str]) -> None:
    script = f"import importlib.util; print([name for name in {NOT_THERE} if importlib.util.find_spec(name)])"

    found = subprocess.run([*container_python, "-c", script], capture_output=True, text=True, check=True).stdout

    assert found == "[]\n"


# --- Several instances --------------------------------------------------------------------------------------------


def hosts(here: str, *all_of_them: str) -> str:
    return json.dumps({"current_host": here, "hosts": all_of_them, "current_instance_type": "ml.m5.xlarge"})


def test_one_of_several_instances_runs_the_analysis(job: Job, expected: bytes) -> None:
    job.data(CSV)
    job.put("config/resourceconfig.json", hosts("algo-2", "algo-2", "algo-1"))

    ran = job.run()

    assert (ran.status, ran.err) == (0, "")
    assert ran.out == "Nothing to do on algo-2: all instances have all data, and algo-1 runs\n"
    assert files_in(job.output) == {}
    assert not (job.folder / "output" / "message").exists()

    job.put("config/resourceconfig.json", hosts("algo-1", "algo-2", "algo-1"))
    job.completed()
    assert (job.output / "analysis.json").read_bytes() == expected


def test_a_single_instance_runs_the_analysis(job: Job) -> None:
    job.data(CSV)
    job.put("config/resourceconfig.json", hosts("algo-1", "algo-1"))

    job.completed()


@pytest.mark.parametrize("text", ["", "[]", "{}", hosts("algo-3", "algo-1"), '{"current_host": 1, "hosts": 1}'])
def test_an_invalid_resource_configuration_is_refused(text: str, job: Job) -> None:
    job.data(CSV)
    job.put("config/resourceconfig.json", text)

    assert "resourceconfig.json: does not say which instance this is" in job.refused()


# --- Options ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "changes", "content", "arguments"),
    [
        ({"weight": "w"}, {"group_variable": None}, CSV, ["--weight", "w"]),
        ({"na_values": [""]}, {"facet": [{"name_or_index": "country"}]}, CSV, ["--na-values", ""]),
        ({"csv_options": {"delim": ";"}}, {}, CSV.replace(",", ";"), ["--csv-option", "delim=;"]),
        ({"label_type": "continuous"}, {"label_values_or_threshold": [0]}, CSV, ["--label-type", "continuous"]),
        (
            {"facet_type": "categorical"},
            {"facet": [{"name_or_index": "w", "value_or_threshold": [2]}], "group_variable": None},
            CSV,
            ["--facet-type", "categorical"],
        ),
        (
            {"header_row": False},
            {"label": 1, "facet": [{"name_or_index": 0}], "group_variable": 3},
            CSV_ROWS,
            ["--no-header"],
        ),
    ],
    ids=["weight", "na_values", "csv_options", "label_type", "facet_type", "header_row"],
)
def test_options_that_the_configuration_has_no_place_for(
    options: dict[str, Any], changes: dict[str, Any], content: str, arguments: list[str], job: Job, tmp_path: Path
) -> None:
    config, data = job.configure(**changes), job.data(content, "data.csv")
    asked = ["--data", str(data), "--config", str(config), "--output", str(tmp_path / "ordinary")]
    assert main(["analyze", *asked, *arguments]) == 0

    job.completed(**{OPTIONS: json.dumps(options)})

    assert (job.output / "analysis.json").read_bytes() == (tmp_path / "ordinary" / "analysis.json").read_bytes()


def test_a_type_for_each_facet(job: Job) -> None:
    job.data(CSV)
    job.configure(facet=[{"name_or_index": "gender"}, {"name_or_index": "w", "value_or_threshold": [1]}])

    job.completed(**{OPTIONS: '{"facet_type": {"w": "continuous"}, "weight": null}'})

    assert set(job.dpl()) == {"F", "M", "(1, 2]"}


def test_options_in_parts(job: Job) -> None:
    job.data(CSV)
    job.configure(group_variable=None)
    text = json.dumps({"na_values": [f"no such text {number}" for number in range(200)], "weight": "w"})
    parts = [text[start : start + 256] for start in range(0, len(text), 256)]
    assert len(parts) > 10

    job.completed(**{f"{OPTIONS}_{number}": part for number, part in enumerate(parts, 1)})

    assert read_analysis(str(job.output / "analysis.json")).weighted


@pytest.mark.parametrize(
    ("variables", "says"),
    [
        (
            {"": '{"weigth": "w", "hedaer_row": 1}'},
            "no option 'weigth', 'hedaer_row'; there are label_type, facet_type",
        ),
        ({"": "{"}, f"{OPTIONS}: not JSON"),
        ({"": "[" * 100_000}, f"{OPTIONS}: not JSON"),
        ({"": '["weight"]'}, "is not an object"),
        ({"": '{"weight": true}'}, "weight: True is not allowed; give a column name"),
        ({"": '{"na_values": "NA"}'}, "na_values: give a list, such as ['NA']"),
        ({"": '{"na_values": [1]}'}, "na_values"),
        ({"": '{"csv_options": ";"}'}, "csv_options"),
        ({"": '{"csv_options": {"dlim": ";"}}'}, "no option 'dlim'"),
        ({"": '{"header_row": "no"}'}, "header_row: 'no' is not allowed; give true or false"),
        ({"": '{"label_type": "nominal"}'}, "'nominal'"),
        ({"": '{"label_type": 1}'}, "label_type"),
        ({"": '{"facet_type": {"sex": "categorical"}}'}, "facet_type: 'sex' is not a facet"),
        ({"": '{"facet_type": {"gender": 1}}'}, "facet_type"),
        ({"": '{"weight": "nosuch"}'}, "no column 'nosuch'"),
        ({"": "{}", "_1": "{}"}, f"{OPTIONS}_1 is there too"),
        ({"_1": "{", "_3": "}"}, f"{OPTIONS}_3: parts are numbered from 1 on"),
        ({"_x": "{}"}, f"{OPTIONS}_x: parts are numbered from 1 on"),
    ],
    ids=lambda value: next(iter(value.values()))[:30] if isinstance(value, dict) else "",
)
def test_invalid_options_are_refused(
    variables: dict[str, str],
    says: str,
    job: Job,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """In this process, since there are many cases."""
    job.data(CSV)
    monkeypatch.setenv("AIRFLOW_CLARIFY_ML_FOLDER", str(job.folder))
    for name, text in variables.items():
        monkeypatch.setenv(OPTIONS + name, text)

    assert main(["analyze"]) == 2

    assert says in job.message
    assert capsys.readouterr().err == f"airflow-clarify: {job.message}\n"
    assert files_in(job.output) == {}


def test_invalid_options_fail_the_job(job: Job) -> None:
    job.data(CSV)

    assert "no option 'weigth'" in job.refused(**{OPTIONS: '{"weigth": "w"}'})


@pytest.mark.parametrize("text", ["", " ", "{}"])
def test_no_options(text: str, job: Job, expected: bytes) -> None:
    job.data(CSV)

    job.completed(**{OPTIONS: text})

    assert (job.output / "analysis.json").read_bytes() == expected


def test_both_stages_with_predictions_in_files_of_their_own(job: Job) -> None:
    predictions = [approved if country == ROWS[0][2] else not approved for _, approved, country, _ in ROWS]
    job.data(CSV)
    job.put("processing/input/predicted_label/part", "predicted\n" + "".join(f"{int(p)}\n" for p in predictions))
    stages = {stage: {"methods": "all"} for stage in ("pre_training_bias", "post_training_bias")}
    job.configure(
        methods=stages, predicted_label="predicted", predicted_label_dataset_uri="s3://bucket/predictions.csv"
    )

    job.completed()

    analysis = read_analysis(str(job.output / "analysis.json"))
    assert analysis.stages == ("pre_training", "post_training")
    right = {value: [p == r[1] for p, r in zip(predictions, ROWS, strict=True) if r[0] == value] for value in "FM"}
    shares = {value: sum(found) / len(found) for value, found in right.items()}
    result = analysis.facets[0].result("F")
    assert result is not None
    accuracy = result.metric("AD")
    assert accuracy is not None
    assert accuracy.value == pytest.approx(shares["M"] - shares["F"])


# --- Errors -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("methods", [["shap"], ["pdp"], ["pdp", "shap"], ["asymmetric_shapley_value"]])
def test_methods_that_need_a_model_are_refused(methods: list[str], job: Job) -> None:
    job.data(CSV)
    job.configure(methods=CONFIG["methods"] | {name: {} for name in methods})  # type: ignore[operator]

    assert job.refused().startswith(f"methods: {', '.join(methods)}: this needs a trained model")


POST_TRAINING = {"methods": {"post_training_bias": {"methods": "all"}}}
FILE_OF_PREDICTIONS = POST_TRAINING | {"predicted_label_dataset_uri": "s3://bucket/predictions.csv"}


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        (POST_TRAINING, "predicted_label: name the column of predictions"),
        (POST_TRAINING | {"predictor": {"endpoint_name": "loans"}}, "predictor: only a Clarify job runs a model"),
        (FILE_OF_PREDICTIONS, "predicted_label_dataset_uri: this image does not read s3://bucket/predictions.csv from"),
        ({"dataset_type": "application/json"}, "dataset_type: application/json needs JMESPath features"),
        ({"dataset_type": "csv"}, "dataset_type: 'csv' is not one of"),
        ({"dataset_uri": "s3://bucket/other"}, "dataset_uri: only Clarify's own image reads it"),
        ({"lable": "approved"}, "analysis_config.json: lable: Clarify knows no such key; did you mean 'label'?"),
        ({"label": None}, "label: name the label column"),
        ({"facet": None}, "facet: name at least one facet"),
        ({"label_values_or_threshold": None}, "label_values_or_threshold: name the positive label values"),
        ({"facet": [{"name_or_index": "sex"}]}, "facet: the data have no column 'sex'"),
        ({"methods": {}}, "methods: pre_training_bias or post_training_bias is missing"),
        ({"headers": ["a", "b"]}, "headers: 2 names are given"),
        ({"text": "{"}, "analysis_config.json: not JSON"),
        ({"text": ""}, "analysis_config.json: not JSON"),
        ({"dataset_type": "application/x-parquet"}, "not a Parquet file"),
        ({"dataset_type": "application/jsonlines"}, "part"),
    ],
    ids=str,
)
def test_an_unsupported_configuration_is_refused(changes: dict[str, Any], says: str, job: Job) -> None:
    job.data(CSV)
    job.configure(**changes)

    assert says in job.refused()


def test_data_that_cannot_be_read(job: Job) -> None:
    folder = job.folder / "processing" / "input" / "data"

    assert job.refused() == f"{folder}/**: no file there; check the path"
    job.data("", "marker")
    assert job.refused() == f"{folder}/marker: the file is empty"
    job.data(CSV + "F,1\n")
    assert job.refused().startswith(f"{folder}/part: line 242 has 2 cells, not 4")
    job.data("gender,approved\n" + CSV_ROWS, "other")
    assert "its header differs" in job.refused()
    shutil.rmtree(folder)
    assert job.refused() == f"{folder}: no such folder; give the job its dataset as an input with this LocalPath"


def test_a_long_message_is_cut_between_characters(job: Job) -> None:
    job.data(CSV)
    for ascii_first in ("", "x", "xx"):
        job.configure(facet=[{"name_or_index": ascii_first + "日本" * 500}])
        ran = job.run()
        message = (job.folder / "output" / "message").read_bytes()
        assert ran.status == 2
        assert 1019 <= len(message) <= 1024
        assert message.decode().endswith("本…") or message.decode().endswith("日…")


def test_names_cannot_forge_lines(job: Job) -> None:
    job.data(CSV)
    job.configure(facet=[{"name_or_index": "x\nCompleted: \x1b[2K\ud800"}])

    assert r"x\nCompleted: \x1b[2K\ud800" in job.refused()


def test_on_a_laptop_the_data_are_missing(tmp_path: Path, container_python: list[str]) -> None:
    laptop = Job(tmp_path / "nothing", container_python)

    ran = laptop.run()

    config = laptop.folder / "processing" / "input" / "config" / "analysis_config.json"
    assert (ran.status, ran.out) == (2, "")
    assert ran.err == (
        "airflow-clarify: the following arguments are required: --data; see airflow-clarify analyze --help (without "
        f"arguments it takes the files of a processing job, and there is no {config})\n"
    )
    assert not laptop.folder.exists()


def test_a_job_without_a_configuration_fails(job: Job) -> None:
    job.configure().unlink()

    assert "analysis_config.json" in job.refused()


DEFECT = """
from airflow_clarify.engines.duckdb import DuckDBEngine

def count(*_, **__):
    raise ZeroDivisionError("of two\\nlines")

DuckDBEngine.count = count
"""


def test_an_internal_error_is_a_sentence_and_a_traceback(job: Job) -> None:
    job.data(CSV)

    ran = job.run(before=DEFECT)

    first, second, *_, last = ran.err.splitlines()
    assert ran.status == 255
    assert job.message == (
        r"a defect of airflow-clarify (ZeroDivisionError: of two\nlines); please report it with its traceback"
    )
    assert first == f"airflow-clarify: {job.message}"
    assert second == "Traceback (most recent call last):"
    assert last == "lines"
    assert files_in(job.output) == {}


def test_an_unwritable_message_does_not_hide_the_result(job: Job) -> None:
    job.put("output", "a file")

    failed = job.run()
    job.data(CSV)
    succeeded = job.run()

    assert failed.status == 2
    assert failed.err.endswith("no file there; check the path\n")
    assert (succeeded.status, succeeded.err) == (0, "")
    assert succeeded.out.splitlines()[-1].startswith(f"warning: {job.folder}/output/message cannot be written")
    assert set(files_in(job.output)) == FILES


@pytest.mark.parametrize("output", ["a file", "a folder named analysis.json"])
def test_an_output_that_is_taken(output: str, job: Job) -> None:
    job.data(CSV)
    if output == "a file":
        job.output.rmdir()
        job.put("processing/output", "")
    else:
        job.put("processing/output/analysis.json/file", "")

    sentence = job.refused()

    assert sentence.startswith(str(job.output))
    assert " cannot be written: " in sentence


def drop_permissions() -> None:
    """Drop the capabilities of root before the process starts, so that file permissions apply."""
    if os.getuid() == 0:
        drop_from_the_bounding_set, override_permissions, read_and_search = 24, 1, 2
        prctl = ctypes.CDLL(None).prctl
        assert prctl(drop_from_the_bounding_set, override_permissions, 0, 0, 0) == 0
        assert prctl(drop_from_the_bounding_set, read_and_search, 0, 0, 0) == 0


@pytest.mark.skipif(sys.platform != "linux", reason="rights are taken away in Linux's way")
def test_folders_that_are_mounted_for_another_user(job: Job) -> None:
    job.data(CSV)
    without_rights = {"preexec_fn": drop_permissions}
    job.output.chmod(0o555)
    sentence = job.refused(how=without_rights)

    assert sentence == (
        f"{job.output} cannot be written by user {os.getuid()}, for whom SageMaker has not mounted it; build the image "
        "with another RUN_AS, as container/Dockerfile says"
    )

    # The message cannot be written either, so the log has the error.
    shutil.rmtree(job.folder / "output")
    job.folder.chmod(0o555)
    ran = job.run(how=without_rights)
    assert (ran.status, ran.out, ran.err) == (2, "", f"airflow-clarify: {sentence}\n")

    job.output.chmod(0o755)
    data = job.folder / "processing" / "input" / "data"
    data.chmod(0)
    ran = job.run(how=without_rights)
    assert ran.status == 2
    assert ran.err.startswith(f"airflow-clarify: {data}: no permission to read it")
    for folder in (data, job.folder):
        folder.chmod(0o755)


def test_a_job_that_is_stopped_leaves_nothing_half_written(job: Job) -> None:
    job.data(CSV)
    command = job.command(before=COUNT_WITHOUT_END)
    running = subprocess.Popen(
        command, env=job.environment(), text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    try:
        assert running.stdout is not None
        assert running.stdout.readline().startswith("Reading ")
        assert running.stdout.readline() == "counting\n"
        running.send_signal(signal.SIGTERM)
        out, err = running.communicate(timeout=60)
    finally:
        running.kill()

    assert (running.returncode, out, err) == (143, "", "airflow-clarify: interrupted\n")
    assert job.message == "interrupted"
    assert files_in(job.output) == {}


# --- The image ----------------------------------------------------------------------------------------------------


def parse_instructions(text: str) -> list[list[str]]:
    """Parse the instructions of a Dockerfile to lists of words."""
    lines = re.sub(r"^#.*\n", "", text, flags=re.MULTILINE).replace("\\\n", " ").splitlines()
    return [line.split() for line in lines if line.strip()]


def select_steps(kind: str) -> list[list[str]]:
    return [words[1:] for words in parse_instructions(DOCKERFILE.read_text()) if words[0] == kind]


def list_installed(words: list[str]) -> list[str]:
    """Return the requirements of a `pip install` command, without its options."""
    return [word for word in words[words.index("install") + 1 :] if word != "--compile"]


def test_the_image_and_the_test_environment_install_the_same_packages() -> None:
    recipe = re.search(r"^\$\(CONTAINER\)/\.complete:.*\n\t@(.*)", (PROJECT / "Makefile").read_text(), re.MULTILINE)
    assert recipe is not None
    then, _, arguments = re.match(r'THEN="(.*?)" (scripts/make-venv\.sh \S+ \S+ 3\.13) (.*)', recipe[1]).groups()  # type: ignore[union-attr]

    pip, group, package = (list_installed(words) for words in select_steps("RUN") if "install" in words)

    assert pip == ["--upgrade", '"pip>=25.1"']
    assert group == arguments.split()
    # The test environment installs the working copy of the package, the image a copy.
    assert package == then.replace("--editable ", "").split() == ["--no-deps", "."]


def test_the_dependency_group_has_the_version_bounds_of_the_package() -> None:
    pyproject = tomllib.loads((PROJECT / "pyproject.toml").read_text())
    group = pyproject["dependency-groups"]["container"]

    assert set(group) <= set(pyproject["project"]["dependencies"])
    names = {re.match(r"\w+", needed)[0] for needed in group}  # type: ignore[index]
    assert names == {"duckdb", "jinja2", "pydantic", "sqlglot", "typst"}


def test_the_build_context_has_only_the_files_of_the_image() -> None:
    sent = [line[1:] for line in (PROJECT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    copied = [source for *sources, _ in select_steps("COPY") if "--from=build" not in sources for source in sources]

    assert sorted(sent) == sorted(copied)
    assert all((PROJECT / name).exists() for name in sent)
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    assert {project["readme"], *project["license-files"]} <= set(sent)


def test_the_image_runs_the_job_as_a_numeric_user() -> None:
    assert select_steps("ENTRYPOINT") == [['["airflow-clarify",', '"analyze"]']]
    assert select_steps("USER") == [["$RUN_AS"]]
    (run_as,) = (word.partition("=")[2] for (word,) in select_steps("ARG") if word.startswith("RUN_AS="))
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", run_as)
    assert all(re.match(r"python:3\.\d+-slim$", base) for base, *_ in select_steps("FROM"))
    assert len({base for base, *_ in select_steps("FROM")}) == 1
