"""The content types by their names in the contract."""

from collections.abc import Mapping
from typing import Any

from functions.generate_ai_content.content_types.booking import Booking
from functions.generate_ai_content.content_types.call import Call
from functions.generate_ai_content.content_types.company_analysis import CompanyAnalysis
from functions.generate_ai_content.content_types.content_task import ContentTask
from functions.generate_ai_content.content_types.deck import Deck
from functions.generate_ai_content.content_types.deep_scan import DeepScan
from functions.generate_ai_content.content_types.message import Message
from functions.generate_ai_content.content_types.objection import Objection
from functions.generate_ai_content.content_types.referral import Referral
from functions.generate_ai_content.content_types.revival import Revival
from functions.generate_ai_content.content_types.sequence import Sequence
from functions.generate_ai_content.content_types.social import Social

CONTENT_TYPES: Mapping[str, type[ContentTask[Any, Any]]] = {
    content.name: content
    for content in (
        Message, Sequence, Objection, Booking, Revival, Referral, Call, Social, Deck, DeepScan, CompanyAnalysis,
    )
}  # fmt: skip
