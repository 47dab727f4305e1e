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
from airflow_clarify.reports.model import Report
from airflow_clarify.reports.sections.distribution import Distribution, LabelSection
from airflow_clarify.reports.sections.facets import FacetSection, Measurement
from airflow_clarify.reports.sections.pictures import Picture
from airflow_clarify.reports.sections.predictions import GroupPredictions, summarize_stages
from airflow_clarify.reports.tables import build_tables

if TYPE_CHECKING:
    import jinja2
    from markupsafe import Markup

_TEMPLATE = "report.html.jinja"
_PICTURE = "dots.svg.jinja"
#: Tables that belong to the section of a facet.
_OF_FACETS = ("overview", "rates", "predictions", "stages")
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
    tables = build_tables(report)
    return _load_template(_TEMPLATE).render(
        report=report,
        tables=tables,
        facet_tables=lambda number: [
            table
            for name, table in tables.items()
            if name.endswith(f"-{number}") and name.partition("-")[0] in _OF_FACETS
        ],
    )


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
        label_bars=_draw_label_bars,
        group_bars=_draw_group_bars,
        stages_summary=lambda facet: summarize_stages(facet.stages),
    )
    environment.filters.update(
        word=phrases.name_outcome,
        describe=_describe_measurement,
        subscripts=_format_subscripts,
        along=_locate_percent,
        segments=_list_segments,
        capital=lambda text: f"{text[:1].upper()}{text[1:]}",
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


def _describe_measurement(measurement: Measurement, decimals: int, compared_with: str = "before") -> str:
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
        parts.append(f"{compared_with} {formatting.format_number(measurement.before, decimals)}")
    ends = [f"from {formatting.format_bound(measurement.low)}"] if measurement.low is not None else []
    ends += [f"to {formatting.format_bound(measurement.high)}"] if measurement.high is not None else []
    if ends:
        parts.append(" ".join(["allowed", *ends]))
    if measurement.outcome is not None:
        parts.append(measurement.outcome.value)
    return "; ".join(parts)


def _draw_label_bars(labels: LabelSection) -> list[Markup]:
    """Draw the bar of each label; the last row of the table, of all other labels, has none."""
    kinds = {True: "bar positive", False: "bar", None: "bar unknown"}
    bars = [_draw_bar((kinds[bar.positive], bar.size / labels.longest)) for bar in labels.bars]
    return [*bars, _draw_bar()]


def _draw_group_bars(distribution: Distribution) -> list[Markup]:
    """Draw the bar of each tested group, with its positive part first."""
    longest = distribution.longest
    return [
        _draw_bar(("bar positive", bar.positive_size / longest), ("bar", (bar.size - bar.positive_size) / longest))
        for bar in distribution.all_bars
    ]


def _draw_bar(*parts: tuple[str, float]) -> Markup:
    """Draw a bar as SVG. It repeats the numbers beside it, so it is hidden from screen readers."""
    from markupsafe import Markup

    drawn, start = "", 0.0
    for kind, width in parts:
        drawn += f'<rect class="{kind}" x="{100 * start:.2f}%" width="{100 * width:.2f}%" height="14"/>'
        start += width
    return Markup(f'<svg width="100%" height="14" aria-hidden="true">{drawn}</svg>')


def _list_segments(predictions: GroupPredictions) -> list[tuple[str, float, float]]:
    """List kind, start and width of the segments of a confusion bar, as shares of the group."""
    total, segments, start = float(predictions.confusion.total.weight), [], 0.0
    for kind in ("tp", "fn", "fp", "tn"):
        width = float(getattr(predictions.confusion, kind).weight) / total if total else 0.0
        segments.append((kind, start, width))
        start += width
    return segments


def _locate_percent(axis: Axis, value: float) -> str:
    return f"{100 * axis.locate(value):.2f}%"


def _format_subscripts(formula: str) -> Markup:
    """Format a formula with its indices as subscripts."""
    from markupsafe import Markup, escape

    parts = [str(escape(part)) for part in interpretations.split_indices(formula)]
    return Markup("".join(f"<sub>{part}</sub>" if index % 2 else part for index, part in enumerate(parts)))
