"""The open-source Clarify metrics, answering questions on a pipe. Runs in an environment of its own (smclarify 0.5).

One JSON object a line in, one a line out::

    {"path": ..., "format": "csv" | "parquet", "label": ..., "label_values": [...], "facet": ..., "facet_values": null,
     "group": null, "methods": ["all"]}

    {"facet": [{"value_or_threshold": ..., "metrics": [{"name": ..., "value": ..., "error": ...}]}], "label_text": ...}
    {"error": "ValueError: ..."}

Files are read as Clarify reads them: with pandas, and nothing said about types.
"""

import copy
import json
import logging
import sys
import warnings

import pandas as pd
from smclarify.bias import report


def answer(question):
    read = pd.read_parquet if question["format"] == "parquet" else pd.read_csv
    frame = read(question["path"])
    group = frame[question["group"]] if question["group"] is not None else None
    label = frame[question["label"]]
    # The package changes the lists it is given, so each call gets its own.
    found = report.bias_report(
        frame,
        report.FacetColumn(question["facet"], copy.copy(question["facet_values"])),
        report.LabelColumn(question["label"], label, copy.copy(question["label_values"])),
        report.StageType.PRE_TRAINING,
        metrics=question["methods"],
        group_variable=group,
    )
    text = report.label_value_or_threshold(label, copy.copy(question["label_values"]))
    return {"facet": found, "label_text": text}


def main():
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    # What a library prints must not come between the answers.
    answers, sys.stdout = sys.stdout, sys.stderr
    for line in sys.stdin:
        try:
            reply = answer(json.loads(line))
        except Exception as error:
            reply = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(reply), file=answers, flush=True)


if __name__ == "__main__":
    main()
