"""Where the numbers of a report come from: fingerprints and versions, so that it can stand as evidence in an audit."""

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
from airflow_clarify.bias.contingency import WeightedCount
from airflow_clarify.io.redaction import redact_secrets
from airflow_clarify.reports import formatting

_LINE_BREAKS = re.compile(r"\s*[\r\n]\s*")
#: What a report that knows no file says of files.
NO_HASHES: Mapping[str, str] = MappingProxyType({})


def list_evidence(
    analysis: Analysis,
    *,
    before: Analysis | None = None,
    data: str = "",
    hashes: Mapping[str, str] = NO_HASHES,
    created: datetime,
) -> Iterator[tuple[str, str]]:
    """Name and value of each version and fingerprint.

    :param before: the analysis of the same data before they were repaired
    :param data: where the data lie: a path, a table or a query
    :param hashes: the SHA-256 of files that the numbers are in, by what they are called
    :param created: when the report was made, in UTC
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
    """A SHA-256 over what was counted; None where the analysis has no counts.

    It is taken of the label column, what counts as positive, and of each facet column its tested groups with their
    positive and other rows, in an order that does not depend on that of the data. So the same data have the same
    fingerprint, whatever counted them and in whichever order. Where rows have weights, so has what was counted: sums
    of weights stand beside the rows with nine digits, since engines round what is beyond differently.

    :return: 64 hexadecimal digits
    """
    facets = []
    for facet in analysis.facets:
        if facet.positive is None or facet.negative is None:
            return None
        groups = sorted(
            [r.value, *_serialize_count(r.split.d_positive, analysis), *_serialize_count(r.split.d_negative, analysis)]
            for r in facet.results
            if r.split
        )
        whole = [*_serialize_count(facet.positive, analysis), *_serialize_count(facet.negative, analysis)]
        facets.append([facet.column, *whole, groups])
    counted = [analysis.label, analysis.label_value_or_threshold, sorted(facets, key=lambda facet: str(facet[0]))]
    return hashlib.sha256(json.dumps(counted).encode()).hexdigest()


def _serialize_count(tally: WeightedCount, analysis: Analysis) -> list[int | str]:
    """What a fingerprint is taken of: rows, and their weight where they have any."""
    return [tally.rows, f"{float(tally.weight):.9g}"] if analysis.weighted else [tally.rows]


def redact_document(document: Any) -> Any:
    """A JSON document without the passwords and the signatures that its texts may hold."""
    if isinstance(document, str):
        return redact_secrets(document)
    if isinstance(document, Mapping):
        return {key: redact_document(each) for key, each in document.items()}
    return [redact_document(each) for each in document] if isinstance(document, list | tuple) else document
