"""A client of the simulated provider's control API."""

import json
from typing import Any

import httpx


class Provider:
    """Queues faults in the provider and reads the requests that it got."""

    def __init__(self, url: str) -> None:
        self._client = httpx.Client(base_url=url)

    def fail(self, *faults: dict[str, Any]) -> None:
        """Queue faults, each used by one matching request: `fail({"kind": "status", "status": 500})`."""
        self._client.post("/control/faults", json={"faults": list(faults)}).raise_for_status()

    def requests(self) -> list[dict[str, Any]]:
        """Return the requests since the last reset, oldest first."""
        listed: list[dict[str, Any]] = self._client.get("/control/requests").raise_for_status().json()
        return listed

    def bodies(self) -> list[dict[str, Any]]:
        """Return the JSON bodies of the requests, oldest first."""
        reply = self._client.get("/control/requests", params={"bodies": "1"}).raise_for_status()
        return [json.loads(row["body"]) for row in reply.json()]

    def reset(self) -> None:
        """Forget faults and requests."""
        self._client.delete("/control").raise_for_status()

    def close(self) -> None:
        """Close the connection."""
        self._client.close()
