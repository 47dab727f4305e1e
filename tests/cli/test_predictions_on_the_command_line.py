"""Predictions on the command line: which stages are measured, and one sentence for each kind of bad input."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from cli_factories import CommandResult, Run

from airflow_clarify.artifacts import read_analysis
from airflow_clarify.cli.terminal import EXIT_OK, EXIT_VIOLATION

#: Gender, label, prediction and score of 80 loans: of the women 2 of 4 are predicted positive, of the men 3 of 4.
LOANS = [
    ("F", 1, 1, 0.9),
    ("F", 0, 0, 0.2),
    ("F", 1, 0, 0.4),
    ("F", 0, 1, 0.6),
    ("M", 1, 1, 0.8),
    ("M", 1, 1, 0.7),
    ("M", 0, 1, 0.6),
    ("M", 0, 0, 0.3),
] * 10
COLUMNS = ("gender", "approved", "predicted", "score")
TYPES = ("--label-type", "categorical", "--facet-type", "categorical")
#: Without types, which follow from the values: label and prediction then have to be of the same one.
INFERRED = ("--label", "approved", "--positive", "1", "--facet", "gender", "--facet-values", "F")
ASKED = (*INFERRED, *TYPES)
PREDICTED = ("--predicted-label", "predicted")


def write(path: Path, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> Path:
    lines = [",".join(columns), *(",".join("" if cell is None else str(cell) for cell in row) for row in rows)]
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with loans.csv; the other files are written by the tests."""
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "loans.csv", COLUMNS, LOANS)
    return tmp_path


def measure(run: Run, *arguments: str, data: str = "loans.csv") -> CommandResult:
    return run("analyze", "--data", data, *arguments, "--output", "out")


def configure(folder: Path, **keys: Any) -> tuple[str, ...]:
    """Write a configuration of the post-training stage, and return the options to use it."""
    document = {
        "dataset_type": "text/csv",
        "label": "approved",
        "label_values_or_threshold": [1],
        "facet": [{"name_or_index": "gender", "value_or_threshold": ["F"]}],
        "methods": {
            "report": {"name": "report", "title": "Report"},
            "post_training_bias": {"methods": ["DI", "DPPL"]},
        },
        **keys,
    }
    (folder / "config.json").write_text(json.dumps({key: value for key, value in document.items() if value}))
    return ("--config", "config.json", "--label-type", "categorical")


def values(folder: Path) -> dict[str, float | None]:
    """The metrics of the women in the analysis that was written."""
    (result,) = read_analysis(str(folder / "out" / "analysis.json")).facets[0].results
    return {metric.name: metric.value for metric in result.metrics}


def test_a_predicted_label_adds_the_stage_after_training(folder: Path, run: Run) -> None:
    assert measure(run, *ASKED, *PREDICTED, "--methods", "DPL,DPPL,DI,RD").status == EXIT_OK

    assert values(folder) == pytest.approx({"DPL": 0.0, "DPPL": 0.25, "DI": 2 / 3, "RD": 0.5})
    written = json.loads((folder / "out" / "analysis.json").read_text())
    assert list(written)[1:3] == ["post_training_bias_metrics", "pre_training_bias_metrics"]
    assert run("gate", "--analysis", "out/analysis.json", "--threshold", "DI=0.8").status == EXIT_VIOLATION
    assert run("gate", "--analysis", "out/analysis.json", "--threshold", "DI=0.6").status == EXIT_OK


def test_names_of_predictions_alone_leave_out_the_stage_before_training(folder: Path, run: Run) -> None:
    assert measure(run, *ASKED, *PREDICTED, "--methods", "DPPL").status == EXIT_OK
    assert values(folder) == {"DPPL": 0.25}


def test_a_score_above_the_threshold_is_the_prediction_1(folder: Path, run: Run) -> None:
    scores = ("--predicted-label", "score", "--methods", "DPPL", "--probability-threshold")
    assert measure(run, *ASKED, *scores, "0.5").status == EXIT_OK
    assert values(folder) == {"DPPL": 0.25}
    # 0.6 itself is not above 0.6.
    assert measure(run, *ASKED, *scores, "0.6").status == EXIT_OK
    assert values(folder) == {"DPPL": 0.25}
    assert measure(run, *ASKED, *scores, "0.65").status == EXIT_OK
    assert values(folder) == {"DPPL": 0.25}
    assert measure(run, *ASKED, *scores, "0.75").status == EXIT_OK
    assert values(folder) == {"DPPL": 0.0}


