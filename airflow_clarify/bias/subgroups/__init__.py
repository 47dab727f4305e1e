"""The search for subgroups: combinations of values that differ by more than their parents explain.

- :mod:`~airflow_clarify.bias.subgroups.config`: the question
- :mod:`~airflow_clarify.bias.subgroups.combinations`: the counts that an engine delivers
- :mod:`~airflow_clarify.bias.subgroups.search`: the algorithm
- :mod:`~airflow_clarify.bias.subgroups.result`: the answer, and its serialization

Only combinations, search and significance import NumPy.
"""
