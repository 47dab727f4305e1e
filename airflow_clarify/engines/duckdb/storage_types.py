"""How DuckDB stores a column, from the name of its type."""

from __future__ import annotations

from airflow_clarify.engines.counting.expressions import StorageType


def map_storage_type(duckdb_type: str, *, typed: bool) -> StorageType:
    """Map a type of DuckDB to a storage type.

    :param duckdb_type: the type, such as "BIGINT" or "DECIMAL(10,2)"
    :param typed: whether the columns of the source are typed; if not, VARCHAR is the text of a file's cells
    """
    base = duckdb_type.upper().split("(")[0]
    if duckdb_type.endswith("]") or base.strip() in ("STRUCT", "MAP", "UNION", "LIST", "VARIANT"):
        return StorageType.NESTED
    if base.startswith("ENUM"):
        return StorageType.TEXT
    if base == "VARCHAR":
        return StorageType.TEXT if typed else StorageType.TEXT_CELL
    if base in ("FLOAT", "DOUBLE", "REAL"):
        return StorageType.FLOAT
    if base == "DECIMAL":
        return StorageType.DECIMAL
    if base == "BOOLEAN":
        return StorageType.BOOLEAN
    if base.startswith("TIMESTAMP"):
        return StorageType.TIMESTAMP
    if base.removeprefix("U") in ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT"):
        return StorageType.INTEGER
    return StorageType.OTHER
