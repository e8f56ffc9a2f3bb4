/* The list of past conversations. */

import { call } from "./api.js";
import { announce, byId, confirmed, here, shape } from "./page.js";
import { _ } from "./words.js";

const PAGE_SIZE = 20;

export class History {
  /** `onOpen(id)`: one was chosen, or null for a new one. `onDelete(id)`: it is gone. */
  constructor({ onOpen, onDelete }) {
    this.onOpen = onOpen;
    this.onDelete = onDelete;
    this.list = byId("history");
    this.current = null;
    this.shown = 1;
    byId("more-history").addEventListener("click", () => {
      this.shown += 1;
      this.load();
    });
    follow(byId("new-conversation"), () => onOpen(null));
  }

  async load() {
    const note = byId("history-note");
    try {
      const pages = [];
      for (let page = 1; page <= this.shown; page += 1) {
        pages.push(await call("GET", `/chat/conversations?page=${page}&page_size=${PAGE_SIZE}`));
      }
      const items = pages.flatMap((page) => page.items);
      this.list.replaceChildren(...items.map((item) => this.line(item)));
      byId("more-history").hidden = items.length >= pages[0].total;
      note.textContent = _("What you ask will be kept here.");
      note.hidden = items.length > 0;
    } catch (error) {
      note.textContent = error.message;
      note.hidden = false;
    }
    this.mark(this.current);
  }

  mark(id) {
    this.current = id;
    for (const line of this.list.children) {
      if (line.dataset.id === id) line.firstElementChild.setAttribute("aria-current", "page");
      else line.firstElementChild.removeAttribute("aria-current");
    }
  }

  line({ id, title }) {
    const node = shape("history-shape");
    const [link, button] = node.children;
    node.dataset.id = id;
    link.textContent = link.title = title || _("Conversation");
    link.href = here(`/c/${id}`);
    follow(link, () => this.onOpen(id));
    button.ariaLabel = _("Delete %(name)s", { name: link.textContent });
    button.addEventListener("click", () => this.remove(id, link.textContent));
    return node;
  }

  async remove(id, title) {
    if (!(await confirmed(_("Delete this conversation?"), _("“%(title)s” will be gone, with all its answers.", { title })))) return;
    try {
      await call("DELETE", `/chat/conversations/${id}`);
    } catch (error) {
      if (error.status !== 404) {
        byId("history-note").textContent = error.message;
        byId("history-note").hidden = false;
        return;
      }
    }
    announce(_("The conversation was deleted."));
    this.onDelete(id);
    await this.load();
    (this.list.querySelector("button") ?? byId("new-conversation")).focus();
  }
}

/* A plain click is ours; one that opens a tab or a window is the browser's. */
function follow(link, open) {
  link.addEventListener("click", (event) => {
    if (event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    open();
  });
}
