"""STS and IAM, as much of them as a client of SageMaker asks for: who am I, and what is the ARN of my role."""

from __future__ import annotations

import uuid
from urllib.parse import quote
from xml.sax.saxutils import escape

from sagemaker_stand_in.errors import ApiError

STS_NAMESPACE = "https://sts.amazonaws.com/doc/2011-06-15/"
IAM_NAMESPACE = "https://iam.amazonaws.com/doc/2010-05-08/"
NO_SUCH_ROLE = "no-such"
_TRUST = (
    '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"sagemaker.amazonaws.com"},'
    '"Action":"sts:AssumeRole"}]}'
)


def partition(region: str) -> str:
    """Return the partition of a region, as ARNs name it."""
    if region.startswith("cn-"):
        return "aws-cn"
    return "aws-us-gov" if region.startswith("us-gov-") else "aws"


def caller_identity(account: str, region: str) -> str:
    """Return the answer to GetCallerIdentity."""
    arn = f"arn:{partition(region)}:iam::{account}:user/stand-in"
    result = f"<Arn>{arn}</Arn><UserId>AIDASTANDIN</UserId><Account>{account}</Account>"
    return _answer("GetCallerIdentity", STS_NAMESPACE, result)


def role(account: str, region: str, name: str) -> str:
    """Return the answer to GetRole: every role exists, unless its name begins with ``no-such``."""
    if not name:
        raise ApiError(
            "ValidationError",
            "1 validation error detected: Value null at 'roleName' failed to satisfy "
            "constraint: Member must not be null",
        )
    if name.startswith(NO_SUCH_ROLE):
        raise ApiError("NoSuchEntity", f"The role with name {name} cannot be found.", 404)
    members = {
        "Path": "/",
        "RoleName": name,
        "RoleId": "AROASTANDIN0000000000",
        "Arn": f"arn:{partition(region)}:iam::{account}:role/{name}",
        "CreateDate": "2020-01-01T00:00:00Z",
        "AssumeRolePolicyDocument": quote(_TRUST),
        "MaxSessionDuration": "3600",
    }
    described = "".join(f"<{key}>{escape(value)}</{key}>" for key, value in members.items())
    return _answer("GetRole", IAM_NAMESPACE, f"<Role>{described}</Role>")


def error_answer(error: ApiError) -> str:
    """Build an error in the form of the query protocol."""
    kind = "Sender" if error.status < 500 else "Receiver"
    described = f"<Type>{kind}</Type><Code>{escape(error.code)}</Code><Message>{escape(error.message)}</Message>"
    return f"<ErrorResponse><Error>{described}</Error><RequestId>{uuid.uuid4()}</RequestId></ErrorResponse>"


def _answer(operation: str, namespace: str, result: str) -> str:
    return (
        f'<{operation}Response xmlns="{namespace}"><{operation}Result>{result}</{operation}Result>'
        f"<ResponseMetadata><RequestId>{uuid.uuid4()}</RequestId></ResponseMetadata></{operation}Response>"
    )
