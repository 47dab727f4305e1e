"""The sections of the report model."""
