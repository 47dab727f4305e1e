"""Published results of Amazon SageMaker Clarify for two labs, and the counts of their data.

The women's clothing lab rates 22,626 reviews in 18 product categories with a sentiment of -1, 0 or 1 (positive is 1).
Clarify measured it twice: as it is, and balanced to 9 reviews of every category and sentiment, the smallest stratum.
The gift-card lab rates 396,601 reviews in 3 product categories with 1 to 5 stars (positive is 5 or 4).
"""

from __future__ import annotations

SENTIMENTS = ("-1", "0", "1")

#: The metrics of the labs, in the order in which Clarify wrote them.
METHODS = ("CI", "DPL", "JS", "KL", "KS", "LP", "TVD")

#: Reviews per category with sentiment -1, 0 and 1, in the order in which Clarify listed the categories: that of their
#: first appearance in the data.
COUNTS: dict[str, tuple[int, int, int]] = {
    "Blouses": (343, 384, 2256),
    "Dresses": (681, 830, 4634),
    "Pants": (122, 154, 1074),
    "Knits": (498, 605, 3523),
    "Intimates": (14, 16, 117),
    "Outerwear": (36, 29, 254),
    "Lounge": (46, 78, 545),
    "Sweaters": (151, 193, 1036),
    "Skirts": (85, 104, 714),
    "Fine gauge": (104, 118, 837),
    "Sleep": (23, 16, 175),
    "Jackets": (72, 61, 550),
    "Swim": (38, 42, 252),
    "Trend": (21, 19, 78),
    "Jeans": (85, 110, 909),
    "Legwear": (16, 16, 126),
    "Shorts": (25, 39, 240),
    "Layering": (10, 9, 113),
}

#: What Clarify wrote for these counts, per category in the order of METHODS.
UNBALANCED: dict[str, tuple[float, ...]] = {
    "Blouses": (
        0.7363210465835764,
        0.016356035010386294,
        0.0001857462105914415,
        0.0007371490169003868,
        0.016356035010386294,
        0.023130926538337464,
        0.016356035010386294,
    ),
    "Dresses": (
        0.45681958808450457,
        0.022482194527426058,
        0.00035191504472418395,
        0.0013924792568986467,
        0.022482194527426086,
        0.031794624412596124,
        0.022482194527426072,
    ),
    "Pants": (
        0.8806682577565632,
        -0.026661026508742247,
        0.0005218444700197562,
        0.00211921490283248,
        0.026661026508742247,
        0.03770438527545188,
        0.026661026508742233,
    ),
    "Knits": (
        0.5910898965791567,
        0.011212710765239997,
        8.799047325763623e-05,
        0.0003500204847233703,
        0.011212710765239997,
        0.01585716763516919,
        0.011212710765239983,
    ),
    "Intimates": (
        0.9870060991779369,
        -0.025599402980196473,
        0.0004825271886807021,
        0.0019585102264678377,
        0.025599402980196473,
        0.03620302288324808,
        0.025599402980196473,
    ),
    "Outerwear": (
        0.9718023512772916,
        -0.026121240882959418,
        0.0005025086644120016,
        0.002040249313102087,
        0.026121240882959418,
        0.03694101312269575,
        0.026121240882959404,
    ),
    "Lounge": (
        0.9408644921771413,
        -0.04550904734100136,
        0.0015734560525334784,
        0.006474156986233645,
        0.04550904734100139,
        0.06435951196032338,
        0.04550904734100138,
    ),
    "Sweaters": (
        0.8780164412622646,
        0.021044165858330355,
        0.00030465552281642213,
        0.0012066321429855219,
        0.021044165858330383,
        0.029760944765679653,
        0.02104416585833037,
    ),
    "Skirts": (
        0.9201803235216123,
        -0.02105259777173263,
        0.00032313174134057567,
        0.0013077564970801828,
        0.021052597771732656,
        0.029772869291969904,
        0.021052597771732642,
    ),
    "Fine gauge": (
        0.9063908777512596,
        -0.02085929991405655,
        0.00031698226602166167,
        0.0012827039148430204,
        0.020859299914056606,
        0.029499504840066748,
        0.020859299914056578,
    ),
    "Sleep": (
        0.9810837090073367,
        -0.047723098940654296,
        0.0017430247928640116,
        0.007185365437869989,
        0.047723098940654296,
        0.0674906537603464,
        0.047723098940654296,
    ),
    "Jackets": (
        0.9396269778131353,
        -0.03586832088382319,
        0.0009613760725999919,
        0.00392836906272228,
        0.035868320883823246,
        0.05072546585345292,
        0.03586832088382322,
    ),
    "Swim": (
        0.9706532307964288,
        0.011619637246392922,
        9.384335323882461e-05,
        0.0003732618684344456,
        0.01161963724639295,
        0.016432648583704454,
        0.011619637246392936,
    ),
    "Trend": (
        0.9895695217890922,
        0.11004222980605016,
        0.007480399727829958,
        0.028875849682153704,
        0.11004222980605016,
        0.15562321382549293,
        0.11004222980605013,
    ),
    "Jeans": (
        0.9024131530098117,
        -0.055597053369050076,
        0.0023816703136956014,
        0.009874616056195683,
        0.055597053369050076,
        0.07862610690249139,
        0.055597053369050076,
    ),
    "Legwear": (
        0.9860337664633607,
        -0.02717282300791224,
        0.0005450885402207345,
        0.002214666707290841,
        0.02717282300791224,
        0.03842817482575317,
        0.02717282300791224,
    ),
    "Shorts": (
        0.9731282595244409,
        -0.01924700201359053,
        0.0002697845333851862,
        0.0010907089905694521,
        0.01924700201359056,
        0.027219371282642017,
        0.019247002013590545,
    ),
    "Layering": (
        0.9883320074250862,
        -0.08607749945440002,
        0.00613773722188083,
        0.026225703858078625,
        0.08607749945440002,
        0.12173196714357516,
        0.08607749945439999,
    ),
}

