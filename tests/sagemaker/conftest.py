"""What the tests of this folder stand on."""

from conftest_sagemaker import aws, both

__all__ = ["aws", "both"]
