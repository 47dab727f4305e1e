"""The open-source Clarify metrics, answering questions on a pipe. Runs in an environment of its own (smclarify 0.5).

One JSON object a line in, one a line out::

    {"path": ..., "format": "csv" | "parquet" | "jsonlines" | "dataframe",
     "label": ..., "label_values": [...], "facet": ..., "facet_values": null, "group": null, "methods": ["all"]}

    {"facet": [{"value_or_threshold": ..., "metrics": [{"name": ..., "value": ..., "error": ...}]}], "label_text": ...}
    {"error": "ValueError: ..."}

Files are read as Clarify reads them: with pandas, and nothing said about types. A DataFrame stands in the file as JSON:
of each column its values, what they mean, and the type they are to have. More keys put a question plainly
where we differ from the package on purpose (see ``differences.py``): ``as_texts`` lists columns whose values are
turned into texts, ``as_booleans`` into booleans and ``as_floats`` into floats, ``fill_group`` makes a group of the rows
without one, ``number_group`` turns the groups into numbers, ``as_given`` keeps the package from converting values,
``fill_predicted`` takes the place of missing predictions.
With ``predicted``, the name of a column of predictions, the metrics are those of the predictions. ``tables`` is a
question of its own: a list of confusion matrices of the facets d and a, ``[[tp, fp, fn, tn], [tp, fp, fn, tn]]``, each
of which is answered by ``{"AD": 0.1, "DI": "Facet set is empty", ...}``, errors as texts.
With ``describe`` the answer is how pandas sees the columns, and what the package makes of them.
"""

import copy
import json
import logging
import sys
import warnings
from pathlib import Path

import pandas as pd
from case_frames import series_of
from smclarify.bias import metrics, report
from smclarify.bias.metrics import common

CONVERT = common.convert_positive_label_values


def answer(question):
    if "tables" in question:
        return {"tables": [measure_table(d, a) for d, a in question["tables"]]}
    frame = read(question)
    label = frame[question["label"]]
    if question.get("describe"):
        return {
            role: describe(frame[question[role]], question.get(f"{role}_values"))
            for role in ("label", "facet", "group")
            if question[role] is not None
        }
    group = frame[question["group"]] if question["group"] is not None else None
    if question.get("fill_group"):
        group = group.astype(object).where(group.notna(), "a group of their own").astype(str)
    if question.get("number_group"):
        group = pd.to_numeric(group)
    common.convert_positive_label_values = (lambda _, values: values) if question.get("as_given") else CONVERT
    # The package changes the lists it is given, so each call gets its own.
    found = report.bias_report(
        frame,
        report.FacetColumn(question["facet"], copy.copy(question["facet_values"])),
        report.LabelColumn(question["label"], label, copy.copy(question["label_values"])),
        report.StageType.POST_TRAINING if question.get("predicted") else report.StageType.PRE_TRAINING,
        report.LabelColumn("predicted", frame["predicted"]) if question.get("predicted") else None,
        metrics=question["methods"],
        group_variable=group,
    )
    return {"facet": found, "label_text": report.label_value_or_threshold(label, copy.copy(question["label_values"]))}


def measure_table(d, a):
    """Compute the metrics of two confusion matrices from rows, by the functions of the package."""
    outcomes = [(True, True), (False, True), (True, False), (False, False)]
    rows = [
        (side, *outcome)
        for side, counts in ((True, d), (False, a))
        for outcome, times in zip(outcomes, counts, strict=True)
        for _ in range(times)
    ]
    frame = pd.DataFrame(rows, columns=["facet", "label", "predicted"]).astype(bool)
    found = {}
    for metric in metrics.POSTTRAINING_METRICS:
        if metric.__name__ in ("CDDPL", "FT"):
            continue
        try:
            value = metrics.call_metric(
                metric,
                feature=frame["facet"],
                sensitive_facet_index=frame["facet"],
                positive_label_index=frame["label"],
                positive_predicted_label_index=frame["predicted"],
            )
            # json writes the types of Python only, which tell an integer 0 from a float.
            found[metric.__name__] = value.item() if hasattr(value, "item") else value
        except ValueError as error:
            found[metric.__name__] = str(error)
    return found


def read(question):
    path = question["path"]
    if question["format"] == "dataframe":
        columns = json.loads(Path(path).read_text(encoding="utf-8"))
        frame = pd.DataFrame({name: series_of(**column) for name, column in columns.items()})
    elif question["format"] == "jsonlines":
        frame = pd.read_json(path, lines=True)
    else:
        frame = (pd.read_parquet if question["format"] == "parquet" else pd.read_csv)(path)
    if "fill_predicted" in question:
        frame["predicted"] = frame["predicted"].fillna(question["fill_predicted"]).astype("int64")
    for name in (question[role] for role in question.get("as_texts", ())):
        frame[name] = frame[name].map(str, na_action="ignore")
    for name in (question[role] for role in question.get("as_booleans", ())):
        # Beside missing values pandas reads the booleans of JSON as floats.
        frame[name] = frame[name].map(bool, na_action="ignore").astype(object if frame[name].isna().any() else bool)
    for name in (question[role] for role in question.get("as_floats", ())):
        frame[name] = frame[name].astype(float)
    return frame


def describe(series, values):
    categories = series.cat.categories if isinstance(series.dtype, pd.CategoricalDtype) else series
    kind = pd.api.types.infer_dtype(categories, skipna=True)
    return {
        "kind": {"floating": "float", "string": "text"}.get(kind, kind),
        "continuous": common.series_datatype(series, values) is common.DataType.CONTINUOUS,
        "begins_with_a_gap": bool(series.isna().iloc[0]),
    }


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
