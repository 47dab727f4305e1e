"""Base classes of the operators: checks of rendered templates, and configuration objects as arguments."""

from __future__ import annotations

import copy
import inspect
import math
import re
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.common.compat.sdk import BaseOperator, XComArg

from airflow_clarify.exceptions import ConfigError
from airflow_clarify.operators._errors import parse_time_errors

if TYPE_CHECKING:
    import jinja2
    from airflow.providers.common.compat.sdk import Context

    from airflow_clarify.bias.config import DataConfig

    _Base = BaseOperator
else:
    # Not a subclass of BaseOperator: Airflow's metaclass would skip the constructors of sibling base classes.
    _Base = object

#: A parameter in a docstring, with its description.
_PARAMETER = re.compile(r"^ *:param (\w+):.*?(?=^ *:(?:param|return|raises)\b|^ *\Z)", re.MULTILINE | re.DOTALL)


class TemplateChecks(_Base):
    """Reject templates that render to None, for every template field.

    Jinja renders None as the text "None", which would then be used as a path, a column or a connection. The check runs
    when the task executes, so that it fails like any other mistake: with one sentence, and without retries.

    If the DAG renders templates as native objects, a template may set an argument to None explicitly, if None is its
    default: the template then contains ``none``, as in ``{{ params.image_uri or none }}``.
    """

    #: Arguments that may be None, and whose template may therefore render to None.
    none_allowed: ClassVar[frozenset[str]] = frozenset()

    _nones: list[tuple[str, str]]

    def _do_render_template_fields(
        self,
        parent: Any,
        template_fields: Iterable[str],
        context: Context,
        jinja_env: jinja2.Environment,
        seen_oids: set[int],
    ) -> None:
        """Render fields one by one, to attribute a None to its field; Airflow calls this for mapped tasks too."""
        outer: tuple[str, Any] = getattr(self, "_rendered_field", ""), getattr(self, "_rendered_parent", None)
        for name in template_fields:
            self._rendered_field = name
            self._rendered_parent = parent
            if parent is self:
                self._as_written = {**getattr(self, "_as_written", {}), name: getattr(self, name, None)}
            super()._do_render_template_fields(parent, (name,), context, jinja_env, seen_oids)
        self._rendered_field, self._rendered_parent = outer

    def render_template(
        self,
        content: Any,
        context: Context,
        jinja_env: jinja2.Environment | None = None,
        seen_oids: set[int] | None = None,
    ) -> Any:
        """Render a template, and record where it gives None.

        Parameters and return value are those of :meth:`airflow.sdk.BaseOperator.render_template`.
        """
        if isinstance(content, str) and "{{" in content:
            environment = self.get_template_env() if jinja_env is None else jinja_env
            jinja_env = environment.overlay(finalize=lambda value: self._note_none(value, f"the template {content!r}"))
            before = list(getattr(self, "_nones", []))
            rendered = super().render_template(content, context, jinja_env, seen_oids)
            if rendered is None and self._may_be_none(content):
                self._nones = before
            return rendered
        if isinstance(content, XComArg):
            return self._note_none(self._resolve(content, context), f"the output of {_name_tasks(content)}")
        return super().render_template(content, context, jinja_env, seen_oids)

    def check_rendered(self) -> None:
        """Check that no template rendered to None.

        :raises ConfigError: a template did, in a field that requires a value
        """
        for name, what in getattr(self, "_nones", []):
            if name not in self.none_allowed:
                raise ConfigError(
                    f"{name}: {what} gave None; check what it refers to: a parameter that is not set, or a task that "
                    "did not run or returned nothing"
                )

    def _may_be_none(self, template: str) -> bool:
        """Return whether a template that gave None, not the text "None", is allowed to."""
        name, parent = self._rendered_field, self._rendered_parent
        if name in getattr(parent, "none_allowed", ()):
            return True
        parameter = inspect.signature(type(parent)).parameters.get(name)
        is_whole = getattr(parent, name, None) == template
        return bool(parameter and parameter.default is None and is_whole and re.search(r"\b[nN]one\b", template))

    def _note_none(self, value: Any, what: str) -> Any:
        if value is None:
            self._nones = [*getattr(self, "_nones", []), (self._rendered_field, what)]
        return value

    def _resolve(self, reference: XComArg, context: Context) -> Any:
        try:
            return reference.resolve(context)
        except Exception as error:
            # For an XCom with a custom key Airflow raises instead of returning None. The class has moved.
            if type(error).__name__ == "XComNotFound":
                return None
            raise


def _name_tasks(reference: XComArg) -> str:
    return "task " + ", ".join(repr(operator.task_id) for operator, _ in reference.iter_references())


