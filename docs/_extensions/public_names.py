"""Resolve types and references in docstrings to the public names of this package."""

from __future__ import annotations

from typing import Any

from docutils import nodes

import airflow_clarify


def setup(app: Any) -> dict[str, bool]:
    """Register the resolver for names that Sphinx does not find."""
    app.connect("missing-reference", _resolve)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _resolve(app: Any, env: Any, node: Any, shown: nodes.TextElement) -> Any:
    """Resolve a public name to its entry, whichever module it is written with; leave other types without a link."""
    if node.get("refdomain") != "py":
        return None
    target = node.get("reftarget", "")
    name = target.rsplit(".", 1)[-1]
    if name in airflow_clarify.__all__ and target != f"airflow_clarify.{name}":
        python = env.get_domain("py")
        ours = f"airflow_clarify.{name}"
        return python.resolve_xref(env, node["refdoc"], app.builder, node["reftype"], ours, node, shown)
    # An explicit reference such as :class:`...` is a literal, and Sphinx reports it if it has no target. The type of a
    # parameter is shown without a link.
    is_written = any(node.findall(nodes.literal))
    return None if is_written else shown
