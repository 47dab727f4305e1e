"""The SQL engine: counts and samples in a database, through any Airflow connection whose hook is a DbApiHook."""

from airflow_clarify.engines.sql.engine import SQLEngine as SQLEngine

__all__ = ["SQLEngine"]
