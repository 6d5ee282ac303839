"""The content types by their names, as the contract lists them."""

from collections.abc import Mapping
from typing import Any

from functions.generate_ai_content.content_types.booking import BOOKING
from functions.generate_ai_content.content_types.call import CALL
from functions.generate_ai_content.content_types.company_analysis import COMPANY_ANALYSIS
from functions.generate_ai_content.content_types.content_type import ContentType
from functions.generate_ai_content.content_types.deck import DECK
from functions.generate_ai_content.content_types.deep_scan import DEEP_SCAN
from functions.generate_ai_content.content_types.message import MESSAGE
from functions.generate_ai_content.content_types.objection import OBJECTION
from functions.generate_ai_content.content_types.referral import REFERRAL
from functions.generate_ai_content.content_types.revival import REVIVAL
from functions.generate_ai_content.content_types.sequence import SEQUENCE
from functions.generate_ai_content.content_types.social import SOCIAL

CONTENT_TYPES: Mapping[str, ContentType[Any]] = {
    content.name: content
    for content in (
        MESSAGE, SEQUENCE, OBJECTION, BOOKING, REVIVAL, REFERRAL, CALL, SOCIAL, DECK, DEEP_SCAN, COMPANY_ANALYSIS,
    )
}  # fmt: skip
