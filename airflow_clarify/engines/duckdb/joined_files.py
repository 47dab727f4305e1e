"""Predictions and facets in files of their own, joined to the dataset by row position or by an identifier.

Rows without a partner are an error, never left out. By position, both sides are numbered while they stream, in the
order of their files, and joined by number in a hash join, which spills to disk if memory is short; a row without a
partner stops the scan. By identifier, duplicate and missing identifiers are searched for before the scan.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from sqlglot import exp

from airflow_clarify.bias.config import DEFAULT_PREDICTED_LABEL, AnalysisConfig, ColumnRef, DataConfig, resolve_column
from airflow_clarify.engines.duckdb.source import Source, open_source
from airflow_clarify.exceptions import ConfigError, DataError, UnfitDataError

if TYPE_CHECKING:
    import duckdb

#: The message of DuckDB's error for a row without a partner, which is replaced by one with both numbers of rows.
NO_PARTNER = "airflow_clarify: a row has no partner"
_POSITION, _KEY = "airflow_clarify_position", "airflow_clarify_key"


@dataclass
class JoinedFile:
    """A file that is joined to the dataset.

    :param key: the setting with its location
    :param source: its rows
    :param by: the identifier in this file; None joins by row position
    :param columns: the columns that the file adds
    """

    key: str
    source: Source
    by: str | None
    columns: tuple[str, ...]


class JoinedSource(Source):
    """A dataset with columns from further files."""

    main: Source
    joined: list[JoinedFile]
    by: str | None

    @classmethod
    def join(cls, main: Source, joined: list[JoinedFile], by: str | None) -> JoinedSource:
        """Join files to a dataset.

        :param main: the dataset
        :param joined: the files
        :param by: the identifier in the dataset; None joins by row position
        """
        source = cls(**vars(main))
        source.main, source.joined, source.by = main, joined, by
        source.columns = dict(main.columns)
        for file in joined:
            # A column of a text file is text, even beside typed columns; see get_storage_type.
            source.columns |= {name: file.source.columns[name] for name in file.columns}
        return source

    def is_typed(self, column: str) -> bool:
        """Return whether a column is typed; in text files, types are inferred from cells.

        :param column: the name of the column
        """
        return self._find_owner(column).typed

    def scan(self, columns: Sequence[str] | None = None) -> exp.Select:
        """Build the query ``SELECT columns FROM`` the dataset and the files that have them.

        :param columns: the names of the columns, in order; None for all
        :raises DataError: a column cannot be read
        """
        names = list(self.columns) if columns is None else list(columns)
        return self._select(names, exp.select(*(exp.column(name, quoted=True) for name in names)))

    def scan_numbered(self, columns: Sequence[str], rows: int | None) -> exp.Select:
        """Build the query for columns and the ``position`` of each row in the dataset.

        :param columns: the names of the columns
        :param rows: the number of first rows to read; None for all
        """
        selected = [exp.column(name, quoted=True) for name in columns]
        position = exp.column(_POSITION, table="main").as_("position")
        return self._select(list(columns), exp.select(*selected, position), rows)

    def check_identifiers(self) -> None:
        """Check that every identifier occurs once in the dataset and once in each file.

        :raises UnfitDataError: an identifier is missing, duplicate, or in one of the two only
        """
        for file in self.joined:
            if self.by is not None and file.by is not None:
                _check_identifiers(self.main, self.by, file)

    def execute(self, query: exp.Expr, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run a query with a small result and fetch all of its rows.

        :param query: the query
        :param parameters: the values of its placeholders
        :return: the rows
        :raises DataError: the query fails, or the files have different numbers of rows
        """
        try:
            return super().execute(query, parameters)
        except DataError as error:
            if NO_PARTNER not in str(error):
                raise
            raise build_length_error(self) from None

    def count_rows(self) -> list[tuple[str, int]]:
        """Count the rows of the dataset and of each file, with their locations."""
        counted = []
        for source in (self.main, *(file.source for file in self.joined)):
            ((rows,),) = source.execute(exp.select("COUNT(*)").from_(source.scan([]).subquery("data")))
            counted.append((source.location, int(rows)))
        return counted

    def _find_owner(self, column: str) -> Source:
        return next((file.source for file in self.joined if column in file.columns), self.main)

    def _select(self, names: list[str], query: exp.Select, rows: int | None = None) -> exp.Select:
        files = [file for file in self.joined if set(file.columns) & set(names)]
        own = [name for name in names if self._find_owner(name) is self.main]
        query = query.from_(_number(self.main, own, self.by, rows).subquery("main"))
        for number, file in enumerate(files):
            alias = f"joined{number}"
            added = [name for name in file.columns if name in names]
            # By position, the first rows of a file belong to the first rows of the dataset.
            limit = rows if file.by is None else None
            other = _number(file.source, added, file.by, limit).subquery(alias)
            key = _POSITION if file.by is None else _KEY
            condition = exp.column(key, table="main").eq(exp.column(key, table=alias))
            if file.by is not None or rows is not None:
                query = query.join(other, on=condition)
                continue
            query = query.join(other, on=condition, join_type="full")
            no_partner = [exp.column(_POSITION, table=each).is_(exp.null()) for each in ("main", alias)]
            missing = exp.or_(*no_partner)
            failure = exp.Anonymous(this="error", expressions=[exp.Literal.string(NO_PARTNER)])
            for name in added:
                checked = exp.case().when(missing, failure).else_(exp.column(name, table=alias, quoted=True))
                selected = [
                    checked.copy().as_(name, quoted=True) if each.alias_or_name == name else each
                    for each in query.expressions
                ]
                query.set("expressions", selected)
        return query


