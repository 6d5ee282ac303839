"""The distribution: the functions here, everything else at the Supabase project, and which caller is sent where."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from local.gateway import function_apps
from local.project import PROJECT
from tests.infra.deployment import STREAMING, Deployment, Resource

CACHING_DISABLED = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
ALL_VIEWER_EXCEPT_HOST = "b689b0a8-53d0-40ab-baf2-68738e2966ac"
"""https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/using-managed-origin-request-policies.html."""


def config(deployed: Deployment) -> Resource:
    """Return the configuration of the distribution."""
    [edge] = deployed.of_type("AWS::CloudFront::Distribution").values()
    found: Resource = edge["DistributionConfig"]
    return found


def test_the_distribution_is_there_when_a_parameter_says_so(deployed: Deployment) -> None:
    """The distribution and its resources are created only if the parameter is on."""
    template = deployed.template
    assert template["Parameters"]["Distribution"]["Default"] == ("off" if deployed.stage == "dev" else "on")
    parts = [each for each in template["Resources"].values() if each["Type"].startswith("AWS::CloudFront::")]
    assert len(parts) == 3
    assert {each["Condition"] for each in parts} == {"HasDistribution"}


def test_each_function_goes_to_where_it_is_served(deployed: Deployment) -> None:
    """The streaming functions have their own origins, the others have the API, all else the Supabase project."""
    found = {each["PathPattern"]: each["TargetOriginId"] for each in config(deployed)["CacheBehaviors"]}
    assert found == {
        f"/functions/v1/{name}{rest}": name if name in STREAMING else "api"
        for name in function_apps.names()
        for rest in ("", "/*")
    }
    assert {name: found[f"/functions/v1/{name}"] for name in (*STREAMING, "scan-processor-v2")} == {
        "generate-ai-content": "generate-ai-content",
        "public-chatbot-chat": "public-chatbot-chat",
        "scan-processor-v2": "api",
    }
    assert config(deployed)["DefaultCacheBehavior"]["TargetOriginId"] == "supabase"
    origins = {each["Id"]: json.dumps(each["DomainName"]) for each in config(deployed)["Origins"]}
    assert set(origins) == {"supabase", "api", *STREAMING}
    assert "SupabaseUrl" in origins["supabase"]
    assert "HttpApi" in origins["api"]
    for name in STREAMING:
        assert f"{deployed.logical_id(f'{name}-stream')}Url" in origins[name]


def test_nothing_is_cached_and_everything_is_passed_on(deployed: Deployment) -> None:
    """Every method and every header except Host is passed on, so that sockets and tokens work; nothing is cached."""
    for each in [config(deployed)["DefaultCacheBehavior"], *config(deployed)["CacheBehaviors"]]:
        assert each["CachePolicyId"] == CACHING_DISABLED
        assert each["OriginRequestPolicyId"] == ALL_VIEWER_EXCEPT_HOST
        assert set(each["AllowedMethods"]) == {"GET", "HEAD", "OPTIONS", "PUT", "PATCH", "POST", "DELETE"}
        assert (each["ViewerProtocolPolicy"], each["Compress"]) == ("https-only", False)


def test_the_secret_goes_to_our_own_origins_alone(deployed: Deployment) -> None:
    """The secret header is sent to our own origins and not to the Supabase project."""
    carrying = {each["Id"] for each in config(deployed)["Origins"] if "OriginCustomHeaders" in each}
    assert carrying == {"api", *STREAMING}


def test_the_rollout_stands_before_the_functions_alone(deployed: Deployment) -> None:
    """The edge function runs before the functions' paths only, and its deployed code is the file tested below."""
    [rollout] = deployed.of_type("AWS::CloudFront::Function").values()
    assert rollout["FunctionCode"] == (PROJECT / "deploy" / "rollout.mjs").read_text()
    for each in config(deployed)["CacheBehaviors"]:
        [association] = each["FunctionAssociations"]
        assert association["EventType"] == "viewer-request"
    assert "FunctionAssociations" not in config(deployed)["DefaultCacheBehavior"]


