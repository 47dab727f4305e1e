"""Jobs and configurations as arguments of the SageMaker Python SDK."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from airflow_clarify.bias.metrics import METRICS
from airflow_clarify.bias.post_training import POST_TRAINING_METRICS

BUCKET, DATASETS = "clarify", "datasets"
ROLE = "arn:aws:iam::111122223333:role/clarify"
KEY = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
LOCAL_FILE, LOCAL_FOLDER = "notebook/reviews.csv", "notebook"
SEVEN = ["CI", "DPL", "KL", "JS", "LP", "TVD", "KS"]
REVIEWS = {"headers": ["star_rating", "review_body", "product_category"], "label": "star_rating"}
GIFT_CARDS = {
    "label_values_or_threshold": [5, 4],
    "facet_name": "product_category",
    "facet_values_or_threshold": ["Gift Card"],
}


@dataclass(frozen=True)
class Job:
    """A job: keyword arguments of the SDK's classes, as a notebook has them.

    :param name: what is particular about it
    :param data: of ``DataConfig``; the locations may be left out
    :param bias: of ``BiasConfig``
    :param processor: of ``SageMakerClarifyProcessor``
    :param network: of ``NetworkConfig``
    :param methods: the pre-training metrics; None leaves the stage out
    :param post_training_methods: the post-training metrics; None leaves the stage out
    :param model: of ``ModelConfig``
    :param predicted: of ``ModelPredictedLabelConfig``
    :param experiment_config: of the method that starts the job
    :param is_named: whether it is given its name, or gets one made from the prefix
    :param is_refused_early: whether the SDK has to be told to check nothing, as it takes no truth for a value
    """

    name: str
    data: Mapping[str, Any] = field(default_factory=lambda: REVIEWS)
    bias: Mapping[str, Any] = field(default_factory=lambda: GIFT_CARDS)
    processor: Mapping[str, Any] = field(default_factory=dict)
    network: Mapping[str, Any] = field(default_factory=dict)
    methods: Any = "all"
    experiment_config: Mapping[str, str] | None = None
    region: str = "us-east-1"
    is_named: bool = True
    is_refused_early: bool = False
    post_training_methods: Any = None
    model: Mapping[str, Any] | None = None
    predicted: Mapping[str, Any] | None = None

    @property
    def method(self) -> str:
        """The method of the SDK that starts the job."""
        if self.post_training_methods is None:
            return "run_pre_training_bias"
        return "run_post_training_bias" if self.methods is None else "run_bias"

    @property
    def named_methods(self) -> dict[str, Any]:
        """The metrics of the stages, as arguments of the method."""
        if self.method == "run_bias":
            return {"pre_training_methods": self.methods, "post_training_methods": self.post_training_methods}
        return {"methods": self.methods if self.post_training_methods is None else self.post_training_methods}

    @property
    def prefix(self) -> str:
        """The beginning of the job's name."""
        names = {"run_post_training_bias": "Clarify-Posttraining-Bias", "run_bias": "Clarify-Bias"}
        return str(self.processor.get("job_name_prefix", names.get(self.method, "Clarify-Pretraining-Bias")))

    @property
    def all_of_data(self) -> dict[str, Any]:
        output = f"s3://{BUCKET}/{self.name.replace(' ', '-')}/out"
        return {"s3_data_input_path": f"s3://{DATASETS}/lab/reviews.csv", "s3_output_path": output, **self.data}

    @property
    def all_of_processor(self) -> dict[str, Any]:
        return {"role": ROLE, "instance_type": "ml.m5.xlarge", "instance_count": 1, **self.processor}


def _data(**more: Any) -> dict[str, Any]:
    return REVIEWS | more


def _bias(**changed: Any) -> dict[str, Any]:
    return GIFT_CARDS | changed


