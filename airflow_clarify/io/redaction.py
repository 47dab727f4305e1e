"""Redact passwords and signatures in URLs before they are shown or logged."""

from __future__ import annotations

import re

# A URL can have a password before its host; the password can contain an @.
_PASSWORD = re.compile(r"(?<=://)([^/@:\s]*):[^/\s]*@")
# A URL can have a signature after its path, up to the quote that ends the URL in an SQL query. In the path of an object
# store or a file system a question mark can be a wildcard, so there it must be followed by a name and an equals sign.
_QUERY_OF_A_URL = re.compile(
    r"((?:https?|abfss?|wasbs?)://[^?'\"\n]*\?|(?<![\w+.-])\w[\w+.-]*://[^?'\"\n]*\?(?=[\w.-]+=))[^'\"\n]*",
    re.IGNORECASE,
)
# In a sentence, a URL ends at the next blank, without the punctuation of the sentence.
_QUERY_IN_A_SENTENCE = re.compile(
    r"((?:https?|abfss?|wasbs?)://[^?'\"\s]*\?|(?<![\w+.-])\w[\w+.-]*://[^?'\"\s]*\?(?=[\w.-]+=))"
    r"[^'\"\s]*?(?=[:;,.)]*(?:\s|['\"]|$))",
    re.IGNORECASE,
)


def redact_secrets(data: str) -> str:
    """Mask the passwords and signatures of URLs in a data location or an SQL query.

    :param data: the location or query
    :return: the same with ``***`` for each secret

    >>> redact_secrets("postgresql://ana:secret@db/reviews")
    'postgresql://ana:***@db/reviews'
    >>> redact_secrets("https://bucket/reviews.csv?signature=secret")
    'https://bucket/reviews.csv?***'
    >>> redact_secrets("from read_csv('https://bucket/my reviews.csv?signature=secret', header=true)")
    "from read_csv('https://bucket/my reviews.csv?***', header=true)"
    """
    return _QUERY_OF_A_URL.sub(r"\1***", _PASSWORD.sub(r"\1:***@", data))


def redact_sentence(sentence: str) -> str:
    """Mask the passwords and signatures of URLs in a sentence, without other changes.

    :param sentence: the sentence
    :return: the same with ``***`` for each secret

    >>> redact_sentence("http://ana:secret@host/x.csv?sig=secret: no file there; check the path")
    'http://ana:***@host/x.csv?***: no file there; check the path'
    """
    if "://" not in sentence:
        return sentence
    return _QUERY_IN_A_SENTENCE.sub(r"\1***", _PASSWORD.sub(r"\1:***@", sentence))
