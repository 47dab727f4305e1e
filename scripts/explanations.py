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

from airflow_clarify.bias.metrics import METRICS
from airflow_clarify.reports.interpretations import DROPPED_OUTCOME, EXPLANATIONS, UNDERSTATED

FILE = Path(__file__).resolve().parents[1] / "ui" / "src" / "overview" / "explanations.json"


def build_explanations() -> dict[str, Any]:
    """Build the texts about every metric; a range without an upper end has the end null, since JSON has no infinity."""
    return {
        "metrics": {
            name: {
                "title": explanation.title,
                # On the page, the facet is in view.
                "question": METRICS[name].question.replace("this facet value", "this value"),
                "formula": explanation.formula.replace(" - ", " − "),
                "lowest": METRICS[name].lowest,
                "highest": METRICS[name].highest if math.isfinite(METRICS[name].highest) else None,
                "sentences": dict(explanation.sentences),
                "unit": explanation.unit,
                "largest": explanation.largest,
                "understated": name in UNDERSTATED,
            }
            for name, explanation in sorted(EXPLANATIONS.items())
        },
        "dropped_outcome": DROPPED_OUTCOME,
    }


def format_explanations() -> str:
    """Format the content of the file."""
    return json.dumps(build_explanations(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FILE.write_text(format_explanations(), encoding="utf-8")
