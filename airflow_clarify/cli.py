"""The command line: the same engine without Airflow, for a laptop, for CI and for a container.

Exit status: 0 all is well, 1 the gate's verdict is no, 2 bad input or configuration. What is wrong is one line on
stderr, and nothing half-written is left.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from airflow_clarify import __version__
from airflow_clarify.exceptions import ClarifyError, ConfigError

if TYPE_CHECKING:
    from airflow_clarify.bias.config import AnalysisConfig, DataConfig
    from airflow_clarify.engines.base import Progress
    from airflow_clarify.engines.duckdb import DuckDBEngine

WELL, VERDICT_IS_NO, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command.

    :param argv: the arguments; None takes those of the process
    :return: the exit status
    """
    arguments = _parser().parse_args(argv)
    run: Callable[[argparse.Namespace], int] = arguments.run
    try:
        return run(arguments)
    except ClarifyError as error:
        print(f"airflow-clarify: {error}", file=sys.stderr)
        return BAD_INPUT
    except KeyboardInterrupt:
        print("airflow-clarify: interrupted", file=sys.stderr)
        return INTERRUPTED


# --- Commands -----------------------------------------------------------------------------------------------------


def _analyze(arguments: argparse.Namespace) -> int:
    """Measure the bias of a dataset, and write the files of an analysis."""
    from dataclasses import replace

    from airflow_clarify import outputs
    from airflow_clarify.bias.analysis import Analysis
    from airflow_clarify.reports.html import render
    from airflow_clarify.reports.table import table

    data, config = _data_and_config(arguments)
    with _TerminalProgress() as progress:
        analysis = Analysis.from_contingency(_engine(arguments).count(data, config, progress=progress), config)
    if arguments.output is not None:
        kinds = {"report": outputs.REPORT, "summary": outputs.SUMMARY, "analysis": outputs.ANALYSIS}
        analysis = replace(analysis, outputs=outputs.locations(arguments.output, kinds))
        files = {
            outputs.REPORT: render(analysis, config=config),
            outputs.SUMMARY: json.dumps(analysis.to_summary(), indent=4),
            outputs.CONFIG: config.to_json(),
            outputs.ANALYSIS: analysis.to_clarify_json(),
        }
        outputs.write_files(arguments.output, files)
    print("\n".join(table(analysis)))
    _print_warnings(analysis.warnings)
    if arguments.output is not None:
        print(f"Wrote {', '.join(files)} to {arguments.output}")
    return WELL


def _balance(arguments: argparse.Namespace) -> int:
    """Write a balanced copy of a dataset."""
    data = _data(arguments, dataset_type=arguments.dataset_type, label=None, headers=None)
    plan: dict[str, Any] = {
        "strategy": arguments.strategy,
        "size": arguments.size,
        "fraction": arguments.fraction,
        "seed": arguments.seed,
        "weight_column": arguments.weight_column,
        "empty": arguments.empty,
    }
    if arguments.missing is not None:
        plan["missing"] = arguments.missing
    with _TerminalProgress() as progress:
        result = _engine(arguments).balance(data, arguments.output, _columns(arguments.by), progress=progress, **plan)
    _print_warnings(result.warnings)
    print(f"Read {result.rows_in:,} rows, wrote {result.rows_out:,} to {arguments.output}")
    return WELL


def _gate(arguments: argparse.Namespace) -> int:
    """Judge an analysis."""
    from airflow_clarify.bias.thresholds import Thresholds
    from airflow_clarify.outputs import read_analysis
    from airflow_clarify.reports.table import table

    rules = Thresholds(
        _thresholds(arguments.threshold),
        min_rows=arguments.min_rows,
        below_min_rows=arguments.below_min_rows,
        confidence=arguments.confidence,
        on_inconclusive=arguments.on_inconclusive,
        undefined=arguments.undefined,
    )
    analysis = read_analysis(arguments.analysis)
    verdict = rules.judge(analysis)
    if arguments.json:
        print(json.dumps(verdict.to_json(), indent=4))
    else:
        print("\n".join([*table(analysis, verdict), f"Verdict {verdict.sentence}"]))
    return WELL if verdict.passed else VERDICT_IS_NO


