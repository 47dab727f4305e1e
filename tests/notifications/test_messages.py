"""Test messages about verdicts: short, complete for the worst findings, and safe for untrusted names."""

from __future__ import annotations

import html
import re
from html.parser import HTMLParser
from typing import Any

import pytest
from markdown_it import MarkdownIt

from airflow_clarify import Analysis, AnalysisConfig, BiasConfig, DataConfig, Thresholds
from airflow_clarify.bias.contingency import Cell, Contingency, FacetContingency, WeightedCount
from airflow_clarify.notifications.messages import format_html, format_markdown, format_slack, format_text

HOSTILE = [
    "`code` ``` {{ 7 * 7 }} {% raw %}",
    "<script>alert(1)</script>",
    "<!channel> <https://evil.example|click>",
    "[click](https://evil.example)",
    "![pixel](https://evil.example/pixel.png)",
    "https://evil.example and me@evil.example and www.evil.example",
    "line\nbreak\r\n\n# heading\n- item",
    "a\u202eb\u200bc",
    "**bold** __bold__ | table | ~~gone~~",
    "x" * 500,
]


def an_analysis(values: dict[str, tuple[int, int]], column: str = "f") -> Analysis:
    """Build an analysis from the numbers of positive and negative rows of each facet value."""
    cells = [
        Cell(value, "1" if positive else "0", positive, None, WeightedCount.from_rows(rows))
        for value, counts in values.items()
        for positive, rows in zip((True, False), counts, strict=True)
    ]
    config = AnalysisConfig.build(DataConfig("data.csv", label="y"), BiasConfig([1], column), ["DPL"])
    return Analysis.from_contingency(Contingency("y", "1", [FacetContingency(column, [*values], cells)]), config)


def verdict_of(values: dict[str, tuple[int, int]], column: str = "f", bound: float = 0.1, **rules: Any) -> Any:
    return Thresholds({"DPL": bound}, **rules).judge(an_analysis(values, column)).to_json()


BIASED = verdict_of({"a": (60, 40), "b": (10, 90)})
FAIR = verdict_of({"a": (60, 40), "b": (60, 40)})
MANY = verdict_of({str(n): (5 * n, 100 - 5 * n) for n in range(18)}, "store")


def test_a_violation_as_text() -> None:
    assert format_text(BIASED, "http://airflow/dags/d").splitlines() == [
        "Bias gate: Violation. 1 of 1 check fails.",
        "- DPL of f=b is 0.5000, outside [-0.1, 0.1]: this group is worse off (fewer positive labels)",
        "http://airflow/dags/d",
    ]


def test_a_pass_as_text() -> None:
    assert format_text(FAIR) == "Bias gate: Passed. 1 of 1 check passes."


def test_a_violation_as_markdown() -> None:
    assert format_markdown(BIASED, "http://airflow/dags/d") == (
        "**Violation.** 1 of 1 check fails.\n\n"
        "- DPL of `f=b` is 0.5000, outside [-0.1, 0.1]: this group is worse off (fewer positive labels)\n\n"
        "[Full verdict](http://airflow/dags/d)"
    )


def test_a_violation_as_html() -> None:
    assert format_html(BIASED, "http://airflow/?a=1&b=2") == (
        "<p><strong>Violation.</strong> 1 of 1 check fails.</p>"
        "<ul><li>DPL of <bdi><code>f=b</code></bdi> is 0.5000, outside [-0.1, 0.1]: this group "
        "is worse off (fewer positive labels)</li></ul>"
        '<p><a href="http://airflow/?a=1&amp;b=2">Full verdict</a></p>'
    )


def test_a_violation_for_slack() -> None:
    assert format_slack(BIASED, "http://airflow/?a=1&b=2") == (
        "*Violation.* 1 of 1 check fails.\n"
        "- DPL of `f=b` is 0.5000, outside [-0.1, 0.1]: this group is worse off (fewer positive labels)\n"
        "<http://airflow/?a=1&amp;b=2|Full verdict>"
    )


RUN = {
    "dag_id": "loans",
    "run_id": "scheduled__2026-11-27",
    "task_id": "gate",
    "instance": "Germany",
    "date": "2026-11-27T03:00:00+00:00",
}
OF_A_RUN = BIASED | {"data": "s3://bucket/germany.csv", "run": RUN}


def test_a_message_names_the_data_the_dag_the_run_and_its_date() -> None:
    assert format_text(OF_A_RUN).splitlines()[:2] == [
        "Bias gate: Violation in s3://bucket/germany.csv. 1 of 1 check fails.",
        "DAG loans, task gate [Germany], run scheduled__2026-11-27, 2026-11-27 03:00 UTC",
    ]
    assert format_markdown(OF_A_RUN).split("\n\n")[:2] == [
        "**Violation in `s3://bucket/germany.csv`.** 1 of 1 check fails.",
        "DAG `loans`, task `gate [Germany]`, run `scheduled__2026-11-27`, 2026-11-27 03:00 UTC",
    ]
    assert format_slack(OF_A_RUN).splitlines()[:2] == [
        "*Violation* in `s3://bucket/germany.csv`. 1 of 1 check fails.",
        "DAG `loans`, task `gate [Germany]`, run `scheduled__2026-11-27`, 2026-11-27 03:00 UTC",
    ]
    assert format_html(OF_A_RUN).startswith(
        "<p><strong>Violation in <bdi><code>s3://bucket/germany.csv</code></bdi>.</strong> 1 of 1 check fails.</p>"
        "<p>DAG <bdi><code>loans</code></bdi>, task <bdi><code>gate [Germany]</code></bdi>, run "
        "<bdi><code>scheduled__2026-11-27</code></bdi>, 2026-11-27 03:00 UTC</p><ul>"
    )