def join_files(
    connection: duckdb.DuckDBPyConnection, source: Source, data: DataConfig, config: AnalysisConfig
) -> Source:
    """Join the files of predictions and of facets that an analysis needs.

    :param connection: an open DuckDB connection
    :param source: the dataset
    :param data: the locations of the files
    :param config: the analysis configuration
    :return: the dataset with the columns of the files; the dataset itself if there are none
    :raises ConfigError: a column is in two of them, or the identifier is not in all
    :raises DataError: a file cannot be read, or its rows cannot be matched
    """
    opened: list[tuple[str, Source, Sequence[str] | None]] = []
    if data.facet_dataset_uri is not None:
        opened.append(("facet_dataset_uri", _open(connection, data, "facet", None), None))
    if data.predicted_label_dataset_uri is not None and config.predicted_label is not None:
        wanted = config.predicted_label
        file = _open(connection, data, "predicted_label", wanted)
        opened.append(
            (
                "predicted_label_dataset_uri",
                file,
                [resolve_column(wanted, list(file.columns), config.spell_key("predicted_label"))],
            )
        )
    if not opened:
        return source
    by = _resolve_identifier(config.document.get("joinsource_name_or_index"), list(source.columns), config)
    joined: list[JoinedFile] = []
    taken = dict.fromkeys(source.columns, source.location)
    for key, file, needed in opened:
        own_by = None
        if by is not None:
            own_by = (
                by
                if by in file.columns
                else _resolve_identifier(config.document.get("joinsource_name_or_index"), list(file.columns), config)
            )
        columns = [name for name in (needed or file.columns) if name != own_by]
        for name in columns:
            if name in taken:
                raise ConfigError(
                    f"{config.spell_key(key)}: column {name!r} of {file.location} is also in {taken[name]}; rename "
                    "one of them"
                )
            taken[name] = file.location
        joined.append(JoinedFile(config.spell_key(key), file, own_by, tuple(columns)))
    found = JoinedSource.join(source, joined, by)
    found.prediction_columns = next(
        (list(file.columns) for key, file, _ in opened if key == "predicted_label_dataset_uri"), None
    )
    found.check_identifiers()
    return found


