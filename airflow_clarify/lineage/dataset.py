"""Describe the location of datasets, and name them as OpenLineage does.

An analysis is passed between tasks through XCom, and stored beside its report in ``summary.json``. It includes the
location of its data, so that a gate, which never reads the data, can relate its verdict to a dataset. Connections are
referenced by their id, so the location contains no secrets.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from airflow_clarify.io.redaction import redact_secrets

if TYPE_CHECKING:
    from sqlglot import exp

    from airflow_clarify.bias.config import DataConfig

#: Maximum number of characters of a query; a longer one is truncated, and its tables are then unknown.
_MAX_QUERY_LENGTH = 4000


class DatasetName(NamedTuple):
    """Name of a dataset in OpenLineage's convention.

    :param namespace: the storage or the database, such as "s3://bucket"
    :param name: its name there
    """

    namespace: str
    name: str


def describe_source(data: DataConfig, engine: Any) -> dict[str, Any]:
    """Describe the location of the data of a configuration as plain JSON.

    :param data: the data configuration
    :param engine: the engine that reads it
    :return: ``path``; or ``engine``, ``conn_id``, ``dialect`` and ``table`` or ``query``, without secrets
    """
    if data.table is not None:
        return {**_describe_store(engine), "table": data.table if isinstance(data.table, str) else list(data.table)}
    if data.query is not None:
        return {**_describe_store(engine), "query": redact_secrets(data.query[:_MAX_QUERY_LENGTH])}
    return {"path": redact_secrets(str(data.input_path))}


def describe_target(target: str | Sequence[str], engine: Any) -> dict[str, Any]:
    """Describe the location of a balanced copy as plain JSON.

    :param target: a path, or the name of a table
    :param engine: the engine that writes it
    :return: as of :func:`describe_source`
    """
    if isinstance(target, str) and (not engine.samples_by_key or "/" in target):
        return {"path": redact_secrets(target)}
    return {**_describe_store(engine), "table": target if isinstance(target, str) else list(target)}


def list_dataset_names(whereabouts: Mapping[str, Any]) -> list[DatasetName]:
    """List the names of the datasets at a location; a query may read several tables.

    :param whereabouts: as returned by :func:`describe_source` or :func:`describe_target`
    """
    if "path" in whereabouts:
        return [build_path_name(whereabouts["path"])]
    if whereabouts["engine"] == "spark":
        namespace = f"spark://{_build_spark_name(whereabouts)}"
        return [DatasetName(namespace, ".".join(parts)) for parts in _list_tables(whereabouts, "spark")]
    return _list_database_names(whereabouts)


def build_path_name(path: str) -> DatasetName:
    """Name a file, a folder or a glob, local or in an object store.

    :param path: a path or URI

    >>> build_path_name("s3://my_connection@bucket/loans/*.csv")
    DatasetName(namespace='s3://bucket', name='loans/*.csv')
    """
    given, is_uri, rest = path.partition("://")
    if not is_uri or given == "file":
        return DatasetName("file", str(Path(rest if is_uri else path).absolute()))
    scheme = {"s3a": "s3", "s3n": "s3", "gcs": "gs"}.get(given, given)
    if scheme in ("http", "https"):
        # The query of an HTTP URL may be a signature; in an object store "?" and "#" are parts of a name.
        rest = rest.partition("?")[0].partition("#")[0]
    host, _, name = rest.partition("/")
    if not scheme.startswith(("abfs", "wasb")):
        # The part before the @ is an Airflow connection or a secret; but in Azure's URLs it is a container.
        host = host.rpartition("@")[2]
    return DatasetName(f"{scheme}://{host}", f"/{name}" if scheme == "hdfs" else name.lstrip("/") or "/")


def _describe_store(engine: Any) -> dict[str, Any]:
    store = {"engine": engine.name, "conn_id": engine.conn_id, "dialect": getattr(engine, "dialect", None)}
    url = getattr(engine, "url", None)
    # The part after the port may be a token.
    return store | ({"server": urlsplit(url).netloc} if url else {})


def _list_tables(whereabouts: Mapping[str, Any], dialect: str) -> list[list[str]]:
    """List the tables that were read, as the parts of their names."""
    from sqlglot import exp

    from airflow_clarify.engines.sql.parsing import parse_table, read_query

    if "table" in whereabouts:
        return [_split_name(parse_table(whereabouts["table"], dialect, "table"))]
    query = read_query(whereabouts["query"], dialect)
    cte_names = {part.alias.lower() for part in query.find_all(exp.CTE)}
    found = [
        _split_name(table) for table in query.find_all(exp.Table) if table.db or table.name.lower() not in cte_names
    ]
    return [parts for at, parts in enumerate(found) if parts not in found[:at]]


def _split_name(table: exp.Table) -> list[str]:
    return [part.name for part in table.parts]


def _list_database_names(whereabouts: Mapping[str, Any]) -> list[DatasetName]:
    """Name tables as the connection's hook does for OpenLineage, if it supports that."""
    from airflow.providers.common.compat.sdk import BaseHook

    from airflow_clarify.engines.sql.dialects import find_dialect

    conn_id = whereabouts["conn_id"]
    connection = BaseHook.get_connection(conn_id)
    tables = _list_tables(whereabouts, whereabouts["dialect"] or find_dialect(str(connection.conn_type), conn_id).name)
    hook = connection.get_hook()
    described = getattr(hook, "get_openlineage_database_info", None)
    info = described(connection) if described is not None else None
    if info is None:
        port = f":{connection.port}" if connection.port else ""
        namespace = f"{connection.conn_type}://{connection.host or conn_id}{port}"
        if connection.conn_type == "gcpbigquery":
            namespace = "bigquery"
        return [DatasetName(namespace, ".".join(parts)) for parts in tables]
    namespace = f"{info.scheme}://{info.authority}" if info.authority else str(info.scheme)
    return [DatasetName(namespace, ".".join(_qualify_name(parts, hook, info.database))) for parts in tables]


def _qualify_name(parts: Sequence[str], hook: Any, database: str | None) -> list[str]:
    """Complete the name of a table with the default schema and the database."""
    whole = list(parts)
    if len(whole) == 1 and (schema := hook.get_openlineage_default_schema()):
        whole.insert(0, str(schema))
    if len(whole) == 2 and database:
        whole.insert(0, database)
    return whole


def _build_spark_name(whereabouts: Mapping[str, Any]) -> str:
    if "server" in whereabouts:
        return str(whereabouts["server"])
    from airflow.providers.common.compat.sdk import BaseHook

    connection = BaseHook.get_connection(whereabouts["conn_id"])
    return f"{connection.host}:{connection.port or 15002}"
