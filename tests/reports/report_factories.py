"""Build analyses to report on: of the clothing reviews, and of hostile names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from airflow_clarify.bias.analysis import Analysis
from airflow_clarify.bias.config import AnalysisConfig, BiasConfig, DataConfig
from airflow_clarify.bias.contingency import Cell, Contingency, FacetContingency, WeightedCount
from airflow_clarify.reports.builder import build_report
from airflow_clarify.reports.html.renderer import render_html

CREATED = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
METHODS = ["CI", "DPL", "KL", "JS", "LP", "TVD", "KS"]

#: Positive rows, and all other rows, of each facet value: two of the lab's categories, and its others as one.
CLOTHES = {"Dresses": (4634, 1511), "Trend": (78, 40), "others": (12721, 3642)}

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</title></style></script><svg onload=alert(1)>",
    "' onmouseover='alert(1)",
    "'; DROP TABLE reviews; --",
    "{{ 7 * 7 }}{% raw %}",
    "&amp;&lt;b&gt;",
    "javascript:alert(1)",
    "--><!-- ]]>",
    "שלום עולם",
    "日本語 👩‍👩‍👧",
    "x" * 300,
]


def render(analysis: Analysis, **said: Any) -> str:
    """Render the HTML page of an analysis."""
    return render_html(build_report(analysis, **said))


def facet(column: str, counts: Mapping[str | None, tuple[int, int]], weight: float | None = None) -> FacetContingency:
    """Build the counts of a facet; if rows are weighted, a positive one has twice the weight of a negative one."""

    def tally(rows: int, times: int) -> WeightedCount:
        if weight is None:
            return WeightedCount.from_rows(rows)
        return WeightedCount.from_weights(rows, rows * times * weight, rows * (times * weight) ** 2)

    cells = [
        Cell(value, label, label == "1", None, tally(rows, times))
        for value, (positive, negative) in counts.items()
        for label, rows, times in (("1", positive, 2), ("0", negative, 1))
    ]
    return FacetContingency(column, list(counts), cells)


def configuration(
    column: str = "product_category", label: str = "sentiment", methods: object = METHODS
) -> AnalysisConfig:
    return AnalysisConfig.build(DataConfig("reviews.csv", label=label), BiasConfig([1], column), methods)  # type: ignore[arg-type]


def analysis_of(
    *facets: FacetContingency, label: str = "sentiment", weighted: bool = False, warnings: Sequence[str] = ()
) -> Analysis:
    contingency = Contingency(label, "1", facets, engine="DuckDB 1.4", warnings=warnings, weighted=weighted)
    return Analysis.from_contingency(contingency, configuration())


def with_an_unknown_label() -> Analysis:
    """Build an analysis in which a label contains a comma, as does the text of the positive labels."""
    counts = [("low", False, 50), ("so, so", True, 20), ("high", True, 30), (None, False, 3)]
    cells = [
        Cell("abc"[place % 3], label, positive, None, WeightedCount.from_rows(rows))
        for place, (label, positive, rows) in enumerate(counts)
    ]
    contingency = Contingency("mood", "so, so,high", [FacetContingency("g", list("abc"), cells)])
    return Analysis.from_contingency(contingency, configuration())


#: Texts that are dangerous in a notebook or a PDF rather than in an HTML page.
HOSTILE_ELSEWHERE = [
    "$x$ $$y$$ \\(z\\) \\begin{a}",
    "*b* _i_ `c` ``d``",
    "# heading",
    "- item",
    "1. item",
    "[link](http://evil.test) ![image](http://evil.test/x.png)",
    "http://evil.test www.evil.test <http://evil.test>",
    "| a | b |",
    "```\n# out of the block",
    '"""); print("out of the string")',
    "'''\\",
    "!ls %ls ?",
    "\x1b[31mred\x1b[0m",
    "\u202egpj.exe",
    '#panic("typst") #[b] @label',
    "مرحبا بالعالم",
    "\ue000private",
    "\U000e0041tag",
    "\ufffe\uffffno XML",
    "",
]


def hostile_analysis(values: Sequence[str] = (*HOSTILE, *HOSTILE_ELSEWHERE)) -> Analysis:
    """Build an analysis with hostile values, columns, labels and warnings."""
    counts = {value: (10 + index, 20) for index, value in enumerate(values)}
    return analysis_of(
        *(facet(column, counts) for column in ("</th><script>alert(2)</script>", "עברית $x$")),
        label='<img src="http://example.test/" onerror=alert(3)>',
        warnings=["<b>bold</b> </style> [a](http://evil.test) $x$ `c`"],
    )