# The part of the edge's own module that the function uses.
EDGE = """
let percent, origin;
export const prepare = (value) => { percent = value; origin = 'own'; };
export const chosen = () => origin;
export default {
  kvs: () => ({ get: async () => { if (percent === null) throw new Error('no such key'); return percent; } }),
  selectRequestOriginById: (id) => { origin = id; },
};
"""
RUN = """
import { prepare, chosen } from 'cloudfront';
import { handler } from './rollout.mjs';
const asked = JSON.parse(process.argv[2]);
const answers = [];
for (const { ip, percent, headers } of asked) {
  prepare(percent);
  const request = await handler({ viewer: { ip }, request: { headers } });
  answers.push({ origin: chosen(), headers: request.headers });
}
console.log(JSON.stringify(answers));
"""

Answers = list[dict[str, Any]]


def at_the_edge(folder: Path, asked: list[dict[str, Any]]) -> Answers:
    """Run the deployed code once for each request and return the results."""
    module = folder / "node_modules" / "cloudfront"
    module.mkdir(parents=True, exist_ok=True)
    (module / "package.json").write_text('{"type": "module", "main": "index.js"}')
    (module / "index.js").write_text(EDGE)
    code = (PROJECT / "deploy" / "rollout.mjs").read_text()
    (folder / "rollout.mjs").write_text(f"{code}\nexport {{ handler }};\n")
    (folder / "run.mjs").write_text(RUN)
    ran = subprocess.run(
        ["node", "run.mjs", json.dumps(asked)],
        cwd=folder, env={"PATH": os.environ["PATH"]}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    answers: Answers = json.loads(ran.stdout)
    return answers


def viewer(ip: str, percent: str | None) -> dict[str, Any]:
    """Return a request of an address, with the store's percentage."""
    return {"ip": ip, "percent": percent, "headers": {}}


ADDRESSES = [f"198.51.{index // 250}.{index % 250}" for index in range(1000)]


@pytest.mark.parametrize(("percent", "least", "most"), [("0", 0, 0), ("30", 260, 340), ("100", 1000, 1000)])
def test_the_stored_percentage_of_callers_is_served_here(
    tmp_path: Path, percent: str, least: int, most: int
) -> None:
    """The share of callers that are served here is the stored percentage: nobody at 0, everybody at 100."""
    asked = [viewer(ip, percent) for ip in ADDRESSES]
    origins = [each["origin"] for each in at_the_edge(tmp_path, asked)]
    assert set(origins) <= {"own", "supabase"}
    assert least <= origins.count("own") <= most


def test_a_caller_stays_on_its_side_and_a_larger_share_moves_nobody_back(tmp_path: Path) -> None:
    """A repeated request goes to the same side; a caller who is served here at 10 percent is also served here at 50."""
    asked = [viewer(ip, percent) for percent in ("10", "10", "50") for ip in ADDRESSES[:200]]
    origins = [each["origin"] for each in at_the_edge(tmp_path, asked)]
    first, again, later = origins[:200], origins[200:400], origins[400:]
    assert first == again
    assert all(late == "own" for early, late in zip(first, later, strict=True) if early == "own")


@pytest.mark.parametrize("percent", [None, "", "many"])
def test_without_a_number_in_the_store_no_caller_is_moved(tmp_path: Path, percent: str | None) -> None:
    """Without a number in the store, or with an invalid one, all requests go to the Supabase project."""
    asked = [viewer(ip, percent) for ip in ADDRESSES[:50]]
    assert {each["origin"] for each in at_the_edge(tmp_path, asked)} == {"supabase"}


def test_the_viewers_address_replaces_the_header_that_the_viewer_sent(tmp_path: Path) -> None:
    """The edge overwrites a header of that name that the viewer sent."""
    asked = [{"ip": "2001:db8::1", "percent": "100", "headers": {"x-viewer-address": {"value": "1.2.3.4"}}}]
    [answer] = at_the_edge(tmp_path, asked)
    assert answer["headers"]["x-viewer-address"] == {"value": "2001:db8::1"}
