"""Moderation: a provider judges what people wrote before a model reads it."""

import logging

from shared.ai.delivery.run import Run
from shared.ai.provider.client import Providers
from shared.ai.provider.exchange import ProviderFailure
from shared.errors import ContentRefused, ProviderError
from shared.log import log_event

MODERATION_SECONDS = 5.0


class MessageRefused(ContentRefused):
    """Moderation refused the caller's words; no model has read them."""

    sentence = "This message was refused. Please rephrase it."


class Moderator:
    """Calls the provider's moderation, which is free: it is counted in the log, not recorded as an attempt."""

    def __init__(self, providers: Providers) -> None:
        self._providers = providers

    async def check(self, run: Run) -> None:
        """Return if the task's words pass moderation, or need none.

        Raises:
            MessageRefused: the words were flagged.
            ProviderError: moderation did not answer; no model is called then.
        """
        if run.task.moderated is None:
            return
        run.context.fields["moderated"] = 1
        seconds = run.deadline.timeout(MODERATION_SECONDS)
        try:
            with run.context.timed("moderation"):
                flagged = await self._providers.flags(run.task.moderated, run.deadline.starting(seconds))
        except ProviderFailure as failure:
            log_event(
                "moderation.unanswered",
                level=logging.WARNING,
                code=failure.kind.value,
                request_id=run.context.request_id,
            )
            raise ProviderError from failure
        if flagged:
            raise MessageRefused
