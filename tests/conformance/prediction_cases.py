"""Random datasets with predictions, and random confusion matrices."""

from __future__ import annotations

import csv
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pyarrow
import pyarrow.parquet
from hypothesis import strategies as st

from airflow_clarify.bias.post_training import POST_TRAINING_METRICS

_ARROW = {"text": pyarrow.string(), "integer": pyarrow.int64(), "float": pyarrow.float64()}
_POOLS: dict[str, tuple[tuple[Any, ...], ...]] = {
    "text": (("yes", "no"), ("a", "b", "c d"), ("é", 'say "q"')),
    "integer": ((0, 1), (1, 2, 3, 4, 5), (-7, 0, 40)),
    "float": ((0.0, 1.0), (0.125, 0.5, 0.875, 1.0), (-2.5, 3.0, 40.25)),
}
#: FT is compared by a test of its own, since it depends on all columns.
METHODS = tuple(name for name in POST_TRAINING_METRICS if name != "FT")


@dataclass(frozen=True)
class PredictionCase:
    """A dataset with predictions, and what is asked of it.

    :param types: the type of each column
    :param columns: the values; None is missing
    """

    format: Literal["csv", "parquet"]
    types: dict[str, str]
    columns: dict[str, tuple[Any, ...]]
    label_values: tuple[Any, ...]
    facet_values: tuple[str, ...] | None
    methods: tuple[str, ...]

    @property
    def has_group(self) -> bool:
        return "group" in self.columns

    def write(self, folder: Path) -> Path:
        """Write the dataset as a file."""
        path = folder / f"predictions.{self.format}"
        if self.format == "parquet":
            arrays = {name: pyarrow.array(cells, _ARROW[self.types[name]]) for name, cells in self.columns.items()}
            pyarrow.parquet.write_table(pyarrow.table(arrays), path)
            return path
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(self.columns)
            writer.writerows(
                ["" if cell is None else repr(cell) if isinstance(cell, float) else cell for cell in row]
                for row in zip(*self.columns.values(), strict=True)
            )
        return path


@st.composite
def prediction_cases(draw: st.DrawFn) -> PredictionCase:
    """Draw a dataset with labels, predictions of mostly the same type, facets and sometimes groups."""
    rows, repeats = draw(st.integers(2, 24)), draw(st.sampled_from([1, 1, 7, 40]))
    meaning = draw(st.sampled_from(["text", "text", "integer", "integer", "float"]))
    pool = draw(st.sampled_from(_POOLS[meaning]))
    predicted_meaning, predicted_pool = meaning, pool
    if meaning == "integer" and draw(st.integers(0, 9)) == 0:
        predicted_meaning, predicted_pool = "float", tuple(map(float, pool))

    def cells(of: tuple[Any, ...], *, gaps: bool) -> tuple[Any, ...]:
        drawn = draw(st.lists(st.sampled_from(of), min_size=rows, max_size=rows))
        if gaps:
            missing = draw(st.lists(st.integers(0, 3), min_size=rows, max_size=rows))
            # pandas takes the type of a column from its first row where nothing matches, so that has a value.
            drawn = [None if i and not gap else cell for i, (cell, gap) in enumerate(zip(drawn, missing, strict=True))]
        return tuple(drawn * repeats)

    # Integers beside missing values are floats to pandas, so that label and prediction have different types.
    with_gaps = [draw(st.integers(0, 5)) == 0 for _ in range(3)]
    columns = {
        "label": cells(pool, gaps=with_gaps[0]),
        "predicted": cells(predicted_pool, gaps=with_gaps[1]),
        "facet": cells(("F", "M", "X"), gaps=with_gaps[2]),
    }
    types = {"label": meaning, "predicted": predicted_meaning, "facet": "text"}
    if draw(st.booleans()):
        columns["group"], types["group"] = cells(("north", "south"), gaps=False), "text"
    positive = draw(st.lists(st.sampled_from(pool), min_size=1, max_size=2, unique=True))
    asked = draw(st.sampled_from([None, ("F",), ("F", "M")]))
    methods = draw(st.sampled_from([METHODS, METHODS, METHODS, ("DPPL", "DI"), ("CDDPL", "GE"), ("RD",)]))
    return PredictionCase(
        draw(st.sampled_from(["csv", "parquet"])), types, columns, tuple(positive), asked, tuple(sorted(methods))
    )


#: Confusion matrices of d and a: (tp, fp, fn, tn).
Table = tuple[tuple[int, ...], tuple[int, ...]]


def random_tables(seed: int, number: int) -> list[Table]:
    """Draw confusion matrices of both facets, many of them with empty cells; the same for the same seed."""
    chance = random.Random(seed)
    return [(_random_side(chance), _random_side(chance)) for _ in range(number)]


def _random_side(chance: random.Random) -> tuple[int, ...]:
    if chance.random() < 0.03:
        return (0, 0, 0, 0)
    empty = chance.choice((0.0, 0.2, 0.6))
    return tuple(0 if chance.random() < empty else chance.choice((1, 2, chance.randint(3, 60))) for _ in range(4))
