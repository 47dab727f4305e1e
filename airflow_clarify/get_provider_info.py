"""Provider information, which Airflow reads through the `apache_airflow_provider` entry point."""

from __future__ import annotations

from typing import Any

CLARIFY = "Amazon SageMaker Clarify"
DUCKDB = "DuckDB"
SPARK = "Apache Spark"


def get_provider_info() -> dict[str, Any]:
    """Return the provider information in the format of Airflow's `provider_info.schema.json`.

    :return: the provider's classes, integrations and configuration options
    """
    from airflow_clarify import __version__

    return {
        "package-name": "airflow-clarify",
        "name": "Clarify",
        "description": (
            "Checks training data, and the predictions of models, for bias, and stops a pipeline when the bias is too "
            "large. Computes the metrics of `Amazon SageMaker Clarify <https://aws.amazon.com/sagemaker/clarify/>`__ "
            "where the data are stored.\n"
        ),
        "versions": [__version__],
        "integrations": [
            {
                "integration-name": CLARIFY,
                "external-doc-url": "https://docs.aws.amazon.com/sagemaker/latest/dg/clarify-detect-data-bias.html",
                "tags": ["aws", "machine-learning", "fairness"],
            },
            {"integration-name": DUCKDB, "external-doc-url": "https://duckdb.org/", "tags": ["software"]},
            {"integration-name": SPARK, "external-doc-url": "https://spark.apache.org/", "tags": ["apache"]},
        ],
        "operators": [
            {
                "integration-name": CLARIFY,
                "python-modules": [
                    "airflow_clarify.operators.backfill",
                    "airflow_clarify.operators.balance",
                    "airflow_clarify.operators.bias",
                    "airflow_clarify.operators.gate",
                    "airflow_clarify.operators.search",
                ],
            },
        ],
        "sensors": [{"integration-name": CLARIFY, "python-modules": ["airflow_clarify.sensors.sagemaker"]}],
        "triggers": [{"integration-name": CLARIFY, "python-modules": ["airflow_clarify.triggers.sagemaker"]}],
        "extra-links": [
            "airflow_clarify.links.report.BiasReportLink",
            "airflow_clarify.links.sagemaker.ClarifyJobLink",
            "airflow_clarify.links.sagemaker.ClarifyJobLogsLink",
            "airflow_clarify.links.sagemaker.ClarifyJobOutputLink",
        ],
        "config": {"clarify": {"description": "Defaults of the bias checks.", "options": _list_options()}},
    }


def _list_options() -> dict[str, dict[str, Any]]:
    """List the options of the `[clarify]` section of airflow.cfg."""
    return {
        "bias_page": {
            "description": (
                "Where the page Bias is shown in Airflow's UI: `nav` (in the navigation), `dag` (a tab of each DAG), "
                "`task_instance` (a tab of each task instance), separated by commas. `none` hides it. The api-server "
                "reads it when it starts.\n"
            ),
            "version_added": "0.1.0",
            "type": "string",
            "example": "nav, dag",
            "default": "nav, dag, task_instance",
        },
        "duckdb_memory_limit": {
            "description": (
                "How much memory the embedded engine may use in one task before it spills to disk, in DuckDB's "
                "notation. Empty uses DuckDB's default: 80 % of the machine's memory. The engine's argument "
                "`memory_limit` takes precedence.\n"
            ),
            "version_added": "0.1.0",
            "type": "string",
            "example": "512MB",
            "default": "",
        },
        "duckdb_temp_directory": {
            "description": (
                "The folder into which the embedded engine spills data that do not fit into memory. Empty uses the "
                "worker's temporary folder.\n"
            ),
            "version_added": "0.1.0",
            "type": "string",
            "example": "/mnt/scratch",
            "default": "",
        },
        "duckdb_threads": {
            "description": (
                "How many threads the embedded engine may use in one task. 0 uses DuckDB's default: one per core. "
                "The results do not depend on it.\n"
            ),
            "version_added": "0.1.0",
            "type": "integer",
            "example": "4",
            "default": "0",
        },
    }