SUBNETS, GROUPS = ["subnet-0a1b2c3d", "subnet-4e5f6a7b"], ["sg-0a1b2c3d"]
NETWORKS: dict[str, dict[str, Any]] = {
    "isolation": {"enable_network_isolation": True},
    "no isolation": {"enable_network_isolation": False},
    "encrypted traffic": {"encrypt_inter_container_traffic": True},
    "open traffic": {"encrypt_inter_container_traffic": False},
    "subnets": {"subnets": SUBNETS, "security_group_ids": GROUPS},
    "all": {
        "subnets": SUBNETS,
        "security_group_ids": GROUPS,
        "enable_network_isolation": True,
        "encrypt_inter_container_traffic": True,
    },
}

SHADOW = {"model_name": "stars", "instance_count": 1, "instance_type": "ml.c5.xlarge"}
PREDICTED = {"predicted_label": "prediction"}
SEPARATE = {
    "predicted_label_dataset_uri": f"s3://{DATASETS}/predictions.csv",
    "predicted_label_headers": ["id", "prediction"],
    "predicted_label": "prediction",
    "facet_dataset_uri": f"s3://{DATASETS}/facets.csv",
    "facet_headers": ["id", "product_category"],
    "joinsource": "id",
}

JOBS = [
    Job("lab", methods=SEVEN),
    Job("all methods", methods="all"),
    Job("one method", methods=["DPL"]),
    # --- Questions
    Job("every facet value", bias={"label_values_or_threshold": [1], "facet_name": "product_category"}),
    Job("facets", bias=_bias(facet_name=["product_category", "age"], facet_values_or_threshold=[["Gift Card"], [40]])),
    Job(
        "facets in part",
        bias=_bias(facet_name=["product_category", "age", 2], facet_values_or_threshold=[None, [40], None]),
    ),
    Job("facets without values", bias=_bias(facet_name=["product_category", "age"], facet_values_or_threshold=None)),
    Job("group", bias=_bias(group_name="age"), methods=["CDDL"]),
    Job("group by index", bias=_bias(group_name=0)),
    Job("columns by index", data=_data(label=0), bias=_bias(facet_name=2)),
    Job(
        "unicode",
        data={"label": "évaluation ★"},
        bias=_bias(facet_name="カテゴリ", facet_values_or_threshold=["“ü” 🎁"]),
    ),
    Job(
        "truths",
        bias=_bias(label_values_or_threshold=[True], facet_values_or_threshold=[False]),
        is_refused_early=True,
    ),
    Job("floats", bias=_bias(label_values_or_threshold=[3.0], facet_values_or_threshold=[-0.1, 1e-9, 1e22])),
    Job("mixed values", bias=_bias(label_values_or_threshold=["5", 4, 0, "", "4.0"])),
    # --- Predictions
    Job("both stages", data=_data(**PREDICTED), post_training_methods="all"),
    Job("both stages by name", data=_data(**PREDICTED), methods=SEVEN, post_training_methods=["DI", "DPPL", "GE"]),
    Job("predictions", data=_data(**PREDICTED), methods=None, post_training_methods="all"),
    Job("predictions by index", data=_data(predicted_label=3), methods=None, post_training_methods=["RD", "AD"]),
    Job(
        "scores",
        data=_data(predicted_label="score"),
        methods=None,
        post_training_methods="all",
        predicted={"probability_threshold": 0.25},
    ),
    Job("files of predictions and facets", data=_data(**SEPARATE), post_training_methods="all"),
    Job(
        "file of predictions without a name",
        data=_data(predicted_label_dataset_uri=f"s3://{DATASETS}/predictions.csv"),
        methods=None,
        post_training_methods="all",
    ),
    Job("model", methods=None, post_training_methods="all", model=SHADOW),
    Job("model for both stages", post_training_methods="all", model=SHADOW, bias=_bias(group_name="age")),
    Job("endpoint", post_training_methods=["FT"], model={"endpoint_name": "stars", "target_model": "m"}),
    Job(
        "model with everything",
        post_training_methods="all",
        model={
            **SHADOW,
            "instance_count": 3,
            "accept_type": "application/json",
            "content_type": "application/json",
            "content_template": '{"instances": $records}',
            "record_template": "$features_kvp",
            "custom_attributes": "c",
            "accelerator_type": "ml.eia2.large",
            "endpoint_name_prefix": "stars-1",
            "target_model": "m",
        },
        predicted={
            "label": "label",
            "probability": "scores[0]",
            "probability_threshold": 0.7,
            "label_headers": ["1", "5"],
        },
    ),
    Job("model and predictions", data=_data(**PREDICTED), post_training_methods="all", model=SHADOW),
    Job(
        "default name after training",
        data=_data(**PREDICTED),
        methods=None,
        post_training_methods="all",
        is_named=False,
    ),
    Job("default name of both stages", data=_data(**PREDICTED), post_training_methods="all", is_named=False),
    # --- Data
    Job("excluded by name", data=_data(excluded_columns=["review_body", "id"])),
    Job("excluded by index", data=_data(excluded_columns=[0, 3])),
    Job("joinsource", data=_data(joinsource="id"), processor={"instance_count": 2}),
    Job("joinsource by index", data=_data(joinsource=0), processor={"instance_count": 2}),
    Job("json lines", data=_data(dataset_type="application/jsonlines", features="[a, b]", label="stars")),
    Job("json", data=_data(dataset_type="application/json", features="rows[*].[a, b]", label="rows[*].stars")),
    Job("parquet", data={"dataset_type": "application/x-parquet", "label": "star_rating"}),
    # --- Locations
    Job("output with a slash", data=_data(s3_output_path=f"s3://{BUCKET}/slash/out/")),
    Job("output in a bucket", data=_data(s3_output_path=f"s3://{BUCKET}")),
    Job("input is a folder", data=_data(s3_data_input_path=f"s3://{DATASETS}/lab/")),
    Job("configuration elsewhere", data=_data(s3_analysis_config_output_path=f"s3://{BUCKET}/configurations")),
    Job("configuration elsewhere with a slash", data=_data(s3_analysis_config_output_path=f"s3://{BUCKET}/slashed/")),
    Job("local file", data=_data(s3_data_input_path=LOCAL_FILE)),
    Job("local folder", data=_data(s3_data_input_path=LOCAL_FOLDER)),
    # --- The job
    Job("role by name", processor={"role": "clarify"}),
    Job("big", processor={"instance_type": "ml.m5.24xlarge", "volume_size_in_gb": 500}),
    Job("volume key", processor={"volume_kms_key": KEY}),
    Job("output key", processor={"output_kms_key": KEY}),
    Job("both keys", processor={"volume_kms_key": KEY, "output_kms_key": KEY}),
    Job("runtime", processor={"max_runtime_in_seconds": 600}),
    Job("tags", processor={"tags": {"team": "fairness", "Größe": "5+1"}}),
    Job("list of tags", processor={"tags": [{"Key": "team", "Value": "fairness"}]}),
    Job("environment", processor={"env": {"LOG_LEVEL": "DEBUG", "EMPTY": ""}}),
    Job("nothing said", processor={"env": {}, "tags": {}}, experiment_config={}),
    Job("experiment", experiment_config={"ExperimentName": "e", "TrialName": "t", "TrialComponentDisplayName": "c"}),
    Job("default name", is_named=False),
    Job("prefix", processor={"job_name_prefix": "lab-of-reviews"}, is_named=False),
    *(Job(f"network {name}", network=settings) for name, settings in NETWORKS.items()),
    *(Job(region, region=region) for region in ("cn-north-1", "us-gov-west-1", "eu-central-2")),
]


