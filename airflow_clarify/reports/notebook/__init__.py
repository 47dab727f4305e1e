"""Render the report as a Jupyter notebook."""
