"""Notifications of verdicts, with any Airflow notifier."""
