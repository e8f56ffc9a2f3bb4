/* What stays between pages, under one name of an integration: the visitor's session and which conversation goes on.

   Of this tab alone is kept whether the chat was open. Where a page may store nothing, it is kept until it is left. */

import { json, natives } from "./natives.js";

const EMPTY = "{}";

export class Kept {
  constructor(integration) {
    this.name = `doculume:${integration}`;
    this.memory = { localStorage: EMPTY, sessionStorage: EMPTY };
  }

  /** What all tabs share: `{token, expires, identified, conversation}`, all of them optional. */
  get shared() {
    return this.read("localStorage");
  }

  get ofTab() {
    return this.read("sessionStorage");
  }

  share(changes) {
    this.write("localStorage", changes);
  }

  keepInTab(changes) {
    this.write("sessionStorage", changes);
  }

  read(place) {
    let text = this.memory[place];
    try {
      text = window[place].getItem(this.name) ?? EMPTY;
    } catch {
      /* Storage is closed to the page. */
    }
    try {
      const value = natives.parse(text);
      return value && typeof value === "object" ? value : {};
    } catch {
      return {};
    }
  }

  write(place, changes) {
    const text = json({ ...this.read(place), ...changes });
    this.memory[place] = text;
    try {
      window[place].setItem(this.name, text);
    } catch {
      /* Closed, or full. */
    }
  }
}
