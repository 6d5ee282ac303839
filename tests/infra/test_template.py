"""The template: complete, without errors that a linter finds, and without a secret."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from local.gateway import function_apps
from local.project import PROJECT
from tests.infra.deployment import STREAMING, Deployment, package, texts

LINTER = Path(sys.executable).with_name("cfn-lint")
IGNORED = {
    "W3005": "the framework names dependencies that CloudFormation would see by itself",
}

# Of the functions that callers reach, and of what works behind them.
ENTRIES = {name: f"functions.{name.replace('-', '_')}.handler.handler" for name in function_apps.names()} | {
    "generate-ai-content-stream": "run.sh",
    "public-chatbot-chat-stream": "run.sh",
    "generate-ai-content-jobs": "functions.generate_ai_content.queue_handler.handler",
    "scan-worker": "functions.scan_processor_v2.queue_handler.handler",
    "sweep": "shared.lambda_.schedule.handler",
}


def test_cfn_lint_finds_nothing(deployed: Deployment) -> None:
    """The linter reports no error and no warning, except those listed above with a reason."""
    linted = subprocess.run(
        [LINTER, "--regions", "ap-southeast-1", "--ignore-checks", *IGNORED, "--", deployed.path],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (linted.returncode, linted.stdout) == (0, ""), linted.stderr


def test_an_error_in_the_configuration_stops_the_packaging(tmp_path: Path) -> None:
    """An invalid configuration stops the packaging with an error that names it."""
    faulty = package("dev", tmp_path, workerConcurrency="1")
    assert faulty.returncode != 0
    assert "maximumConcurrency" in faulty.stdout + faulty.stderr


def test_every_function_has_its_entry(deployed: Deployment) -> None:
    """Every function folder has an entry in serverless.yml that names the content of its zip."""
    functions = deployed.functions()
    assert {name: each["Handler"] for name, each in functions.items()} == ENTRIES
    assert {"generate-ai-content", "public-chatbot-chat", "scan-processor-v2"} <= set(functions)


def test_every_entry_is_a_file_of_the_project() -> None:
    """Every handler in the template is a file of the project."""
    for handler in set(ENTRIES.values()) - {"run.sh"}:
        module = handler.rpartition(".")[0]
        assert (PROJECT / f"{module.replace('.', '/')}.py").is_file(), handler


def test_functions_run_on_arm64_with_python_3_13(deployed: Deployment) -> None:
    """Architecture and runtime are those for which the packages are built."""
    for name, each in deployed.functions().items():
        assert (each["Runtime"], each["Architectures"]) == ("python3.13", ["arm64"]), name


def test_functions_are_traced_and_their_logs_end(deployed: Deployment) -> None:
    """Every function is traced and has its own log group with the retention of its stage."""
    days = {"dev": 14, "prod": 90}[deployed.stage]
    groups = deployed.of_type("AWS::Logs::LogGroup").values()
    kept = {each["LogGroupName"]: each["RetentionInDays"] for each in groups}
    functions = deployed.functions()
    assert kept == {f"/aws/lambda/nexscout-{deployed.stage}-{name}": days for name in functions}
    assert {each["TracingConfig"]["Mode"] for each in functions.values()} == {"Active"}


def test_http_functions_start_from_a_snapshot(deployed: Deployment) -> None:
    """The API calls the version of which the snapshot was made."""
    for name in function_apps.names():
        assert deployed.functions()[name]["SnapStart"] == {"ApplyOn": "PublishedVersions"}
    called = [
        json.dumps(each["IntegrationUri"])
        for each in deployed.of_type("AWS::ApiGatewayV2::Integration").values()
    ]
    assert len(called) == len(function_apps.names())
    assert all('"snapstart"' in each for each in called)


def test_routes_hand_every_method_and_path_to_the_app(deployed: Deployment) -> None:
    """Preflights and unknown paths reach the app too, which answers with CORS and in the contract's error shape."""
    routes = {each["RouteKey"] for each in deployed.of_type("AWS::ApiGatewayV2::Route").values()}
    names = function_apps.names()
    assert routes == {f"ANY /functions/v1/{name}{rest}" for name in names for rest in ("", "/{proxy+}")}
    [api] = deployed.of_type("AWS::ApiGatewayV2::Api").values()
    assert "CorsConfiguration" not in api


