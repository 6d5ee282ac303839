"""Least privilege: one role for each function, no right on all resources, only its own queues."""

from typing import Any

import pytest

from local.gateway import function_apps
from tests.infra.deployment import Deployment

EVERYWHERE = {"xray:PutTraceSegments", "xray:PutTelemetryRecords"}
"""Actions for which the platform accepts no resource."""

TAKE = {"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"}
TELL = {"sqs:SendMessage"}

# function -> queue -> allowed actions; a function that is not named here may use no queue
QUEUES: dict[str, dict[str, set[str]]] = {name: {} for name in function_apps.names()} | {
    "generate-ai-content": {"JobQueue": TELL},
    "generate-ai-content-stream": {"JobQueue": TELL},
    "generate-ai-content-jobs": {"JobQueue": TAKE},
    "public-chatbot-chat": {},
    "public-chatbot-chat-stream": {},
    "scan-processor-v2": {"ScanQueue": TELL},
    "scan-worker": {"ScanQueue": TELL | TAKE},
    "sweep": {"JobQueue": TELL, "ScanQueue": TELL},
}


def role_of(deployed: Deployment, function: str) -> str:
    """Return the logical id of a function's role."""
    role: str = deployed.functions()[function]["Role"]["Fn::GetAtt"][0]
    return role


def statements(deployed: Deployment, function: str) -> list[dict[str, Any]]:
    """Return the statements of a function's role."""
    role = deployed.of_type("AWS::IAM::Role")[role_of(deployed, function)]
    assert "ManagedPolicyArns" not in role
    return [each for policy in role["Policies"] for each in policy["PolicyDocument"]["Statement"]]


def resources(statement: dict[str, Any]) -> list[Any]:
    """Return the resources of a statement as a list."""
    named = statement["Resource"]
    return named if isinstance(named, list) else [named]


@pytest.mark.parametrize("function", QUEUES)
def test_no_right_is_on_everything(deployed: Deployment, function: str) -> None:
    """No action is a wildcard, and a resource is one only for actions that accept no resource."""
    for statement in statements(deployed, function):
        assert statement["Effect"] == "Allow"
        actions = set(statement["Action"])
        assert not [action for action in actions if "*" in action]
        if "*" in resources(statement):
            assert actions <= EVERYWHERE


@pytest.mark.parametrize("function", QUEUES)
def test_a_function_reaches_its_own_queues_alone(deployed: Deployment, function: str) -> None:
    """A function may send only to queues in its environment, and receive only from the queue that feeds it."""
    found: dict[str, set[str]] = {}
    for statement in statements(deployed, function):
        if any(action.startswith("sqs:") for action in statement["Action"]):
            [resource] = resources(statement)
            found.setdefault(resource["Fn::GetAtt"][0], set()).update(statement["Action"])
    assert found == QUEUES[function]


@pytest.mark.parametrize("function", QUEUES)
def test_a_function_writes_into_its_own_log(deployed: Deployment, function: str) -> None:
    """A function may write only to its own log group, and may not create one: the template sets its retention."""
    [log] = [each for each in statements(deployed, function) if "logs:PutLogEvents" in each["Action"]]
    assert set(log["Action"]) == {"logs:CreateLogStream", "logs:PutLogEvents"}
    [resource] = resources(log)
    group = f"log-group:/aws/lambda/nexscout-{deployed.stage}-{function}:*"
    assert resource["Fn::Sub"].endswith(group)


@pytest.mark.parametrize("function", QUEUES)
def test_a_function_reads_the_secrets_of_its_stage_alone(deployed: Deployment, function: str) -> None:
    """A function reads only the parameters of its stage, decrypted only through the parameter store."""
    found = statements(deployed, function)
    [path] = [each for each in found if "ssm:GetParametersByPath" in each["Action"]]
    own = f"parameter/nexscout/{deployed.stage}"
    assert [each["Fn::Sub"].rpartition(":")[2] for each in resources(path)] == [own, f"{own}/*"]
    [key] = [each for each in found if "kms:Decrypt" in each["Action"]]
    condition = key["Condition"]
    assert condition["StringEquals"]["kms:ViaService"] == {"Fn::Sub": "ssm.${AWS::Region}.amazonaws.com"}
    named = condition["StringLike"]["kms:EncryptionContext:PARAMETER_ARN"]["Fn::Sub"]
    assert named.endswith(f"{own}/*")


def test_every_function_has_a_role_of_its_own(deployed: Deployment) -> None:
    """Every function has a role that only Lambda may assume, and there is no other role."""
    functions = deployed.functions()
    assert set(functions) == set(QUEUES)
    assert len({role_of(deployed, name) for name in functions}) == len(functions)
    roles = deployed.of_type("AWS::IAM::Role").values()
    assert len(roles) == len(functions)
    for role in roles:
        [statement] = role["AssumeRolePolicyDocument"]["Statement"]
        assert statement["Principal"] == {"Service": "lambda.amazonaws.com"}
