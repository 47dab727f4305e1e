"""The subject: configuration, counts, metrics, analysis, thresholds and balance. Knows no Airflow and no engine."""
