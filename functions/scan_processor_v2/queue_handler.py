"""The worker on Lambda: messages `{"scanId": …}` of a queue; the input of a scan is in the database."""

from functions.scan_processor_v2.worker import work_on
from shared.lambda_.worker import queue_entry

handler = queue_entry(work_on, lambda settings: settings.scan_timeout_seconds)
