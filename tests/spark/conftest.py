"""Fixtures of this folder."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from importlib.machinery import ModuleSpec

import pytest
from database_factories import SparkDatabase
from spark_cluster import SparkCluster, spark_cluster

# From 4.2 on, pyspark-client takes `python -c` for a run of its own doctests, looks for the rest of Spark, and ends the
# process when there is none. The processes of pytest-xdist are started with `python -c`.
if sys.modules["__main__"].__spec__ is None:
    sys.modules["__main__"].__spec__ = ModuleSpec("__main__", None)


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkCluster]:
    """A Spark cluster; all processes of this run have the same one."""
    python = os.environ.get("CLARIFY_SPARK_PYTHON")
    if not python:
        pytest.skip("needs a Spark to start: `make test` makes an environment for it (and sets CLARIFY_SPARK_PYTHON)")
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        # The folder above belongs to this process, the one above that to the run.
        folder = folder.parent
    with spark_cluster(folder / "spark", python) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def database(spark: SparkCluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkDatabase]:
    """The cluster with tables, and an Airflow connection to it."""
    connection = json.dumps({"conn_type": "spark_connect", "host": spark.host, "port": spark.port})
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("AIRFLOW_CONN_BIAS_SPARK", connection)
        made = SparkDatabase(spark.url, tmp_path_factory.mktemp("tables"))
        yield made
        made.session.stop()
