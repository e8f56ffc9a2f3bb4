/* Files on their way up, wherever they are dropped: a line for each, few at a time, in the order of the list. */

import { upload } from "./api.js";
import { announce, bytes, meta, shape } from "./page.js";
import { _ } from "./words.js";

const UPLOADS_AT_ONCE = 2;

export class Uploads {
  /** `list` gets the lines on top; `fields()` says what goes along with a file. */
  constructor(list, fields = () => ({})) {
    this.list = list;
    this.fields = fields;
    this.waiting = [];
    this.uploading = 0;
  }

  /** Whether nothing is on its way any more. */
  get isDone() {
    return !this.uploading && !this.waiting.length;
  }

  /** `lineOf(file)` makes the line of each. */
  add(files, lineOf) {
    const limit = Number(meta("upload-max-bytes"));
    for (const file of [...files].reverse()) {
      const line = lineOf(file);
      this.list.prepend(line.node);
      if (file.size > limit) {
        line.failed(_("This file has %(size)s; the most is %(limit)s.", { size: bytes(file.size), limit: bytes(limit) }), null);
      } else this.waiting.push(line);
    }
    this.next();
  }

  again(line) {
    this.waiting.push(line);
    this.next();
  }

  async next() {
    if (this.uploading >= UPLOADS_AT_ONCE || !this.waiting.length) return;
    this.uploading += 1;
    const line = this.waiting.pop();
    this.next();
    await line.send();
    this.uploading -= 1;
    this.next();
  }
}

/** A line of a list of documents: a file on its way up, and what a subclass makes of it then. */
export class Line {
  /** `onAccepted(line, document)` hears what the API answers. */
  constructor(uploads, file, onAccepted) {
    this.uploads = uploads;
    this.file = file;
    this.onAccepted = onAccepted;
    this.node = shape("document-shape");
    this.part = (name) => this.node.querySelector(`.document-${name}`);
    this.part("remove").addEventListener("click", () => this.remove());
    this.part("retry").addEventListener("click", () => this.retry());
    if (file) this.draw({ name: file.name, kind: ending(file.name), text: _("Waiting to upload"), progress: 0 });
  }

  async send() {
    if (!this.node.isConnected) return;
    const shown = (share) => (share < 1 ? _("Uploading, %(share)s %", { share: Math.round(share * 100) }) : _("Storing"));
    const onProgress = (share) => this.draw({ text: shown(share), progress: share });
    onProgress(0);
    try {
      const data = await upload(this.file, onProgress, this.uploads.fields());
      this.file = null;
      this.onAccepted(this, data);
    } catch (error) {
      this.failed(error.message, error.status < 400 || error.status === 429 || error.status >= 500 ? "send" : null);
    }
  }

  failed(message, again) {
    this.again = again;
    this.draw({ text: _("Not uploaded"), error: message, retry: again !== null });
    announce(_("%(name)s was not uploaded. %(why)s", { name: this.file.name, why: message }));
  }

  draw({ name, kind, text, progress = null, error = "", retry = false }) {
    if (name !== undefined) {
      this.part("name").textContent = this.part("name").title = name;
      this.node.querySelector(".kind").textContent = kind;
      this.part("remove").ariaLabel = _("Delete %(name)s", { name });
      this.part("retry").ariaLabel = _("Try again with %(name)s", { name });
      this.part("progress").ariaLabel = _("Progress of %(name)s", { name });
    }
    this.part("meta").textContent = text;
    this.part("progress").hidden = progress === null;
    if (progress !== null) this.part("progress").value = progress;
    this.part("error").textContent = error;
    this.part("error").hidden = !error;
    this.part("retry").hidden = !retry;
    this.node.classList.toggle("has-failed", Boolean(error));
  }

  retry() {
    this.uploads.again(this);
  }

  remove() {
    this.node.remove();
  }
}

const ending = (name) => /\.(\w{1,5})$/.exec(name)?.[1] ?? "file";

/** Hand `take` the files that are dropped. The whole window takes them, so that one that misses the zone does not
    replace the page. */
export function acceptDrops(zone, take) {
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

/** Hand `take` the files that are chosen in a field, also those chosen before the script was there. */
export function acceptChoices(field, take) {
  const taken = () => {
    const files = [...field.files];
    field.value = "";
    take(files);
  };
  field.addEventListener("change", taken);
  if (field.files.length) taken();
}
