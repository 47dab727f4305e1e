"""Random keys of rows: which rows of a stratum are drawn, as a function of only the seed and the row's position.

Every row has a 32-bit key, and from a stratum with quota q the q rows with the smallest keys are drawn. The key is a
keyed permutation of the position, so the keys of a dataset are unique: the quota is met exactly, without replacement,
and rows with equal content are drawn independently of each other.

**The definition** (version 1; it will not change, so that a seed keeps its meaning)::

    k0, k1, k2, k3 = the first 16 bytes of sha256("airflow-clarify draw 1 " + the seed in decimal), as four big-endian
                     32-bit integers
    x0  = position + k0
    x1  = (x0 xor (x0 >> 16)) * 0x7feb352d + k1
    x2  = (x1 xor (x1 >> 15)) * 0x2c1b3c6d + k2
    key = (x2 xor (x2 >> 12)) * 0x297a2d39 + k3          all modulo 2**32

The position of a row is its index from 0 in reading order, over all files. Xor with a right shift, multiplication by an
odd number and addition are each invertible modulo 2**32, and so is their composition. (The multipliers are those of C.
Wellons' hash-prospector, https://github.com/skeeto/hash-prospector; all products are below 2**63, which every SQL
database can compute.) Two rounds are not enough: over 10,000 seeds, the variance of a sample of rows in a regular
pattern is then off by several percent.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from sqlglot import exp

from airflow_clarify.exceptions import DataError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
#: The number of possible keys, and the maximum number of rows of a dataset.
KEY_SPACE = 1 << 32

#: The number of rows processed at once: enough to be fast, few enough for the processor's cache.
BLOCK = 1 << 16

_MASK = KEY_SPACE - 1
_ROUNDS = ((16, 0x7FEB352D), (15, 0x2C1B3C6D), (12, 0x297A2D39))


@dataclass(frozen=True)
class RowKeys:
    """The random keys of all rows for a seed.

    :param seed: any whole number
    """

    seed: int

    @cached_property
    def constants(self) -> tuple[int, int, int, int]:
        """Derive the constants k0 to k3 of the definition from the seed."""
        digest = hashlib.sha256(f"airflow-clarify draw 1 {self.seed:d}".encode("ascii")).digest()
        k0, k1, k2, k3 = struct.unpack(">4I", digest[:16])
        return k0, k1, k2, k3

    def compute_range(self, start: int, stop: int) -> NDArray[np.uint32]:
        """Compute the keys of the rows at the positions ``start`` to ``stop - 1``.

        :param start: the first position
        :param stop: the position after the last one
        :return: the keys, four bytes a row
        :raises DataError: ``stop`` exceeds 2**32
        """
        import numpy as np

        if stop > KEY_SPACE:
            raise DataError(f"more than {KEY_SPACE} rows; no draw is defined beyond them, so balance the data in parts")
        return self.compute(np.arange(start, stop, dtype=np.uint32))

    def compute(self, positions: NDArray[np.uint32]) -> NDArray[np.uint32]:
        """Compute the keys of rows at any positions.

        :param positions: the positions
        """
        import numpy as np

        first, *others = self.constants
        key = positions + np.uint32(first)
        for (shift, multiplier), addend in zip(_ROUNDS, others, strict=True):
            key ^= key >> np.uint32(shift)
            key *= np.uint32(multiplier)
            key += np.uint32(addend)
        return key

    def add_to_query(self, query: exp.Select, position: str, key: str) -> exp.Select:
        """Add a column with the keys to a query.

        Each round is a subquery of its own, as DuckDB evaluates a repeated subexpression each time it occurs.

        :param query: the query
        :param position: its column with the positions of the rows
        :param key: the name of the new column; no column of the query may begin with it
        """
        first, *others = self.constants
        value: exp.Expr = exp.cast(exp.column(position, quoted=True), "UBIGINT", dialect="duckdb") + first
        for number, ((shift, multiplier), addend) in enumerate(zip(_ROUNDS, others, strict=True)):
            mixed = f"{key}{number}"
            query = _add_column(query, mixed, value)
            x = exp.column(mixed, quoted=True)
            shifted = exp.BitwiseRightShift(this=x.copy(), expression=exp.Literal.number(shift))
            value = exp.BitwiseXor(this=x, expression=exp.paren(shifted)) * multiplier + addend
        return _add_column(query, key, value)


def key_thresholds(
    draw: RowKeys,
    codes: NDArray[np.unsignedinteger],
    stratum_of_code: NDArray[np.uint32],
    counts: Sequence[int],
    quotas: Sequence[int],
) -> list[int]:
    """Compute the threshold of each stratum, below which exactly its quota of keys lies.

    Stratum and key are combined in one number of eight bytes a row, and all of these are sorted.

    :param draw: the random keys of the rows
    :param codes: the code of each row
    :param stratum_of_code: the stratum of each code
    :param counts: the number of rows of each stratum
    :param quotas: the number of rows to draw from each stratum, at most all
    :return: the exclusive upper bound of the drawn keys of each stratum
    :raises DataError: there are more than 2**32 rows
    """
    import numpy as np

    starts = np.concatenate([[0], np.cumsum(np.asarray(counts, dtype=np.int64))]).tolist()
    drawn = [stratum for stratum, rows in enumerate(counts) if 0 < quotas[stratum] < rows]
    limits = [KEY_SPACE if quota else 0 for quota in quotas]
    if not drawn:
        return limits
    ranked = np.empty(len(codes), dtype=np.uint64)
    for start in range(0, len(codes), BLOCK):
        stop = min(start + BLOCK, len(codes))
        block = stratum_of_code[codes[start:stop]].astype(np.uint64)
        block <<= np.uint64(32)
        block |= draw.compute_range(start, stop)
        ranked[start:stop] = block
    last = [starts[stratum] + quotas[stratum] - 1 for stratum in drawn]
    ranked.sort()
    for stratum, key in zip(drawn, (ranked[last] & np.uint64(_MASK)).tolist(), strict=True):
        limits[stratum] = key + 1
    return limits


def _add_column(query: exp.Select, name: str, value: exp.Expr) -> exp.Select:
    modulo = exp.BitwiseAnd(this=exp.paren(value), expression=exp.Literal.number(_MASK))
    return exp.select("*", exp.alias_(modulo, name, quoted=True)).from_(query.subquery("keyed"))
