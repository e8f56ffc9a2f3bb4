/* The list of documents: uploading, watching them become ready, trying again, deleting. */

import { ApiError, call } from "./api.js";
import { announce, byId, bytes, confirmed, here } from "./page.js";
import { Line, Uploads, acceptChoices, acceptDrops } from "./uploading.js";
import { _, ngettext } from "./words.js";

const PAGE_SIZE = 20;
const POLL_MS = { first: 700, most: 5000, growth: 1.25 };
const SHORT = { markdown: "md", text: "txt" };
const OPEN = new Set(["pending", "processing"]);

export class Documents {
  /** `onChange(documents)` hears what is known of the account's documents whenever that changes. */
  constructor(onChange) {
    this.onChange = onChange;
    this.list = byId("documents");
    this.items = new Map();
    this.total = 0;
    this.pages = 0;
    this.uploads = new Uploads(this.list);
    this.poll = { timer: 0, delay: POLL_MS.first };
    byId("more-documents").addEventListener("click", () => this.more());
    if (byId("files")) acceptChoices(byId("files"), (files) => this.add(files));
    if (byId("drop")) acceptDrops(byId("drop"), (files) => this.add(files));
    document.addEventListener("visibilitychange", () => !document.hidden && this.watch(true));
  }

  get known() {
    return [...this.items.values()].map((item) => item.data).filter(Boolean);
  }

  async load() {
    await this.more();
  }

  async more() {
    const note = byId("documents-note");
    try {
      const found = await call("GET", `/documents?page=${this.pages + 1}&page_size=${PAGE_SIZE}`);
      this.pages += 1;
      this.total = found.total;
      for (const data of found.items) this.put(data);
      note.hidden = true;
    } catch (error) {
      note.textContent = error.message;
      note.hidden = false;
      byId("more-documents").hidden = false;
      return;
    }
    this.changed();
    this.watch();
  }

  add(files) {
    this.uploads.add(files, (file) => new Item(this, file));
  }

  /** Show `data`, at its place if it is new. */
  put(data) {
    const known = this.items.get(data.id);
    if (known) return known.show(data);
    const item = new Item(this);
    item.show(data);
    this.items.set(data.id, item);
    this.list.append(item.node);
    return item;
  }

  /** An upload was accepted. */
  accepted(item, data) {
    this.total += 1;
    this.items.set(data.id, item);
    item.show(data);
    this.changed();
    this.watch(true);
  }

  removed(item) {
    this.total -= 1;
    this.items.delete(item.data.id);
    item.node.remove();
    this.changed();
  }

  changed() {
    byId("document-count").textContent = this.total ? this.total.toLocaleString(document.documentElement.lang) : "";
    byId("more-documents").hidden = this.items.size >= this.total;
    this.onChange(this.known);
  }

  /** Look again soon while something is on its way, less often the longer it takes. */
  watch(fromNow = false) {
    if (fromNow) this.poll.delay = POLL_MS.first;
    clearTimeout(this.poll.timer);
    if (document.hidden || !this.known.some((data) => OPEN.has(data.status))) return;
    this.poll.timer = setTimeout(() => this.look(), this.poll.delay);
    this.poll.delay = Math.min(this.poll.delay * POLL_MS.growth, POLL_MS.most);
  }

  async look() {
    const open = this.known.filter((data) => OPEN.has(data.status));
    const before = JSON.stringify(open.map((data) => [data.id, data.status, data.progress]));
    try {
      await this.refresh(open);
    } catch (error) {
      if (error.isSignedOut) return;
      this.poll.delay = Math.max(this.poll.delay, (error.retryAfter ?? 0) * 1000);
    }
    const now = this.known.filter((data) => open.some((one) => one.id === data.id));
    const moved = JSON.stringify(now.map((data) => [data.id, data.status, data.progress])) !== before;
    if (moved) this.changed();
    this.watch(moved);
  }

  /* One document is asked for by itself, several as the newest page, so that a poll is one request. */
  async refresh(open) {
    if (open.length === 1) {
      await call("GET", `/documents/${open[0].id}`).then((data) => this.tell(data), (error) => this.vanished(open[0], error));
      return;
    }
    const { items } = await call("GET", `/documents?status=pending&status=processing&page_size=100`);
    const running = new Map(items.map((data) => [data.id, data]));
    for (const data of running.values()) if (this.items.has(data.id)) this.put(data);
    const ended = open.filter((data) => !running.has(data.id)).slice(0, 10);
    for (const one of ended) {
      await call("GET", `/documents/${one.id}`).then((data) => this.tell(data), (error) => this.vanished(one, error));
    }
  }

  tell(data) {
    this.put(data);
    if (data.status === "ready") announce(_("%(name)s is ready.", { name: data.filename }));
    if (data.status === "failed") announce(_("%(name)s could not be read. %(why)s", { name: data.filename, why: data.error_message ? _(data.error_message) : "" }));
  }

  vanished(data, error) {
    if (error.status !== 404) throw error;
    const item = this.items.get(data.id);
    if (item) this.removed(item);
  }
}

/** One line of the list: a file on its way up, then the document it became. */
class Item extends Line {
  constructor(documents, file = null) {
    super(documents.uploads, file, (item, data) => documents.accepted(item, data));
    this.documents = documents;
    this.data = null;
  }

  show(data) {
    this.data = data;
    this.draw(described(data));
    this.part("name").href = here(`/documents/${data.id}`);
    this.again = "ingest";
  }

  async retry() {
    if (this.again === "send") {
      super.retry();
      return;
    }
    await this.attempt(async () => {
      this.documents.put(await call("POST", `/documents/${this.data.id}/retry`));
      this.documents.changed();
      this.documents.watch(true);
    });
  }

  async remove() {
    if (!this.data) {
      super.remove();
      return;
    }
    const next = this.node.nextElementSibling ?? this.node.previousElementSibling;
    if (!(await confirmed(_("Delete this document?"), _("“%(name)s” and everything read from it will be gone. Answers that cite it keep their quotes.", { name: this.data.filename })))) return;
    await this.attempt(async () => {
      await call("DELETE", `/documents/${this.data.id}`).catch((error) => {
        if (error.status !== 404) throw error;
      });
      announce(_("%(name)s was deleted.", { name: this.data.filename }));
      this.documents.removed(this);
      (next?.querySelector("button:not([hidden])") ?? byId("files"))?.focus();
    });
  }

  /* What a button of this line does; if it fails, the line says so. */
  async attempt(action) {
    for (const button of this.node.querySelectorAll("button")) button.disabled = true;
    try {
      await action();
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.part("error").textContent = error.message;
      this.part("error").hidden = false;
    } finally {
      for (const button of this.node.querySelectorAll("button")) button.disabled = false;
    }
  }
}

function described(data) {
  const common = { name: data.filename, kind: SHORT[data.file_type] ?? data.file_type.slice(0, 5) };
  if (data.status === "failed") {
    return { ...common, text: _("Could not be read"), error: data.error_message ? _(data.error_message) : _("It could not be read."), retry: true };
  }
  if (data.status === "pending") return { ...common, text: _("Waiting its turn"), progress: data.progress };
  if (data.status === "processing") {
    return { ...common, text: _("Reading, %(share)s %", { share: Math.round(data.progress * 100) }), progress: data.progress };
  }
  const pages = data.page_count ? [ngettext("%(n)s page", "%(n)s pages", data.page_count)] : [];
  return { ...common, text: [...pages, ngettext("%(n)s passage", "%(n)s passages", data.chunk_count), bytes(data.file_size)].map(unbroken).join(" · ") };
}

const unbroken = (text) => text.replaceAll(" ", "\u00a0");
