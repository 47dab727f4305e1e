"""Interpret the column of predictions: which rows are predicted positive, by Clarify's rules.

Label and prediction are interpreted each by its own values. Clarify's job fails if one is then categorical and the
other continuous, since they cannot be compared.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from sqlglot import exp

from airflow_clarify.bias.column_types import ColumnProfile, Scale, Value, build_interval, determine_scale
from airflow_clarify.bias.config import AnalysisConfig
from airflow_clarify.engines.counting.cells import CellStore
from airflow_clarify.engines.counting.column_profile import CellColumn, profile_column
from airflow_clarify.engines.counting.expressions import (
    ScoreCode,
    StorageType,
    ValueFilter,
    cast_to_weight,
    is_whole_text,
)
from airflow_clarify.engines.counting.warnings import has_row
from airflow_clarify.exceptions import ClarifyError, ConfigError, UnfitDataError

#: Columns with more distinct values than this cannot be predicted labels that are compared by equality.
_FEW_LABELS = 2


@dataclass
class Predictions:
    """The column of predictions, and which of its values are positive.

    :param column: the column
    :param positive: the filter for positive predictions; None if they cannot be compared with the labels
    :param text: the positive prediction as text
    :param error: why predictions cannot be compared with the labels; None if they can
    :param warnings: one sentence each
    """

    column: CellColumn
    positive: ValueFilter | None = None
    text: str = ""
    error: str | None = None
    warnings: list[str] = field(default_factory=list)

    @property
    def condition(self) -> exp.Expr:
        """Build the condition for a positive prediction; it is not true for a missing one."""
        assert self.positive is not None
        return self.positive.build_condition(self.column.value)


def check_score_type(column: str, stored: StorageType, type_name: str) -> None:
    """Check that a column is of a type that can hold scores.

    :param column: the name of the column
    :param stored: how the source stores it
    :param type_name: the source's name for its type; empty if unknown
    :raises ConfigError: the type cannot hold scores
    """
    if stored in (StorageType.TIMESTAMP, StorageType.OTHER) and type_name:
        raise ConfigError(f"predicted_label: column '{column}' holds {type_name} values, which cannot be scores")


def build_fraction_query(column: str, data: exp.Subquery) -> exp.Select:
    """Build the query for a row of a text file whose score is a number that is not written as a whole one.

    :param column: the column of scores
    :param data: the data
    :return: a query with at most one row
    """
    score = exp.column(column, quoted=True)
    is_number = exp.not_(cast_to_weight(score, StorageType.TEXT_CELL).is_(exp.null()))
    return exp.select("1 AS one").from_(data).where(is_number, exp.not_(is_whole_text(score))).limit(1)


def interpret_predictions(
    cells: CellStore, config: AnalysisConfig, label: CellColumn, positive: ValueFilter
) -> Predictions:
    """Find the positive predictions.

    :param cells: the raw cells
    :param config: the analysis configuration
    :param label: the label column
    :param positive: the filter for positive labels
    :return: the predictions; with an error if they cannot be compared with the labels
    :raises ConfigError: scores need a threshold, or labels that are 0 or 1; or there are labels in place of scores, or
        texts that no label equals
    :raises UnfitDataError: a score is not a number from 0 to 1
    """
    roles, key = cells.roles, config.spell_key("predicted_label")
    column = profile_column(cells, "pred", roles.prediction or "")
    found = Predictions(column)
    if column.profile.missing:
        found.warnings.append(
            f"predicted label {column.name!r}: {column.profile.missing} rows have no prediction and count as not "
            "positive, as in Clarify"
        )
    if roles.score_threshold is not None:
        _check_scores(column, key)
        if column.profile.distinct and cells.has_whole_scores():
            raise ConfigError(
                f"{config.spell_key('probability_threshold')}: column '{column.name}' holds only 0 and 1, which are "
                "predicted labels, not scores; leave it out"
            )
        _check_binary_label(label, config)
        # A missing score is not above the threshold, so it is the prediction 0.
        distinct = column.profile.distinct + (1 if column.profile.missing and column.profile.minimum == 1 else 0)
        rows = column.profile.present + column.profile.missing
        profile = replace(column.profile, present=rows, missing=0, distinct=max(distinct, 1))
        found.column = column = replace(column, profile=profile)
    declared = "categorical" if column.name in cells.categorical else config.label_type
    scale = determine_scale(column.profile, config.label_values, declared)
    if scale is not positive.scale:
        if scale is Scale.CONTINUOUS and column.profile.kind == "float" and column.profile.distinct > _FEW_LABELS:
            raise ConfigError(
                f"{key}: column '{column.name}' is continuous ({_describe(column.profile)}) and label '{label.name}' "
                f"is not; if it holds scores, give a {config.spell_key('probability_threshold')} such as 0.5"
            )
        found.error = _explain_mismatch(label, positive.scale, column, scale, config)
        return found
    try:
        found.positive = _build_filter(column, label, config, declared)
    except ClarifyError as error:
        found.error = f"predicted label {column.name!r} cannot be compared with label {label.name!r}: {error}"
        return found
    if column.profile.kind == "text" and label.profile.numeric and not has_row(column, found.condition):
        raise ConfigError(
            f"{key}: column '{column.name}' holds texts and label '{label.name}' numbers, so no prediction is "
            "positive; write both alike, or name the column of predictions"
        )
    found.text = found.positive.text
    if roles.score_threshold is not None and found.positive.keys == ("1",):
        found.text = f"({float(roles.score_threshold)!r}, 1.0]"
    if found.positive.truncated:
        found.warnings.append(
            f"predicted label {column.name!r}: predictions are cut to whole numbers before they are compared with the "
            f"threshold, because label {label.name!r} holds whole numbers, as in Clarify"
        )
    return found


def _check_scores(column: CellColumn, key: str) -> None:
    """Check that all scores are numbers from 0 to 1.

    :raises UnfitDataError: some are not
    """
    query = exp.select("pred", "SUM(n)").from_(column.cells.select_facet_cells(0)).group_by("pred")
    counts = {None if code is None else int(code): int(rows) for code, rows in column.cells.execute(query)}
    total = sum(counts.values())
    if rows := counts.get(ScoreCode.NO_NUMBER, 0):
        raise UnfitDataError(
            f"{key}: column '{column.name}' has {rows} of {total} rows that hold no number, so it holds no scores; "
            "leave probability_threshold out if it holds predicted labels"
        )
    if rows := counts.get(ScoreCode.OUTSIDE, 0):
        raise UnfitDataError(
            f"{key}: column '{column.name}' has {rows} of {total} rows outside 0 to 1; scores that are compared with "
            "probability_threshold are probabilities"
        )


def _check_binary_label(label: CellColumn, config: AnalysisConfig) -> None:
    """Check that labels are 0 or 1, like the predictions that a threshold makes of scores.

    :raises ConfigError: they are not
    """
    profile = label.profile
    is_binary = profile.kind == "boolean" or (
        profile.numeric
        and profile.distinct <= _FEW_LABELS
        and all(bound in (0, 1) for bound in (profile.minimum, profile.maximum))
    )
    if not is_binary:
        raise ConfigError(
            f"{config.spell_key('probability_threshold')}: it makes 0 or 1 of a score, so the label has to be 0 or 1 "
            f"too, and '{label.name}' is {_describe(profile)}"
        )


def _build_filter(column: CellColumn, label: CellColumn, config: AnalysisConfig, declared: str | None) -> ValueFilter:
    """Build the filter for positive predictions.

    A continuous interval takes its maximum over labels and predictions together.
    """
    values: tuple[Value, ...] = config.label_values
    key = config.spell_key("label_values_or_threshold")
    built = ValueFilter(column.profile, column.stored, values, declared, key)  # type: ignore[arg-type]
    if built.scale is Scale.CATEGORICAL:
        return built
    highest = max(float("-inf") if each is None else each for each in (column.profile.maximum, label.profile.maximum))
    whole_labels = label.profile.kind == "integer" and not label.profile.seen_as_float
    if whole_labels and column.profile.kind == "float":
        if column.profile.missing:
            raise UnfitDataError("a missing prediction cannot be a whole number, as the labels are")
        built.truncated, highest = True, int(highest)
    built.interval = build_interval(replace(label.profile, maximum=highest), values, key)
    built.text = built.interval.text
    return built


def _explain_mismatch(
    label: CellColumn, label_scale: Scale, column: CellColumn, scale: Scale, config: AnalysisConfig
) -> str:
    because = ""
    if column.profile.missing and column.profile.kind == "integer":
        because = "; with missing values, whole numbers are read as floats"
    return (
        f"predicted label {column.name!r} is {scale.value} ({_describe(column.profile)}) and label {label.name!r} is "
        f"{label_scale.value} ({_describe(label.profile)}), so they cannot be compared, as in Clarify{because}; give "
        f"both one type, or set {_spell_categorical(config.spell_key('label_type'))}"
    )


def _describe(profile: ColumnProfile) -> str:
    rows = profile.present + profile.missing
    return f"{profile.kind_text}, {profile.distinct} distinct values in {rows} rows"


def _spell_categorical(key: str) -> str:
    return f"{key} categorical" if key.startswith("--") else f'{key}="categorical"'
