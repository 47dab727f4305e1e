"""The core: configuration, counts, metrics, analysis, thresholds and resampling, without Airflow and engines."""