# --- At random --------------------------------------------------------------------------------------------------------

_NAMES = ("a", "label", "Product Category", "geschätzt", "年齢", 'say "so"', "back\\slash", "tab\tin it", "", "0", "🎁")
_VALUES = (0, 1, -3, 10**18, 2**70, 0.5, 5.0, -0.0, 1e-9, 1e22, True, False, "", "1", "x y", "é", "</b>", "two\nlines")


def configurations(seed: int, number: int) -> list[dict[str, Any]]:
    """Random configurations, the same for the same seed."""
    chance = random.Random(seed)
    return [_configuration(chance) for _ in range(number)]


def _configuration(chance: random.Random) -> dict[str, Any]:
    data: dict[str, Any] = {"s3_data_input_path": "s3://in/data", "s3_output_path": "s3://in/out"}
    said = {
        "label": _column(chance),
        "headers": chance.sample(_NAMES, chance.randint(1, len(_NAMES))),
        "features": "rows[*].[a, b]",
        "dataset_type": chance.choice(["text/csv", "application/jsonlines", "application/x-parquet"]),
        "joinsource": _column(chance),
        "excluded_columns": [_column(chance) for _ in range(chance.randint(1, 3))],
    }
    data |= {name: value for name, value in said.items() if chance.random() < 0.5}
    stages = chance.choice([("pre",), ("pre",), ("post",), ("pre", "post")])
    configuration = {
        "data": data,
        "bias": _questions(chance),
        "methods": _methods(chance, METRICS) if "pre" in stages else None,
        "post_training_methods": _methods(chance, POST_TRAINING_METRICS) if "post" in stages else None,
        "model": None,
        "predicted": None,
    }
    if "post" in stages:
        _add_predictions(chance, data, configuration)
    return configuration


