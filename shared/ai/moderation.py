"""What people write, judged by the provider before a model reads it."""

import logging

from shared.ai.delivery.run import Run
from shared.ai.provider.client import Providers
from shared.ai.provider.exchange import ProviderFailure
from shared.errors import ContentRefused, ProviderError
from shared.log import log_event

MODERATION_SECONDS = 5.0


class MessageRefused(ContentRefused):
    """The caller's own words were refused: no model has read them."""

    sentence = "This message was refused. Please rephrase it."


class Moderator:
    """Asks the provider's moderation, which is free of charge: it is counted, and no attempt that could cost."""

    def __init__(self, providers: Providers) -> None:
        self._providers = providers

    async def check(self, run: Run) -> None:
        """Let a call pass whose words are fit to be read, or that asks for no judgement.

        Raises:
            MessageRefused: the words were flagged.
            ProviderError: no judgement came; then no model is asked either.
        """
        if run.task.moderated is None:
            return
        run.context.fields["moderated"] = 1
        seconds = run.until.timeout(MODERATION_SECONDS)
        try:
            with run.context.timed("moderation"):
                flagged = await self._providers.flags(run.task.moderated, run.until.starting(seconds))
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
