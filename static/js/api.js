/* Calls to the API, with the session of this page. Everything that fails is an ApiError with a sentence to show. */

import { meta } from "./page.js";
import { _ } from "./words.js";

const BASE = "/api/v1";
export const LOST = _("The server cannot be reached. Check your connection and try again.");

export class ApiError extends Error {
  constructor(message, { code = "", status = 0, retryAfter = 0 } = {}) {
    super(message);
    this.code = code;
    this.status = status;
    this.retryAfter = retryAfter;
  }

  get isSignedOut() {
    return this.status === 401;
  }
}

export const address = (path) => BASE + path;

export function headers(more = {}) {
  const account = meta("account");
  return { Accept: "application/json", "X-CSRFToken": csrfToken(), ...(account && { "X-Account-Id": account }), ...more };
}

/* The cookie is newer than the page after a sign-in in another tab. */
function csrfToken() {
  const cookie = document.cookie.split("; ").find((part) => part.startsWith("csrftoken="));
  return cookie ? decodeURIComponent(cookie.slice("csrftoken=".length)) : meta("csrf-token");
}

/** The error that an answer of the API stands for. */
export function errorOf(status, text, retryAfter = 0) {
  let body = {};
  try {
    body = JSON.parse(text) ?? {};
  } catch {
    /* A proxy's page, say. */
  }
  if (status === 401) return new ApiError(_("Your session has ended. Sign in again to go on."), { status, code: "unauthenticated" });
  const fields = body.error?.details && typeof body.error.details === "object" ? Object.values(body.error.details).flat() : [];
  const said = fields.find((line) => typeof line === "string") || body.error?.message;
  const fallback = status === 413 ? _("The file is too large.") : _("The server could not do that (%(status)s). Try again in a moment.", { status });
  return new ApiError(said ? _(said) : fallback, { status, code: body.error?.code, retryAfter: Number(retryAfter) || 0 });
}

/** The JSON that `method path` answers with. Throws ApiError. */
export async function call(method, path, body) {
  let response, text;
  try {
    response = await fetch(address(path), {
      method,
      credentials: "same-origin",
      headers: headers(body === undefined ? {} : { "Content-Type": "application/json" }),
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    text = await response.text();
  } catch {
    throw new ApiError(LOST);
  }
  if (!response.ok) throw errorOf(response.status, text, response.headers.get("Retry-After"));
  try {
    return JSON.parse(text);
  } catch {
    throw new ApiError(LOST);
  }
}

/** Send a file, with `fields` where there are any; `onProgress` hears shares from 0 to 1. fetch() tells nothing of what was sent, hence XHR. */
export function upload(file, onProgress, fields = {}) {
  return new Promise((resolve, reject) => {
    const form = new FormData();
    form.append("file", file, file.name);
    for (const [name, value] of Object.entries(fields)) if (value) form.append(name, value);
    const request = new XMLHttpRequest();
    request.open("POST", address("/documents/upload"));
    for (const [name, value] of Object.entries(headers())) request.setRequestHeader(name, value);
    request.upload.addEventListener("progress", (event) => event.lengthComputable && onProgress(event.loaded / event.total));
    request.addEventListener("load", () => {
      if (request.status !== 201) reject(errorOf(request.status, request.responseText, request.getResponseHeader("Retry-After")));
      else resolve(JSON.parse(request.responseText));
    });
    request.addEventListener("error", () => reject(new ApiError(LOST)));
    request.send(form);
  });
}
