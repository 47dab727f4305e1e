"""Telling people of a verdict, with any notifier of Airflow's."""
