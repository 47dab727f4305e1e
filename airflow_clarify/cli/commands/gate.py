"""The command ``gate``: judge an analysis."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING

from airflow_clarify.cli.arguments import add_rule_arguments, build_thresholds
from airflow_clarify.cli.drift import build_drift, judge_drift
from airflow_clarify.cli.terminal import EXIT_OK, EXIT_VIOLATION, print_text, print_warnings
from airflow_clarify.exceptions import ConfigError

if TYPE_CHECKING:
    from airflow_clarify.bias.thresholds import Thresholds

DESCRIPTION = "Compare an analysis with thresholds; the exit status is the verdict."

EPILOG = """\
thresholds:
  DPL=0.1               |DPL| is at most 0.1 for every facet value
  DPL=-0.05:0.1         DPL is between the bounds; one of them may be omitted, as in DPL=:0.1
  DI=0.8                a ratio: DI is 0.8 to 1.25 (the four-fifths rule and its mirror image)
  DPL:gender=0.1        for the values of one facet
  DPL:gender:F=0.1      for one value, instead of the threshold for the others
  '{"DPL": {"a:b": [null, 0.1]}}'
                        JSON, as thresholds are written in a DAG; for names with colons

examples:
  airflow-clarify gate --analysis out/analysis.json --threshold DPL=0.1 --threshold KL=0.05
  airflow-clarify gate --analysis out/analysis.json --threshold DPL=0.1 --confidence 0.95 --on-inconclusive pass
  airflow-clarify gate --analysis out/analysis.json --threshold DPL=0.1 --confidence 0.95 --on-inconclusive pass \\
      --correction holm
  airflow-clarify gate --analysis s3://bucket/bias/analysis.json --threshold CI=0.5 --json
  airflow-clarify gate --analysis now/analysis.json --baseline base/analysis.json --drift DPL=0.05
  airflow-clarify gate --analysis now/analysis.json --baseline base/analysis.json --drift model-monitor \\
      --violations constraint_violations.json
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command.

    :param parser: its parser
    """
    parser.add_argument("--analysis", metavar="FILE", required=True, help="an analysis.json, also one of Clarify")
    parser.add_argument(
        "--threshold",
        metavar="METRIC=BOUND",
        action="append",
        help="a threshold, see below; may be repeated; optional with --drift",
    )
    add_rule_arguments(parser)
    parser.add_argument(
        "--correction",
        choices=("holm", "bonferroni", "by"),
        help="with --confidence: correct for the number of questions, over all groups and facets (default: none)",
    )
    drift = parser.add_argument_group("drift")
    drift.add_argument("--baseline", metavar="FILE", help="the analysis.json to compare with")
    drift.add_argument(
        "--drift",
        metavar="METRIC=CHANGE",
        action="append",
        help="the largest change against the baseline, such as DPL=0.05; or model-monitor, for Model Monitor's rule",
    )
    drift.add_argument("--violations", metavar="FILE", help="write a constraint_violations.json, as Model Monitor does")
    parser.add_argument("--json", action="store_true", help="print the verdict as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Run the command.

    :param arguments: the parsed options
    :return: the exit status
    """
    from airflow_clarify.api import gate
    from airflow_clarify.artifacts import read_analysis
    from airflow_clarify.bias.suppression import hide_small_counts, hide_small_findings
    from airflow_clarify.reports.console import format_table, sanitize_line

    rules = _build_thresholds(arguments)
    drift = build_drift(arguments)
    analysis = read_analysis(arguments.analysis)
    verdict = None if rules is None else gate(analysis, rules)
    if drift is not None:
        from airflow_clarify.bias.drift import combine

        drifted = judge_drift(drift, analysis, arguments)
        verdict = drifted if verdict is None else combine(verdict, drifted)
    assert verdict is not None
    verdict, shown = hide_small_findings(verdict, analysis), hide_small_counts(analysis)
    if arguments.json:
        print_text(json.dumps(verdict.to_json(), indent=4))
    else:
        print_text("\n".join([*format_table(shown, verdict), sanitize_line(f"Verdict {verdict.sentence}", None)]))
    print_warnings(warning for warning in shown.warnings if warning not in verdict.reasons)
    if analysis.rows is None:
        print_warnings(
            [f"{arguments.analysis}: there are no counts beside it, so whether any label is positive was not checked"]
        )
    return EXIT_OK if verdict.passed else EXIT_VIOLATION


def _build_thresholds(arguments: argparse.Namespace) -> Thresholds | None:
    if arguments.threshold is None:
        if arguments.drift is None:
            raise ConfigError("--threshold: give at least one, such as DPL=0.1, or --drift and --baseline")
        return None
    return build_thresholds(arguments, correction=arguments.correction)