def test_a_configuration_determines_the_measured_stages(folder: Path, run: Run) -> None:
    assert measure(run, *configure(folder, predicted_label="predicted")).status == EXIT_OK
    assert values(folder) == pytest.approx({"DPPL": 0.25, "DI": 2 / 3})


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            (*ASKED, "--predicted-label", "forecast"),
            "--predicted-label: the data have no column 'forecast' (columns: 'gender', 'approved', 'predicted', ",
        ),
        ((*ASKED, "--predicted-label", "approved"), "--predicted-label: 'approved' is the label; name the column of"),
        (
            (*ASKED, "--methods", "DPL,DPPL"),
            "--methods: DPPL is a metric of predictions; name their column in --predicted-label, or leave DPPL out",
        ),
        (
            (*ASKED, *PREDICTED, "--methods", "DPL"),
            "--predicted-label: no metric in --methods is one of predictions; add one, such as DPPL, or leave the",
        ),
        (
            (*ASKED, *PREDICTED, "--methods", "DPPL,DPX"),
            "--methods: there is no metric 'DPX'; there are CDDL, CI, DPL, JS, KL, KS, LP, TVD and, of predictions,",
        ),
        (
            (*ASKED, "--probability-threshold", "0.5"),
            "--probability-threshold: there are no scores to compare with it; name their column in --predicted-label",
        ),
        (
            (*ASKED, "--predicted-label", "score", "--probability-threshold", "half"),
            "--probability-threshold: 'half' is not a number; give one from 0 to 1, such as 0.5",
        ),
        (
            (*ASKED, "--predicted-label", "score", "--probability-threshold", "50"),
            "--probability-threshold: '50' is outside 0 to 1, and scores are not; give a number such as 0.5",
        ),
        (
            (*ASKED, "--predicted-label", "gender", "--probability-threshold", "0.5"),
            "--predicted-label: 'gender' is also a facet; name the column of predictions",
        ),
    ],
    ids=lambda value: None if isinstance(value, tuple) else value[:50],
)
def test_bad_options_are_one_sentence(arguments: tuple[str, ...], sentence: str, folder: Path, run: Run) -> None:
    assert measure(run, *arguments).refused().startswith(sentence)
    assert [path.name for path in folder.iterdir()] == ["loans.csv"]


def test_scores_outside_0_to_1_are_refused(folder: Path, run: Run) -> None:
    write(folder / "loans.csv", COLUMNS, [(*row[:3], row[3] * 100) for row in LOANS])

    error = measure(run, *ASKED, "--predicted-label", "score", "--probability-threshold", "0.5").refused()

    assert error.startswith("--predicted-label: column 'score' has 80 of 80 rows outside 0 to 1; scores that")
    assert not (folder / "out").exists()


@pytest.mark.parametrize(
    ("predictions", "keys", "sentence"),
    [
        (range(79), {}, "predicted_label_dataset_uri: forecasts.csv has 79 rows and keyed.csv has 80; files that are"),
        (range(81), {}, "predicted_label_dataset_uri: forecasts.csv has 81 rows and keyed.csv has 80; files that are"),
        (
            range(1, 81),
            {"joinsource_name_or_index": "id"},
            "joinsource: '0' in column 'id' is in one of the files only: keyed.csv (1 rows) and forecasts.csv (0 rows)",
        ),
        (
            [1, *range(1, 80)],
            {"joinsource_name_or_index": "id"},
            "joinsource: '0' in column 'id' is in one of the files only",
        ),
    ],
    ids=["too few", "too many", "another key", "a key twice"],
)
def test_files_of_predictions_that_do_not_match_are_refused(
    predictions: Sequence[int], keys: dict[str, Any], sentence: str, folder: Path, run: Run
) -> None:
    write(folder / "keyed.csv", ("id", *COLUMNS[:2]), [(number, *row[:2]) for number, row in enumerate(LOANS)])
    rows = [(number, LOANS[number % 80][2]) for number in predictions]
    columns = ("id", "forecast") if keys else ("forecast",)
    write(folder / "forecasts.csv", columns, rows if keys else [row[1:] for row in rows])
    config = configure(folder, predicted_label="forecast", predicted_label_dataset_uri="forecasts.csv", **keys)

    assert measure(run, *config, data="keyed.csv").refused().startswith(sentence)
    assert not (folder / "out").exists()


def test_a_file_of_predictions_is_joined_by_its_key(folder: Path, run: Run) -> None:
    write(folder / "keyed.csv", ("id", *COLUMNS[:2]), [(number, *row[:2]) for number, row in enumerate(LOANS)])
    forecasts = [(number, row[2]) for number, row in enumerate(LOANS)]
    write(folder / "forecasts.csv", ("id", "forecast"), forecasts[::-1])
    config = configure(
        folder,
        predicted_label="forecast",
        predicted_label_dataset_uri="forecasts.csv",
        joinsource_name_or_index="id",
    )

    assert measure(run, *config, data="keyed.csv").status == EXIT_OK
    assert values(folder) == pytest.approx({"DPPL": 0.25, "DI": 2 / 3})


