"""Jobs with predictions and models: checks before submission, requests, names, and results of both stages."""

from __future__ import annotations

import itertools
import json
import logging
import time
from typing import Any

import pytest
from conftest_sagemaker import Aws

from airflow_clarify import Analysis, BiasConfig, DataConfig, ModelConfig, SageMakerEngine
from airflow_clarify.bias.config import AnalysisConfig
from airflow_clarify.engines.sagemaker.request import DEFAULT_PREFIX, JobPlan, list_job_locations
from airflow_clarify.engines.sagemaker.results import _check_completeness, _list_warnings
from airflow_clarify.exceptions import ConfigError, JobError
from airflow_clarify.operators.sagemaker_job import TaskJob

log = logging.getLogger(__name__)
_numbers = itertools.count(1)
OUR_IMAGE = "111122223333.dkr.ecr.us-east-1.amazonaws.com/airflow-clarify:0.1.0"
SHADOW = ModelConfig(model_name="loans", instance_count=1, instance_type="ml.m5.large")
#: 100 rows of each facet value: (label, prediction) to the number of rows.
OUTCOMES = {
    "a": {(1, 1): 50, (0, 1): 10, (1, 0): 10, (0, 0): 30},
    "b": {(1, 1): 10, (0, 1): 5, (1, 0): 30, (0, 0): 55},
}
CSV = "f,y,p\n" + "".join(
    f"{value},{label},{predicted}\n" * times
    for value, outcomes in OUTCOMES.items()
    for (label, predicted), times in outcomes.items()
)


def engine(**changes: Any) -> SageMakerEngine:
    return SageMakerEngine(**{"role": "clarify", "aws_conn_id": "clarify_lab", **changes})


def data(**changes: Any) -> DataConfig:
    places = {"input_path": "s3://lab/data/reviews.csv", "output_path": "s3://lab/out", "label": "y"}
    return DataConfig(**{**places, "dataset_type": "text/csv", **changes})


def config(
    given: DataConfig, methods: Any = None, post: Any = "all", model: ModelConfig | None = None, **bias: Any
) -> AnalysisConfig:
    asked = BiasConfig(**{"label_values_or_threshold": [1], "facet_name": "f", **bias})
    return AnalysisConfig.build(given, asked, methods, post_training_methods=post, model_config=model)


# --- Before submission ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("of_data", "says"),
    [
        (
            {"predicted_label_dataset_uri": "predictions.csv"},
            "predicted_label_dataset_uri: a job on SageMaker reads S3 only, not predictions.csv; copy the file there, "
            "or choose another engine",
        ),
        (
            {"predicted_label": "p", "facet_dataset_uri": "gs://b/facets.csv"},
            "facet_dataset_uri: a job on SageMaker reads S3 only, not gs://b/facets.csv; copy the file there, "
            "or choose another engine",
        ),
        (
            {"predicted_label_dataset_uri": "s3://lab/p", "dataset_type": "application/x-parquet"},
            "predicted_label_dataset_uri: Clarify joins files of text/csv only, and the data are "
            "application/x-parquet; write the column into the dataset, or choose another engine",
        ),
    ],
)
def test_files_that_a_job_cannot_join_are_refused_before_submission(of_data: dict[str, Any], says: str) -> None:
    given = data(**of_data)
    with pytest.raises(ConfigError) as error:
        engine(region_name="us-east-1").check(given, config(given))
    assert str(error.value) == says


def test_a_job_without_predictions_and_without_a_model_is_refused_before_submission() -> None:
    document = {**config(data(predicted_label="p")).document}
    del document["predicted_label"]
    with pytest.raises(ConfigError, match=r"^predicted_label: name the column of predictions; post-training bias"):
        engine(region_name="us-east-1").check(data(), AnalysisConfig(document))


@pytest.mark.server
@pytest.mark.parametrize(
    ("methods", "post", "prefix"),
    [
        ("all", None, "Clarify-Pretraining-Bias-"),
        (None, "all", "Clarify-Posttraining-Bias-"),
        ("all", "all", "Clarify-Bias-"),
    ],
)
def test_the_name_of_a_job_is_that_of_its_stages(methods: Any, post: Any, prefix: str, aws: Aws) -> None:
    given = data(predicted_label="p")
    plan = engine().plan(given, config(given, methods, post))
    assert engine().job_name("task", default_prefix=plan.default_prefix).startswith(prefix)
    assert engine(job_name_prefix="mine").job_name("task", default_prefix=plan.default_prefix).startswith("mine-")
    assert engine().job_name("task").startswith(f"{DEFAULT_PREFIX}-")


