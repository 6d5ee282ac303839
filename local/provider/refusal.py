"""How the real provider says no."""


class RefusalError(Exception):
    """A request that the provider turns down, as it goes over the wire."""

    def __init__(self, status: int, message: str, param: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.error = {"message": message, "type": "invalid_request_error", "param": param, "code": code}


def bad(message: str, param: str | None = None, code: str | None = None) -> RefusalError:
    """A refusal with status 400."""
    return RefusalError(400, message, param, code)