#: Reviews of every category and sentiment in the balanced data.
BALANCED_STRATUM = 9

#: The order in which Clarify listed the categories of the balanced data.
BALANCED_ORDER = (
    "Blouses",
    "Dresses",
    "Fine gauge",
    "Intimates",
    "Jackets",
    "Jeans",
    "Knits",
    "Layering",
    "Legwear",
    "Lounge",
    "Outerwear",
    "Pants",
    "Shorts",
    "Skirts",
    "Sleep",
    "Sweaters",
    "Swim",
    "Trend",
)

#: What Clarify wrote for every one of the 18 categories of the balanced data, in the order of METHODS.
BALANCED: tuple[float, ...] = (0.8888888888888888, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)

#: Reviews, and those with 4 or 5 stars, per category of the gift-card lab.
GIFT_CARD_COUNTS: dict[str, tuple[int, int]] = {
    "Gift Card": (149_086, 139_568),
    "Digital_Software": (102_084, 63_103),
    "Digital_Video_Games": (145_431, 101_083),
}

#: CI and DPL as published for it.
GIFT_CARD: dict[str, tuple[float, float]] = {
    "Gift Card": (0.24818142163030352, -0.2728200784710585),
    "Digital_Software": (0.4852055340253807, 0.19895613642422239),
    "Digital_Video_Games": (0.2666130443443158, 0.1118495345585836),
}

#: The line that the SageMaker Python SDK writes for the gift-card lab; its columns are those of the lab's data.
GIFT_CARD_HEADERS = ["star_rating", "review_body", "product_category"]
GIFT_CARD_CONFIG = (
    '{"dataset_type": "text/csv", "headers": ["star_rating", "review_body", "product_category"], '
    '"label": "star_rating", "label_values_or_threshold": [5, 4], '
    '"facet": [{"name_or_index": "product_category", "value_or_threshold": ["Gift Card"]}], '
    '"methods": {"report": {"name": "report", "title": "Analysis Report"}, '
    '"pre_training_bias": {"methods": ["CI", "DPL", "KL", "JS", "LP", "TVD", "KS"]}}}'
)
