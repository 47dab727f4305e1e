"""Render the report as one self-contained HTML page.

Facet values and column names can contain anything, markup and scripts included. So everything except the template is
escaped, and a content security policy forbids the browser to run or fetch anything that is not part of the template.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_clarify.reports import formatting, interpretations, phrases
from airflow_clarify.reports.axis import Axis
from airflow_clarify.reports.model import FacetSection, Measurement, Picture, Report

if TYPE_CHECKING:
    import jinja2
    from markupsafe import Markup

_TEMPLATE = "report.html.jinja"
_PICTURE = "dots.svg.jinja"
#: Name of the module in ``compiled`` of each template.
TEMPLATES: Mapping[str, str] = {_TEMPLATE: "report", _PICTURE: "dots"}
_FOLDER = Path(__file__).parent
#: Folder of the compiled templates.
COMPILED = _FOLDER / "compiled"


def render_html(report: Report) -> str:
    """Render a report as an HTML page.

    :param report: see :func:`airflow_clarify.reports.builder.build_report`
    :return: the page
    """
    return _load_template(_TEMPLATE).render(report=report)


def render_picture(picture: Picture, facet: FacetSection) -> str:
    """Render a single picture as SVG.

    :param picture: one of the pictures of ``facet``
    :param facet: the section of the facet column
    :return: the SVG element
    """
    return _load_template(_PICTURE).render(picture=picture, facet=facet).strip()


@cache
def _load_template(name: str) -> jinja2.Template:
    """Load a compiled template; compile it here if that was done by another version of Jinja or from another source."""
    import jinja2

    environment = create_environment()
    module = import_module(f"{__package__}.compiled.{TEMPLATES[name]}")
    source = hashlib.sha256(read_template(name).encode()).hexdigest()
    if (jinja2.__version__, source) != (module.JINJA, module.SOURCE):
        return environment.get_template(name)
    return environment.template_class.from_module_dict(environment, vars(module), environment.make_globals(None))


@cache
def create_environment() -> jinja2.Environment:
    """Create the Jinja environment, with the functions that the templates call."""
    import jinja2
    from markupsafe import Markup

    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(read_template),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=_prepare_value,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style, script = (Markup(read_template(name)) for name in ("report.css", "report.js"))
    environment.globals.update(
        style=style,
        script=script,
        policy=_build_content_security_policy(style, script),
        notation=interpretations.get_notation,
        formatting=formatting,
        phrases=phrases,
    )
    environment.filters.update(
        word=phrases.name_outcome, describe=_describe_measurement, subscripts=_format_subscripts, along=_locate_percent
    )
    environment.tests["name"] = lambda value: isinstance(value, formatting.Name)
    environment.tests["where"] = lambda value: isinstance(value, formatting.GroupName)
    return environment


def read_template(name: str) -> str:
    """Read a template or an asset of it.

    :param name: the file name
    """
    return (_FOLDER / name).read_text(encoding="utf-8")


def _build_content_security_policy(style: str, script: str) -> str:
    """Build the policy: nothing is fetched, and only the report's own style and script, by hash, apply."""
    style_hash, script_hash = (
        base64.b64encode(hashlib.sha256(part.encode()).digest()).decode() for part in (style, script)
    )
    return (
        f"default-src 'none'; style-src 'sha256-{style_hash}'; script-src 'sha256-{script_hash}'; "
        "base-uri 'none'; form-action 'none'"
    )


def _prepare_value(value: Any) -> Any:
    """Make invisible characters of a text visible before jinja2 escapes it; markup is kept."""
    return value if not isinstance(value, str) or hasattr(value, "__html__") else formatting.escape_invisible(value)


def _describe_measurement(measurement: Measurement, decimals: int) -> str:
    """Describe a measurement in one line, for screen readers and tooltips."""
    parts = [
        f"not defined ({measurement.error})"
        if measurement.value is None
        else formatting.format_number(measurement.value, decimals)
    ]
    if measurement.interval:
        parts.append(
            "interval {} to {}".format(*(formatting.format_number(end, decimals) for end in measurement.interval))
        )
    if measurement.before is not None:
        parts.append(f"before {formatting.format_number(measurement.before, decimals)}")
    ends = [f"from {formatting.format_bound(measurement.low)}"] if measurement.low is not None else []
    ends += [f"to {formatting.format_bound(measurement.high)}"] if measurement.high is not None else []
    if ends:
        parts.append(" ".join(["allowed", *ends]))
    if measurement.outcome is not None:
        parts.append(measurement.outcome.value)
    return "; ".join(parts)


def _locate_percent(axis: Axis, value: float) -> str:
    return f"{100 * axis.locate(value):.2f}%"


def _format_subscripts(formula: str) -> Markup:
    """Format a formula with its indices as subscripts."""
    from markupsafe import Markup, escape

    parts = [str(escape(part)) for part in interpretations.split_indices(formula)]
    return Markup("".join(f"<sub>{part}</sub>" if index % 2 else part for index, part in enumerate(parts)))
