"""Somebody else's site: pages on another port, with a strict policy, and with styles and scripts that spare nothing."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

HOSTILE_CSS = """
* { all: unset !important; }
:host, doculume-chat, doculume-search, doculume-modal { display: none !important; position: static !important; }
body > * { opacity: 0.3 !important; transform: rotate(3deg) !important; }
body { font: 40px fantasy; color: red; letter-spacing: 1em; text-transform: uppercase; }
"""
# What old libraries do to the prototypes of everybody, and what careless ones do to the names of the window.
HOSTILE_JS = """
Array.prototype.toJSON = function () { return "broken"; };
String.prototype.toJSON = function () { return "broken"; };
Object.prototype.toJSON = undefined;
Array.prototype.extra = "enumerable";
window.addEventListener("load", () => {
  window.fetch = () => { throw new Error("The page's own fetch"); };
  JSON.parse = JSON.stringify = () => { throw new Error("The page's own JSON"); };
  window.requestAnimationFrame = () => 0;
});
window.alert = window.confirm = window.prompt = () => { window.dialogs = (window.dialogs || 0) + 1; };
window.before = new Set(Object.getOwnPropertyNames(window));
"""
PAGE = """<!doctype html>
<html lang="{lang}" dir="{dir}"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1, interactive-widget=resizes-visual">
<title>Somebody's shop</title>
{hostile}
{head}</head>
<body>
<main><h1>Somebody's shop</h1><p>Things to buy.</p><p><button id="own">A button</button></p><div id="here"></div></main>
{body}</body></html>
"""
KINDS = {".js": "text/javascript", ".css": "text/css"}


class Site:
    """Its pages by path; `policy` names the platform's address as the only foreign one."""

    def __init__(self, platform: str) -> None:
        self.platform = platform
        self.address = ""
        self.pages: dict[str, str] = {"/hostile.js": HOSTILE_JS, "/hostile.css": HOSTILE_CSS}
        self.policy = (
            f"default-src 'none'; script-src 'self' {platform}; connect-src {platform}; style-src 'self'; "
            "require-trusted-types-for 'script'; trusted-types 'none'; base-uri 'none'; form-action 'none'"
        )

    def page(self, path: str, *, head: str = "", body: str = "", lang: str = "en", hostile: bool = True) -> str:
        """Keeps a page, and gives its whole address. A `hostile` one spares neither styles nor names."""
        spoiled = '<script src="/hostile.js"></script><link rel="stylesheet" href="/hostile.css">' if hostile else ""
        direction = "rtl" if lang == "ar" else "ltr"
        self.pages[path] = PAGE.format(head=head, body=body, lang=lang, dir=direction, hostile=spoiled)
        return self.address + path

    def snippet(self, key: str, integration: object, **attributes: str) -> str:
        """What a site owner pastes."""
        more = "".join(f' data-{name}="{value}"' for name, value in attributes.items())
        address = f"{self.platform}/static/widget/widget.js"
        return f'<script src="{address}" data-key="{key}" data-integration="{integration}"{more} async></script>'


@contextmanager
def somebodys_site(platform: str) -> Iterator[Site]:
    site = Site(platform)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            text = site.pages.get(path)
            self.send_response(200 if text is not None else 404)
            kind = next((kind for end, kind in KINDS.items() if path.endswith(end)), "text/html")
            self.send_header("Content-Type", f"{kind}; charset=utf-8")
            self.send_header("Content-Security-Policy", site.policy)
            self.end_headers()
            self.wfile.write((text or "").encode())

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    site.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        thread.join(timeout=5)
        server.server_close()
