"""Synthetic reviews with the counts of the women's clothing lab, for the example pipelines in this folder.

The lab's reviews cannot be redistributed, so the sentences are synthetic; the counts by category and sentiment are
those of the lab.
"""

from __future__ import annotations

import csv
import io
import random

#: Number of reviews by category: negative (-1), neutral (0), positive (1).
COUNTS = {
    "Blouses": (343, 384, 2256),
    "Dresses": (681, 830, 4634),
    "Fine gauge": (104, 118, 837),
    "Intimates": (14, 16, 117),
    "Jackets": (72, 61, 550),
    "Jeans": (85, 110, 909),
    "Knits": (498, 605, 3523),
    "Layering": (10, 9, 113),
    "Legwear": (16, 16, 126),
    "Lounge": (46, 78, 545),
    "Outerwear": (36, 29, 254),
    "Pants": (122, 154, 1074),
    "Shorts": (25, 39, 240),
    "Skirts": (85, 104, 714),
    "Sleep": (23, 16, 175),
    "Sweaters": (151, 193, 1036),
    "Swim": (38, 42, 252),
    "Trend": (21, 19, 78),
}
#: Beginnings of sentences by sentiment.
PHRASES = {
    -1: ("I returned the", "The seams came apart on the", "Disappointed by the cut of the"),
    0: ("Not sure what to think of the", "Nothing special about the", "It is an ordinary"),
    1: ("I love the", "Compliments every time I wear the", "Fits well and looks lovely, this"),
}


def build_reviews_csv() -> str:
    """Build a CSV file of 22,626 reviews, in a shuffled but fixed order."""
    reviews = [
        (sentiment, f"{PHRASES[sentiment][n % 3]} {category.lower()}, number {n}.", category)
        for category, counts in COUNTS.items()
        for sentiment, count in zip((-1, 0, 1), counts, strict=True)
        for n in range(count)
    ]
    random.Random(2022).shuffle(reviews)
    text = io.StringIO(newline="")
    csv.writer(text).writerows([("sentiment", "review_body", "product_category"), *reviews])
    return text.getvalue()
