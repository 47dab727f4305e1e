"""Handle links from pages to files and folders of the project.

In the repository, ``../dags/loan_approvals.py`` is a link; in HTML, Sphinx makes the file a download. A folder has no
page in HTML, so a link to it becomes plain text.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from docutils import nodes


def setup(app: Any) -> dict[str, bool]:
    """Turn links to existing folders into plain text; Sphinx reports links without a target."""
    app.connect("doctree-read", _unlink_folders)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _unlink_folders(app: Any, doctree: nodes.document) -> None:
    from sphinx.addnodes import pending_xref

    here = Path(app.env.doc2path(app.env.docname)).parent
    for link in list(doctree.findall(pending_xref)):
        if link.get("reftype") == "myst" and (here / link["reftarget"]).is_dir():
            link.replace_self(link.children)
