"""Airflow operators: thin translations from a task to the engines and the subject."""
