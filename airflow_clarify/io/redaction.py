"""Passwords and signatures that URLs carry, taken out of what people and logs get to see."""

from __future__ import annotations

import re

# A URL can carry a password before its host, in which there can be an @ too.
_PASSWORD = re.compile(r"(?<=://)([^/@:\s]*):[^/\s]*@")
# It can carry a signature behind its path, up to the quote that ends it in a query. In an object store or a file system
# a question mark may stand for any character instead, so there it takes a name and a sign of equality.
_QUERY_OF_A_URL = re.compile(
    r"((?:https?|abfss?|wasbs?)://[^?'\"\n]*\?|(?<![\w+.-])\w[\w+.-]*://[^?'\"\n]*\?(?=[\w.-]+=))[^'\"\n]*",
    re.IGNORECASE,
)
# In a sentence a URL ends at the next blank, and the sentence's punctuation is no part of it.
_QUERY_IN_A_SENTENCE = re.compile(
    r"((?:https?|abfss?|wasbs?)://[^?'\"\s]*\?|(?<![\w+.-])\w[\w+.-]*://[^?'\"\s]*\?(?=[\w.-]+=))"
    r"[^'\"\s]*?(?=[:;,.)]*(?:\s|['\"]|$))",
    re.IGNORECASE,
)


def redact_secrets(data: str) -> str:
    """Mask the passwords and signatures in the location of data.

    >>> redact_secrets("postgresql://ana:secret@db/reviews")
    'postgresql://ana:***@db/reviews'
    >>> redact_secrets("https://bucket/reviews.csv?signature=secret")
    'https://bucket/reviews.csv?***'
    >>> redact_secrets("from read_csv('https://bucket/my reviews.csv?signature=secret', header=true)")
    "from read_csv('https://bucket/my reviews.csv?***', header=true)"
    """
    return _QUERY_OF_A_URL.sub(r"\1***", _PASSWORD.sub(r"\1:***@", data))


def redact_sentence(sentence: str) -> str:
    """Mask the passwords and signatures of URLs in a sentence, and leave the rest of it.

    >>> redact_sentence("http://ana:secret@host/x.csv?sig=secret: no file there; check the path")
    'http://ana:***@host/x.csv?***: no file there; check the path'
    """
    if "://" not in sentence:
        return sentence
    return _QUERY_IN_A_SENTENCE.sub(r"\1***", _PASSWORD.sub(r"\1:***@", sentence))