def test_findings_of_several_analyses_name_their_data() -> None:
    both = BIASED | {"all": [BIASED | {"data": "germany.csv"}, FAIR | {"data": "france.csv"}]}
    assert format_text(both).splitlines() == [
        "Bias gate: Violation. 1 of 2 checks of 2 analyses fails.",
        "- germany.csv: DPL of f=b is 0.5000, outside [-0.1, 0.1]: this group is worse off (fewer positive labels)",
    ]
    assert "- `germany.csv`: DPL of `f=b` is" in format_slack(both)
    assert "<li><bdi><code>germany.csv</code></bdi>: DPL of <bdi>" in format_html(both)


def test_the_worst_five_are_listed_and_the_others_counted() -> None:
    lines = format_text(MANY).splitlines()

    assert lines[0] == "Bias gate: Violation. 14 of 18 checks fail."
    assert lines[1].startswith(("- DPL of store=0 is", "- DPL of store=17 is"))
    assert lines[6:] == ["- and 9 more findings"]


def test_reasons_about_the_whole_dataset_come_first() -> None:
    silent = verdict_of({"a": (0, 40), "b": (0, 90)})

    summary, reason, *more = format_text(silent).splitlines()
    assert summary == "Bias gate: Violation. None of 1 check fails, but the data cannot be judged."
    assert "positive" in reason
    assert not more


def test_inconclusive_findings_are_listed() -> None:
    unsure = verdict_of({"a": (6, 4), "b": (5, 5)}, confidence=0.95, on_inconclusive="fail")

    assert format_text(unsure).splitlines()[0] == "Bias gate: Inconclusive. 0 of 1 check pass (1 inconclusive)."
    assert "reaches across a bound" in format_markdown(unsure)


def test_several_analyses_are_one_message() -> None:
    several = {**BIASED, "all": [FAIR, BIASED, BIASED]}

    lines = format_text(several).splitlines()
    assert lines[0] == "Bias gate: Violation. 2 of 3 checks of 3 analyses fail."
    assert len(lines) == 3


@pytest.mark.parametrize("value", HOSTILE)
@pytest.mark.parametrize("where", ["value", "column"])
def test_untrusted_names_stay_text(value: str, where: str) -> None:
    column, values = (
        ("f", {value: (60, 40), "b": (10, 90)}) if where == "value" else (value, {"a": (60, 40), "b": (10, 90)})
    )
    verdict = verdict_of(values, column)

    text = format_text(verdict)
    assert len(text.splitlines()) == 2
    assert text.replace("\n", "").isprintable()
    assert len(text) < 500
    assert_quiet_in_slack(format_slack(verdict))
    assert tags_in(format_html(verdict)) == {"p", "strong", "ul", "li", "bdi", "code"}
    assert markup_in(format_markdown(verdict)) == {
        "paragraph",
        "strong",
        "bullet_list",
        "list_item",
        "text",
        "code_inline",
    }


@pytest.mark.parametrize("value", HOSTILE)
def test_reasons_from_other_programs_stay_text(value: str) -> None:
    """The reason for an undefined metric may come from a file of another program."""
    found = {"facet": "f", "value": "b", "metric": "DPL", "outcome": "violation"}
    verdict = {
        **BIASED,
        "reasons": [value],
        "findings": [
            found | {"reason": f"DPL of f=b is not defined: {value}"},
            found | {"reason": value},
        ],
    }

    assert markup_in(format_markdown(verdict)) <= {
        "paragraph", "strong", "bullet_list", "list_item", "text", "code_inline",
    }  # fmt: skip
    assert_quiet_in_slack(format_slack(verdict))
    assert tags_in(format_html(verdict)) <= {"p", "strong", "ul", "li", "bdi", "code"}
    assert html.escape("<script>") not in format_text(verdict)


def markup_in(markdown: str) -> set[str]:
    """Return the types of the Markdown tokens, without line breaks."""
    reader = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    tokens = [token for block in reader.parse(markdown) for token in (block, *(block.children or ()))]
    kinds = {token.type.removesuffix("_open").removesuffix("_close") for token in tokens}
    # Many readers turn bare URLs outside of code into links.
    bare = " ".join(token.content for token in tokens if token.type == "text")
    assert "://" not in bare
    assert "www." not in bare
    assert "@" not in bare
    return kinds - {"inline", "softbreak"}


def assert_quiet_in_slack(message: str) -> None:
    """Slack creates mentions and links from text in angle brackets, and from bare URLs outside of code."""
    assert "<" not in message
    assert ">" not in message
    outside = re.sub("`[^`]*`", "", message)
    assert "`" not in outside
    assert not re.search(r"://|www\.|@|[*_~]", outside.replace("*Violation.*", ""))


def tags_in(document: str) -> set[str]:
    found: set[str] = set()

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: Any) -> None:
            assert not attrs
            found.add(tag)

    Reader().feed(document)
    return found
