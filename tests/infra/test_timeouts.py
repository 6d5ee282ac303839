"""Each function ends its own work before the platform stops it."""

import re
from typing import Any

from local.gateway import function_apps
from local.project import PROJECT
from shared.http.app import GUARD_SECONDS
from shared.settings import Settings
from tests.infra.deployment import Deployment

HTTP_API_SECONDS = 30
HANDLER = PROJECT / "shared" / "lambda_" / "schedule.py"


def default(name: str) -> float:
    """Return the budget of a function when nothing is set, in seconds."""
    return float(Settings.model_fields[name].default)


def budget(name: str, variables: dict[str, Any]) -> float:
    """Return the budget that the function sets, else the default, in seconds."""
    return float(variables.get(name.upper(), default(name)))


def sweep_seconds() -> float:
    """Return the seconds that the schedule's handler gives a sweep; read from the source, as importing starts it."""
    [found] = re.findall(r"^MAX_SECONDS = ([0-9.]+)$", HANDLER.read_text(), flags=re.MULTILINE)
    return float(found)


def longest(name: str, variables: dict[str, Any]) -> float:
    """Return the most seconds that a function may take by its own deadline."""
    request = budget("request_timeout_seconds", variables)
    if name.endswith("-stream"):
        return request + budget("stream_timeout_seconds", variables) + GUARD_SECONDS
    return {
        "generate-ai-content-jobs": budget("job_timeout_seconds", variables),
        "scan-worker": budget("scan_timeout_seconds", variables),
        "sweep": sweep_seconds(),
    }.get(name, request + GUARD_SECONDS)


def test_every_function_guards_its_own_time(deployed: Deployment) -> None:
    """Its longest budget plus the time for settling is less than the platform's timeout."""
    for name, each in deployed.functions().items():
        assert longest(name, each["Environment"]["Variables"]) + 2 < each["Timeout"], name


def test_an_answer_comes_before_the_api_gives_up(deployed: Deployment) -> None:
    """The API waits 30 seconds, and its own error would have no CORS headers."""
    for name in function_apps.names():
        assert deployed.functions()[name]["Timeout"] < HTTP_API_SECONDS


def test_no_message_is_received_again_during_its_work(deployed: Deployment) -> None:
    """The visibility timeout of a queue is at least the timeout of its worker, or the mapping would be refused."""
    timeouts = {deployed.logical_id(name): each["Timeout"] for name, each in deployed.functions().items()}
    queues = deployed.of_type("AWS::SQS::Queue")
    fed = deployed.queues_of()
    assert sorted(fed.values()) == ["JobQueue", "ScanQueue"]
    for function, queue in fed.items():
        assert queues[queue]["VisibilityTimeout"] >= timeouts[function], queue


def test_queues_are_encrypted_and_give_up_after_five_times(deployed: Deployment) -> None:
    """Messages that failed five times are kept for fourteen days."""
    queues = deployed.of_type("AWS::SQS::Queue")
    assert all(each["SqsManagedSseEnabled"] for each in queues.values())
    for name, dead in (("ScanQueue", "ScanDeadLetters"), ("JobQueue", "JobDeadLetters")):
        redrive = queues[name]["RedrivePolicy"]
        assert redrive == {"deadLetterTargetArn": {"Fn::GetAtt": [dead, "Arn"]}, "maxReceiveCount": 5}
        assert queues[dead]["MessageRetentionPeriod"] == 14 * 24 * 3600


def test_workers_report_which_messages_failed(deployed: Deployment) -> None:
    """One failed message does not return the others of its batch; both workers have a maximum concurrency."""
    for each in deployed.of_type("AWS::Lambda::EventSourceMapping").values():
        assert each["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
        assert each["ScalingConfig"]["MaximumConcurrency"] == {"dev": 2, "prod": 10}[deployed.stage]


def test_the_sweep_comes_each_minute_and_is_never_run_twice_for_one(deployed: Deployment) -> None:
    """The schedule starts one sweep a minute and does not repeat a failed one: the next sweep does its work."""
    [rule] = deployed.of_type("AWS::Events::Rule").values()
    assert (rule["ScheduleExpression"], rule["State"]) == ("rate(1 minute)", "ENABLED")
    [asynchronous] = deployed.of_type("AWS::Lambda::EventInvokeConfig").values()
    assert asynchronous["MaximumRetryAttempts"] == 0