def test_continuous_predictions_need_a_threshold(folder: Path, run: Run) -> None:
    write(folder / "loans.csv", COLUMNS, [(*row[:3], (number * 79 % 1000) / 1000) for number, row in enumerate(LOANS)])

    error = measure(run, *INFERRED, "--predicted-label", "score").refused()

    assert error.startswith(
        "--predicted-label: column 'score' is continuous (float, 80 distinct values in 80 rows) and"
    )
    assert error.endswith("if it holds scores, give a --probability-threshold such as 0.5")
    assert not (folder / "out").exists()


def test_texts_are_not_scores(folder: Path, run: Run) -> None:
    write(folder / "loans.csv", COLUMNS, [(*row[:3], "high" if row[3] > 0.5 else "low") for row in LOANS])

    error = measure(run, *ASKED, "--predicted-label", "score", "--probability-threshold", "0.5").refused()

    assert error.startswith("--predicted-label: column 'score' has 80 of 80 rows that hold no number, so it holds no")
    assert not (folder / "out").exists()


def test_options_beside_a_configuration_are_refused(folder: Path, run: Run) -> None:
    config = configure(folder, predicted_label="predicted")
    assert measure(run, *config, *PREDICTED).refused() == (
        "--predicted-label: --config already sets this; give one of the two"
    )
    assert measure(run, *config, "--probability-threshold", "0.5").refused() == (
        "--probability-threshold: --config already sets this; give one of the two"
    )


@pytest.mark.parametrize(
    ("keys", "sentence"),
    [
        ({}, "predicted_label: name the column of predictions; post-training bias cannot be measured without one"),
        (
            {"predictor": {"model_name": "m", "instance_type": "ml.m5.large", "initial_instance_count": 1}},
            "predictor: only a Clarify job runs a model; name a column of predictions in predicted_label, or measure",
        ),
        (
            {"predicted_label": "approved"},
            "config.json: predicted_label: 'approved' is the label; name the column of predictions",
        ),
    ],
    ids=["no predictions", "a model", "the label"],
)
def test_bad_configurations_are_one_sentence(keys: dict[str, Any], sentence: str, folder: Path, run: Run) -> None:
    assert measure(run, *configure(folder, **keys)).refused().startswith(sentence)
    assert not (folder / "out").exists()


# --- Predictions that can be measured in part ---------------------------------------------------------------------


def measure_in_part(folder: Path, run: Run, predictions: Sequence[Any]) -> tuple[str, dict[str, float | None]]:
    """Measure predictions that Clarify's job would refuse, check that no gate passes, and return what is said."""
    rows = [(*row[:2], prediction) for row, prediction in zip(LOANS, predictions, strict=True)]
    write(folder / "loans.csv", COLUMNS[:3], rows)
    measured = measure(run, *INFERRED, *PREDICTED, "--methods", "AD,DPPL")
    assert measured.status == EXIT_OK, measured
    judged = run("gate", "--analysis", "out/analysis.json", "--threshold", "AD=1", "--threshold", "DPPL=1")
    assert judged.status == EXIT_VIOLATION
    return measured.err, values(folder)


@pytest.mark.parametrize(("prediction", "says"), [(1, "positive"), (0, "positive")], ids=["all 1", "all 0"])
def test_constant_predictions_never_pass(prediction: int, says: str, folder: Path, run: Run) -> None:
    err, _ = measure_in_part(folder, run, [prediction] * len(LOANS))
    assert err.count("warning: ") >= 1
    assert says in err


def test_predictions_of_another_type_are_refused(folder: Path, run: Run) -> None:
    rows = [(*row[:2], "yes" if row[2] else "no") for row in LOANS]
    write(folder / "loans.csv", COLUMNS[:3], rows)
    error = measure(run, *INFERRED, *PREDICTED).refused()
    assert error.startswith("--predicted-label: column 'predicted' holds texts and label 'approved' numbers, so no")
    assert not (folder / "out").exists()


def test_missing_predictions_make_floats_which_are_not_compared_with_whole_numbers(folder: Path, run: Run) -> None:
    err, found = measure_in_part(folder, run, [None if number == 3 else row[2] for number, row in enumerate(LOANS)])
    assert found["AD"] is None
    assert "warning: " in err
