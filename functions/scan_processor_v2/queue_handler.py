"""The worker on Lambda: messages `{"scanId": …}` of a queue; the input of a scan stands in the database."""

import os

from functions.scan_processor_v2.worker import work_on
from shared.lambda_.worker import queue_handler
from shared.log import configure
from shared.services import build_services
from shared.settings import Settings
from shared.snapshot import open_for_platform

settings = Settings.from_env(os.environ)
configure(settings.log_level)
services = build_services(settings)
handler = queue_handler(work_on, services, settings.scan_timeout_seconds)
open_for_platform(services)
