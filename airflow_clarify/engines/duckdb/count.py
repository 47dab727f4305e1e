"""Counting: one streaming scan of the needed columns into a small table of raw counts, then questions to that table.

The scan groups by the raw cells, so it parses nothing and guesses nothing. What a column is (Clarify's rules), which
labels are positive and how values are written is asked of the few groups that come out. A table with very many groups
(a facet with a million values, a customer id as group variable) stays in DuckDB, which spills it to disk when it must.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_clarify.bias.columns import ColumnProfile, Scale
from airflow_clarify.bias.config import AnalysisConfig, FacetConfig, resolve_column
from airflow_clarify.bias.contingency import Cell, Contingency, FacetContingency, Tally
from airflow_clarify.engines.base import Progress
from airflow_clarify.engines.expressions import (
    Selection,
    Stored,
    as_boolean,
    as_float,
    as_integer,
    category_text,
    group_key,
    kind_of,
    present,
)
from airflow_clarify.exceptions import ConfigError, DataError

if TYPE_CHECKING:
    from sqlglot import exp

    from airflow_clarify.engines.duckdb.source import Source

#: Facets with more values than this must name the values to test.
MAX_FACET_VALUES = 10_000
#: Labels beyond this many distinct values are counted as positive or not only.
_MAX_LABELS = 100
#: With more groups than this their cells are not brought to Python; CDDL is then summed in SQL.
_MAX_GROUPS = 10_000
#: Rows looked at first for the order in which values appear.
_FIRST_ROWS = 100_000

_CELLS = "airflow_clarify_cells"
_OTHER_LABELS = "other"
_REST = "rest"


@dataclass(frozen=True)
class _Columns:
    """The columns that take part, by name."""

    label: str
    facets: tuple[str, ...]
    group: str | None
    weight: str | None


def count(source: Source, config: AnalysisConfig, weight: str | int | None, progress: Progress | None) -> Contingency:
    """Count a dataset for an analysis.

    :param source: the data
    :param config: what is asked of them
    :param weight: the column of row weights, by name or index
    :param progress: told what is being done
    :raises ConfigError: the configuration does not fit the data
    :raises DataError: the data cannot be read, hold no rows, or have unusable weights
    """
    return _Counter(source, config, weight, progress or (lambda _what, _part: None)).run()


class _Counter:
    def __init__(self, source: Source, config: AnalysisConfig, weight: str | int | None, progress: Progress) -> None:
        self.source = source
        self.config = config
        self.progress = progress
        names = list(source.columns)
        group = config.group_variable
        self.columns = _Columns(
            label=resolve_column(config.label, names, "label"),
            facets=tuple(resolve_column(f.name_or_index, names, "facet") for f in config.facets),
            group=None if group is None else resolve_column(group, names, "group_variable"),
            weight=None if weight is None else resolve_column(weight, names, "weight"),
        )
        self.warnings: list[str] = []
        _check_roles(self.columns)

    def run(self) -> Contingency:
        self.progress("reading the data", 0.0)
        self._make_cells()
        self.progress("looking at the columns", 0.8)
        label_profile = self._profile(0, "label", self.columns.label)
        label = Selection(
            label_profile,
            self._stored(self.columns.label),
            self.config.label_values,
            self.config.label_type,
            "label_values_or_threshold",
        )
        self._warn_of_label(label)
        group = None if self.columns.group is None else self._profile(0, "grp", self.columns.group)
        facets = [
            self._facet(i, column, facet, label, group)
            for i, (column, facet) in enumerate(zip(self.columns.facets, self.config.facets, strict=True))
        ]
        if self.config.left_to_clarify:
            self.warnings.append(
                f"methods {', '.join(self.config.left_to_clarify)} need a trained model and were left out; a Clarify job "
                "computes them"
            )
        self.progress("done", 1.0)
        return Contingency(
            label=self.columns.label,
            label_text=label.text,
            facets=facets,
            engine=_version(),
            warnings=tuple(self.warnings),
            weighted=self.columns.weight is not None,
        )

    # --- The scan -------------------------------------------------------------------------------------------------

    def _make_cells(self) -> None:
        """The one scan: rows by raw facet, label and group, once per facet."""
        from sqlglot import exp

        columns = self.columns
        needed = list(dict.fromkeys([*columns.facets, columns.label, columns.group or columns.label]))
        if columns.weight is not None:
            needed = list(dict.fromkeys([*needed, columns.weight]))
        scan = self.source.scan(needed).subquery("data")
        facets = [_column(name) for name in columns.facets]
        keys = [_column(columns.label).as_("label")]
        if columns.group is not None:
            keys.append(_column(columns.group).as_("grp"))
        several = len(facets) > 1
        which: list[exp.Expression] = []
        if several:
            # GROUPING() has a bit per facet that is not in the set at hand, the first facet's the highest.
            which = [exp.Anonymous(this="GROUPING", expressions=[f.copy() for f in facets]).as_("which")]
        selected = [facet.as_(f"facet{i}") for i, facet in enumerate(facets)]
        query = exp.select(*which, *selected, *keys, *self._aggregates()).from_(scan)
        common = [key.this.copy() for key in keys]
        if several:
            sets = [exp.Tuple(expressions=[f.copy(), *(c.copy() for c in common)]) for f in facets]
            query.set("group", exp.Group(grouping_sets=[exp.GroupingSets(expressions=sets)]))
        else:
            query = query.group_by(facets[0].copy(), *common)
        self.source.execute(
            exp.Create(
                this=exp.to_table(_CELLS),
                kind="TABLE",
                expression=query,
                properties=exp.Properties(expressions=[exp.TemporaryProperty()]),
            )
        )
        self._check_rows()

    def _aggregates(self) -> list[exp.Expression]:
        from sqlglot import exp

        rows = exp.Count(this=exp.Star()).as_("n")
        if self.columns.weight is None:
            return [rows]
        raw = _column(self.columns.weight)
        weight = as_float(raw, self._stored(self.columns.weight))
        unusable = exp.or_(
            exp.Is(this=weight.copy(), expression=exp.null()),
            exp.LT(this=weight.copy(), expression=exp.Literal.number(0)),
            exp.not_(exp.Anonymous(this="isfinite", expressions=[weight.copy()])),
        )
        bad = exp.Filter(this=exp.Count(this=exp.Star()), expression=exp.Where(this=unusable)).as_("bad")
        # fsum compensates for rounding, so that the order of the threads hardly shows.
        total = exp.Anonymous(this="fsum", expressions=[weight.copy()]).as_("w")
        squares = exp.Anonymous(
            this="fsum", expressions=[exp.Mul(this=exp.paren(weight.copy()), expression=exp.paren(weight.copy()))]
        ).as_("w2")
        return [rows, bad, total, squares]

    def _check_rows(self) -> None:
        from sqlglot import exp

        bad = "bad" if self.columns.weight is not None else "n"
        query = exp.select(exp.func("sum", exp.column("n")), exp.func("sum", exp.column(bad))).from_(self._cells(0))
        rows, unusable = self.source.execute(query)[0]
        if not rows:
            raise DataError(f"{self.source.location}: the data hold no rows, so there is nothing to measure")
        if self.columns.weight is not None and unusable:
            raise DataError(
                f"weight: column '{self.columns.weight}' has {unusable} of {rows} rows without a number from 0; every row "
                "needs a weight"
            )

    def _cells(self, facet: int) -> exp.Subquery:
        """The counts of one facet, as facet, label, grp and n (with weights also w and w2)."""
        from sqlglot import exp

        names = ["label", "n"]
        names += ["grp"] if self.columns.group is not None else []
        names += ["bad", "w", "w2"] if self.columns.weight is not None else []
        query = exp.select(exp.column(f"facet{facet}").as_("facet"), *(exp.column(n) for n in names)).from_(_CELLS)
        facets = len(self.columns.facets)
        if facets > 1:
            mask = (1 << facets) - 1 - (1 << (facets - 1 - facet))
            query = query.where(exp.EQ(this=exp.column("which"), expression=exp.Literal.number(mask)))
        return query.subquery("cells")

    # --- What a column is -----------------------------------------------------------------------------------------

    def _stored(self, column: str) -> Stored:
        return stored_as(self.source.columns[column], typed=self.source.typed)

    def _present(self, role: str, column: str) -> exp.Expression:
        return present(_plain(role), self._stored(column), self.source.na_values)

    def _profile(self, facet: int, role: str, column: str) -> ColumnProfile:
        """Look at the distinct values of a column."""
        from sqlglot import exp

        stored = self._stored(column)
        value = _plain("v")
        groups = exp.select(self._present(role, column).as_("v"), exp.column("n")).from_(self._cells(facet))
        distinct = (
            exp.select(value.copy(), exp.func("sum", exp.column("n")).as_("n"))
            .from_(groups.subquery("values"))
            .group_by(value.copy())
            .subquery("distinct_values")
        )
        is_there = exp.not_(exp.Is(this=value.copy(), expression=exp.null()))
        numeric = stored in (Stored.INTEGER, Stored.FLOAT, Stored.DECIMAL)
        whole = as_integer(value, stored) if stored.is_text else exp.null()
        number = as_float(value, stored) if stored.is_text or numeric else exp.null()
        truth = as_boolean(value, stored) if stored.is_text else exp.null()
        exact = value.copy() if stored is Stored.INTEGER else whole
        row = self.source.execute(
            exp.select(
                exp.func("sum", exp.column("n")),
                exp.Filter(this=exp.func("sum", exp.column("n")), expression=exp.Where(this=is_there)),
                exp.Count(this=value.copy()),
                exp.Count(this=whole.copy()),
                exp.Count(this=number.copy()),
                exp.Count(this=truth.copy()),
                exp.Count(this=exp.Distinct(expressions=[whole.copy()])),
                exp.Count(this=exp.Distinct(expressions=[number.copy()])),
                exp.Min(this=exact.copy()),
                exp.Max(this=exact.copy()),
                exp.Min(this=number.copy()),
                exp.Max(this=number.copy()),
            ).from_(distinct)
        )[0]
        rows, here, values, wholes, numbers, truths, distinct_wholes, distinct_numbers, *bounds = row
        kind = kind_of(stored, values, wholes, numbers, truths)
        if kind == "integer" and stored.is_text:
            values = distinct_wholes
        elif kind == "float" and stored.is_text:
            values = distinct_numbers
        elif kind == "boolean" and stored.is_text:
            values = min(values, 2)
        low, high = (bounds[:2] if kind == "integer" else bounds[2:]) if kind in ("integer", "float") else (None, None)
        here = int(here or 0)
        self._warn_of_na_texts(facet, role, column, stored)
        return ColumnProfile(
            column,
            kind,
            present=here,
            missing=int(rows) - here,
            distinct=values,
            minimum=low,
            maximum=high,
            stored_as_text=stored in (Stored.TEXT, Stored.DECIMAL),
        )

    # --- The cells of one facet -----------------------------------------------------------------------------------

    def _facet(
        self, index: int, column: str, facet: FacetConfig, label: Selection, group: ColumnProfile | None
    ) -> FacetContingency:
        profile = self._profile(index, "facet", column)
        selection = Selection(
            profile, self._stored(column), facet.values, facet.declared, f"value_or_threshold of facet '{column}'"
        )
        self._check_facet(selection, facet)
        raw = self._present("facet", column)
        by_value = selection.scale is Scale.CATEGORICAL and facet.values is None
        if by_value:
            key = category_text(raw, self._stored(column), profile)
        else:
            key = _either(selection.condition(raw), selection.text, _REST)
        drop_missing_groups = group is not None and group.numeric and not group.stored_as_text
        self._warn_of_facet(selection, group if index == 0 else None, drop_missing_groups)
        grouped = group is not None and "CDDL" in self.config.methods
        cells_query = self._cells_query(index, key, label, group if grouped else None)
        disparities = None
        if grouped and group is not None and group.distinct > _MAX_GROUPS:
            disparities = self._disparities(cells_query, drop_missing_groups)
            cells_query = self._cells_query(index, key, label, None)
        cells = self._fetch(cells_query, with_groups=grouped and disparities is None)
        sensitive = None if by_value else frozenset([selection.text])
        if not by_value and selection.text == _REST:
            raise ConfigError(f"facet '{column}': rename the value {_REST!r}; it is how all other rows are counted")
        values = self._in_order_of_appearance(column, profile, {cell.facet for cell in cells}) if by_value else ()
        return FacetContingency(
            column,
            values,
            cells,
            sensitive=sensitive,
            name=None if by_value else selection.text,
            grouped=grouped,
            drop_missing_groups=drop_missing_groups,
            disparities=disparities,
        )

    def _cells_query(
        self, index: int, key: exp.Expression, label: Selection, group: ColumnProfile | None
    ) -> exp.Select:
        from sqlglot import exp

        raw_label = self._present("label", self.columns.label)
        positive = label.condition(raw_label)
        if label.scale is Scale.CATEGORICAL and label.profile.distinct <= _MAX_LABELS:
            label_key = category_text(raw_label, self._stored(self.columns.label), label.profile)
        else:
            missing = exp.Is(this=raw_label.copy(), expression=exp.null())
            label_key = exp.case().when(missing, exp.null()).else_(_either(positive, label.text, _OTHER_LABELS))
        keys: dict[str, exp.Expression] = {"facet": key, "label": label_key, "positive": positive}
        if group is not None and self.columns.group is not None:
            raw_group = self._present("grp", self.columns.group)
            keys["grp"] = group_key(raw_group, self._stored(self.columns.group), group)
        sums = ["n"] + (["w", "w2"] if self.columns.weight is not None else [])
        keyed = exp.select(
            *(expression.copy().as_(f"k_{name}") for name, expression in keys.items()), *(exp.column(s) for s in sums)
        ).from_(self._cells(index))
        names = [exp.column(f"k_{name}") for name in keys]
        return (
            exp.select(*names, *(exp.func("sum", exp.column(s)).as_(s) for s in sums))
            .from_(keyed.subquery("keyed"))
            .group_by(*(name.copy() for name in names))
            .order_by(*(name.copy() for name in names))
        )

    def _fetch(self, query: exp.Select, *, with_groups: bool) -> list[Cell]:
        cells = []
        for row in self.source.execute(query):
            facet, label, positive, *rest = row
            group = rest.pop(0) if with_groups else None
            group = None if group is None else str(group)
            rows = int(rest[0])
            tally = Tally.of_rows(rows)
            if self.columns.weight is not None:
                tally = Tally.of_weights(rows, _steady(rest[1]), _steady(rest[2]))
            cells.append(Cell(facet, label, bool(positive), group, tally))
        return cells

    def _disparities(self, cells: exp.Select, drop_missing_groups: bool) -> dict[str, float]:
        """CDDL of every tested group, summed over the groups in SQL: they are too many to bring here."""
        from sqlglot import exp

        weight = exp.column("w" if self.columns.weight is not None else "n")
        positive = exp.column("k_positive")
        accepted = exp.func("sum", exp.case().when(positive.copy(), weight.copy()).else_(exp.Literal.number(0)))
        rejected = exp.func("sum", exp.case().when(positive.copy(), exp.Literal.number(0)).else_(weight.copy()))
        group, facet = exp.column("k_grp"), exp.column("k_facet")
        takes_part = exp.not_(exp.Is(this=group.copy(), expression=exp.null())) if drop_missing_groups else exp.true()
        # One row per facet value and group, with the sums of the whole group beside its own: no join, one pass.
        whole = exp.select(
            facet.copy(),
            group.copy(),
            accepted.as_("accepted"),
            rejected.as_("rejected"),
        ).from_(_unordered(cells).subquery("cells")).where(takes_part).group_by(facet.copy(), group.copy())

        def of_group(name: str) -> exp.Expression:
            return exp.Window(this=exp.func("sum", exp.column(name)), partition_by=[group.copy()]).as_(f"group_{name}")

        beside = exp.select("*", of_group("accepted"), of_group("rejected")).from_(whole.subquery("whole"))

        def share(name: str) -> exp.Expression:
            nonzero = exp.Nullif(this=exp.column(f"group_{name}"), expression=exp.Literal.number(0))
            quotient = exp.Div(this=exp.cast(exp.column(name), "DOUBLE"), expression=nonzero)
            return exp.Coalesce(this=quotient, expressions=[exp.Literal.number(0)])

        size = exp.Add(this=exp.column("group_accepted"), expression=exp.column("group_rejected"))
        difference = exp.Sub(this=share("rejected"), expression=share("accepted"))
        term = exp.Mul(this=exp.paren(size), expression=exp.paren(difference))
        own = exp.Add(this=exp.column("accepted"), expression=exp.column("rejected"))
        query = (
            exp.select(
                facet.copy(), exp.Anonymous(this="fsum", expressions=[term]), exp.func("sum", exp.paren(own))
            )
            .from_(beside.subquery("beside"))
            .group_by(facet.copy())
        )
        rows = self.source.execute(query)
        total = sum(own_rows for _, _, own_rows in rows)
        return {name: float(value) / float(total) for name, value, _ in rows if name is not None}

    def _in_order_of_appearance(
        self, column: str, profile: ColumnProfile, values: set[str | None]
    ) -> tuple[str | None, ...]:
        """The values of a facet as Clarify lists them.

        The first rows show nearly all values of most data, at no cost; only when one is not among them are all rows
        numbered, which takes a second scan on one thread.
        """
        for rows in (_FIRST_ROWS, None):
            found = self._first_positions(column, profile, rows)
            if values <= set(found):
                break
        return tuple(sorted(values, key=lambda value: found[value]))

    def _first_positions(self, column: str, profile: ColumnProfile, rows: int | None) -> dict[str | None, int]:
        from sqlglot import exp

        scan = self.source.scan([column])
        if rows is not None:
            scan = scan.limit(rows)
        position = exp.Window(this=exp.Anonymous(this="row_number", expressions=[]))
        numbered = exp.select(_column(column).as_("v"), position.as_("position")).from_(scan.subquery("data"))
        stored = self._stored(column)
        value = category_text(present(_plain("v"), stored, self.source.na_values), stored, profile)
        firsts = (
            exp.select(_plain("v"), exp.Min(this=exp.column("position")).as_("position"))
            .from_(numbered.subquery("numbered"))
            .group_by(_plain("v"))
        )
        query = (
            exp.select(value.as_("value"), exp.Min(this=exp.column("position")).as_("position"))
            .from_(firsts.subquery("firsts"))
            .group_by(exp.Literal.number(1))
        )
        return {row[0]: int(row[1]) for row in self.source.execute(query)}

    # --- What to refuse, and what to tell -------------------------------------------------------------------------

    def _check_facet(self, selection: Selection, facet: FacetConfig) -> None:
        profile = selection.profile
        if selection.scale is Scale.CATEGORICAL and facet.values is None:
            if profile.kind == "float":
                raise ConfigError(
                    f"facet '{profile.name}' holds floats, whose values cannot be told apart by equality; give "
                    "value_or_threshold"
                )
            if profile.distinct > MAX_FACET_VALUES:
                raise ConfigError(
                    f"facet '{profile.name}' holds {profile.distinct} different values, more than {MAX_FACET_VALUES}; "
                    "name the values to test in value_or_threshold"
                )

    def _warn_of_na_texts(self, facet: int, role: str, column: str, stored: Stored) -> None:
        """A country "NA" or a name "None" is missing to pandas, and so to Clarify: say so."""
        from sqlglot import exp

        texts = [text for text in self.source.na_values if text]
        if stored is not Stored.TEXT_CELL or not texts:
            return
        raw = _plain(role)
        query = (
            exp.select(raw.copy(), exp.func("sum", exp.column("n")))
            .from_(self._cells(facet))
            .where(raw.copy().isin(*(exp.Literal.string(text) for text in sorted(texts))))
            .group_by(raw.copy())
            .order_by(raw.copy())
        )
        found = [f"{text!r} in {int(rows)} rows" for text, rows in self.source.execute(query)]
        if found:
            self.warnings.append(
                f"column '{column}': {', '.join(found)} is read as missing, as pandas and so Clarify do; set "
                "na_values=[''] to keep it as a value"
            )

    def _warn_of_label(self, label: Selection) -> None:
        profile = label.profile
        if profile.missing:
            self.warnings.append(
                f"label '{profile.name}': {profile.missing} rows have none and count as not positive, as in Clarify"
            )
        if label.scale is Scale.CATEGORICAL:
            self._warn_of_absent(label, 0, "label", f"label '{profile.name}'")

    def _warn_of_facet(
        self, selection: Selection, group: ColumnProfile | None, drop_missing_groups: bool
    ) -> None:
        profile = selection.profile
        if profile.missing:
            self.warnings.append(
                f"facet '{profile.name}': {profile.missing} rows have no value and count among the rest of every value, "
                "as in Clarify"
            )
        if selection.scale is Scale.CATEGORICAL and selection.keys:
            index = self.columns.facets.index(profile.name)
            self._warn_of_absent(selection, index, "facet", f"facet '{profile.name}'")
        if group is not None and group.missing:
            how = "left out of CDDL, as in Clarify" if drop_missing_groups else "taken as a group of their own"
            self.warnings.append(f"group variable '{group.name}': {group.missing} rows have none and are {how}")

    def _warn_of_absent(self, selection: Selection, facet: int, role: str, what: str) -> None:
        """Configured values that never occur, when others do: the sum of all would not show it."""
        from sqlglot import exp

        if selection.profile.kind == "float":
            return
        raw = self._present(role, selection.profile.name)
        text = category_text(raw, selection.stored, selection.profile)
        query = (
            exp.select(text.as_("value"))
            .distinct()
            .from_(self._cells(facet))
            .where(text.copy().isin(*(exp.Literal.string(key) for key in selection.keys)))
        )
        occurring = {row[0] for row in self.source.execute(query)}
        absent = [key for key in selection.keys if key not in occurring]
        if absent:
            self.warnings.append(f"{what}: no row holds {', '.join(repr(key) for key in absent)}")


def _unordered(query: exp.Select) -> exp.Select:
    """The query without its ORDER BY, which would sort millions of cells for nothing."""
    bare = query.copy()
    bare.set("order", None)
    return bare


def stored_as(duckdb_type: str, *, typed: bool) -> Stored:
    """How DuckDB's type of a column is to be taken."""
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


def _check_roles(columns: _Columns) -> None:
    if columns.label in columns.facets:
        raise ConfigError(f"facet: '{columns.label}' is the label; a label cannot be biased against itself")
    if columns.weight is not None and columns.weight in (columns.label, columns.group, *columns.facets):
        raise ConfigError(f"weight: '{columns.weight}' is also the label, a facet or the group variable")
    repeated = [facet for i, facet in enumerate(columns.facets) if facet in columns.facets[:i]]
    if repeated:
        raise ConfigError(f"facet: '{repeated[0]}' stands there twice, by name and by index perhaps")


def _column(name: str) -> Any:
    from sqlglot import exp

    return exp.column(name, quoted=True)


def _plain(name: str) -> Any:
    from sqlglot import exp

    return exp.column(name)


def _either(condition: exp.Expression, then: str, otherwise: str) -> exp.Expression:
    from sqlglot import exp

    return exp.case().when(condition.copy(), exp.Literal.string(then)).else_(exp.Literal.string(otherwise))


def _steady(total: float) -> float:
    """A sum of weights to 15 digits: what is beyond depends on the order in which threads add."""
    return float(f"{total:.15g}")


def _version() -> str:
    import duckdb

    return f"duckdb {duckdb.__version__}"