def test_stream_functions_have_addresses_that_stream(deployed: Deployment) -> None:
    """The web adapter's layer fits the architecture; the address has no IAM auth, which would need a body hash."""
    urls = deployed.of_type("AWS::Lambda::Url").values()
    assert {each["TargetFunctionArn"]["Fn::GetAtt"][0] for each in urls} == {
        deployed.logical_id(f"{name}-stream") for name in STREAMING
    }
    assert {(each["AuthType"], each["InvokeMode"]) for each in urls} == {("NONE", "RESPONSE_STREAM")}
    for name in STREAMING:
        each = deployed.functions()[f"{name}-stream"]
        assert "LambdaAdapterLayerArm64" in json.dumps(each["Layers"])
        variables = each["Environment"]["Variables"]
        assert variables["AWS_LAMBDA_EXEC_WRAPPER"] == "/opt/bootstrap"
        assert variables["AWS_LWA_INVOKE_MODE"] == "response_stream"


def test_stream_functions_refuse_who_does_not_come_through_the_distribution(deployed: Deployment) -> None:
    """They require the distribution's secret unless a parameter switches this off."""
    for name in STREAMING:
        variables = deployed.functions()[f"{name}-stream"]["Environment"]["Variables"]
        assert variables["ORIGIN_SECRET_REQUIRED"] == "true"


def test_concurrency_is_reserved_where_a_parameter_says_so(deployed: Deployment) -> None:
    """No concurrency is reserved by default: a new account does not have enough."""
    reserved = {
        name: each["ReservedConcurrentExecutions"]
        for name, each in deployed.functions().items()
        if "ReservedConcurrentExecutions" in each
    }
    assert reserved == ({} if deployed.stage == "dev" else {"sweep": 1, "generate-ai-content": 20})


SECRET_NAMES = re.compile(r"(?i)(secret|password|token|_key$)")
KNOWN_NAMES = {
    "SUPABASE_PUBLISHABLE_KEY": {"Ref": "SupabasePublishableKey"},
    "ORIGIN_SECRET_REQUIRED": "true",
}
KEY_SHAPES = re.compile(
    r"sk-[A-Za-z0-9]|sb_secret_|sb_publishable_|eyJ[A-Za-z0-9_-]{10}|AKIA[0-9A-Z]{16}|-----BEGIN|[0-9a-f]{40}"
)
NOT_KEYS = re.compile(r"^\{\"widgets\"|^serverless/|^[A-Za-z0-9+/]{43}=$|LambdaVersion")


def test_no_variable_holds_a_secret(deployed: Deployment) -> None:
    """Variables with a name that sounds like a secret are listed here with their values; the secrets are in SSM."""
    known = KNOWN_NAMES | {"SECRETS_SSM_PATH": f"/nexscout/{deployed.stage}/"}
    for name, each in deployed.functions().items():
        variables = each["Environment"]["Variables"]
        assert "SECRETS_SSM_PATH" in variables
        sounding = {key: value for key, value in variables.items() if SECRET_NAMES.search(key)}
        assert sounding == {key: known.get(key) for key in sounding}, name


def test_nothing_in_the_template_looks_like_a_key(deployed: Deployment) -> None:
    """Parameters, variables, code and descriptions contain nothing that looks like a key."""
    found = [text for text in texts(deployed.template) if KEY_SHAPES.search(text)]
    assert [text for text in found if not NOT_KEYS.search(text)] == []


def test_the_origins_secret_is_only_referred_to(deployed: Deployment) -> None:
    """CloudFormation reads the secret when it creates the distribution."""
    [edge] = deployed.of_type("AWS::CloudFront::Distribution").values()
    headers = [
        header
        for origin in edge["DistributionConfig"]["Origins"]
        for header in origin.get("OriginCustomHeaders", [])
    ]
    value = f"{{{{resolve:secretsmanager:nexscout/{deployed.stage}/origin}}}}"
    assert headers == [{"HeaderName": "x-origin-secret", "HeaderValue": value}] * 3


@pytest.mark.parametrize("name", ["SupabaseUrl", "SupabasePublishableKey"])
def test_what_the_project_is_called_is_read_from_its_parameters(deployed: Deployment, name: str) -> None:
    """The address of the project comes from the stage's parameters, so two stages never share a project by accident."""
    parameter = deployed.template["Parameters"][name]
    assert parameter["Type"] == "AWS::SSM::Parameter::Value<String>"
    assert parameter["Default"].startswith(f"/nexscout/{deployed.stage}/")