def _methods(chance: random.Random, known: Mapping[str, Any]) -> Any:
    return chance.choice(["all", chance.sample(sorted(known), chance.randint(1, len(known)))])


def _add_predictions(chance: random.Random, data: dict[str, Any], configuration: dict[str, Any]) -> None:
    """Add a column of predictions, a file of them, or a model."""
    source = chance.choice(["column", "file", "model"])
    if source == "column":
        data["predicted_label"] = chance.choice(["predicted", "geschätzt 🎁", 7])
    if source == "file":
        data["dataset_type"] = "text/csv"
        data["predicted_label_dataset_uri"] = "s3://in/predictions"
        if chance.random() < 0.5:
            data |= {"predicted_label_headers": ["id", "predicted"], "predicted_label": "predicted"}
        if chance.random() < 0.5:
            data["facet_dataset_uri"] = "s3://in/facets"
            data |= {"facet_headers": ["id", "年齢"]} if chance.random() < 0.5 else {}
    scores = {"probability_threshold": chance.choice([0.0, 0.5, 0.123456789, 1.0])}
    configuration["predicted"] = chance.choice([None, scores])
    if source == "model":
        configuration["model"] = chance.choice([SHADOW, {"endpoint_name": "e"}, {**SHADOW, "accept_type": "text/csv"}])
        output = {"label": _column(chance), "probability": _column(chance), "label_headers": ["no", "yes"]}
        kept = {name: value for name, value in output.items() if chance.random() < 0.5}
        configuration["predicted"] = chance.choice([None, kept, kept | scores])


def _questions(chance: random.Random) -> dict[str, Any]:
    bias: dict[str, Any] = {"label_values_or_threshold": _values(chance)}
    if chance.random() < 0.5:
        bias["facet_name"] = _column(chance)
        if chance.random() < 0.5:
            bias["facet_values_or_threshold"] = _values(chance)
    else:
        bias["facet_name"] = chance.sample([*_NAMES, 0, 1, 2, 3], chance.randint(1, 4))
        if chance.random() < 0.7:
            bias["facet_values_or_threshold"] = [
                _values(chance) if chance.random() < 0.6 else None for _ in bias["facet_name"]
            ]
    if chance.random() < 0.4:
        bias["group_name"] = _column(chance)
    return bias


def _column(chance: random.Random) -> str | int:
    return chance.choice([*_NAMES, 0, 1, 12])


def _values(chance: random.Random) -> list[Any]:
    return [chance.choice(_VALUES) for _ in range(chance.randint(1, 4))]