class ConfiguredOperator(TemplateChecks, BaseOperator):
    """Base class of operators with template fields that are configuration objects.

    Airflow renders such objects in place. One object may be used by several tasks, map indexes and runs, so every task
    gets its own copy, and every run another.
    """

    # Defined explicitly: Airflow's metaclass would otherwise copy BaseOperator's constructor, and a mapped task would
    # keep its None for inlets and outlets instead of empty lists.
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)

    def render_template_fields(self, context: Context, jinja_env: jinja2.Environment | None = None) -> None:
        """Render the template fields, in copies of the configuration objects.

        :param context: of the task
        :param jinja_env: the Jinja environment; the DAG's by default
        """
        for name in self.template_fields:
            setattr(self, name, copy_config(getattr(self, name)))
        super().render_template_fields(context, jinja_env)
        hide_unset_fields(self)

    def wait_for_nested(self, *configs: Any) -> None:
        """Set tasks upstream whose output is used inside a configuration object.

        Airflow finds such references in template fields, but not in the fields of an object in a template field.

        :param configs: configuration objects; anything else is ignored
        """
        for config in configs:
            for name in getattr(config, "template_fields", ()):
                XComArg.apply_upstream_relationship(self, getattr(config, name))

    def _log_progress(self, what: str, part: float) -> None:
        self.log.debug("%s (%.0f %%)", what, 100 * max(part, 0))

    def check_now(self) -> None:
        """Check the arguments that are known when the DAG file is parsed.

        :raises ConfigError: an argument is wrong; the message begins with the task id
        """
        with parse_time_errors(self):
            self._check()

    def _check(self) -> None:
        raise NotImplementedError


def inherit_parameters(cls: type, first: Sequence[str] = ()) -> None:
    """Complete the signature and the docstring of a class with the parameters of its base class.

    So editors, ``help()`` and the documentation list all parameters of an operator, and what several operators share
    is written once.

    :param cls: the class; its constructor passes other arguments on to that of its base class
    :param first: the parameters of the base class that are listed before those of the class
    """
    base = cls.__bases__[0]
    own = dict(inspect.signature(getattr(cls, "__init__")).parameters)  # noqa: B009
    inherited = dict(inspect.signature(base).parameters)
    del own["self"], own["kwargs"]
    before = [inherited.pop(name) for name in first]
    parameters = [*before, *own.values(), *(inherited[name] for name in inherited if name not in own)]
    setattr(cls, "__signature__", inspect.Signature(parameters))  # noqa: B010
    text = cls.__doc__ or ""
    described = {found[1]: found[0] for found in _PARAMETER.finditer(base.__doc__ or "")}
    start, end = re.search(r"^ *:param", text, re.MULTILINE), re.search(r"^ *:raises", text, re.MULTILINE)
    if start is not None and described:
        head = "".join(described.pop(name, "") for name in first)
        stop = len(text.rstrip()) + 1 if end is None else end.start()
        rest = "".join(described.values())
        cls.__doc__ = text[: start.start()] + head + text[start.start() : stop] + rest + text[stop:]


def check_engine(engine: Any) -> None:
    """Check that an argument is an engine.

    :param engine: the argument
    :raises ConfigError: it is something else, such as the name or the class of an engine
    """
    if isinstance(engine, type):
        raise ConfigError(f"engine: {engine.__name__} is a class; write {engine.__name__}(...), with its arguments")
    if not callable(getattr(engine, "check_data", None)):
        raise ConfigError(
            "engine: give an engine, such as DuckDBEngine(), SQLEngine(conn_id), SparkEngine() or "
            f"SageMakerEngine(role), not {engine!r}"
        )


def check_flag(name: str, value: Any) -> None:
    """Check that an argument is True or False.

    :param name: the argument, for the error
    :param value: its value
    :raises ConfigError: it is something else; any text, even "no", would count as True
    """
    if not isinstance(value, bool):
        raise ConfigError(f"{name}: True or False, not {value!r}")


def check_seconds(name: str, value: Any) -> None:
    """Check that an argument is a positive duration.

    :param name: the argument, for the error
    :param value: its value: seconds, or a timedelta
    :raises ConfigError: it is neither a number of seconds above 0 nor a positive timedelta
    """
    seconds = value.total_seconds() if isinstance(value, timedelta) else value
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 < seconds < math.inf:
        raise ConfigError(f"{name}: a number of seconds above 0, or a timedelta, not {value!r}")


def copy_config(value: Any) -> Any:
    """Return a shallow copy of a configuration object, and any other value unchanged."""
    return copy.copy(value) if not isinstance(value, type) and hasattr(value, "template_fields") else value


def hide_unset_fields(task: BaseOperator) -> None:
    """Remove fields that are None from what Airflow shows as "Rendered Templates".

    :param task: the running copy of a task, with its templates rendered
    """
    task.template_fields = tuple(name for name in task.template_fields if getattr(task, name, None) is not None)


def check_keeps_counts(suppress_below: int, data: DataConfig, kept: str) -> None:
    """Check that hidden counts are kept somewhere, for the gate.

    :param suppress_below: counts under this number are hidden
    :param data: the data configuration
    :param kept: the files that keep them, with their verb, for the error message
    :raises ConfigError: there is no folder for the files
    """
    if suppress_below and data.output_path is None:
        raise ConfigError(
            f"suppress_below: set output_path in the DataConfig; {kept} the hidden counts, from which the gate judges"
        )
