"""The process that serves the gateway with all functions: `python -m local.stack.serve <listening fd>`."""

import os
import socket
import sys
from pathlib import Path

import uvicorn

from local.gateway.exchange import TokenExchange
from local.gateway.function_apps import load_all
from local.gateway.gateway import Gateway
from local.gateway.issuer import jwks
from local.gateway.proxy import Proxy
from local.gateway.storage import Storage


def main() -> None:
    """Serve on the inherited socket until a stop signal; all other settings come from the environment."""
    url = os.environ["SUPABASE_URL"]
    exchange = TokenExchange(
        issuer=os.environ.get("SUPABASE_JWT_ISSUER", f"{url}/auth/v1"),
        jwks_url=os.environ.get("SUPABASE_JWKS_URL", f"{url}/auth/v1/.well-known/jwks.json"),
        jwt_secret=os.environ["SUPABASE_JWT_SECRET"],
    )
    upstream = Proxy(os.environ["NEXSCOUT_UPSTREAM"])
    keys = jwks(os.environ["NEXSCOUT_SIGNING_KEY"])
    gateway = Gateway(upstream, exchange, keys, load_all(), os.environ["SUPABASE_PUBLISHABLE_KEY"])
    folder = Path(os.environ["NEXSCOUT_STORAGE"])
    app = Storage(gateway, exchange, folder, exchange.jwt_secret, os.environ["SUPABASE_SECRET_KEY"])
    config = uvicorn.Config(app, log_level="warning", access_log=False, timeout_graceful_shutdown=5)
    # Not uvicorn's own `fd` option: it treats the socket as a Unix one, and Nagle's algorithm then costs 40 ms a reply.
    uvicorn.Server(config).run([socket.socket(fileno=int(sys.argv[1]))])


if __name__ == "__main__":
    main()
