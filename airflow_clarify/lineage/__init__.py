"""Names of datasets, and what OpenLineage is given about a task."""
