"""The worker on Lambda: messages `{"jobId": …}` of a queue; what was asked for stands in the database."""

import os

from functions.generate_ai_content.worker import work_on
from shared.lambda_.worker import queue_handler
from shared.log import configure
from shared.services import build_services
from shared.settings import Settings
from shared.snapshot import open_for_platform

settings = Settings.from_env(os.environ)
configure(settings.log_level)
services = build_services(settings)
handler = queue_handler(work_on, services, settings.job_timeout_seconds)
open_for_platform(services)
