"""The worker on Lambda: messages `{"jobId": …}` of a queue; the request is in the database."""

from functions.generate_ai_content.worker import work_on
from shared.lambda_.worker import queue_entry

handler = queue_entry(work_on, lambda settings: settings.job_timeout_seconds)
