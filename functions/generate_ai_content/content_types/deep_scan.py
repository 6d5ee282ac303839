"""`deep_scan`: an analysis of a prospect; each finding has the words of the data that show it."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field

from functions.generate_ai_content.content_types.content_task import ContentTask, prompt
from functions.generate_ai_content.content_types.output import Output, Text
from functions.generate_ai_content.content_types.request import AboutProspect
from shared.ai.prompt import Evidence

PROMPT = prompt("analyst", "facts", "deep_scan")
HOT, WARM = 70, 50

Points = Annotated[int, Field(ge=0, le=100)]


class DeepScanRequest(AboutProspect):
    """The prospect, and text about the prospect in `context`."""


class Score(Output):
    """The score, and the quotes it is based on."""

    score: Points
    evidence: Annotated[list[Text], Field(min_length=1, max_length=5)]


class Finding(Output):
    """One finding and the quote that shows it."""

    finding: Text
    evidence: Text


Findings = Annotated[list[Finding], Field(max_length=5)]


class DeepScanOutput(Output):
    """The model's findings, not yet checked."""

    scout_score: Score
    confidence: Points
    personality: Finding | None
    pain_points: Findings
    interests: Findings
    financial_signals: Findings
    life_events: Findings
    buying_indicators: Findings
    top_opportunities: Annotated[list[Finding], Field(max_length=3)]
    recommended_approach: Finding | None


class DeepScan(ContentTask[DeepScanRequest, DeepScanOutput]):
    """A scan of one prospect."""

    name, action = "deep_scan", "ai_deep_scan"
    request_model, output_model = DeepScanRequest, DeepScanOutput
    prompt = PROMPT
    output_tokens = 2500
    temperature = 0.2

    def finish(self, output: DeepScanOutput, shown: Mapping[str, Any]) -> dict[str, Any]:
        """Return the findings whose evidence is in the data; `evidence` has the quotes of each field.

        Raises:
            ValueError: the score has no valid evidence.
        """
        record = Evidence({name: shown.get(name) for name in ("prospect", "context")})
        spans = [span for span in output.scout_score.evidence if record.holds(span)]
        if not spans:
            raise ValueError("the evidence of the score does not stand in the data")
        score = output.scout_score.score
        scan = {"scoutScore": score, "bucket": bucket(score), "confidence": output.confidence}
        evidence = {"scoutScore": spans}
        for name, claimed in output:
            if name not in {"scout_score", "confidence"}:
                field = DeepScanOutput.model_fields[name].alias or name
                scan[field], evidence[field] = _supported(claimed, record)
        return scan | {"evidence": evidence}


def _supported(claimed: list[Finding] | Finding | None, record: Evidence) -> tuple[Any, list[str]]:
    """Return a field without unsupported findings, and the quotes of the others in the same order."""
    if isinstance(claimed, list):
        kept = [finding for finding in claimed if record.holds(finding.evidence)]
        return [finding.finding for finding in kept], [finding.evidence for finding in kept]
    if claimed is None or not record.holds(claimed.evidence):
        return None, []
    return claimed.finding, [claimed.evidence]


def bucket(score: int) -> str:
    """Return hot from 70, warm from 50, else cold."""
    if score >= HOT:
        return "hot"
    return "warm" if score >= WARM else "cold"
