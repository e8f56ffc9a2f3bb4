/* On a small screen the list of documents lies in a drawer. */

import { byId } from "./page.js";

const SMALL = matchMedia("(max-width: 52rem)");

export class Drawer {
  constructor() {
    this.library = byId("library");
    this.button = byId("open-library");
    this.isOpen = false;
    this.button.addEventListener("click", () => this.set(!this.isOpen));
    byId("close-library").addEventListener("click", () => this.set(false));
    byId("scrim").addEventListener("click", () => this.set(false));
    SMALL.addEventListener("change", () => this.set(false));
    addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || !this.isOpen || document.querySelector("dialog[open]")) return;
      event.preventDefault();
      this.set(false);
    }, { capture: true });
    this.set(false);
  }

  set(open) {
    const had = this.isOpen;
    this.isOpen = open && SMALL.matches;
    this.library.classList.toggle("is-open", this.isOpen);
    byId("scrim").hidden = !this.isOpen;
    this.button.ariaExpanded = String(this.isOpen);
    /* What cannot be seen must not be reached by Tab either. */
    this.library.inert = SMALL.matches && !this.isOpen;
    byId("main").inert = this.isOpen;
    if (this.isOpen) byId("close-library").focus();
    else if (had) this.button.focus();
  }
}
