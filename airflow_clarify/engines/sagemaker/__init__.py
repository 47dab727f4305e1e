"""The SageMaker engine: runs the analysis as a processing job, with Clarify's image or this package's own."""

from airflow_clarify.engines.sagemaker.engine import SageMakerEngine as SageMakerEngine

__all__ = ["SageMakerEngine"]
