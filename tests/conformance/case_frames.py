"""Columns of a case as those of a DataFrame, for both sides: nothing but pandas is known here, of whatever version."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pandas as pd


def series_of(values, meaning, dtype):  # type: ignore[no-untyped-def]
    """A column, of the type that pandas gives it unless another is named.

    :param values: as JSON has them: decimals and dates are texts, None is missing
    :param meaning: "decimal" and "date" make such values of the texts
    :param dtype: "object", "category", or None
    """
    made = {"decimal": Decimal, "date": date.fromisoformat}.get(meaning, lambda value: value)
    typed = [None if value is None else made(value) for value in values]
    if meaning == "nothing":
        return pd.Series([None] * len(typed), dtype=dtype or object)
    if dtype == "object":
        return pd.Series(typed, dtype=object)
    return pd.Series(typed) if dtype is None else pd.Series(typed).astype(dtype)