def test_our_image_gets_files_of_predictions_as_inputs() -> None:
    plan = JobPlan(
        "{}", "s3://lab/data", None, "s3://lab/out", None, {}, joined={"predicted_label_dataset_uri": "s3://lab/p"}
    )
    inputs = plan.build_request("job", "s3://lab/data")["ProcessingInputs"]
    assert [(one["InputName"], one["S3Input"]["S3Uri"], one["S3Input"]["LocalPath"]) for one in inputs] == [
        ("dataset", "s3://lab/data", "/opt/ml/processing/input/data"),
        ("analysis_config", "s3://lab/out/analysis_config.json", "/opt/ml/processing/input/config"),
        ("predicted_label_dataset", "s3://lab/p", "/opt/ml/processing/input/predicted_label"),
    ]


@pytest.mark.server
@pytest.mark.parametrize(("image", "joined"), [(None, []), (OUR_IMAGE, ["predicted_label_dataset", "facet_dataset"])])
def test_only_clarifys_own_image_reads_such_files_from_s3(image: str | None, joined: list[str], aws: Aws) -> None:
    given = data(predicted_label_dataset_uri="s3://lab/p.csv", facet_dataset_uri="s3://lab/f.csv")
    plan = engine(image_uri=image).plan(given, config(given))
    names = list_job_locations(plan.build_request("job", given.input_path)).keys()
    assert [name for name in names if name not in ("dataset", "analysis_config", "analysis_result")] == joined


# --- Results --------------------------------------------------------------------------------------------------------


def clarify_file(values: dict[str, Any], section: str = "post_training_bias_metrics") -> Analysis:
    """Read a file as Clarify writes it, with one group."""
    metrics = [{"name": name, "description": name, "value": value} for name, value in values.items()]
    groups = [{"value_or_threshold": "b", "metrics": metrics}]
    return Analysis.from_clarify_json(
        json.dumps({section: {"label": "y", "label_value_or_threshold": "1", "facets": {"f": groups}}})
    )


OLD_IMAGE = dict.fromkeys(("AD", "CDDPL", "DAR", "DCA", "DCR", "DI", "DPPL", "DRR", "FT", "RD", "TE"), 0.5)


@pytest.mark.parametrize(
    ("post", "found", "missing"),
    [
        ("all", OLD_IMAGE, None),
        ("all", {"DI": 0.5}, "AD"),
        (["DI", "SD"], OLD_IMAGE, "SD"),
        (["DI", "CDDPL"], {"DI": 0.5}, None),
    ],
)
def test_an_output_without_a_requested_metric_is_refused(post: Any, found: Any, missing: str | None) -> None:
    asked = config(data(predicted_label="p"), None, post)
    analysis = clarify_file(found)
    object.__setattr__(analysis, "config_sha256", asked.sha256)
    if missing is None:
        _check_completeness(analysis, asked, "s3://lab/out/analysis.json")
        return
    with pytest.raises(JobError, match=rf"holds no {missing} of f b, which was asked for$"):
        _check_completeness(analysis, asked, "s3://lab/out/analysis.json")


def test_predictions_that_may_be_the_same_everywhere_are_warned_of() -> None:
    (warning,) = _list_warnings(clarify_file({"AD": -0.02, "DI": 1.0, "DPPL": 0.0, "RD": 0.0, "TE": 0.0}))
    assert warning.startswith("every DPPL, RD and TE is 0, which is perfect balance, or a model that predicts the same")
    assert _list_warnings(clarify_file({"DPPL": 0.1, "RD": 0.0, "TE": 0.0})) == []


@pytest.mark.server
@pytest.mark.parametrize(("methods", "post"), [(["CI", "DPL"], "all"), (None, ["DPPL", "DI", "RD"])])
def test_a_job_measures_both_stages(methods: Any, post: Any, aws: Aws) -> None:
    folder = f"predictions-{next(_numbers)}"
    aws.s3.client().put_object(Bucket="lab", Key=f"{folder}/in/scored.csv", Body=CSV.encode())
    given = data(
        input_path=f"s3://lab/{folder}/in/scored.csv", output_path=f"s3://lab/{folder}/out", predicted_label="p"
    )
    asked = config(given, methods, post)
    job = TaskJob(engine(), log)
    found = job.find_or_start(engine().plan(given, asked), asked, None, lambda _: None)
    ended = job.wait(found.name, time.time() + 60, 0.1, lambda: None, logs=True)
    analysis = job.finish(ended, asked, shown=True)

    assert analysis.rows == 200
    assert analysis.stages == (("post_training",) if methods is None else ("pre_training", "post_training"))
    document = json.loads(aws.read(f"{folder}/out/analysis.json"))
    sections = ["post_training_bias_metrics", *(["pre_training_bias_metrics"] if methods is not None else [])]
    assert [key for key in document if key.endswith("metrics")] == sections
    result = analysis.facets[0].result("b")
    assert result is not None
    values = {name: metric.value for name in ("DPPL", "DI", "RD") if (metric := result.metric(name)) is not None}
    assert values == pytest.approx({"DPPL": 0.6 - 0.15, "DI": 0.15 / 0.6, "RD": 50 / 60 - 10 / 40})
