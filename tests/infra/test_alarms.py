"""Alarms: three for each function, two for each queue, and only on metrics that the app prints."""

import json
import re
from uuid import UUID

import pytest

from local.gateway import function_apps
from shared.context import RequestContext
from shared.deadline import Deadline
from shared.metrics import print_metrics, print_sweep
from tests.infra.deployment import Deployment, Resource

LAMBDA_METRICS = {"Errors": "Sum", "Throttles": "Sum", "Duration": "p95"}


def alarms(deployed: Deployment, namespace: str) -> dict[tuple[str, str], Resource]:
    """Return the alarms on single metrics of a namespace, by metric and the JSON of its one dimension's value."""
    found = deployed.of_type("AWS::CloudWatch::Alarm").values()
    return {
        (each["MetricName"], json.dumps(each["Dimensions"][0]["Value"])): each
        for each in found
        if each.get("Namespace") == namespace
    }


def test_every_function_has_an_alarm_for_errors_throttles_and_duration(deployed: Deployment) -> None:
    """Each function has the three alarms; the duration alarm uses the p95 and is below the timeout."""
    found = alarms(deployed, "AWS/Lambda")
    for name, function in deployed.functions().items():
        reference = json.dumps({"Ref": deployed.logical_id(name)})
        for metric, statistic in LAMBDA_METRICS.items():
            alarm = found.pop((metric, reference))
            assert statistic in {alarm.get("Statistic"), alarm.get("ExtendedStatistic")}
            assert alarm["AlarmDescription"].startswith(f"{name}: ")
            if metric == "Duration":
                assert alarm["Threshold"] == pytest.approx(function["Timeout"] * 800)
    assert found == {}


def test_every_queue_has_an_alarm_for_its_dead_letters_and_its_oldest_message(deployed: Deployment) -> None:
    """One dead letter raises an alarm, and so does a message that waits longer than its work can take."""
    found = alarms(deployed, "AWS/SQS")
    queues = deployed.of_type("AWS::SQS::Queue")
    for name in ("Scan", "Job"):
        dead = json.dumps({"Fn::GetAtt": [f"{name}DeadLetters", "QueueName"]})
        assert found["ApproximateNumberOfMessagesVisible", dead]["Threshold"] == 0
        waiting = json.dumps({"Fn::GetAtt": [f"{name}Queue", "QueueName"]})
        oldest = found["ApproximateAgeOfOldestMessage", waiting]["Threshold"]
        assert oldest > queues[f"{name}Queue"]["VisibilityTimeout"]


def test_provider_errors_are_watched_as_a_rate_of_each_function(deployed: Deployment) -> None:
    """The alarm is raised when the average of the 0-or-1 metric is above a tenth twice within a quarter of an hour."""
    found = alarms(deployed, f"nexscout-{deployed.stage}")
    watched = {value: each for (metric, value), each in found.items() if metric == "ProviderErrors"}
    assert set(watched) == {f'"{name}"' for name in function_apps.names()}
    for each in watched.values():
        assert (each["Statistic"], each["Threshold"]) == ("Average", 0.1)
        assert (each["Period"], each["EvaluationPeriods"], each["DatapointsToAlarm"]) == (300, 3, 2)


def test_spend_and_holds_are_watched_by_the_figures_of_the_sweep(deployed: Deployment) -> None:
    """Alarms watch the USD of the last hour against the stage's limit, overdue holds, and missing sweeps."""
    found = alarms(deployed, f"nexscout-{deployed.stage}")
    of_sweep = {metric: each for (metric, value), each in found.items() if value == '"sweep"'}
    assert set(of_sweep) == {"SpentUSD", "OverdueHolds", "Failures", "Sweeps"}
    assert of_sweep["SpentUSD"]["Threshold"] == {"dev": 2, "prod": 20}[deployed.stage]
    assert (of_sweep["OverdueHolds"]["Threshold"], of_sweep["OverdueHolds"]["Statistic"]) == (0, "Minimum")
    assert of_sweep["Sweeps"]["TreatMissingData"] == "breaching"


def test_only_what_the_app_prints_is_watched(
    deployed: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    """Alarms and dashboard use only metric names that the app prints; another name would never raise an alarm."""
    context = RequestContext(UUID(int=1), "caller's", Deadline.starting(1))
    context.fields.update(tokens=1, cost_usd="0.1", energy=1, attempts=1)
    namespace = f"nexscout-{deployed.stage}"
    for name in function_apps.names():
        print_metrics(namespace, name, 200, context)
    counts = dict.fromkeys(("expired", "overdue", "failed", "spent_usd", "scans_resent", "jobs_resent"), 0)
    print_sweep(namespace, counts, whole=True)
    printed = set()
    for line in capsys.readouterr().out.splitlines():
        entry = json.loads(line)
        [described] = entry["_aws"]["CloudWatchMetrics"]
        printed |= {(metric["Name"], entry["function"]) for metric in described["Metrics"]}
    assert watched_metrics(deployed) <= printed


def watched_metrics(deployed: Deployment) -> set[tuple[str, str]]:
    """Return metric and function of every metric of the app in alarms and on the dashboard."""
    namespace = f"nexscout-{deployed.stage}"
    watched = {(metric, json.loads(value)) for metric, value in alarms(deployed, namespace)}
    for widget in dashboard(deployed):
        own = [metric for metric in widget["properties"]["metrics"] if metric[0] == namespace]
        watched |= {(metric[1], metric[3]) for metric in own}
    return watched


def dashboard(deployed: Deployment) -> list[Resource]:
    """Return the widgets of the dashboard."""
    [found] = deployed.of_type("AWS::CloudWatch::Dashboard").values()
    widgets: list[Resource] = json.loads(found["DashboardBody"]["Fn::Sub"])["widgets"]
    return widgets


def test_the_dashboard_shows_every_function_and_queue(deployed: Deployment) -> None:
    """The dashboard has a graph for every function and queue of the stage, none on top of another."""
    shown = json.dumps(dashboard(deployed))
    for name in deployed.functions():
        assert f'"nexscout-{deployed.stage}-{name}"' in shown
    for queue in deployed.of_type("AWS::SQS::Queue").values():
        assert f'"{queue["QueueName"]}"' in shown
    places = [(widget["x"], widget["y"]) for widget in dashboard(deployed)]
    assert len(set(places)) == len(places)
    assert set(re.findall(r"\$\{(.*?)\}", shown)) == {"AWS::Region"}


def test_alarms_notify_the_topic_and_the_topic_the_alarm_address(deployed: Deployment) -> None:
    """Every alarm notifies the topic when it starts and ends; without an e-mail address nobody is subscribed."""
    for each in deployed.of_type("AWS::CloudWatch::Alarm").values():
        assert each["AlarmActions"] == each["OKActions"] == [{"Ref": "AlarmTopic"}]
    subscription = deployed.template["Resources"]["AlarmSubscription"]
    assert subscription["Condition"] == "TellsByEmail"
    email = deployed.template["Parameters"]["AlarmEmail"]["Default"]
    assert email == ("" if deployed.stage == "dev" else "somebody@example.com")
