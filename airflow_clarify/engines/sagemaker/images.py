"""The URIs of Clarify's container image, in the regions that have it."""

from __future__ import annotations

from airflow_clarify.exceptions import ConfigError

_IMAGE = "sagemaker-clarify-processing:1.0"
#: Amazon's account in each region, from the SageMaker Python SDK's ``image_uri_config/clarify.json``.
_IMAGE_ACCOUNTS = {
    "af-south-1": "811711786498",
    "ap-east-1": "098760798382",
    "ap-northeast-1": "377024640650",
    "ap-northeast-2": "263625296855",
    "ap-northeast-3": "912233562940",
    "ap-south-1": "452307495513",
    "ap-southeast-1": "834264404009",
    "ap-southeast-2": "007051062584",
    "ap-southeast-3": "705930551576",
    "ca-central-1": "675030665977",
    "cn-north-1": "122526803553",
    "cn-northwest-1": "122578899357",
    "eu-central-1": "017069133835",
    "eu-central-2": "730335477804",
    "eu-north-1": "763603941244",
    "eu-south-1": "638885417683",
    "eu-west-1": "131013547314",
    "eu-west-2": "440796970383",
    "eu-west-3": "341593696636",
    "me-south-1": "835444307964",
    "sa-east-1": "520018980103",
    "us-east-1": "205585389593",
    "us-east-2": "211330385671",
    "us-gov-west-1": "598674086554",
    "us-isof-east-1": "579539705040",
    "us-isof-south-1": "411392592546",
    "us-west-1": "740489534195",
    "us-west-2": "306415355426",
}
#: The domain of a region's partition, by the prefix of the region; all others are in amazonaws.com.
_IMAGE_DOMAINS = {"cn-": "amazonaws.com.cn", "us-isof-": "csp.hci.ic.gov"}

REGIONS = tuple(_IMAGE_ACCOUNTS)


def get_clarify_image(region: str) -> str:
    """Return the URI of Clarify's container image in a region.

    Every region has its own registry, in an account of Amazon's.

    :param region: an AWS region, such as "eu-west-1"
    :raises ConfigError: Amazon publishes no image in that region
    """
    account = _IMAGE_ACCOUNTS.get(region)
    if account is None:
        raise ConfigError(
            f"region_name: Amazon publishes no Clarify image for {region!r}; choose one of {', '.join(REGIONS)}, or "
            "give image_uri, such as that of this package's own image"
        )
    domain = next((domain for prefix, domain in _IMAGE_DOMAINS.items() if region.startswith(prefix)), "amazonaws.com")
    return f"{account}.dkr.ecr.{region}.{domain}/{_IMAGE}"
