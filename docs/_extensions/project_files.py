"""Links from a page to what is no page: they work where the project is read, and in what is built.

A page is read in two places: in the repository, where ``../dags/loan_approvals.py`` is a link, and as HTML, where the
file is a download. Sphinx does the second for files anywhere, and a folder has no page to lead to: it becomes its name.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from docutils import nodes


def setup(app: Any) -> dict[str, bool]:
    """Turn links to folders of the project into plain text; one that leads nowhere stays, and Sphinx complains."""
    app.connect("doctree-read", _unlink_folders)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _unlink_folders(app: Any, doctree: nodes.document) -> None:
    from sphinx.addnodes import pending_xref

    here = Path(app.env.doc2path(app.env.docname)).parent
    for link in list(doctree.findall(pending_xref)):
        if link.get("reftype") == "myst" and (here / link["reftarget"]).is_dir():
            link.replace_self(link.children)
