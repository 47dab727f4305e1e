"""The Spark engine: counts and samples on a cluster, through Spark Connect; the worker needs no Java and no Spark."""

from airflow_clarify.engines.spark.engine import SparkEngine as SparkEngine

__all__ = ["SparkEngine"]
