"""Names of datasets, and the lineage of tasks for OpenLineage."""
