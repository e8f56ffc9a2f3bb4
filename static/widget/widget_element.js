/* What every widget is: an element with a shadow of its own, which no style of the page reaches. */

import { brandOf } from "./colors.js";
import { h } from "./dom.js";
import { LOOK } from "./look.js";

const sheets = new Map();

function sheetOf(css) {
  if (!sheets.has(css)) {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(css);
    sheets.set(css, sheet);
  }
  return sheets.get(css);
}

export class WidgetElement extends HTMLElement {
  /** @param {{api: import("./api.js").Api, kept: import("./kept.js").Kept, setup: object, options: object,
   *  appearance: object, say: Function}} parts */
  constructor(parts, css) {
    super();
    Object.assign(this, parts);
    this.own = new CSSStyleSheet();
    this.body = h("div", { class: "widget", lang: this.say.language, dir: this.say.isFromRight ? "rtl" : "ltr" });
    this.live = h("div", { class: "unseen", role: "status" });
    this.body.append(this.live);
    const root = this.attachShadow({ mode: "open" });
    root.adoptedStyleSheets = [sheetOf(LOOK), sheetOf(css), this.own];
    root.append(this.body);
  }

  connectedCallback() {
    const { theme, color } = this.appearance;
    const scheme = theme === "light" || theme === "dark" ? theme : "light dark";
    const brand = getComputedStyle(this).getPropertyValue("--doculume-color").trim() || color;
    this.own.replaceSync(`:host{color-scheme:${scheme} !important;${brandOf(brand)}}`);
    /* Whoever listens outside this element does so until it leaves the page. */
    this.staying = new AbortController();
    this.arrived?.();
  }

  disconnectedCallback() {
    this.staying.abort();
    this.left?.();
  }

  /** Listen to something of the page while this element is in it. */
  on(target, type, listener, options = {}) {
    target.addEventListener(type, listener, { ...options, signal: this.staying.signal });
  }

  /** Let the page know: `doculume-<name>`. True unless the page prevented what usually follows. */
  tell(name, detail = {}) {
    return this.dispatchEvent(new CustomEvent(`doculume-${name}`, { detail, bubbles: true, composed: true, cancelable: true }));
  }

  /** Have it read out, once and whole. */
  announce(text) {
    this.live.textContent = text;
  }

  /** What a visitor is told of a Refusal. */
  wordsFor({ kind, until }) {
    if (kind !== "limit") return this.say(kind in { offline: 1, quota: 1, gone: 1, long: 1 } ? kind : "failed");
    if (!until || Number.isNaN(+until)) return this.say("soon");
    return this.say("limit", { time: until.toLocaleTimeString(this.say.language, { hour: "2-digit", minute: "2-digit" }) });
  }

  /** Take it away, with all it listens to. */
  destroy() {
    this.remove();
  }
}

/** Makes the class an element of the page, under a name that nobody there has. */
export function define(name, element) {
  for (let number = 0; ; number += 1) {
    const free = number ? `${name}-${number}` : name;
    if (!customElements.get(free)) return customElements.define(free, element);
  }
}
