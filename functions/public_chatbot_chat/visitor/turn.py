"""One turn of a visitor's chat: its prompt, its rows and its reply."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from functions.public_chatbot_chat.filter.answer import AnswerFilter
from functions.public_chatbot_chat.filter.instructions_leak import quoted
from functions.public_chatbot_chat.filter.links import links_in, strings
from functions.public_chatbot_chat.lead.rows import lead_rows
from functions.public_chatbot_chat.visitor.fallback import fallback_answer
from functions.public_chatbot_chat.visitor.hours import is_open
from functions.public_chatbot_chat.visitor.instructions import (
    PROMPT,
    custom_instructions,
    knowledge,
    overrides_intelligence,
    system_prompt,
)
from shared.ai import Generated, Limits, Material, Message, MessageRefused, Reading, Task
from shared.ai.prompt import WALL
from shared.errors import NexscoutError

HISTORY_TURNS = 10
PROMPT_LIMIT_BYTES = 64_000
MAX_OUTPUT_TOKENS = 600
TEMPERATURE = 0.6


class NotAnswered(NexscoutError):  # noqa: N818  # what happened, as the other errors
    """No model is called: a person has taken over, or the business is closed. The visitor never sees this error."""

    status = 200
    code = "not_answered"
    sentence = "No model answers here now."


class VisitorTurn(Task):
    """A visitor's message: the reservation stores it, the settlement stores its answer."""

    action = "ai_chatbot_response"
    limits = Limits(PROMPT_LIMIT_BYTES, MAX_OUTPUT_TOKENS, retries=1)
    # The reservation checks the session and returns the data for the answer.
    reading = Reading(configuration=False)
    temperature = TEMPERATURE
    prompt_version = PROMPT.version

    def __init__(
        self, session_id: str, owner_id: str, message: str, now: datetime, *, moderated: bool = False
    ) -> None:
        self._session_id = session_id
        self._owner_id = owner_id
        self._message = message
        self._now = now
        self.moderated = message if moderated else None
        self._chat: Mapping[str, Any] = {}
        self._system_prompt = ""
        self._facts: Mapping[str, Any] = {}
        self.handled_by = "ai"
        self.answer = ""
        self.lead: Mapping[str, Any] = {}

    def reserve_function(self, reservation: str) -> tuple[str, Mapping[str, Any]]:
        """Return the function that reserves and also checks the session and stores the message."""
        return "chat_open", {
            "p_session_id": self._session_id,
            "p_owner_id": self._owner_id,
            "p_message": self._message,
            "p_request": reservation,
        }

    def reserved(self, answer: Mapping[str, Any]) -> None:
        """Keep the data for the answer, and compute the visitor's lead."""
        self._chat = answer.get("chat") or {}
        if self._chat:
            self.lead = lead_rows(self._chat)

    def is_open(self) -> bool:
        """Return whether the session was found and the message stored."""
        return bool(self._chat)

    def messages(self, material: Material) -> Sequence[Message]:
        """Return the instructions, the facts, and the newest turns.

        Raises:
            NotAnswered: a person answers, or the business is closed.
        """
        del material
        settings = self._settings()
        if self._chat["session"]["status"] == "human_takeover":
            self.handled_by = "human"
            raise NotAnswered
        if not is_open(settings.get("business_hours"), self._now):
            raise NotAnswered
        self._system_prompt = system_prompt(settings, self._chat.get("company"))
        self._facts = knowledge(settings, self._chat)
        data = json.dumps(self._facts, ensure_ascii=False, separators=(",", ":"))
        start: list[Message] = [
            {"role": "system", "content": f"{self._system_prompt}\n\n{WALL}"},
            {"role": "user", "content": f"Facts: {data}"},
        ]
        return [*start, *self._turns(PROMPT_LIMIT_BYTES - _wire_bytes(start))]

    def answer_filter(self) -> AnswerFilter:
        """Return the filter of the model's answer; to be called after `messages`."""
        facts = list(strings(self._facts))
        own = [*facts, *strings(self._settings()), *strings(self._chat.get("links"))]
        public = [*facts, *quoted(custom_instructions(self._settings()))]
        return AnswerFilter(f"{self._system_prompt}\n\n{WALL}", public, links_in(own))

    def reply(self, generated: Generated) -> Mapping[str, Any]:
        """Return the fields of the reply."""
        self.answer = generated.text
        return self._fields(fallback=False)

    def rows(self, generated: Generated, tokens: int) -> Mapping[str, Any]:
        """Return the rows of an answered turn."""
        return {"chat": self._rows(generated.text, tokens, fallback=False)}

    def rows_without_answer(self, error: NexscoutError) -> Mapping[str, Any]:
        """Return the rows of a turn that no model answered; a refused message gets no answer."""
        answer = "" if isinstance(error, MessageRefused) else self.fallback_answer()
        return {"chat": self._rows(answer, 0, fallback=True)}

    def fallback_answer(self) -> str:
        """Return the fallback answer, which is empty while a person has taken over."""
        if self.handled_by == "human":
            return ""
        self.handled_by = "away"
        settings = self._settings()
        self.answer = fallback_answer(
            self._message, self._chat.get("training") or [], settings.get("away_message")
        )
        return self.answer

    def fallback_body(self, request_id: str) -> dict[str, Any]:
        """Return the complete reply of a turn that no model answered."""
        return {
            "success": True,
            "requestId": request_id,
            **self._fields(fallback=self.handled_by != "human"),
            "meta": {},
        }

    def rows_without_hold(self) -> Mapping[str, Any]:
        """Return the rows of a turn whose reservation was refused."""
        return self._rows(self.fallback_answer(), 0, fallback=True)

    def _turns(self, room_bytes: int) -> list[Message]:
        """Return the newest turns in order, as many as fit into `room_bytes`, and at least the newest."""
        roles = {"visitor": "user", "ai": "assistant"}
        turns: list[Message] = []
        for turn in reversed(list(self._chat["history"])[-HISTORY_TURNS:]):
            message = {"role": roles[turn["sender"]], "content": turn["message"]}
            room_bytes -= _wire_bytes(message)
            if turns and room_bytes < 0:
                break
            turns.insert(0, message)
        return turns

    def _rows(self, answer: str, tokens: int, *, fallback: bool) -> dict[str, Any]:
        return {
            "session_id": self._session_id,
            "answer": answer,
            "tokens": tokens,
            "fallback": fallback,
            **self.lead,
        }

    def _fields(self, *, fallback: bool) -> dict[str, Any]:
        settings = self._settings()
        return {
            "response": self.answer,
            "message": self.answer,
            "content": self.answer,
            "usingOpenAI": not fallback and self.handled_by == "ai",
            "usingCustomInstructions": bool(custom_instructions(settings)),
            "customInstructionsLength": len(custom_instructions(settings)),
            "usingWorkspaceConfig": bool(self._facts),
            "overridingIntelligence": overrides_intelligence(settings),
            "systemPromptLength": len(self._system_prompt),
            "fallback": fallback,
            "handledBy": self.handled_by,
            "session": {
                "qualificationScore": self.lead.get("qualification_score", 0),
                "buyingIntent": self.lead.get("buying_intent", 0),
                "emotionalState": self.lead.get("emotional_state", "Neutral"),
                "messageCount": int(self._chat.get("message_count") or 0) + bool(self.answer),
            },
        }

    def _settings(self) -> Mapping[str, Any]:
        settings: Mapping[str, Any] = self._chat.get("settings") or {}
        return settings


def _wire_bytes(value: object) -> int:
    """Return the bytes of a part of the request, with its separators."""
    return len(json.dumps(value, ensure_ascii=False).encode()) + 8
