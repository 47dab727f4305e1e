"""A stand-in for Amazon SageMaker's processing jobs: strict about requests, and it really runs the job."""

from sagemaker_stand_in.stand_in import StandIn

__all__ = ["StandIn"]
