"""`company_analysis`: what a company offers, to whom, and how it sounds."""

from typing import Annotated

from pydantic import BeforeValidator, Field

from functions.generate_ai_content.content_types.content_task import ContentTask, prompt
from functions.generate_ai_content.content_types.output import Output, Text
from functions.generate_ai_content.content_types.request import WithContext

PROMPT = prompt("analyst", "facts", "company_analysis")


class CompanyRequest(WithContext):
    """A text about the company in `context`; without it the stored company is analysed. A prospect id is ignored."""

    prospect_id: Annotated[None, BeforeValidator(lambda _value: None)] = None


class CompanyOutput(Output):
    """The analysis in six parts."""

    summary: Text
    value_proposition: Text
    target_audience: Text
    tone_of_voice: Text
    strengths: Annotated[list[Text], Field(min_length=1, max_length=6)]
    risks: Annotated[list[Text], Field(max_length=6)]


class CompanyAnalysis(ContentTask[CompanyRequest, CompanyOutput]):
    """An analysis of the text in `context`, else of the stored company."""

    name, action = "company_analysis", "ai_company_analysis"
    request_model, output_model = CompanyRequest, CompanyOutput
    prompt = PROMPT
    output_tokens = 2000
    temperature = 0.3
    sources = ("context", "company")
