"""What is written of each row: how many copies of it, and with which weight."""

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
    """What is written of each row, by its code and its key.

    :param draw: gives each row its key
    :param numbering: what the codes mean
    :param codes: of each row
    :param copies: by code: how many times each row is written
    :param limits: by code: rows whose key is below are written once more
    :param weights: by code: the weight to write beside the row; None where rows carry no weight
    :param rows_out: how many rows that makes
    :param prior: the column of weights that rows have already, and these of each row; ``weights`` are their factors
    """

    draw: RowKeys
    numbering: StratumEncoding
    codes: NDArray[np.unsignedinteger]
    copies: NDArray[np.int64]
    limits: NDArray[np.int64]
    weights: Sequence[float] | None
    rows_out: int
    prior: tuple[str, NDArray[np.float64]] | None = None

    def get_weights(self, start: int, stop: int) -> NDArray[np.float64]:
        """The weights to write beside the rows ``start`` to ``stop - 1``."""
        import numpy as np

        assert self.weights is not None
        factors: NDArray[np.float64] = np.asarray(self.weights)[self.codes[start:stop]]
        return factors if self.prior is None else self.prior[1][start:stop] * factors

    @property
    def repeats(self) -> bool:
        """Whether a row can be written more than once."""
        return bool(self.copies.any())

    @property
    def everything(self) -> bool:
        """Whether each row is written exactly once."""
        return self.rows_out == len(self.codes) and not self.repeats

    def count_copies(self, start: int, stop: int) -> NDArray[np.integer]:
        """How many times each of the rows ``start`` to ``stop - 1`` is written."""
        codes = self.codes[start:stop]
        drawn: NDArray[np.integer] = (self.draw.compute_range(start, stop) < self.limits[codes]).view("int8")
        return self.copies[codes] + drawn if self.repeats else drawn


def select_from_strata(
    rows: EncodedRows, plan: BalancePlan, draw: RowKeys, prior: tuple[str, NDArray[np.float64]] | None = None
) -> RowSelection:
    """Settle what is written of each row, so that every stratum gets exactly its quota.

    A stratum that is to grow writes each of its rows the same number of times, and some, drawn, once more.

    :param rows: the strata of the rows
    :param plan: how many rows each stratum is to give
    :param draw: the draw
    :param prior: the column of weights that rows have already, and these
    """
    import numpy as np

    shares = list(plan.shares)
    of_stratum = {share.values: number for number, share in enumerate(shares)}
    # Codes that no row has are given to the first stratum, where they change nothing.
    stratum_of_code = np.array([of_stratum.get(stratum, 0) for stratum in rows.numbering.strata], dtype=np.uint32)
    drawn = [share.drawn for share in shares]
    limits = key_thresholds(draw, rows.codes, stratum_of_code, [share.before for share in shares], drawn)
    weighted = any(share.weight is not None for share in shares)
    return RowSelection(
        draw=draw,
        numbering=rows.numbering,
        codes=rows.codes,
        copies=np.array([share.copies for share in shares], dtype=np.int64)[stratum_of_code],
        limits=np.array(limits, dtype=np.int64)[stratum_of_code],
        weights=[shares[number].weight or 0.0 for number in stratum_of_code.tolist()] if weighted else None,
        rows_out=sum(share.after for share in shares),
        prior=prior,
    )
