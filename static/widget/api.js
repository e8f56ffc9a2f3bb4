/* The server as a visitor's browser speaks with it: a key that opens sessions, and a session that does the rest. */

import { json, natives } from "./natives.js";

/* A session that ends within this time is not begun anything with. */
const NEAR_END_MS = 60_000;

/** Why the server did not do it. `kind` is also the name of the text that tells the visitor. */
export class Refusal extends Error {
  /** @param {"offline"|"quota"|"limit"|"gone"|"long"|"failed"} kind */
  constructor(kind, { status = 0, until = null, message = kind } = {}) {
    super(message);
    Object.assign(this, { kind, status, until });
  }
}

export class Api {
  /** @param {{server: string, key: string, integration: string, identity?: string | (() => string | Promise<string>)}} options */
  constructor(options, kept) {
    this.options = options;
    this.kept = kept;
    this.path = `/integrations/${encodeURIComponent(options.integration)}`;
  }

  /** How the integration looks and what it says. */
  async setup() {
    return (await (await this.withKey(`${this.path}/widget`)).json()).data;
  }

  /** A POST to the integration, or a GET where there is no `body`. */
  async call(path, { body, ...more } = {}) {
    const send = async () => this.send(`${this.path}/${path}`, await this.session(), { body, ...more });
    try {
      return await send();
    } catch (refusal) {
      /* A session that has ended is refused in a way that browsers hide from pages of other sites. */
      const mayHaveEnded = refusal.status === 401 || (refusal.kind === "offline" && navigator.onLine);
      if (!mayHaveEnded) throw refusal;
      this.kept.share({ expires: null });
      return send();
    }
  }

  withKey(path, more) {
    return this.send(path, this.options.key, more);
  }

  async session() {
    const { token, expires, identified } = this.kept.shared;
    /* A site that says who its visitor is says so on each page: it may be another one by now. */
    const isTheirs = this.options.identity ? this.isIntroduced : !identified;
    if (token && isTheirs && Date.parse(expires) - Date.now() > NEAR_END_MS) return token;
    this.beginning ??= this.begin().finally(() => (this.beginning = null));
    return this.beginning;
  }

  async begin() {
    const asked = this.options.identity;
    const identity = typeof asked === "function" ? await asked() : asked;
    const { token, identified } = this.kept.shared;
    /* By their earlier session a visitor stays who they were; who is no longer signed in at the site is a new one. */
    const earlier = identified && !identity ? undefined : (token ?? undefined);
    const body = { visitor: earlier, identity: identity || undefined };
    const { data } = await (await this.withKey(`${this.path}/sessions`, { body })).json();
    this.isIntroduced = true;
    this.kept.share({ token: data.token, expires: data.expires_at, identified: data.identified });
    return data.token;
  }

  async send(path, bearer, { body, signal, headers = {}, keepalive = false } = {}) {
    const sent = body === undefined ? {} : { "Content-Type": "application/json" };
    let response;
    try {
      response = await natives.fetch(`${this.options.server}/api/v1${path}`, {
        method: body === undefined ? "GET" : "POST",
        headers: { Authorization: `Bearer ${bearer}`, ...sent, ...headers },
        body: body === undefined ? undefined : json(body),
        credentials: "omit",
        referrerPolicy: "strict-origin-when-cross-origin",
        cache: "no-store",
        keepalive,
        signal,
      });
    } catch (error) {
      if (signal?.aborted) throw error;
      throw new Refusal("offline");
    }
    if (!response.ok) throw await refusalOf(response);
    return { headers: response.headers, body: response.body, json: async () => natives.parse(await response.text()) };
  }
}

const KINDS = { 401: "gone", 402: "quota", 403: "gone", 404: "gone", 413: "long", 422: "long", 429: "limit" };

async function refusalOf(response) {
  let said = {};
  try {
    said = natives.parse(await response.text()) ?? {};
  } catch {
    /* Something in between answered, not our server. */
  }
  const seconds = Number(response.headers.get("Retry-After"));
  const until = said.reset_at ? new Date(said.reset_at) : seconds ? new Date(Date.now() + seconds * 1000) : null;
  const kind = KINDS[response.status] ?? "failed";
  return new Refusal(kind, { status: response.status, until, message: said.message ?? said.error ?? kind });
}
