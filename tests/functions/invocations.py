"""A process as the platform keeps one: it loads the function once, and calls its handler for each event.

The argument is the module of the handler. Events are lines of JSON on stdin, which may set the remaining time of
their invocation (`remaining_ms`); each reply, or the name of an exception, is a line on stdout.
"""

import importlib
import json
import sys

from local.commands.invoke import REMAINING_MS, Context


def main() -> None:
    """Answer events until there are no more."""
    # The function logs to the stdout of its load time; that one is only for the replies here.
    out, sys.stdout = sys.stdout, sys.stderr
    module = sys.argv[1] if len(sys.argv) > 1 else "functions.generate_ai_content.handler"
    handler = importlib.import_module(module).handler
    for line in sys.stdin:
        event = json.loads(line)
        context = Context(event.pop("remaining_ms", REMAINING_MS))
        try:
            answer = handler(event, context)
        except Exception as error:  # noqa: BLE001  # the runtime reports it and keeps the process
            answer = {"raised": type(error).__name__}
        print(json.dumps(answer), file=out, flush=True)


if __name__ == "__main__":
    main()
