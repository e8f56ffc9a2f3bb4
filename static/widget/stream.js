/* An answer while it is made: server-sent events over a POST. A connection that breaks is made again, and since the
   request bears an Idempotency-Key the server tells the same answer from its beginning instead of making another. */

import { Refusal } from "./api.js";
import { natives } from "./natives.js";

/* The server says something at least each 15 s. */
const SILENCE_MS = 45_000;
const PAUSES_MS = [500, 2_000, 5_000];

/** The events of an answer, each an object with a `type`. `stream_start` may come again: then all is told anew.
 *  Throws Refusal; ends early where `signal` says so.
 *  @param {import("./api.js").Api} api */
export async function* told(api, path, body, signal) {
  const headers = { Accept: "text/event-stream", "Idempotency-Key": randomKey() };
  for (let attempt = 0; ; attempt += 1) {
    try {
      const response = await api.call(path, { body, signal, headers });
      yield* eventsOf(response.body);
      return;
    } catch (error) {
      if (signal.aborted) return;
      const isLost = error instanceof Refusal && (error.kind === "offline" || error.status === 409);
      if (!isLost || attempt >= PAUSES_MS.length) throw error;
      await new Promise((go) => natives.setTimeout(go, PAUSES_MS[attempt]));
      if (signal.aborted) return;
    }
  }
}

async function* eventsOf(body) {
  const reader = body.getReader();
  try {
    for await (const data of dataOf(reader)) {
      if (data === "[DONE]") return;
      const event = natives.parse(data);
      if (event.type === "error") throw new Refusal(event.error?.code === "quota_exceeded" ? "quota" : "failed", { status: 502 });
      yield event;
    }
  } finally {
    reader.cancel().catch(() => {});
  }
  throw new Refusal("offline");
}

/* The `data:` of each event, by the grammar of the HTML standard as far as the server uses it. */
async function* dataOf(reader) {
  const decoder = new TextDecoder();
  let rest = "";
  for (;;) {
    const { value, done } = await beforeSilence(reader.read());
    if (done) return;
    const lines = (rest + decoder.decode(value, { stream: true })).split(/\r?\n/);
    rest = lines.pop();
    for (const line of lines) if (line.startsWith("data:")) yield line.slice(5).trim();
  }
}

function beforeSilence(reading) {
  let timer;
  const lost = () => new Refusal("offline");
  const silence = new Promise((_, reject) => {
    timer = natives.setTimeout(() => reject(lost()), SILENCE_MS);
  });
  const read = reading.catch(() => {
    throw lost();
  });
  return Promise.race([read, silence]).finally(() => natives.clearTimeout(timer));
}

/* Not randomUUID, which pages without TLS do not have. */
function randomKey() {
  let key = "";
  for (const byte of crypto.getRandomValues(new Uint8Array(16))) key += byte.toString(16).padStart(2, "0");
  return key;
}
