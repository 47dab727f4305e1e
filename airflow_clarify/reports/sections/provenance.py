"""List the fingerprints and versions behind a report, so that it can serve as evidence in an audit."""

from __future__ import annotations

import hashlib
import json
import platform
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any

import airflow_clarify
from airflow_clarify.bias.analysis import Analysis
from airflow_clarify.bias.contingency import Split, WeightedCount
from airflow_clarify.io.redaction import redact_secrets
from airflow_clarify.reports import formatting

_LINE_BREAKS = re.compile(r"\s*[\r\n]\s*")
#: Default of a report whose numbers are not in files.
NO_HASHES: Mapping[str, str] = MappingProxyType({})


def list_evidence(
    analysis: Analysis,
    *,
    before: Analysis | None = None,
    data: str = "",
    hashes: Mapping[str, str] = NO_HASHES,
    created: datetime,
) -> Iterator[tuple[str, str]]:
    """List name and value of each version and fingerprint.

    :param analysis: the analysis
    :param before: the analysis of the same data before they were balanced
    :param data: location of the data: a path, a table or a query
    :param hashes: SHA-256 of the files that contain the numbers, by file name
    :param created: creation time of the report, in UTC
    """
    if data:
        yield "Data", redact_secrets(_LINE_BREAKS.sub(" ", data.strip()))
    if analysis.rows is not None:
        yield "Rows", formatting.format_count(analysis.rows)
    yield from _build_fingerprint(analysis, "Counts, SHA-256")
    if before is not None:
        yield from _build_fingerprint(before, "Counts before, SHA-256")
    for file, sha256 in hashes.items():
        yield f"{file}, SHA-256", sha256
    if analysis.config_sha256:
        yield "Configuration, SHA-256", analysis.config_sha256
    if analysis.engine:
        yield "Counted by", analysis.engine
    yield "Made by", f"airflow_clarify {airflow_clarify.__version__} on Python {platform.python_version()}"
    yield "Created", f"{created:%Y-%m-%d %H:%M:%S} UTC"


def _build_fingerprint(analysis: Analysis, name: str) -> Iterator[tuple[str, str]]:
    counts = compute_fingerprint(analysis)
    if counts:
        yield name, counts


def compute_fingerprint(analysis: Analysis) -> str | None:
    """Compute the SHA-256 of the counts of an analysis; None if it has no counts.

    It covers the label column, the positive label, and for each facet column the tested groups with their positive and
    negative rows, and with predictions their confusion matrices, in an order that does not depend on that of the data.
    So the same data have the same fingerprint, with every engine and in every order of rows. If the data are weighted,
    the sums of weights are included with nine significant digits, since engines round further digits differently.

    :return: 64 hexadecimal digits
    """
    facets = []
    for facet in analysis.facets:
        if facet.positive is None or facet.negative is None:
            return None
        groups = sorted([r.value, *_serialize_split(r.split, analysis)] for r in facet.results if r.split)
        whole = [*_serialize_count(facet.positive, analysis), *_serialize_count(facet.negative, analysis)]
        facets.append([facet.column, *whole, groups])
    counted = [analysis.label, analysis.label_value_or_threshold, sorted(facets, key=lambda facet: str(facet[0]))]
    return hashlib.sha256(json.dumps(counted).encode()).hexdigest()


def _serialize_split(split: Split, analysis: Analysis) -> list[int | str]:
    """Serialize the counts of a tested group: positive and negative labels, and predictions if they were counted."""
    cells = [split.d_positive, split.d_negative, *(split.d_confusion.cells if split.d_confusion else ())]
    return [part for cell in cells for part in _serialize_count(cell, analysis)]


def _serialize_count(tally: WeightedCount, analysis: Analysis) -> list[int | str]:
    """Serialize a count for the fingerprint: rows, and their weight if the data are weighted."""
    return [tally.rows, f"{float(tally.weight):.9g}"] if analysis.weighted else [tally.rows]


def redact_document(document: Any) -> Any:
    """Redact the passwords and signatures in the texts of a JSON document."""
    if isinstance(document, str):
        return redact_secrets(document)
    if isinstance(document, Mapping):
        return {key: redact_document(each) for key, each in document.items()}
    return [redact_document(each) for each in document] if isinstance(document, list | tuple) else document
