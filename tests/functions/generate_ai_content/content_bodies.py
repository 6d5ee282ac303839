"""The test input of each content type, and its result and price according to the contract."""

from dataclasses import dataclass, field
from typing import Any

NOTES = (
    "Sabi niya kailangan ko ng extra income. Pagod na sa biyahe at kulang ang kita. Gusto ng online negosyo."
)


@dataclass(frozen=True)
class Case:
    """One content type: further inputs, price by class, fields, counts of lists, and the field with the text.

    `parts` is the number of simultaneous requests in which it is written.
    """

    kind: str
    premium: int
    standard: int
    fields: frozenset[str]
    counts: dict[str, int] = field(default_factory=dict)
    text: str | None = None
    inputs: dict[str, Any] = field(default_factory=dict)
    free: bool = True
    needs_prospect: bool = True
    parts: int = 1

    def body(self, prospect_id: str | None = None, **inputs: object) -> dict[str, Any]:
        """Return the request's body."""
        prospect = {} if prospect_id is None else {"prospectId": prospect_id}
        return {"generationType": self.kind, **prospect, **self.inputs, **inputs}


CASES = (
    Case(
        "message",
        10,
        3,
        frozenset({"message", "cta", "alternatives", "emotionalTone", "coachingTip"}),
        {"alternatives": 2},
        "message",
    ),
    Case("sequence", 50, 15, frozenset({"sequence"}), free=False),
    Case(
        "objection",
        10,
        3,
        frozenset({"message", "response", "objectionType", "reinforcementPoints", "cta", "coachingTip"}),
        {"reinforcementPoints": 4},
        "message",
        {"objection": "Wala akong pera ngayon, ate."},
        needs_prospect=False,
    ),
    Case(
        "booking",
        10,
        3,
        frozenset({"script", "cta", "timeSuggestions", "coachingTip"}),
        {"timeSuggestions": 3},
        "script",
        needs_prospect=False,
    ),
    Case(
        "revival",
        10,
        3,
        frozenset({"message", "subject", "hooks", "reconnectionAngle"}),
        {"hooks": 3},
        "message",
        {"daysSinceLastContact": 40, "lastInteractionType": "call"},
    ),
    Case(
        "referral",
        10,
        3,
        frozenset({"message", "subject", "socialProof", "referralAsk"}),
        {"socialProof": 3},
        "message",
        {"referrerName": "Tita Baby", "context": "post_sale"},
    ),
    Case(
        "call",
        10,
        3,
        frozenset({"opening", "discoveryQuestions", "handleObjections", "closing", "coachingTips"}),
        {"discoveryQuestions": 4, "handleObjections": 3, "coachingTips": 5},
    ),
    Case(
        "social",
        10,
        3,
        frozenset({"publicReply", "privateFollowUpSuggestion", "alternativeReplies", "riskWarnings"}),
        {"alternativeReplies": 2},
        "publicReply",
        {"context": "Unang negosyo namin ni mister, bukas na!", "postType": "achievement"},
        needs_prospect=False,
    ),
    Case("deck", 100, 30, frozenset({"deck"}), {"deck": 7}, needs_prospect=False),
    Case(
        "deck",
        100,
        30,
        frozenset({"deck"}),
        {"deck": 15},
        inputs={"deckType": "elite"},
        free=False,
        needs_prospect=False,
        parts=3,
    ),
    Case(
        "deep_scan",
        25,
        8,
        frozenset(
            {
                "scoutScore", "bucket", "confidence", "personality", "painPoints", "interests", "financialSignals",
                "lifeEvents", "buyingIndicators", "topOpportunities", "recommendedApproach", "evidence",
            }
        ),
    ),
    Case(
        "company_analysis",
        30,
        10,
        frozenset({"summary", "valueProposition", "targetAudience", "toneOfVoice", "strengths", "risks"}),
        inputs={"context": "Sigla Wellness sells barley drinks in Quezon City to working parents."},
        needs_prospect=False,
    ),
)  # fmt: skip


def name_of(case: Case) -> str:
    """Return the name of the case in a report."""
    return "-".join([case.kind, *(["elite"] if "deckType" in case.inputs else [])])


def case_of(name: str) -> Case:
    """Return the case with this name."""
    return next(case for case in CASES if name_of(case) == name)
