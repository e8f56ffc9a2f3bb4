"""Scripts and styles: sent compressed, and under addresses that change with what is in them.

All files of a release lie below one folder of the address, `/static/v-DIGEST/`, where modules that import each other by
relative paths find each other without being rewritten. What pages of other people load by address
(`/static/widget/…`) is found without the folder too, and is then asked for anew every minute.
"""

from __future__ import annotations

import gzip
import hashlib
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.contrib.staticfiles import finders
from django.contrib.staticfiles.storage import StaticFilesStorage
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.middleware.gzip import GZipMiddleware
from django.utils.cache import patch_vary_headers
from whitenoise.middleware import WhiteNoiseMiddleware

# Addresses of these are written down elsewhere: in other people's pages, in answers of the API.
STABLE = ("widget/", "accounts/")
FOR_EVER = "max-age=31536000, public, immutable"
WORTH_PACKING = re.compile(r"text/|application/(javascript|json|xml|wasm)|image/svg\+xml|font/(ttf|otf)")
LEAST_BYTES = 500


@lru_cache(maxsize=1)
def release() -> str:
    """Twelve digits that stand for the content of all static files, the same on every machine that has the same."""
    running = hashlib.sha256()
    found = {path: storage for finder in finders.get_finders() for path, storage in reversed([*finder.list([])])}
    for path, storage in sorted(found.items()):
        with storage.open(path) as file:
            running.update(f"{path}\0{file.size}\0".encode() + file.read())
    return running.hexdigest()[:12]


class ReleaseStorage(StaticFilesStorage):
    """Gives addresses below the folder of the release."""

    def url(self, name: str | None) -> str:
        plain = super().url(name)
        if settings.DEBUG or not name or name.startswith(STABLE):
            return plain
        return f"{self.base_url}v-{release()}/{plain.removeprefix(str(self.base_url))}"


class StaticFilesMiddleware(WhiteNoiseMiddleware):
    """WhiteNoise with folders of releases, packing what is asked for as it is asked for: nothing has to be collected,
    and nothing that was collected can be out of date."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        super().__init__(get_response)
        self._in_release = re.compile(rf"{re.escape(self.static_prefix)}v-([0-9a-f]{{12}})/")
        self._packed: dict[tuple[str, str], bytes] = {}
        if not settings.DEBUG:
            release()

    def __call__(self, request: HttpRequest) -> Any:
        path = request.path_info
        if folder := self._in_release.match(path):
            path = self.static_prefix + path[folder.end() :]
        file = self.find_file(path) if self.autorefresh else self.files.get(path)
        if file is None:
            return self.get_response(request)
        response = self.serve(file, request)
        # A page of another release, as while one is rolled out, gets what there is, but not for ever.
        if folder and folder[1] == release() and response.status_code in (200, 206, 304):
            response["Cache-Control"] = FOR_EVER
        return self._as_wanted(path, request, response)

    def _as_wanted(self, path: str, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        """Packed, if that is worth it and whoever asks can unpack it."""
        if response.status_code != 200 or not WORTH_PACKING.match(response.get("Content-Type", "")):
            return response
        if int(response["Content-Length"]) < LEAST_BYTES or "Content-Encoding" in response:
            return response
        patch_vary_headers(response, ["Accept-Encoding"])
        if request.method != "GET" or not _unpacks(request.headers.get("Accept-Encoding", "")):
            return response
        return self._pack((path, response.get("Last-Modified", "")), response)

    def _pack(self, key: tuple[str, str], response: Any) -> HttpResponse:
        if key not in self._packed:
            self._packed[key] = gzip.compress(b"".join(response.streaming_content), 9, mtime=0)
        response.file_to_stream.close()  # and not the response, which would say that the request is over
        packed = HttpResponse(self._packed[key])
        for name, value in response.items():
            # The ETag is that of the file as it lies; whether it changed is told by its date.
            if name not in ("ETag", "Content-Length"):
                packed[name] = value
        packed["Content-Encoding"] = "gzip"
        packed["Content-Length"] = str(len(packed.content))
        return packed


class PackedPagesMiddleware(GZipMiddleware):
    """Packs pages that are looked at, and nothing else.

    How long packed text is can tell what is in it to somebody who makes a browser ask again and again with a guess in
    the address (BREACH). Here no cookie goes along with what other sites embed (SameSite=Lax), the token of forms is
    masked anew each time, a length is blurred by up to a hundred random bytes, and answers of the API, where bearer
    tokens are, stay as they are.
    """

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        is_page = response.get("Content-Type", "").startswith("text/html") and not request.path.startswith("/api/")
        if request.method != "GET" or response.status_code != 200 or response.streaming or not is_page:
            return response
        return super().process_response(request, response)


def _unpacks(accepted: str) -> bool:
    """Whether an `Accept-Encoding` takes gzip; nothing may stand behind it but a weight above zero."""
    return any(re.fullmatch(r"gzip(;\s*q=(1(\.0*)?|0\.0*[1-9]\d*))?", each.strip()) for each in accepted.split(","))
