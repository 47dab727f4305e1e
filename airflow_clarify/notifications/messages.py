"""Format a verdict as a message in plain text, Markdown, Slack's mrkdwn or HTML, for a chat or a mail.

Names from the data are untrusted. In plain text their invisible characters are escaped; in Markdown they are code
spans, in which readers create no links, images or headings; in HTML and in Slack's mrkdwn they are escaped, so that
they neither mention users nor become links.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from airflow_clarify.bias.analysis import display_name
from airflow_clarify.reports.formatting import escape_invisible, format_date, format_plural

#: Number of findings that a message lists; the others are counted.
MAX_FINDINGS = 5

_HEADLINES = {"pass": "Passed", "violation": "Violation", "inconclusive": "Inconclusive"}
#: Text without any meaning in Markdown, at every position in a line.
_HARMLESS = re.compile(r"(?!.*(?:\]\(|www\.))(?:[^\W_]|[ .,;:%'()\[\]-])*", re.IGNORECASE)


def format_text(verdict: Mapping[str, Any], url: str | None = None) -> str:
    """Format a verdict as plain text.

    :param verdict: the gate's XCom ``verdict``
    :param url: the page to link to
    :return: the outcome, the worst findings and the address, a line each
    """
    message = _Message.from_verdicts(verdict)
    link = [url] if url else []
    opening = f"Bias gate: {message.name_outcome(str)}. {message.summary}"
    return "\n".join([opening, *message.name_run(str), *message.list_bullets(str), *link])


def format_markdown(verdict: Mapping[str, Any], url: str | None = None) -> str:
    """Format a verdict as Markdown, for the body of an approval or a chat.

    :param verdict: the gate's XCom ``verdict``
    :param url: the page to link to
    """
    message = _Message.from_verdicts(verdict)
    bullets = "\n".join(message.list_bullets(_format_code))
    opening = f"**{message.name_outcome(_format_code)}.** {message.summary}"
    parts = [opening, *message.name_run(_format_code), bullets, f"[Full verdict]({url})" if url else ""]
    return "\n\n".join(part for part in parts if part)


def format_slack(verdict: Mapping[str, Any], url: str | None = None) -> str:
    """Format a verdict as Slack's mrkdwn, which is not Markdown.

    :param verdict: the gate's XCom ``verdict``
    :param url: the page to link to
    """
    message = _Message.from_verdicts(verdict)
    link = [f"<{html.escape(url, quote=False)}|Full verdict>"] if url else []
    opening = f"*{message.headline}*{message.name_data(_format_slack_code)}. {message.summary}"
    if not message.data:
        opening = f"*{message.headline}.* {message.summary}"
    return "\n".join([opening, *message.name_run(_format_slack_code), *message.list_bullets(_format_slack_code), *link])


def format_html(verdict: Mapping[str, Any], url: str | None = None) -> str:
    """Format a verdict as an HTML fragment, for a mail.

    :param verdict: the gate's XCom ``verdict``
    :param url: the page to link to
    """
    message = _Message.from_verdicts(verdict)
    lines = [
        (f"{_format_html_code(line.data)}: " if line.data else "")
        + (f"{line.before}{_format_html_code(line.name)}" if line.name else "")
        + html.escape(line.after)
        for line in message.lines
    ]
    lines += [message.more] if message.more else []
    items = "".join(f"<li>{line}</li>" for line in lines)
    return "".join(
        [
            f"<p><strong>{message.name_outcome(_format_html_code)}.</strong> {message.summary}</p>",
            *(f"<p>{line}</p>" for line in message.name_run(_format_html_code)),
            f"<ul>{items}</ul>" if items else "",
            f'<p><a href="{html.escape(url)}">Full verdict</a></p>' if url else "",
        ]
    )


@dataclass(frozen=True)
class _Line:
    """A finding: the name of the tested group, if there is one, with the text before and after it."""

    before: str
    name: str
    after: str
    #: The name of the data, if the gate has judged several analyses.
    data: str = ""


@dataclass(frozen=True)
class _Message:
    headline: str
    summary: str
    lines: Sequence[_Line]
    more: str
    data: str
    run: Mapping[str, str]

    @classmethod
    def from_verdicts(cls, verdict: Mapping[str, Any]) -> _Message:
        """Build the message of a verdict, or of the several verdicts of one gate."""
        verdicts: Sequence[Mapping[str, Any]] = verdict.get("all") or [verdict]
        lines = [replace(line, data=_name_data(one)) for one in verdicts for line in _build_lines(one)]
        if len(verdicts) == 1:
            lines = [replace(line, data="") for line in lines]
        named = lines[:MAX_FINDINGS]
        more = _count_not_named(verdicts, len(named))
        return cls(
            _HEADLINES.get(verdict["outcome"], "Violation"),
            _summarize(verdicts),
            named,
            f"and {format_plural(more, 'more finding', 'more findings')}" if more else "",
            _name_data(verdict) if len(verdicts) == 1 else "",
            verdict.get("run") or {},
        )

    def name_outcome(self, code: Callable[[str], str]) -> str:
        """Return the outcome, with the name of the data."""
        return f"{self.headline}{self.name_data(code)}"

    def name_data(self, code: Callable[[str], str]) -> str:
        return f" in {code(self.data)}" if self.data else ""

    def name_run(self, code: Callable[[str], str]) -> Iterator[str]:
        """Yield one line with the DAG, the task, the run and its date; nothing if they are unknown."""
        if "dag_id" not in self.run:
            return
        task = self.run["task_id"] + (f" [{self.run['instance']}]" if "instance" in self.run else "")
        line = f"DAG {code(escape_invisible(self.run['dag_id']))}, task {code(escape_invisible(task))}"
        line += f", run {code(escape_invisible(self.run['run_id']))}"
        yield line + (f", {format_date(self.run['date'])}" if self.run.get("date") else "")

    def list_bullets(self, code: Callable[[str], str]) -> Iterator[str]:
        """Yield the findings, one line each.

        :param code: formats names, and other text that is not harmless, as code
        """
        for line in self.lines:
            data = f"{code(line.data)}: " if line.data else ""
            yield f"- {data}{line.before}{code(line.name) if line.name else ''}{_escape_controls(line.after, code)}"
        if self.more:
            yield f"- {self.more}"


def _name_data(verdict: Mapping[str, Any]) -> str:
    return escape_invisible(str(verdict.get("data", "")))


def _build_lines(verdict: Mapping[str, Any]) -> Iterator[_Line]:
    if verdict["outcome"] == "pass":
        return
    for reason in verdict["reasons"]:
        yield _Line("", "", escape_invisible(reason))
    for finding in verdict["findings"]:
        # Of two groups that mirror each other, only one is counted, and listed.
        if finding["outcome"] == verdict["outcome"] and "mirror_of" not in finding:
            yield _build_line(finding)


def _build_line(finding: Mapping[str, Any]) -> _Line:
    name = f"{display_name(finding['facet'])}={display_name(finding['value'])}"
    before = f"{finding['metric']} of "
    reason = finding.get("reason", "")
    if not reason.startswith(before + name):
        return _Line("", "", escape_invisible(reason))
    return _Line(before, escape_invisible(name), escape_invisible(reason.removeprefix(before + name)))


def _summarize(verdicts: Sequence[Mapping[str, Any]]) -> str:
    ignored, passed = _count_checks(verdicts, "ignored"), _count_checks(verdicts, "pass")
    not_judged = sum(int(one.get("not_judged", 0)) for one in verdicts)
    judged = sum(sum(one["checks"].values()) for one in verdicts) - ignored - not_judged
    where = f" of {len(verdicts)} analyses" if len(verdicts) > 1 else ""
    notes = [f"{count} {name}" for name in ("inconclusive", "ignored") if (count := _count_checks(verdicts, name))]
    if not_judged:
        notes.append(f"{not_judged} not judged: fewer rows than min_rows")
    note = f" ({', '.join(notes)})" if notes else ""
    checks = f"{format_plural(judged, 'check', 'checks')}{where}"
    if broken := _count_checks(verdicts, "violation"):
        return f"{broken} of {checks} {'fails' if broken == 1 else 'fail'}{note}."
    if any(one["reasons"] for one in verdicts):
        return f"None of {checks} fails, but the data cannot be judged{note}."
    if not judged:
        return f"No check was judged{where}{note}."
    passed -= not_judged
    return f"{passed} of {checks} {'passes' if passed == 1 else 'pass'}{note}."


def _count_not_named(verdicts: Sequence[Mapping[str, Any]], named: int) -> int:
    """Count the findings that are not listed, including those that XCom does not contain."""
    found = sum(len(one["reasons"]) + one["checks"][one["outcome"]] for one in verdicts if one["outcome"] != "pass")
    return max(0, int(found) - named)


def _count_checks(verdicts: Sequence[Mapping[str, Any]], outcome: str) -> int:
    return sum(int(one["checks"].get(outcome, 0)) for one in verdicts)


def _escape_controls(text: str, code: Callable[[str], str]) -> str:
    return text if _HARMLESS.fullmatch(text) else code(text)


def _format_html_code(text: str) -> str:
    return f"<bdi><code>{html.escape(text)}</code></bdi>"


def _format_slack_code(text: str) -> str:
    """Format a code span for Slack, which has no longer fences, so a backtick is replaced by a similar character."""
    return f"`{html.escape(text.replace('`', chr(0x02CB)), quote=False)}`"


def _format_code(text: str) -> str:
    """Format a Markdown code span, fenced by more backticks than any run of them in the text."""
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", text)), default=0))
    space = " " if text.startswith(("`", " ")) or text.endswith(("`", " ")) else ""
    return f"{fence}{space}{text}{space}{fence}"
