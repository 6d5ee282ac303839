"""The worker on Lambda: messages `{"scanId": …}` of a queue; the input of a scan stands in the database."""

import os

from functions.scan_processor_v2.worker import work_on
from shared.log import configure
from shared.queue_worker import queue_handler
from shared.services import build_services
from shared.settings import Settings

settings = Settings.from_env(os.environ)
configure(settings.log_level)
handler = queue_handler(work_on, build_services(settings), settings.scan_timeout_seconds)
