/* The list of documents: uploading, watching them become ready, trying again, deleting. */

import { ApiError, call, upload } from "./api.js";
import { announce, byId, bytes, confirmed, counted, here, meta, shape } from "./page.js";

const PAGE_SIZE = 20;
const UPLOADS_AT_ONCE = 2;
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
    this.waiting = [];
    this.uploading = 0;
    this.poll = { timer: 0, delay: POLL_MS.first };
    byId("more-documents").addEventListener("click", () => this.more());
    byId("files")?.addEventListener("change", (event) => this.takeFiles(event.target));
    /* Chosen before this script was there. */
    if (byId("files")?.files.length) this.takeFiles(byId("files"));
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

  takeFiles(input) {
    this.add([...input.files]);
    input.value = "";
  }

  add(files) {
    const limit = Number(meta("upload-max-bytes"));
    for (const file of [...files].reverse()) {
      const item = new Item(this, file);
      this.list.prepend(item.node);
      if (file.size > limit) item.failed(`This file has ${bytes(file.size)}; the most is ${bytes(limit)}.`, null);
      else this.waiting.push(item);
    }
    this.sendNext();
  }

  /* Files of one drop go up in the order they stand in the list, few at a time. */
  async sendNext() {
    if (this.uploading >= UPLOADS_AT_ONCE || !this.waiting.length) return;
    this.uploading += 1;
    const item = this.waiting.pop();
    this.sendNext();
    await item.send();
    this.uploading -= 1;
    this.sendNext();
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
    byId("document-count").textContent = this.total ? this.total.toLocaleString() : "";
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
    if (data.status === "ready") announce(`${data.filename} is ready.`);
    if (data.status === "failed") announce(`${data.filename} could not be read. ${data.error_message ?? ""}`);
  }

  vanished(data, error) {
    if (error.status !== 404) throw error;
    const item = this.items.get(data.id);
    if (item) this.removed(item);
  }
}

/** One line of the list: a file on its way up, then the document it became. */
class Item {
  constructor(documents, file = null) {
    this.documents = documents;
    this.file = file;
    this.data = null;
    this.node = shape("document-shape");
    this.part = (name) => this.node.querySelector(`.document-${name}`);
    this.part("remove").addEventListener("click", () => this.remove());
    this.part("retry").addEventListener("click", () => this.retry());
    if (file) this.draw({ name: file.name, kind: ending(file.name), text: "Waiting to upload", progress: 0 });
  }

  async send() {
    if (!this.node.isConnected) return;
    const shown = (share) => (share < 1 ? `Uploading, ${Math.round(share * 100)} %` : "Storing");
    const onProgress = (share) => this.draw({ text: shown(share), progress: share });
    onProgress(0);
    try {
      const data = await upload(this.file, onProgress);
      this.file = null;
      this.documents.accepted(this, data);
    } catch (error) {
      this.failed(error.message, error.status < 400 || error.status === 429 || error.status >= 500 ? "send" : null);
    }
  }

  failed(message, again) {
    this.again = again;
    this.draw({ text: "Not uploaded", error: message, retry: again !== null });
    announce(`${this.file.name} was not uploaded. ${message}`);
  }

  show(data) {
    this.data = data;
    this.draw(described(data));
    this.part("name").href = here(`/documents/${data.id}`);
    this.again = "ingest";
  }

  draw({ name, kind, text, progress = null, error = "", retry = false }) {
    if (name !== undefined) {
      this.part("name").textContent = this.part("name").title = name;
      this.node.querySelector(".kind").textContent = kind;
      this.part("remove").ariaLabel = `Delete ${name}`;
      this.part("retry").ariaLabel = `Try again with ${name}`;
      this.part("progress").ariaLabel = `Progress of ${name}`;
    }
    this.part("meta").textContent = text;
    this.part("progress").hidden = progress === null;
    if (progress !== null) this.part("progress").value = progress;
    this.part("error").textContent = error;
    this.part("error").hidden = !error;
    this.part("retry").hidden = !retry;
    this.node.classList.toggle("has-failed", Boolean(error));
  }

  async retry() {
    if (this.again === "send") {
      this.documents.waiting.push(this);
      this.documents.sendNext();
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
      this.node.remove();
      return;
    }
    const next = this.node.nextElementSibling ?? this.node.previousElementSibling;
    if (!(await confirmed("Delete this document?", `“${this.data.filename}” and everything read from it will be gone. Answers that cite it keep their quotes.`))) return;
    await this.attempt(async () => {
      await call("DELETE", `/documents/${this.data.id}`).catch((error) => {
        if (error.status !== 404) throw error;
      });
      announce(`${this.data.filename} was deleted.`);
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
    return { ...common, text: "Could not be read", error: data.error_message ?? "It could not be read.", retry: true };
  }
  if (data.status === "pending") return { ...common, text: "Waiting its turn", progress: data.progress };
  if (data.status === "processing") {
    return { ...common, text: `Reading, ${Math.round(data.progress * 100)} %`, progress: data.progress };
  }
  const pages = data.page_count ? [counted(data.page_count, "page", "pages")] : [];
  return { ...common, text: [...pages, counted(data.chunk_count, "passage", "passages"), bytes(data.file_size)].map(unbroken).join(" · ") };
}

const unbroken = (text) => text.replaceAll(" ", "\u00a0");
const ending = (name) => /\.(\w{1,5})$/.exec(name)?.[1] ?? "file";

/* The whole window takes files, so that one that misses the zone does not replace the page. */
function acceptDrops(zone, take) {
  let depth = 0;
  const holdsFiles = (event) => event.dataTransfer?.types.includes("Files");
  const mark = (change) => {
    depth = Math.max(0, depth + change);
    zone.classList.toggle("is-over", depth > 0);
  };
  addEventListener("dragenter", (event) => holdsFiles(event) && mark(1));
  addEventListener("dragleave", (event) => holdsFiles(event) && mark(-1));
  addEventListener("dragover", (event) => holdsFiles(event) && event.preventDefault());
  addEventListener("drop", (event) => {
    if (!holdsFiles(event)) return;
    event.preventDefault();
    mark(-depth);
    take([...event.dataTransfer.files]);
  });
}
