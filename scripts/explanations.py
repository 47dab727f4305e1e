#!/usr/bin/env python3
"""Write the explanations of the metrics as JSON, for the page in Airflow's UI.

    scripts/explanations.py

The report and the page share these texts. ``make ui`` runs this before it builds the page, and a test fails when the
committed file is out of date.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from airflow_clarify.bias.post_training import ALL_METRICS
from airflow_clarify.reports import interpretations, phrases
from airflow_clarify.reports.explanations import EXPLANATIONS, Comparison
from airflow_clarify.reports.sections.predictions import RATES

FILE = Path(__file__).resolve().parents[1] / "ui" / "src" / "overview" / "explanations.json"


def build_explanations() -> dict[str, Any]:
    """Build the texts about every metric, and those that all metrics share."""
    return {
        "metrics": {name: _build_metric(name) for name in sorted(EXPLANATIONS)},
        "dropped_outcome": interpretations.DROPPED_OUTCOME,
        "infinite": interpretations.INFINITE,
        "no_base": dict(interpretations.NO_BASE),
        "empty": {"zero": interpretations.EMPTY[False], "infinite": interpretations.EMPTY[True]},
        "notation": {
            "all": interpretations.NOTATION,
            "pre_training": interpretations.NOTATION_OF_LABELS,
            "post_training": interpretations.NOTATION_OF_PREDICTIONS,
        },
        "rates": {name: {"part": list(part), "whole": list(whole)} for name, (part, whole) in RATES.items()},
        "rates_caption": phrases.RATES,
        "stages_caption": phrases.STAGES,
    }


def _build_metric(name: str) -> dict[str, Any]:
    """Build the texts about a metric; a range without an end has the end null, since JSON has no infinity."""
    explanation, metric = EXPLANATIONS[name], ALL_METRICS[name]
    return {
        "title": explanation.title,
        # On the page, the facet is in view.
        "question": metric.question.replace("this facet value", "this value"),
        "formula": explanation.formula.replace(" - ", " − "),
        "stage": metric.stage,
        "lowest": metric.lowest if math.isfinite(metric.lowest) else None,
        "highest": metric.highest if math.isfinite(metric.highest) else None,
        "parity": metric.parity,
        "sentences": dict(explanation.sentences),
        "unit": explanation.unit,
        "largest": explanation.largest,
        "compared": _build_comparison(explanation.compared) if explanation.compared else None,
        "understated": name in interpretations.UNDERSTATED,
    }


def _build_comparison(compared: Comparison) -> dict[str, Any]:
    return {
        "part": list(compared.part),
        "whole": list(compared.whole),
        "base": compared.base,
        "is_ratio": compared.is_ratio,
    }


def format_explanations() -> str:
    """Format the content of the file."""
    return json.dumps(build_explanations(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FILE.write_text(format_explanations(), encoding="utf-8")
