"""Render the report as a PDF."""
