"""The flip test (FT): compare the predictions of the rows of a group with those of similar rows among all others.

It is the only metric that needs rows. For each row of the group, the predictions of the nearest rows among all others
vote, by Euclidean distance over all other columns, unscaled, as in Amazon's open-source package smclarify 0.5. The idea
is that of E. Black, S. Yeom and M. Fredrikson, "FlipTest: Fairness Testing via Optimal Transport", FAccT 2020.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sqlglot import exp

from airflow_clarify.bias.contingency import Contingency, FacetContingency
from airflow_clarify.engines.counting.cell_query import select_roles
from airflow_clarify.engines.counting.expressions import (
    StorageType,
    cast_to_boolean,
    cast_to_float,
    null_if_missing,
)
from airflow_clarify.engines.duckdb.storage_types import map_storage_type

if TYPE_CHECKING:
    import numpy

    from airflow_clarify.bias.config import AnalysisConfig
    from airflow_clarify.engines.counting.contingency import ContingencyBuilder
    from airflow_clarify.engines.duckdb.source import Source

NON_NUMERIC = "FlipTest does not support non-numeric columns"
NO_FEATURES = "FT compares rows by their features, and no column is left for them beside label, prediction and facet"
#: Clarify's numbers of neighbours: a single one if there are fewer than ten rows to choose from.
_NEIGHBOURS, _FEW_NEIGHBOURS, _FEW_ROWS = 5, 1, 9
#: The number of rows beyond which FT is computed only if it is named in the methods, as it takes hours for millions.
MAX_ROWS = 100_000


def add_flip_tests(
    contingency: Contingency, source: Source, builder: ContingencyBuilder, config: AnalysisConfig
) -> Contingency:
    """Compute FT of every tested group, if it is asked for.

    :param contingency: the counts
    :param source: the data
    :param builder: the rules that assign rows to groups
    :param config: the analysis configuration
    :return: the counts with FT, or with the reason why it cannot be computed
    :raises DataError: the data cannot be read
    """
    if "FT" not in config.post_training_methods or not builder.predicted:
        return contingency
    obstacle = _find_obstacle(contingency, config)
    if obstacle is not None:
        return replace(contingency, facets=[replace(facet, flip_test_error=obstacle) for facet in contingency.facets])
    readable = _list_features(source, builder, config)
    features = {name: each for name, each in readable.items() if each is not None}
    rows: _Rows | None = None
    facets = []
    for number, facet in enumerate(contingency.facets):
        # As in Clarify, the other facets are features too.
        own = set(builder.cells.roles.facets[number])
        if any(each is None for name, each in readable.items() if name not in own):
            facets.append(replace(facet, flip_test_error=NON_NUMERIC))
            continue
        columns = [position for position, name in enumerate(features) if name not in own]
        if not columns:
            facets.append(replace(facet, flip_test_error=NO_FEATURES))
            continue
        rows = rows or _Rows(source, builder, features)
        facets.append(replace(facet, flip_tests=_test_groups(rows, number, facet, columns)))
    return replace(contingency, facets=facets)


def _find_obstacle(contingency: Contingency, config: AnalysisConfig) -> str | None:
    """Find the reason why FT cannot be computed at all."""
    if contingency.weighted:
        return "FT compares single rows and cannot use their weights; leave the weight out to compute it"
    positive, negative = contingency.facets[0].total
    rows = positive.rows + negative.rows
    if rows > MAX_ROWS and config.all_methods:
        return (
            f"FT compares every row with its neighbours, and {rows:,} rows are more than {MAX_ROWS:,}; name FT in the "
            "methods to compute it all the same"
        )
    try:
        import sklearn.neighbors  # noqa: F401
    except ImportError:
        return "FT needs scikit-learn; install airflow-clarify[flip-test], or leave FT out of the methods"
    return None


def _list_features(source: Source, builder: ContingencyBuilder, config: AnalysisConfig) -> dict[str, exp.Expr | None]:
    """List the columns that distances are computed from, as numbers; None for a column that is not numeric."""
    roles = builder.cells.roles
    names = list(source.columns)
    excluded = {roles.label, roles.prediction, roles.weight}
    # A column that is in every facet is never a feature.
    excluded.update(set(roles.facets[0]).intersection(*roles.facets[1:]))
    references = [*(config.document.get("excluded_columns") or ()), config.document.get("joinsource_name_or_index")]
    excluded |= {
        names[reference] if isinstance(reference, int) and reference < len(names) else str(reference)
        for reference in references
        if reference is not None
    }
    features: dict[str, exp.Expr | None] = {}
    for name in names:
        if name in excluded:
            continue
        stored = map_storage_type(source.columns[name], typed=source.is_typed(name))
        column = exp.column(name, quoted=True)
        features[name] = None
        if name in source.unreadable or name in source.categorical or name in source.held_as_objects:
            continue
        if stored is StorageType.TEXT_CELL:
            features[name] = column
        elif stored in (StorageType.INTEGER, StorageType.FLOAT, StorageType.BOOLEAN):
            features[name] = exp.cast(null_if_missing(column, stored, ()), "DOUBLE")
    texts = [name for name, each in features.items() if isinstance(each, exp.Column)]
    return features | (_read_text_cells(source, texts) if texts else {})


def _read_text_cells(source: Source, names: Sequence[str]) -> dict[str, exp.Expr | None]:
    """Read columns of a text file as numbers; None for a column that holds anything else."""
    stored = StorageType.TEXT_CELL
    counts: list[exp.Expr] = [exp.Count(this=exp.Star())]
    numbers, truths = {}, {}
    for name in names:
        value = null_if_missing(exp.column(name, quoted=True), stored, source.na_values)
        numbers[name] = cast_to_float(value, stored)
        truths[name] = exp.cast(cast_to_boolean(value, stored), "DOUBLE")
        counts += [exp.Count(this=each.copy()) for each in (value, numbers[name], truths[name])]
    (found,) = source.execute(exp.select(*counts).from_(source.scan(names).subquery("data")))
    rows, *statistics = map(int, found)
    features: dict[str, exp.Expr | None] = {}
    for position, name in enumerate(names):
        present, as_numbers, as_truths = statistics[3 * position : 3 * position + 3]
        # As in pandas, a column of booleans with missing values is not numeric.
        features[name] = numbers[name] if as_numbers == present else truths[name] if as_truths == rows else None
    return features


class _Rows:
    """The rows of the data: features, predictions and the group of each row by facet.

    :param source: the data
    :param builder: the rules that assign rows to groups
    :param features: the expressions for the features
    """

    def __init__(self, source: Source, builder: ContingencyBuilder, features: dict[str, exp.Expr]) -> None:
        import numpy

        roles = builder.cells.roles
        assert builder.predictions is not None
        names = list(dict.fromkeys([*roles.needed, *features]))
        numbers = {name: map_storage_type(source.columns[name], typed=source.is_typed(name)) for name in roles.needed}
        rows = select_roles(source.scan(names).subquery("data"), roles, numbers, source.na_values)
        rows = rows.select(*(each.as_(f"x{number}") for number, each in enumerate(features.values())))
        query = exp.select(*(f"x{number}" for number in range(len(features)))).from_(rows.subquery("data_rows"))
        predicted = exp.case().when(builder.predictions.condition, "1").else_("0").as_("predicted")
        keys = [
            key.copy().as_(f"k{number}_{part}")
            for number, facet in enumerate(builder.tested)
            for part, key in enumerate(facet.keys)
        ]
        found = source.connection.execute(query.select(predicted, *keys).sql(dialect="duckdb")).fetchnumpy()
        self.predicted: numpy.ndarray = numpy.ma.getdata(found["predicted"]).astype(bool)
        columns: list[Any] = [found[f"x{number}"] for number in range(len(features))]
        columns = [numpy.ma.filled(column.astype(float), numpy.nan) for column in columns]
        self.features: numpy.ndarray = numpy.column_stack(columns) if columns else numpy.empty((len(self.predicted), 0))
        self.groups = []
        for number, facet in enumerate(builder.tested):
            parts = [_list_objects(found[f"k{number}_{part}"]) for part in range(len(facet.keys))]
            combinations = list(zip(*parts, strict=True))
            distinct = list(dict.fromkeys(combinations))
            named = dict(zip(distinct, facet.format(distinct), strict=True))
            self.groups.append(numpy.array([named[each] for each in combinations], dtype=object))


def _list_objects(values: Any) -> list[Any]:
    import numpy

    mask = numpy.ma.getmaskarray(values)
    return [None if missing else value for value, missing in zip(numpy.ma.getdata(values).tolist(), mask, strict=True)]


def _test_groups(rows: _Rows, number: int, facet: FacetContingency, columns: Sequence[int]) -> dict[str, float | str]:
    """Compute FT of each tested group of a facet, or the reason why it is undefined."""
    found: dict[str, float | str] = {}
    for name, members in facet.list_tested():
        is_member = _is_any_of(rows.groups[number], members)
        try:
            found[name] = compute_flip_test(rows.features[:, list(columns)], rows.predicted, is_member)
        except ValueError as error:
            found[name] = str(error).splitlines()[0]
    return found


def _is_any_of(groups: Any, members: frozenset[str | None]) -> Any:
    import numpy

    return numpy.array([group is not None and group in members for group in groups], dtype=bool)


def compute_flip_test(features: numpy.ndarray, predicted: numpy.ndarray, is_member: numpy.ndarray) -> float:
    """Compute FT of one group.

    :param features: one row per row of the data, one column per feature
    :param predicted: whether each row is predicted positive
    :param is_member: whether each row is of the tested group
    :return: (rows of the group that are predicted positive where their neighbours say negative, minus the reverse) /
        rows of the group, in [-1, 1]
    :raises ValueError: one side has no rows, or a feature is missing somewhere
    """
    from sklearn.neighbors import KNeighborsClassifier

    if not is_member.any():
        raise ValueError("Facet set is empty")
    if is_member.all():
        raise ValueError("Negated Facet set is empty")
    others = int((~is_member).sum())
    neighbours = _NEIGHBOURS if others > _FEW_ROWS else _FEW_NEIGHBOURS
    classifier = KNeighborsClassifier(n_neighbors=neighbours)
    classifier.fit(features[~is_member], predicted[~is_member])
    expected = classifier.predict(features[is_member])
    own = predicted[is_member]
    return float((int((own & ~expected).sum()) - int((~own & expected).sum())) / int(is_member.sum()))
