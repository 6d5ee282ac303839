"""The public chat page of the local stack: /chat/<slug>, and its files below /chat/page/."""

from collections.abc import Mapping
from html import escape

from starlette.responses import PlainTextResponse, Response

from local.project import PROJECT

FOLDER = PROJECT / "local" / "chat_page"

PREFIX = "/chat/"
KINDS = {".js": "text/javascript", ".css": "text/css"}
# Scripts and styles only from this origin, no markup from strings, no embedding in another site's frame.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
HEADERS: Mapping[str, str] = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-cache",
}


def chat_page(path: str, publishable_key: str) -> Response:
    """Return the page for any slug, one of its files, or 404; files are read each time, so an edit needs no restart."""
    slug, *file = path.removeprefix(PREFIX).split("/")
    if slug and file in ([], [""]):
        return Response(page_text(publishable_key), headers=HEADERS, media_type="text/html")
    known = {each.name: each for each in FOLDER.iterdir() if each.suffix in KINDS}
    if slug != "page" or len(file) != 1 or file[0] not in known:
        return PlainTextResponse("There is no such page.", 404)
    found = known[file[0]]
    return Response(found.read_bytes(), headers=HEADERS, media_type=KINDS[found.suffix])


def page_text(publishable_key: str) -> str:
    """Return the page with the API key that its requests send."""
    text = (FOLDER / "index.html").read_text("utf-8")
    return text.replace("{{publishable_key}}", escape(publishable_key, quote=True))
