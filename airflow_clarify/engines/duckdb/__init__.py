"""The embedded engine: DuckDB in the task itself, over files, object stores and DataFrames."""

from airflow_clarify.engines.duckdb.engine import DuckDBEngine as DuckDBEngine

__all__ = ["DuckDBEngine"]
