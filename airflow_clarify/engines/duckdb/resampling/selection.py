"""The selection of rows: the number of copies of each row, and its weight."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_clarify.bias.resampling import BalancePlan
from airflow_clarify.engines.duckdb.resampling.random_keys import RowKeys, key_thresholds

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from airflow_clarify.engines.duckdb.resampling.strata import EncodedRows, StratumEncoding


@dataclass(frozen=True)
class RowSelection:
    """The number of copies and the weight of each row, by code and key.

    :param draw: the random keys of the rows
    :param encoding: the encoding of the strata as codes
    :param codes: the code of each row
    :param copies: by code, the number of times that every row is written
    :param limits: by code, the exclusive upper bound of the keys of rows that are written once more
    :param weights: by code, the weight to write in each row; None to write no weights
    :param rows_out: the number of rows to write
    :param prior: the name of the column of prior weights, and the prior weight of each row, by which its weight is
        multiplied
    """

    draw: RowKeys
    encoding: StratumEncoding
    codes: NDArray[np.unsignedinteger]
    copies: NDArray[np.int64]
    limits: NDArray[np.int64]
    weights: Sequence[float] | None
    rows_out: int
    prior: tuple[str, NDArray[np.float64]] | None = None

    def get_weights(self, start: int, stop: int) -> NDArray[np.float64]:
        """Return the weights to write in the rows ``start`` to ``stop - 1``.

        :param start: the first row
        :param stop: the row after the last one
        """
        import numpy as np

        assert self.weights is not None
        factors: NDArray[np.float64] = np.asarray(self.weights)[self.codes[start:stop]]
        return factors if self.prior is None else self.prior[1][start:stop] * factors

    @property
    def repeats(self) -> bool:
        """Return whether a row can be written more than once."""
        return bool(self.copies.any())

    @property
    def everything(self) -> bool:
        """Return whether each row is written exactly once."""
        return self.rows_out == len(self.codes) and not self.repeats

    def count_copies(self, start: int, stop: int) -> NDArray[np.integer]:
        """Count how many times each of the rows ``start`` to ``stop - 1`` is written.

        :param start: the first row
        :param stop: the row after the last one
        """
        codes = self.codes[start:stop]
        drawn: NDArray[np.integer] = (self.draw.compute_range(start, stop) < self.limits[codes]).view("int8")
        return self.copies[codes] + drawn if self.repeats else drawn


def select_from_strata(
    rows: EncodedRows, plan: BalancePlan, draw: RowKeys, prior: tuple[str, NDArray[np.float64]] | None = None
) -> RowSelection:
    """Determine the copies and the weight of each row from the plan.

    Every stratum meets its quota exactly. In a stratum that is oversampled, each row is written the same number of
    times, and some drawn rows once more.

    :param rows: the strata of the rows
    :param plan: the quota and the weight of each stratum
    :param draw: the random keys of the rows
    :param prior: the name of the column of prior weights, and the prior weight of each row
    :return: the selection
    :raises DataError: there are more than 2**32 rows
    """
    import numpy as np

    shares = list(plan.shares)
    stratum_numbers = {share.values: number for number, share in enumerate(shares)}
    # Codes without rows are assigned to the first stratum, which has no effect.
    stratum_of_code = np.array([stratum_numbers.get(stratum, 0) for stratum in rows.encoding.strata], dtype=np.uint32)
    drawn = [share.drawn for share in shares]
    limits = key_thresholds(draw, rows.codes, stratum_of_code, [share.before for share in shares], drawn)
    weighted = any(share.weight is not None for share in shares)
    return RowSelection(
        draw=draw,
        encoding=rows.encoding,
        codes=rows.codes,
        copies=np.array([share.copies for share in shares], dtype=np.int64)[stratum_of_code],
        limits=np.array(limits, dtype=np.int64)[stratum_of_code],
        weights=[shares[number].weight or 0.0 for number in stratum_of_code.tolist()] if weighted else None,
        rows_out=sum(share.after for share in shares),
        prior=prior,
    )