# --- Arguments ----------------------------------------------------------------------------------------------------


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="airflow-clarify",
        description="Measure, repair and judge the bias of training data, as SageMaker Clarify does.",
    )
    parser.add_argument("--version", action="version", version=f"airflow-clarify {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_analyze(commands)
    _add_balance(commands)
    _add_gate(commands)
    return parser


def _add_analyze(commands: Any) -> None:
    command = commands.add_parser("analyze", help="measure the bias of a dataset", description=_analyze.__doc__)
    _add_data(command)
    command.add_argument("--config", metavar="FILE", help="an analysis_config.json; or say it with the options below")
    command.add_argument("--label", metavar="COLUMN", help="the label column")
    command.add_argument("--positive", metavar="VALUE,...", help="the positive label values, or a threshold")
    command.add_argument("--facet", metavar="COLUMN", action="append", help="a facet column; may be repeated")
    command.add_argument(
        "--facet-values", metavar="VALUE,...", help="the sensitive values, or a threshold, of a single facet"
    )
    command.add_argument("--group", metavar="COLUMN", help="the group variable, for CDDL")
    command.add_argument("--methods", metavar="NAME,...", default="all", help="metrics (default: all)")
    command.add_argument("--label-type", choices=("categorical", "continuous"), help="instead of Clarify's rule")
    command.add_argument("--facet-type", choices=("categorical", "continuous"), help="instead of Clarify's rule")
    command.add_argument("--weight", metavar="COLUMN", help="a column of row weights")
    command.add_argument("--output", metavar="FOLDER", help="where analysis.json, summary.json and report.html go")
    command.set_defaults(run=_analyze)


def _add_balance(commands: Any) -> None:
    command = commands.add_parser("balance", help="write a balanced copy of a dataset", description=_balance.__doc__)
    _add_data(command)
    command.add_argument("--by", metavar="COLUMN,...", required=True, help="the columns that make the strata")
    command.add_argument("--strategy", choices=("undersample", "oversample", "reweigh"), default="undersample")
    command.add_argument("--size", type=int, help="rows of each stratum")
    command.add_argument("--fraction", type=float, help="share of the rows of each stratum")
    command.add_argument("--seed", type=int, default=0, help="of the draw (default: 0)")
    command.add_argument("--weight-column", default="weight", help="the column that reweigh adds (default: weight)")
    command.add_argument("--empty", choices=("error", "ignore"), default="error", help="combinations without any row")
    command.add_argument("--missing", help="rows without a value in --by")
    command.add_argument("--output", metavar="FILE", required=True, help="the copy; never the source itself")
    command.set_defaults(run=_balance)


def _add_gate(commands: Any) -> None:
    command = commands.add_parser("gate", help="judge an analysis", description=_gate.__doc__)
    command.add_argument("--analysis", metavar="FILE", required=True, help="an analysis.json, ours or Clarify's")
    command.add_argument(
        "--threshold",
        metavar="METRIC=BOUND",
        action="append",
        required=True,
        help="DPL=0.1 (|DPL| <= 0.1), DPL=-0.05:0.1, or for one facet or value DPL:gender=0.1, DPL:gender:F=0.1",
    )
    command.add_argument("--min-rows", type=int, default=0, help="facet values with fewer rows are reported")
    command.add_argument("--below-min-rows", choices=("fail", "pass", "ignore"), default="fail")
    command.add_argument("--confidence", type=float, help="judge by confidence intervals at this level, such as 0.95")
    command.add_argument("--on-inconclusive", choices=("fail", "pass"))
    command.add_argument("--undefined", choices=("fail", "ignore"), default="fail", help="metrics without a value")
    command.add_argument("--json", action="store_true", help="print the verdict as JSON")
    command.set_defaults(run=_gate)


def _add_data(command: argparse.ArgumentParser) -> None:
    command.add_argument("--data", metavar="PATH", required=True, help="a file, folder, glob or URI")
    command.add_argument("--dataset-type", metavar="TYPE", help="such as text/csv; told from the file's name otherwise")
    command.add_argument("--csv-option", metavar="KEY=VALUE", action="append", default=[], help="such as delim=';'")
    command.add_argument("--no-header", action="store_true", help="the CSV file has no header row")
    command.add_argument("--na-values", metavar="TEXT,...", help="the texts that mean 'missing' (default: pandas')")
    command.add_argument("--memory-limit", metavar="SIZE", help="such as 2GB")
    command.add_argument("--threads", type=int, help="default: all cores")
    command.add_argument("--temp-directory", metavar="FOLDER", help="where to spill what does not fit in memory")


def _engine(arguments: argparse.Namespace) -> DuckDBEngine:
    from airflow_clarify.engines.duckdb import DuckDBEngine

    return DuckDBEngine(
        duckdb_conn_id=None,
        memory_limit=arguments.memory_limit,
        threads=arguments.threads,
        temp_directory=arguments.temp_directory,
    )


def _data(arguments: argparse.Namespace, **fields: Any) -> DataConfig:
    from airflow_clarify.bias.config import DataConfig

    return DataConfig(
        arguments.data,
        header_row=False if arguments.no_header else None,
        na_values=None if arguments.na_values is None else arguments.na_values.split(","),
        csv_options=dict(_pair(option, "--csv-option") for option in arguments.csv_option),
        **fields,
    )


def _data_and_config(arguments: argparse.Namespace) -> tuple[DataConfig, AnalysisConfig]:
    from airflow_clarify.bias.config import AnalysisConfig, BiasConfig
    from airflow_clarify.outputs import read_file

    spelt_out = {"--label": arguments.label, "--positive": arguments.positive, "--facet": arguments.facet}
    if arguments.config is not None:
        given = [option for option, value in spelt_out.items() if value is not None]
        if given:
            raise ConfigError(f"{given[0]}: the configuration says that already; give it or --config, one of the two")
        config = AnalysisConfig.parse(read_file(arguments.config), arguments.config)
        data = _data(
            arguments,
            dataset_type=arguments.dataset_type or config.dataset_type,
            headers=config.headers,
            weight=arguments.weight,
        )
        return data, AnalysisConfig(config.document, arguments.label_type, arguments.facet_type)
    missing = [option for option, value in spelt_out.items() if value is None]
    if missing:
        raise ConfigError(f"{missing[0]}: give it, or a whole --config analysis_config.json")
    data = _data(arguments, label=arguments.label, dataset_type=arguments.dataset_type, weight=arguments.weight)
    several = len(arguments.facet) > 1
    if several and arguments.facet_values is not None:
        raise ConfigError("--facet-values: for several facets give a --config analysis_config.json")
    bias = BiasConfig(
        label_values_or_threshold=_values(arguments.positive),
        facet_name=arguments.facet if several else arguments.facet[0],
        facet_values_or_threshold=None if arguments.facet_values is None else _values(arguments.facet_values),
        group_name=arguments.group,
        label_type=arguments.label_type,
        facet_type=arguments.facet_type,
    )
    methods = arguments.methods if arguments.methods == "all" else arguments.methods.split(",")
    return data, AnalysisConfig.build(data, bias, methods)


def _values(text: str) -> list[str | int | float]:
    """Values as they would stand in JSON: 1 is a number, F a text, "1" in quotes a text."""
    return [_value(part) for part in text.split(",")]


def _value(text: str) -> str | int | float:
    try:
        value = json.loads(text)
    except json.JSONDecodeError:
        return text
    return value if isinstance(value, str | int | float) and value == value else text


def _columns(text: str) -> list[str]:
    return [name for name in text.split(",") if name]


def _pair(text: str, option: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise ConfigError(f"{option}: {text!r} is not of the form KEY=VALUE")
    return key, value


def _thresholds(texts: Sequence[str]) -> dict[str, Any]:
    """``DPL:gender:F=0.1`` and the like as the mapping that :class:`Thresholds` takes."""
    rules: dict[str, Any] = {}
    for text in texts:
        where, bound = _pair(text, "--threshold")
        metric, *narrower = where.split(":", 2)
        facet, value = (*narrower, "*", "*")[:2]
        rules.setdefault(metric, {}).setdefault(facet, {})[value] = _bounds(bound, text)
    return rules


def _bounds(text: str, whole: str) -> float | tuple[float | None, float | None]:
    try:
        if ":" in text:
            low, high = text.split(":")
            return (float(low) if low else None, float(high) if high else None)
        return float(text)
    except ValueError:
        raise ConfigError(
            f"--threshold: {whole!r}: {text!r} is neither a number nor a range such as -0.05:0.1"
        ) from None


# --- The terminal -------------------------------------------------------------------------------------------------


def _print_warnings(warnings: Sequence[str]) -> None:
    for warning in warnings:
        print(f"warning: {warning}", file=sys.stderr)


class _TerminalProgress:
    """One line on stderr that says what is being done; silent where stderr is not a terminal."""

    def __enter__(self) -> Progress:
        self._shows = sys.stderr.isatty()
        return self._show

    def __exit__(self, *_: object) -> None:
        if self._shows:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)

    def _show(self, what: str, part: float) -> None:
        if self._shows:
            percent = f" {part:4.0%}" if part >= 0 else ""
            print(f"\r\x1b[K{what}{percent}", end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
