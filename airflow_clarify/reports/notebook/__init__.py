"""The report as a Jupyter notebook."""