def build_length_error(source: JoinedSource) -> UnfitDataError:
    """Build the error for files of different lengths.

    :param source: the dataset with its files
    """
    (location, rows), *others = source.count_rows()
    file, (other, other_rows) = next(
        ((file, each) for file, each in zip(source.joined, others, strict=True) if each[1] != rows),
        (source.joined[0], others[0]),
    )
    return UnfitDataError(
        f"{file.key}: {other} has {other_rows} rows and {location} has {rows}; files that are joined by row position "
        "have as many, or name an identifier in joinsource"
    )


def _open(connection: duckdb.DuckDBPyConnection, data: DataConfig, what: str, wanted: ColumnRef | None) -> Source:
    """Open a file of predictions or of facets, in any format that the dataset can have."""
    location = str(getattr(data, f"{what}_dataset_uri"))
    headers = getattr(data, f"{what}_headers")
    described = DataConfig(
        location,
        headers=headers,
        na_values=data.na_values,
        conn_id=data.conn_id,
        csv_options=data.csv_options if location.lower().endswith((".csv", ".tsv", ".txt", ".gz")) else {},
    )
    file = open_source(connection, described)
    if headers is None and file.format == "csv" and wanted is not None and len(file.columns) == 1:
        # As in Clarify, a file of predictions need not have a header row.
        name = wanted if isinstance(wanted, str) else DEFAULT_PREDICTED_LABEL
        if name not in file.columns:
            file = open_source(connection, replace(described, headers=[name], header_row=False))
    return file


def _resolve_identifier(reference: ColumnRef | None, names: list[str], config: AnalysisConfig) -> str | None:
    if reference is None:
        return None
    return resolve_column(reference, names, config.spell_key("joinsource_name_or_index"))


def _number(source: Source, columns: list[str], by: str | None, rows: int | None) -> exp.Select:
    """Select columns with the position of each row, and with its identifier as text."""
    read = list(dict.fromkeys([*columns, *([by] if by is not None else [])]))
    scan = source.scan(read)
    if rows is not None:
        scan = scan.limit(rows)
    selected: list[str | exp.Expr] = [exp.column(name, quoted=True) for name in columns]
    # A window without partition and order numbers the rows while they stream, in the order of the files.
    selected.append(f"ROW_NUMBER() OVER () AS {_POSITION}")
    if by is not None:
        selected.append(exp.cast(exp.column(by, quoted=True), "VARCHAR").as_(_KEY))
    return exp.select(*selected).from_(scan.subquery("numbered"))


def _check_identifiers(main: Source, by: str, file: JoinedFile) -> None:
    assert file.by is not None

    def select(source: Source, column: str, here: int) -> exp.Select:
        text = exp.cast(exp.column(column, quoted=True), "VARCHAR").as_("identifier")
        return exp.select(text, f"{here} AS here", f"{1 - here} AS there").from_(source.scan([column]).subquery("data"))

    both = exp.union(select(main, by, 1), select(file.source, file.by, 0), distinct=False)
    counted = exp.select("identifier", "SUM(here) AS here", "SUM(there) AS there").from_(both.subquery("identifiers"))
    wrong = exp.select("*").from_(counted.group_by("identifier").subquery("counted"))
    wrong = wrong.where("identifier IS NULL OR here <> 1 OR there <> 1").order_by("identifier").limit(1)
    for identifier, here, there in main.execute(wrong):
        names = f"{main.location} ({here} rows) and {file.source.location} ({there} rows)"
        if identifier is None:
            raise UnfitDataError(
                f"joinsource: column '{by}' has rows without a value in {names}; every row needs an identifier"
            )
        problem = "occurs more than once" if max(here, there) > 1 else "is in one of the files only"
        raise UnfitDataError(
            f"joinsource: '{str(identifier)[:60]}' in column '{by}' {problem}: {names}; every identifier is in both "
            "files once"
        )
