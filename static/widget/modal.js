/* <doculume-modal>: a search box over the page, on Ctrl + K or Cmd + K. */

import { h, iconButton } from "./dom.js";
import { SearchBox } from "./search_box.js";
import { SEARCH_LOOK } from "./search_look.js";
import { WidgetElement, define } from "./widget_element.js";

export class Element extends WidgetElement {
  constructor(parts) {
    super(parts, SEARCH_LOOK);
    this.box = new SearchBox(this);
    this.box.form.append(iconButton("close", this.say("close"), () => this.close()));
    this.dialog = h(
      "dialog",
      { class: "over", "aria-label": this.say("search"), click: (event) => event.target === this.dialog && this.close(), close: () => this.closed() },
      this.box.node,
    );
    this.body.append(this.dialog);
  }

  arrived() {
    const shortcut = this.options.shortcut ?? "k";
    this.on(window, "keydown", (event) => {
      if (event.defaultPrevented || event.repeat || event.shiftKey || event.altKey || !(event.ctrlKey || event.metaKey)) return;
      if (!shortcut || shortcut === "none" || event.key?.toLowerCase() !== shortcut) return;
      /* Whoever comes second, ours or another's, sees that the key is taken. */
      event.preventDefault();
      if (this.dialog.open) this.close();
      else this.open();
    });
    const triggers = this.options.trigger;
    if (triggers) this.on(document, "click", (event) => event.target.closest?.(triggers) && this.open());
  }

  left() {
    this.box.cancel();
    if (this.dialog.open) this.dialog.close();
  }

  /** Open it; with `query`, search for that at once. */
  open(query = "") {
    if (!this.dialog.open) {
      this.dialog.showModal();
      this.tell("open");
    }
    if (query) this.box.set(query);
    this.box.field.focus();
    this.box.field.select();
  }

  search(query) {
    this.open(query);
  }

  close() {
    this.dialog.close();
  }

  closed() {
    this.box.cancel();
    this.tell("close");
  }
}

define("doculume-modal", Element);
