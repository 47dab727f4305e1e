"""The SageMaker Python SDK, driven as a notebook drives it. Runs in an environment of its own (2.x or 3.x).

One JSON document in, on stdin, one out, to the file that is named; stdout is the SDK's, which prints to it. In::

    {"jobs": [{"region": ..., "processor": {...}, "network": {...}, "data": {...}, "bias": {...}, "model": {...},
               "predicted": {...}, "method": "run_bias", "run": {...}}],
     "configurations": [{"data": {...}, "bias": {...}, "model": {...}, "predicted": {...},
                         "methods": ..., "post_training_methods": ...}], "regions": [...]}

Each of the objects holds keyword arguments of what it is named after: ``SageMakerClarifyProcessor``, ``NetworkConfig``,
``DataConfig``, ``BiasConfig``, ``ModelConfig``, ``ModelPredictedLabelConfig``, and the method that starts the job;
"model", "predicted" and the metrics of a stage are null where there are none. Out::

    {"version": "2.257.7", "jobs": ["name of the job", ...], "images": {"region": "URI"},
     "configurations": [{"text": ..., "data": ..., "bias": ...}]}

What goes to AWS goes where the environment says (``AWS_ENDPOINT_URL_SAGEMAKER`` and so on). Nothing of the project is
imported here.
"""

import json
import os
import sys
from importlib.metadata import version
from pathlib import Path

import boto3

try:
    # 3.x has moved it, and left no forwarding address.
    from sagemaker.core import image_uris  # noqa: TID251
    from sagemaker.core.clarify import (  # noqa: TID251
        BiasConfig,
        DataConfig,
        ModelConfig,
        ModelPredictedLabelConfig,
        SageMakerClarifyProcessor,
        _AnalysisConfigGenerator,
    )
    from sagemaker.core.helper.session_helper import Session  # noqa: TID251
    from sagemaker.core.network import NetworkConfig  # noqa: TID251
except ModuleNotFoundError:
    from sagemaker import Session, image_uris  # noqa: TID251
    from sagemaker.clarify import (  # noqa: TID251
        BiasConfig,
        DataConfig,
        ModelConfig,
        ModelPredictedLabelConfig,
        SageMakerClarifyProcessor,
        _AnalysisConfigGenerator,
    )
    from sagemaker.network import NetworkConfig  # noqa: TID251

# For the account's number, which is in the name of the default bucket, it goes to AWS itself, whatever the environment
# says of endpoints.
sys.modules[Session.__module__].sts_regional_endpoint = lambda region: os.environ["AWS_ENDPOINT_URL"]


def start(job: dict) -> str:
    """Start a job, and say its name."""
    processor = SageMakerClarifyProcessor(
        **job["processor"],
        network_config=NetworkConfig(**job["network"]) if job["network"] else None,
        sagemaker_session=Session(boto3.Session(region_name=job["region"])),
    )
    # The method for both stages has another name for its configuration of bias.
    bias = {"bias_config" if job["method"] == "run_bias" else "data_bias_config": BiasConfig(**job["bias"])}
    if job["method"] != "run_pre_training_bias":
        bias |= model_arguments(job)
    getattr(processor, job["method"])(
        data_config=DataConfig(**job["data"]),
        **bias,
        # It refuses not to wait for a job whose log it is to show.
        wait=False,
        logs=False,
        **job["run"],
    )
    started = processor.latest_job
    # 2.x calls it the first, 3.x the second.
    return started.job_name if hasattr(started, "job_name") else started.processing_job_name


def model_arguments(given: dict) -> dict:
    """Build the arguments about a model and its predictions."""
    return {
        "model_config": ModelConfig(**given["model"]) if given["model"] else None,
        "model_predicted_label_config": ModelPredictedLabelConfig(**given["predicted"]) if given["predicted"] else None,
    }


def write(configuration: dict) -> dict:
    """The text of a configuration, as it is uploaded for a job, and what its parts are made of."""
    data, bias = DataConfig(**configuration["data"]), BiasConfig(**configuration["bias"])
    methods, post_training = configuration["methods"], configuration["post_training_methods"]
    if post_training is None:
        document = _AnalysisConfigGenerator.bias_pre_training(data, bias, methods)
    elif methods is None:
        model = model_arguments(configuration)
        document = _AnalysisConfigGenerator.bias_post_training(data, bias, methods=post_training, **model)
    else:
        model = model_arguments(configuration)
        document = _AnalysisConfigGenerator.bias(
            data, bias, pre_training_methods=methods, post_training_methods=post_training, **model
        )
    return {"text": json.dumps(document), "data": data.get_config(), "bias": bias.get_config()}


def answer(question: dict) -> dict:
    return {
        "version": version("sagemaker"),
        "jobs": [start(job) for job in question["jobs"]],
        "configurations": [write(configuration) for configuration in question["configurations"]],
        "images": {region: image_uris.retrieve("clarify", region) for region in question["regions"]},
    }


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(json.dumps(answer(json.load(sys.stdin))), encoding="utf-8")
