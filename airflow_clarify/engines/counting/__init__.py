"""Counting: from raw cells, wherever they are, to contingencies.

An engine groups its rows by their raw facet, label and group, in one statement (:mod:`.cells`). What a column is
(Clarify's rules), which labels are positive and how values are written is asked of those few cells, not of the rows.
"""
