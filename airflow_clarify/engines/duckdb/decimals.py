"""Find the DECIMAL type of DuckDB that holds given decimals of Python exactly."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

#: DuckDB's DECIMAL has at most this many digits.
_DIGITS = 38


def find_decimal_type(values: Iterable[Decimal | int | None]) -> str | None:
    """Find the type of DuckDB that holds some decimals exactly.

    :param values: the decimals; None for a missing value
    :return: the type, such as "DECIMAL(38, 2)"; None if no type holds them, as one is too long, infinite or NaN
    """
    scale = whole = 0
    for value in values:
        if value is not None:
            _, digits, exponent = Decimal(value).as_tuple()
            if isinstance(exponent, str):
                return None
            scale = max(scale, -exponent)
            whole = max(whole, len(digits) + exponent)
    return f"DECIMAL({_DIGITS}, {scale})" if scale + whole <= _DIGITS else None
