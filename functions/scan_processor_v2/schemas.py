"""The request to process a scan."""

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from shared.http.fields import Blank, Shape

FUNCTION = "scan-processor-v2"
ACTION = "ai_scan"

MAX_PATH = 1_024

ScanType = Literal["text", "csv", "image"]


class Payload(BaseModel):
    """The input of a scan, in one of its fields. `image` is base64, with or without the prefix of a data URL."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    text: Annotated[str | None, Blank] = None
    content: Annotated[str | None, Blank] = None
    image: Annotated[str | None, Blank] = None
    storage_path: Annotated[
        str | None,
        Field(alias="storagePath", max_length=MAX_PATH, description="a path in the bucket scan-uploads"),
        Blank,
    ] = None


class ScanRequest(Shape):
    """A scan to be processed. Its row has the owner: `userId` of older clients has no effect."""

    scan_id: UUID
    scan_type: ScanType
    payload: str | Payload
    user_id: Any = None
