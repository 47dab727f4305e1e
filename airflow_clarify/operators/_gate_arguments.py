"""Check and convert the arguments of the gate, while the DAG file is parsed and after its templates are rendered."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from airflow.providers.common.compat.sdk import Asset, AssetAlias, XComArg

from airflow_clarify.bias.argument_types import is_templated
from airflow_clarify.bias.config import STAGES, AnalysisConfig, BiasConfig
from airflow_clarify.bias.crossing import name_facet
from airflow_clarify.bias.metrics import OWN_METRICS
from airflow_clarify.bias.post_training import ALL_METRICS
from airflow_clarify.bias.thresholds import Thresholds
from airflow_clarify.exceptions import ConfigError
from airflow_clarify.operators._templates import parse_number, parse_rendered

_CHOICES = ("fail", "skip", "branch", "warn")
#: Airflow 3.3 reads the branch decision under map index -1, so every branch of a mapped gate would be followed.
BRANCHES_ARE_NOT_MAPPED = (
    "on_violation='branch': Airflow does not apply the branches of a mapped task, so a mapped gate, or one in a "
    "mapped task group, cannot branch; use 'fail' there"
)
#: It does not record what a mapped task skips, so only the trigger rules of downstream tasks decide.
_SKIPS_ARE_NOT_MAPPED = (
    "on_violation='skip': Airflow skips no task downstream of a mapped task against its trigger rule, so a "
    "mapped gate cannot skip; use 'fail', or a mapped task group with the gate and the tasks downstream of it"
)


def is_mapped(ti: Any) -> bool:
    return ti.map_index is not None and ti.map_index >= 0


def check_mapped(on_violation: Any) -> None:
    """Check that the reaction of a mapped gate is one that Airflow applies.

    :param on_violation: the reaction
    :raises ConfigError: it is "branch" or "skip"
    """
    if on_violation == "branch":
        raise ConfigError(BRANCHES_ARE_NOT_MAPPED)
    if on_violation == "skip":
        raise ConfigError(_SKIPS_ARE_NOT_MAPPED)


def check_reaction(on_violation: Any, branch_to: Any, outlets: Any) -> None:
    if on_violation not in _CHOICES:
        raise ConfigError(f"on_violation: one of {', '.join(map(repr, _CHOICES))}, not {on_violation!r}")
    if (on_violation == "branch") != bool(branch_to):
        raise ConfigError("branch_to: name the task to follow if on_violation='branch', and only then")
    if on_violation != "fail" and any(not isinstance(outlet, AssetAlias) for outlet in list_outlets(outlets)):
        raise ConfigError(
            f"outlets: with on_violation={on_violation!r} they would be updated even if the data do not pass, and DAGs "
            "that are scheduled on them would start; use asset_on_pass"
        )


def check_notifiers(notifiers: Sequence[Any], notify_on: Any) -> None:
    if notify_on not in ("violation", "always", "change"):
        raise ConfigError(f"notify_on: 'violation', 'always' or 'change', not {notify_on!r}")
    for notifier in notifiers:
        # Calling a class would only create a notifier, and send nothing.
        if isinstance(notifier, type) or not callable(notifier):
            raise ConfigError(
                f"on_verdict: a notifier, such as SmtpNotifier(to=...), or a list of them, not {notifier!r}"
            )


def check_asset(asset_on_pass: Any, asset_extra: Any) -> None:
    if asset_on_pass is not None and not isinstance(asset_on_pass, Asset):
        raise ConfigError(f"asset_on_pass: an Asset, such as Asset('checked'), not {asset_on_pass!r}")
    if asset_extra is not None and not isinstance(asset_extra, Mapping | str) and not is_templated(asset_extra):
        raise ConfigError(f"asset_extra: a mapping, such as {{'day': '{{{{ ds }}}}'}}, not {asset_extra!r}")


def list_outlets(outlets: Any) -> list[Any]:
    if outlets is None:
        return []
    return list(outlets) if isinstance(outlets, list | tuple) else [outlets]


def build_alias(asset: Asset) -> AssetAlias:
    """Build the alias for updating an asset on pass; a static outlet would be updated with any verdict."""
    return AssetAlias(f"airflow_clarify.passed:{asset.name}")


def is_in_mapped_group(task: Any) -> bool:
    return bool(list_mapped_groups(task))


def list_mapped_groups(task: Any) -> set[str]:
    return {str(group.group_id) for group in task.iter_mapped_task_groups()}


def replace_tasks(name: str, given: Any) -> Any:
    """Replace tasks among the given analyses by their outputs.

    :param name: the argument, for the error
    :param given: its value
    :raises ConfigError: it cannot be an analysis
    """
    if isinstance(given, list | tuple):
        return [replace_tasks(name, one) for one in given]
    output = getattr(given, "output", None)
    if isinstance(output, XComArg):
        return output
    if name == "analysis" and not given and not isinstance(given, list):
        raise ConfigError(f"analysis: give the output of a measuring task, as in bias.output, or a path, not {given!r}")
    if given is None or isinstance(given, str | Mapping) or is_templated(given) or hasattr(given, "__getitem__"):
        return given
    raise ConfigError(f"{name}: give the output of a measuring task, as in bias.output, or a path, not {given!r}")


def _parse_bounds(rules: Any, name: str) -> Any:
    """Parse bounds that templates have rendered to text, in nested mappings and lists."""
    if isinstance(rules, Mapping):
        return {key: _parse_bounds(rule, f"{name}: {key}") for key, rule in rules.items()}
    if isinstance(rules, list | tuple):
        return [parse_number(name, bound) for bound in rules]
    return parse_number(name, rules)


def read_rules(thresholds: Any, **options: Any) -> Thresholds:
    """Build the thresholds, parsing text that templates have rendered.

    :param thresholds: the rendered argument
    :param options: further arguments of :class:`~airflow_clarify.Thresholds`
    :raises ConfigError: the argument is not a valid set of thresholds
    """
    if isinstance(thresholds, Thresholds):
        return thresholds
    if isinstance(thresholds, str):
        thresholds = parse_rendered(thresholds)
    return Thresholds(
        _parse_bounds(thresholds, "thresholds") if isinstance(thresholds, Mapping) else thresholds, **options
    )


def check_measured(rules: Thresholds, analysis: Any) -> None:
    """Check that upstream measuring tasks measure the metrics and facets of the rules.

    :param rules: the thresholds
    :param analysis: the gate's argument; only outputs of this package's operators are checked
    :raises ConfigError: a metric or a facet of the rules is not measured
    """
    from airflow_clarify.operators.measure import MeasureBiasOperator

    for one in analysis if isinstance(analysis, list) else [analysis]:
        task: Any = getattr(one, "operator", None)
        arguments, kind = getattr(task, "partial_kwargs", None), getattr(task, "operator_class", type(task))
        if not (isinstance(kind, type) and issubclass(kind, MeasureBiasOperator)):
            continue
        # Arguments of a mapped task that are left out have their defaults, and those that are mapped are unknown.
        given = vars(task) if arguments is None else {**dict.fromkeys(kind.methods_arguments.values()), **arguments}
        methods, facets = _list_requested(given, kind.methods_arguments)
        missing = [name for name in rules.rules if methods is not None and name not in {*methods, *OWN_METRICS}]
        if missing:
            raise ConfigError(
                f"thresholds: {missing[0]} is not measured: methods of task '{task.task_id}' are "
                f"{', '.join(methods or ())}"
            )
        unknown = [facet for facet in rules.facets if facets is not None and facet not in facets]
        if unknown:
            raise ConfigError(
                f"thresholds: facet {unknown[0]!r} is not measured: the facets of task '{task.task_id}' are "
                f"{', '.join(map(repr, facets or ()))}"
            )


def _list_requested(
    given: Mapping[str, Any], methods_arguments: Mapping[str, str]
) -> tuple[Sequence[str] | None, Sequence[str] | None]:
    """Return the metrics and the facets that a task measures; None if unknown while parsing the DAG file.

    :param given: the arguments of the task by name
    :param methods_arguments: the argument with the metrics of each stage
    """
    config, bias = given.get("analysis_config"), given.get("bias_config")
    if isinstance(config, Mapping) and not is_templated(config):
        requested = AnalysisConfig(config)
        columns: Any = [facet.name for facet in requested.facets]
        methods = (*requested.methods, *requested.post_training_methods)
        return methods, columns if all(isinstance(column, str) for column in columns) else None
    if config is not None:
        return None, None
    columns = None
    if isinstance(bias, Mapping) and not is_templated(dict(bias)):
        bias = BiasConfig.coerce(bias)
    if isinstance(bias, BiasConfig) and not is_templated(bias.facet_name):
        columns = [name_facet(facet["name_or_index"]) for facet in bias.build_facets()]
        # The name of a column that is given by index is known only when the data are read.
        columns = columns if all(isinstance(column, str) for column in columns) else None
    return _list_methods([(STAGES[section], given.get(name)) for section, name in methods_arguments.items()]), columns


def _list_methods(stages: Iterable[tuple[str, Any]]) -> list[str] | None:
    """List the metrics of stages; None if those of one are unknown."""
    found: list[str] = []
    for stage, methods in stages:
        if methods == "all":
            found += [name for name, metric in ALL_METRICS.items() if metric.stage == stage and metric.is_clarifys]
        elif isinstance(methods, list | tuple | set) and not is_templated(methods):
            found += methods
        else:
            return None
    return found
