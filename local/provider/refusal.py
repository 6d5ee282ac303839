"""Refusals of the real provider."""


class RefusalError(Exception):
    """A request that the provider refuses, in the format of its reply."""

    def __init__(self, status: int, message: str, param: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.error = {"message": message, "type": "invalid_request_error", "param": param, "code": code}


def bad(message: str, param: str | None = None, code: str | None = None) -> RefusalError:
    """Return a refusal with status 400."""
    return RefusalError(400, message, param, code)
