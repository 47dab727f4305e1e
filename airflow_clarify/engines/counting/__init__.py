"""Counting shared by the engines: from raw cells, in Python or in a database, to contingencies.

An engine groups its rows by their raw facet, label and group in one statement (:mod:`.cells`). The type of a column
(by Clarify's rules), the positive labels and the canonical text of each value are then derived from those few cells
instead of the rows.
"""
