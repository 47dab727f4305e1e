"""The one scan: how many rows have each raw facet value, label and group, in a table that all questions are put to.

The scan parses nothing and guesses nothing: it groups by the cells as they stand in the data. The table is small for
most data. One with very many cells (a facet with a million values, a customer id as group variable) stays in DuckDB,
which spills it to disk when it must.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from airflow_clarify.bias.config import AnalysisConfig, resolve_column
from airflow_clarify.engines.expressions import Stored, as_weight
from airflow_clarify.exceptions import ConfigError, DataError

if TYPE_CHECKING:
    from sqlglot import exp

    from airflow_clarify.engines.duckdb.source import Source

#: The names under which the columns stand in the table of cells.
Role = Literal["facet", "label", "grp"]

_TABLE = "airflow_clarify_cells"


@dataclass(frozen=True)
class Roles:
    """The columns that take part, by name."""

    label: str
    facets: tuple[str, ...]
    group: str | None = None
    weight: str | None = None

    @classmethod
    def of(cls, config: AnalysisConfig, weight: str | int | None, names: Sequence[str]) -> Roles:
        """Find the columns that a configuration means.

        :raises ConfigError: there is no such column, or one has two roles that exclude each other
        """
        group = None
        if config.group_variable is not None:
            group = resolve_column(config.group_variable, names, "group_variable")
        roles = cls(
            label=resolve_column(config.label, names, "label"),
            facets=tuple(resolve_column(facet.name_or_index, names, "facet") for facet in config.facets),
            # Only one metric looks at groups, and they can be many.
            group=group if "CDDL" in config.methods else None,
            weight=None if weight is None else resolve_column(weight, names, "weight"),
        )
        roles._check()
        return roles

    @property
    def needed(self) -> list[str]:
        """The columns to scan, each once."""
        named = (*self.facets, self.label, self.group, self.weight)
        return list(dict.fromkeys(name for name in named if name is not None))

    def _check(self) -> None:
        if self.label in self.facets:
            raise ConfigError(f"facet: '{self.label}' is the label; a label cannot be biased against itself")
        if self.weight is not None and self.weight in (self.label, self.group, *self.facets):
            raise ConfigError(f"weight: '{self.weight}' is also the label, a facet or the group variable")
        repeated = [facet for i, facet in enumerate(self.facets) if facet in self.facets[:i]]
        if repeated:
            raise ConfigError(f"facet: '{repeated[0]}' stands there twice, by name and by index perhaps")


class CellTable:
    """The counts of a dataset, by raw cell.

    :param source: the data
    :param roles: the columns that take part
    """

    def __init__(self, source: Source, roles: Roles) -> None:
        self.source = source
        self.roles = roles

    @classmethod
    def scan(cls, source: Source, roles: Roles) -> CellTable:
        """Count all rows, once; several facets in the same scan.

        :raises ConfigError: the weights are no numbers
        :raises DataError: the data cannot be read, hold no rows, or have unusable weights
        """
        cells = cls(source, roles)
        cells._make()
        cells._check_rows()
        return cells

    @property
    def sums(self) -> list[str]:
        """The columns that can be added up: rows, and with weights their sum and that of their squares."""
        return ["n", "w", "w2"] if self.roles.weight is not None else ["n"]

    def stored(self, column: str) -> Stored:
        """How the source stores a column."""
        return stored_as(self.source.columns[column], typed=self.source.typed)

    def of_facet(self, facet: int) -> exp.Subquery:
        """The counts by one facet: ``facet``, ``label``, ``grp`` (where there is a group variable) and the sums."""
        from sqlglot import exp

        others = ["label", *(["grp"] if self.roles.group is not None else []), *self.sums]
        query = exp.select(exp.column(_facet(facet)).as_("facet"), *map(exp.column, others)).from_(_TABLE)
        facets = len(self.roles.facets)
        if facets > 1:
            every_bit_but_its_own = (1 << facets) - 1 - (1 << (facets - 1 - facet))
            query = query.where(exp.EQ(this=exp.column("which"), expression=exp.Literal.number(every_bit_but_its_own)))
        return query.subquery("cells")

    def _make(self) -> None:
        from sqlglot import exp

        facets = [exp.column(_facet(number)) for number in range(len(self.roles.facets))]
        others = [exp.column("label")] + ([exp.column("grp")] if self.roles.group is not None else [])
        query = exp.select(*facets, *others, *self._aggregates()).from_(self._rows().subquery("data_rows"))
        if len(facets) > 1:
            # GROUPING() has a bit per facet that is not in the set at hand, the first facet's the highest.
            which = exp.Anonymous(this="GROUPING", expressions=[facet.copy() for facet in facets])
            query = query.select(which.as_("which"))
            sets = [exp.Tuple(expressions=[facet.copy(), *(other.copy() for other in others)]) for facet in facets]
            query.set("group", exp.Group(grouping_sets=[exp.GroupingSets(expressions=sets)]))
        else:
            query = query.group_by(*facets, *others)
        self.source.execute(
            exp.Create(
                this=exp.to_table(_TABLE),
                kind="TABLE",
                expression=query,
                properties=exp.Properties(expressions=[exp.TemporaryProperty()]),
            )
        )

    def _rows(self) -> exp.Select:
        """The rows with their columns under the names of the table, one each: a column can have several roles."""
        from sqlglot import exp

        roles = self.roles
        selected = [_named(facet).as_(_facet(number)) for number, facet in enumerate(roles.facets)]
        selected.append(_named(roles.label).as_("label"))
        if roles.group is not None:
            selected.append(_named(roles.group).as_("grp"))
        if roles.weight is not None:
            stored = self.stored(roles.weight)
            if stored is Stored.OTHER:
                kind = self.source.columns[roles.weight]
                raise ConfigError(f"weight: column '{roles.weight}' holds {kind} values, which are no weights")
            selected.append(as_weight(_named(roles.weight), stored).as_("weight"))
        return exp.select(*selected).from_(self.source.scan(roles.needed).subquery("data"))

    def _aggregates(self) -> list[exp.Expr]:
        from sqlglot import exp

        rows = exp.Count(this=exp.Star()).as_("n")
        if self.roles.weight is None:
            return [rows]
        weight = exp.column("weight")
        unusable = exp.or_(
            exp.Is(this=weight.copy(), expression=exp.null()),
            exp.LT(this=weight.copy(), expression=exp.Literal.number(0)),
            exp.not_(exp.Anonymous(this="isfinite", expressions=[weight.copy()])),
        )
        # fsum compensates for rounding, so that the order of the threads hardly shows.
        return [
            rows,
            exp.Filter(this=exp.Count(this=exp.Star()), expression=exp.Where(this=unusable)).as_("bad"),
            exp.Anonymous(this="fsum", expressions=[weight.copy()]).as_("w"),
            exp.Anonymous(this="fsum", expressions=[exp.Mul(this=weight.copy(), expression=weight.copy())]).as_("w2"),
        ]

    def _check_rows(self) -> None:
        from sqlglot import exp

        counted = [exp.func("sum", exp.column("n"))]
        if self.roles.weight is not None:
            counted.append(exp.func("sum", exp.column("bad")))
        query = exp.select(*counted).from_(_TABLE)
        rows, *unusable = self.source.execute(query)[0]
        if not rows:
            raise DataError(f"{self.source.location}: the data hold no rows, so there is nothing to measure")
        if unusable and unusable[0]:
            # Several facets count every row once each.
            bad, rows = (count // len(self.roles.facets) for count in (unusable[0], rows))
            raise DataError(
                f"weight: column '{self.roles.weight}' has {bad} of {rows} rows without a number from 0; every row "
                "needs a weight"
            )


def stored_as(duckdb_type: str, *, typed: bool) -> Stored:
    """How DuckDB's type of a column is to be taken.

    :param duckdb_type: such as "BIGINT" or "DECIMAL(10,2)"
    :param typed: whether the source knows its columns' types; otherwise all are texts, whatever they hold
    """
    base = duckdb_type.upper().split("(")[0]
    if base.startswith("ENUM"):
        return Stored.TEXT
    if base == "VARCHAR":
        return Stored.TEXT if typed else Stored.TEXT_CELL
    if base in ("FLOAT", "DOUBLE", "REAL"):
        return Stored.FLOAT
    if base == "DECIMAL":
        return Stored.DECIMAL
    if base == "BOOLEAN":
        return Stored.BOOLEAN
    if base.removeprefix("U") in ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT"):
        return Stored.INTEGER
    return Stored.OTHER


def add_up(column: str) -> exp.Expr:
    """The sum of one of the columns that can be added up, which do not depend on the order as far as they can help it.

    :param column: "n", which is exact, or a sum of weights, whose rounding is compensated for (Kahan)
    """
    from sqlglot import exp

    return exp.Anonymous(this="sum" if column == "n" else "fsum", expressions=[exp.column(column)])


def steady(total: float) -> float:
    """A sum to 12 digits: what is far beyond depends on the order in which threads add."""
    return float(f"{total:.12g}")


def _facet(number: int) -> str:
    return f"facet{number}"


def _named(name: str) -> Any:
    from sqlglot import exp

    return exp.column(name, quoted=True)
