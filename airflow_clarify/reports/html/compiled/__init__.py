"""The templates of the report, compiled by ``scripts/templates.py``."""
