"""The chat page as the gateway serves it: the page for a slug, its files, and nothing else."""

import pytest

from local.gateway.pages import FOLDER, chat_page


@pytest.mark.parametrize("path", ["/chat/demo", "/chat/demo/"])
def test_a_slug_gets_the_page_with_the_key(path: str) -> None:
    """The page contains the key, escaped so that it cannot end its attribute."""
    reply = chat_page(path, 'sb_publishable_"><script>')
    assert reply.status_code == 200
    assert reply.headers["content-type"] == "text/html; charset=utf-8"
    assert 'content="sb_publishable_&quot;&gt;&lt;script&gt;"' in bytes(reply.body).decode()
    assert "{{" not in bytes(reply.body).decode()


def test_the_page_may_run_its_own_scripts_alone() -> None:
    """The policy allows no unsafe source and no markup from strings, and is on the page's files too."""
    for path in ("/chat/demo", "/chat/page/chat.js"):
        policy = chat_page(path, "key").headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; script-src 'self';")
        assert "require-trusted-types-for 'script'" in policy
        assert "unsafe" not in policy
        assert "*" not in policy


@pytest.mark.parametrize(
    ("name", "kind"),
    [("chat.js", "text/javascript"), ("chat.css", "text/css"), ("api.js", "text/javascript")],
)
def test_a_file_has_its_type(name: str, kind: str) -> None:
    """Each file has the content type that a browser needs to run it."""
    reply = chat_page(f"/chat/page/{name}", "key")
    assert reply.headers["content-type"] == f"{kind}; charset=utf-8"
    assert reply.body == (FOLDER / name).read_bytes()


@pytest.mark.parametrize(
    "path",
    [
        "/chat/",
        "/chat//",
        "/chat/demo/chat.js",
        "/chat/page/index.html",
        "/chat/page/../pages.py",
        "/chat/page/..",
        "/chat/page//chat.js",
        "/chat/page/chat.js/x",
    ],
)
def test_anything_else_is_not_found(path: str) -> None:
    """Only listed files are served: no path leads out of the folder."""
    assert chat_page(path, "key").status_code == 404


def test_the_page_uses_no_other_host() -> None:
    """The page names no other host, and never builds markup from strings."""
    for file in FOLDER.iterdir():
        text = file.read_text("utf-8")
        assert "://" not in text, file.name
        for unsafe in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("):
            assert unsafe not in text, file.name
