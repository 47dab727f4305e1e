"""Fixtures for the tests of this folder."""

from conftest_sagemaker import aws, both

__all__ = ["aws", "both"]
