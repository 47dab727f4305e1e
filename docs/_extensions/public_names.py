"""Lets the types and references of docstrings lead to our public names, and leaves those of others as they are."""

from __future__ import annotations

from typing import Any

from docutils import nodes

import airflow_clarify


def setup(app: Any) -> dict[str, bool]:
    """Help Sphinx with the names that it does not find."""
    app.connect("missing-reference", _lead)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _lead(app: Any, env: Any, node: Any, shown: nodes.TextElement) -> Any:
    """Where a name leads: a public one of ours to its entry, whichever module it is named with; a type nowhere."""
    if node.get("refdomain") != "py":
        return None
    target = node.get("reftarget", "")
    name = target.rsplit(".", 1)[-1]
    if name in airflow_clarify.__all__ and target != f"airflow_clarify.{name}":
        python = env.get_domain("py")
        ours = f"airflow_clarify.{name}"
        return python.resolve_xref(env, node["refdoc"], app.builder, node["reftype"], ours, node, shown)
    # What somebody wrote as a reference, :class:`...`, is shown as code, and is for Sphinx to complain of. The type of
    # a parameter is just named.
    is_written = any(node.findall(nodes.literal))
    return None if is_written else shown
