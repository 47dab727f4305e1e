"""Configure Sphinx: neither building nor reading the pages needs a network."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "_extensions"))

# Reading the docstrings imports Airflow, which writes its configuration to its home: here, to a temporary folder.
if "AIRFLOW_HOME" not in os.environ:
    _home = tempfile.TemporaryDirectory(prefix="airflow-clarify-docs-")
    os.environ["AIRFLOW_HOME"] = _home.name

from airflow_clarify import __version__  # noqa: E402

project = "airflow-clarify"
copyright = "the contributors of airflow-clarify, Apache License 2.0"
version = release = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "mathml", "parameter_tables", "public_names", "project_files"]
exclude_patterns = ["_build", "_extensions"]

myst_enable_extensions = ["dollarmath", "deflist"]
# Headings down to this level can be linked to, as in databases.md#balance.
myst_heading_anchors = 3

html_theme = "furo"
html_title = f"airflow-clarify {version}"
html_static_path = ["_static"]
html_css_files = ["pages.css"]
html_show_sphinx = False
html_copy_source = False
html_show_sourcelink = False

# A reference without a target is an error.
nitpicky = True
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
autodoc_member_order = "bysource"
autodoc_class_signature = "mixed"
python_use_unqualified_type_names = True
