/* An answer as it is written: server-sent events over a POST, which EventSource cannot do. */

import { ApiError, LOST, address, errorOf, headers } from "./api.js";
import { _ } from "./words.js";

const CUT = _("The connection was lost before the answer was complete.");
/* The server sends a comment after 15 s of silence; when even that stays away, nobody is there. */
const SILENCE_MS = 45_000;

/** The events of `POST path`. Ends with the server's [DONE]; throws ApiError, or AbortError where `signal` says so. */
export async function* events(path, body, signal) {
  yield* told(await open(path, body, signal), signal);
}

/** The events that `response` brings. As `events`. */
export async function* told(response, signal) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  try {
    for await (const data of dataLines(reader)) {
      if (data === "[DONE]") return;
      yield JSON.parse(data);
    }
  } catch (error) {
    if (signal.aborted || error instanceof ApiError) throw error;
    throw new ApiError(CUT);
  } finally {
    reader.cancel().catch(() => {});
  }
  throw new ApiError(CUT);
}

async function open(path, body, signal) {
  let response;
  try {
    response = await fetch(address(path), {
      method: "POST",
      credentials: "same-origin",
      headers: headers({ Accept: "text/event-stream", "Content-Type": "application/json" }),
      body: JSON.stringify(body),
      signal,
    });
  } catch (error) {
    if (signal.aborted) throw error;
    throw new ApiError(LOST);
  }
  if (!response.ok) throw errorOf(response.status, await response.text(), response.headers.get("Retry-After"));
  return response;
}

/* The `data:` of each event, by the event stream grammar of the HTML standard as far as the server uses it. */
async function* dataLines(reader) {
  let rest = "";
  let data = [];
  for (;;) {
    const { value, done } = await beforeSilence(reader.read());
    if (done) return;
    const lines = (rest + value).split(/\r?\n/);
    rest = lines.pop();
    for (const line of lines) {
      if (line.startsWith("data:")) data.push(line.slice(line[5] === " " ? 6 : 5));
      else if (line === "" && data.length) {
        yield data.join("\n");
        data = [];
      }
    }
  }
}

function beforeSilence(reading) {
  let timer;
  const silence = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new ApiError(CUT)), SILENCE_MS);
  });
  return Promise.race([reading, silence]).finally(() => clearTimeout(timer));
}
