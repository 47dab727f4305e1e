"""Airflow operators: they convert arguments, results and errors between a task and the engines."""
