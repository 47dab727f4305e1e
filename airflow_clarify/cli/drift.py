"""The part of the command ``gate`` that compares an analysis with a baseline."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from airflow_clarify.exceptions import ConfigError

if TYPE_CHECKING:
    from airflow_clarify.bias.analysis import Analysis
    from airflow_clarify.bias.drift import Drift
    from airflow_clarify.bias.thresholds import Verdict


def build_drift(arguments: argparse.Namespace) -> Drift | None:
    """Build the comparison that the options describe.

    :param arguments: the parsed options
    :return: the comparison; None without --drift
    :raises ConfigError: --baseline is missing, or is given without --drift
    """
    if arguments.drift is None:
        for option in ("baseline", "violations"):
            if getattr(arguments, option) is not None:
                raise ConfigError(f"--{option}: needs --drift, such as --drift DPL=0.05 or --drift model-monitor")
        return None
    if arguments.baseline is None:
        raise ConfigError("--drift: needs --baseline, the analysis.json to compare with")
    if arguments.threshold is None:
        if arguments.on_inconclusive is not None and arguments.confidence is None:
            raise ConfigError("--on-inconclusive: needs --confidence, such as 0.95")
        for option, default in (("min_rows", 0), ("below_min_rows", "fail")):
            if getattr(arguments, option) != default:
                raise ConfigError(f"--{option.replace('_', '-')}: it belongs to --threshold, which is not given")
    from airflow_clarify.bias.drift import DEFAULT_CONFIDENCE, MODEL_MONITOR, Drift
    from airflow_clarify.cli.parsing import parse_thresholds

    rules: Any = MODEL_MONITOR
    if arguments.drift != [MODEL_MONITOR]:
        if MODEL_MONITOR in arguments.drift:
            raise ConfigError("--drift: model-monitor cannot be combined with other rules; leave one out")
        rules = {metric: _get_common_bound(metric, rule) for metric, rule in parse_thresholds(arguments.drift).items()}
    return Drift(
        rules,
        confidence=arguments.confidence if arguments.confidence is not None else DEFAULT_CONFIDENCE,
        on_inconclusive=arguments.on_inconclusive or "pass",
        undefined=arguments.undefined,
    )


def judge_drift(drift: Drift, analysis: Analysis, arguments: argparse.Namespace) -> Verdict:
    """Compare an analysis with the baseline, and write the file of violations that is asked for.

    :param drift: the comparison
    :param analysis: the analysis of this run
    :param arguments: the parsed options
    :return: the verdict
    """
    from airflow_clarify.artifacts import read_analysis
    from airflow_clarify.bias.drift import build_constraint_violations
    from airflow_clarify.io.atomic import atomic_write, check_not_source

    baseline = read_analysis(arguments.baseline)
    verdict = drift.judge(analysis, baseline)
    if arguments.violations is not None:
        if not arguments.violations.strip():
            raise ConfigError(f"--violations: {arguments.violations!r} is not a name; give the name of a file")
        for source in (arguments.analysis, arguments.baseline):
            check_not_source(arguments.violations, source, [source])
        with atomic_write(arguments.violations) as staged:
            staged.write_text(build_constraint_violations(verdict, analysis, baseline), encoding="utf-8")
    return verdict


def _get_common_bound(metric: str, rule: Any) -> Any:
    """Return the bound of a metric that is the same for all facets."""
    while isinstance(rule, dict):
        if list(rule) != ["*"]:
            raise ConfigError(f"--drift: {metric}: the change is limited for all groups, as in {metric}=0.05")
        rule = rule["*"]
    return rule
