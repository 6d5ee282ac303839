#!/bin/sh
# Serves the function of this zip on a port, for the web adapter.
set -eu
cd "$LAMBDA_TASK_ROOT"
for handler in functions/*/handler.py; do
  folder=${handler%/handler.py}
done
# The runtime's own packages too: the AWS SDK is among them.
export PYTHONPATH="$LAMBDA_TASK_ROOT:${LAMBDA_RUNTIME_DIR:-}"
# Only the adapter connects: the caller's address comes from it, not from a header, and only the adapter closes a connection,
# which may have been frozen for a long time. The port opens when the app has opened what its first request needs (lifespan).
exec python3 -m uvicorn "functions.${folder#functions/}.handler:app" --host 127.0.0.1 --port "$PORT" \
  --no-access-log --no-proxy-headers --no-server-header --lifespan on --timeout-keep-alive 900
