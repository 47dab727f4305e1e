"""What our operators share: arguments that are configuration objects, with templates inside."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseOperator, XComArg

from airflow_clarify.operators.plainly import at_parse_time

if TYPE_CHECKING:
    import jinja2
    from airflow.providers.common.compat.sdk import Context


class ConfiguredOperator(BaseOperator):
    """A task some of whose template fields are objects with template fields of their own.

    Airflow renders such objects in place. One object may serve several tasks, map indexes and runs, so every task gets
    a copy of its own, and every run another.
    """

    def render_template_fields(self, context: Context, jinja_env: jinja2.Environment | None = None) -> None:
        """Render the templates, in copies of the configuration objects."""
        for name in self.template_fields:
            setattr(self, name, own_copy(getattr(self, name)))
        super().render_template_fields(context, jinja_env)
        hide_unset_fields(self)

    def wait_for_nested(self, *configs: Any) -> None:
        """Make this task wait for those whose output stands inside a configuration object.

        Airflow looks for such references in template fields, but not in the fields of an object in a template field.
        """
        for config in configs:
            for name in getattr(config, "template_fields", ()):
                XComArg.apply_upstream_relationship(self, getattr(config, name))

    def check_now(self) -> None:
        """Find what can be found wrong when the DAG file is read.

        :raises ConfigError: with the task id in front
        """
        with at_parse_time(self.task_id):
            self._check()

    def _check(self) -> None:
        raise NotImplementedError


def own_copy(value: Any) -> Any:
    """A shallow copy of a configuration object; anything else as it is."""
    return copy.copy(value) if not isinstance(value, type) and hasattr(value, "template_fields") else value


def hide_unset_fields(task: BaseOperator) -> None:
    """Leave the fields that are None out of what Airflow shows as "Rendered Templates".

    :param task: the copy of a task that runs, with its templates rendered
    """
    task.template_fields = tuple(name for name in task.template_fields if getattr(task, name, None) is not None)
