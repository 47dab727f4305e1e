"""The counts of two labs give the metrics that Clarify published for them."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from analysis_factories import make_analysis, metrics_by_group
from expected_lab import (
    BALANCED,
    BALANCED_ORDER,
    BALANCED_STRATUM,
    COUNTS,
    GIFT_CARD,
    GIFT_CARD_COUNTS,
    METHODS,
    SENTIMENTS,
    UNBALANCED,
)

from airflow_clarify.bias.analysis import Analysis
from airflow_clarify.bias.config import AnalysisConfig
from airflow_clarify.bias.contingency import Cell, Contingency, FacetContingency, WeightedCount

CLARIFYS = 1e-12


def measure(counts: Mapping[str, tuple[int, int, int]]) -> Analysis:
    """Analyze the women's clothing lab: each category against the rest; sentiment 1 is positive."""
    config = AnalysisConfig(
        {
            "dataset_type": "text/csv",
            "headers": ["sentiment", "review_body", "product_category"],
            "label": "sentiment",
            "label_values_or_threshold": [1],
            "facet": [{"name_or_index": "product_category"}],
            "methods": {
                "pre_training_bias": {"methods": ["CI", "DPL", "KL", "JS", "LP", "TVD", "KS"]},
                "report": {"name": "report", "title": "Analysis Report"},
            },
        }
    )
    cells = [
        Cell(category, sentiment, sentiment == "1", None, WeightedCount.from_rows(rows))
        for category, of_category in counts.items()
        for sentiment, rows in zip(SENTIMENTS, of_category, strict=True)
    ]
    facet = FacetContingency("product_category", list(counts), cells)
    return Analysis.from_contingency(Contingency("sentiment", "1", [facet]), config)


def test_the_carried_counts_are_those_of_the_lab() -> None:
    assert len(COUNTS) == 18
    by_sentiment = [sum(of_category[sentiment] for of_category in COUNTS.values()) for sentiment in range(3)]
    assert by_sentiment == [2_370, 2_823, 17_433]
    assert sum(by_sentiment) == 22_626
    assert min(min(of_category) for of_category in COUNTS.values()) == BALANCED_STRATUM


@pytest.mark.parametrize("category", COUNTS)
def test_every_metric_of_every_category_is_the_published_one(category: str) -> None:
    measured = metrics_by_group(measure(COUNTS))[category]
    assert measured == pytest.approx(dict(zip(METHODS, UNBALANCED[category], strict=True)), abs=CLARIFYS)


def test_the_unbalanced_analysis_has_all_categories_and_no_warning() -> None:
    analysis = measure(COUNTS)
    assert list(metrics_by_group(analysis)) == list(UNBALANCED)
    assert analysis.methods == METHODS
    assert analysis.rows == 22_626
    assert analysis.warnings == ()


def test_balanced_every_category_has_the_same_imbalance_and_no_other_bias() -> None:
    analysis = measure(dict.fromkeys(BALANCED_ORDER, (BALANCED_STRATUM,) * 3))
    assert analysis.rows == 486
    published = dict(zip(METHODS, BALANCED, strict=True))
    assert published["CI"] == 16 / 18
    assert metrics_by_group(analysis) == {
        category: pytest.approx(published, abs=CLARIFYS) for category in BALANCED_ORDER
    }


def test_the_three_sentiments_are_measured_as_positive_and_not() -> None:
    merged = make_analysis(
        {category: (positive, low + mid) for category, (low, mid, positive) in COUNTS.items()}, METHODS
    )
    assert metrics_by_group(merged) == metrics_by_group(measure(COUNTS))


@pytest.mark.parametrize("category", GIFT_CARD)
def test_the_gift_card_lab_gives_its_published_imbalance_and_difference(category: str) -> None:
    counts = {name: (positive, rows - positive) for name, (rows, positive) in GIFT_CARD_COUNTS.items()}
    analysis = make_analysis(counts, ["CI", "DPL"], facet="product_category")
    assert analysis.rows == 396_601
    imbalance, difference = GIFT_CARD[category]
    assert metrics_by_group(analysis)[category] == pytest.approx({"CI": imbalance, "DPL": difference}, abs=CLARIFYS)
