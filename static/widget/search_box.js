/* What both kinds of search have: a field, filters, a summary and the results, and the keys that move among them.

   A combobox after the ARIA Authoring Practices: focus stays in the field while the arrows go through the results. */

import { Answer } from "./answer.js";
import { h, icon, iconButton } from "./dom.js";
import { Filters } from "./filters.js";
import { natives } from "./natives.js";
import { option } from "./result.js";
import { told } from "./stream.js";

const PAUSE_MS = 150;
const LONGEST = 500;
/* What the server has where nobody chose anything; ours is in the visitor's language. */
const DEFAULT_PLACEHOLDER = "Search...";

export class SearchBox {
  /** @param {import("./widget_element.js").WidgetElement} widget */
  constructor(widget) {
    this.widget = widget;
    const { say, setup, options } = widget;
    this.say = say;
    this.display = options.resultsDisplay ?? setup.results_display ?? "results";
    const own = setup.placeholder === DEFAULT_PLACEHOLDER ? "" : setup.placeholder;
    const words = options.placeholder || own || say("placeholder");
    this.field = h("input", {
      type: "text", inputmode: "search", enterkeyhint: "search", role: "combobox", "aria-autocomplete": "list", "aria-expanded": "false",
      "aria-controls": "results", "aria-label": setup.label || say("search"), placeholder: words, maxlength: LONGEST, autocomplete: "off",
      autocapitalize: "none", spellcheck: "false", dir: "auto", input: () => this.typed(), keydown: (event) => this.key(event),
    });
    this.clearing = iconButton("clear", say("clear"), () => this.set(""), { hidden: true });
    this.form = h("div", { class: "field", role: "search" }, icon("find"), this.field, this.clearing);
    this.filters = new Filters(options.filters, () => this.find());
    this.top = h("div", { class: "summary", hidden: true });
    this.state = h("div", { class: "state", hidden: true });
    this.list = h("div", { id: "results", class: "results", role: "listbox", "aria-label": say("search"), hidden: true });
    this.drop = h("div", { class: "drop" }, this.filters.node, this.top, this.state, this.list);
    this.node = h("div", { class: "search" }, this.form, this.drop);
    this.clear();
  }

  get query() {
    return this.field.value.trim();
  }

  set(query) {
    this.field.value = query;
    this.field.focus();
    this.typed(0);
  }

  typed(pause = PAUSE_MS) {
    this.clearing.hidden = !this.field.value;
    natives.clearTimeout(this.timer);
    if (!this.query) return this.clear();
    if (this.query !== this.shownFor) this.timer = natives.setTimeout(() => this.find(), pause);
  }

  /** Nothing that is under way counts any more. */
  cancel() {
    natives.clearTimeout(this.timer);
    this.finding?.abort();
    this.summing?.abort();
  }

  clear() {
    this.cancel();
    this.shownFor = "";
    this.options = [];
    this.point(-1);
    this.list.replaceChildren();
    for (const part of [this.list, this.top, this.state]) part.hidden = true;
    this.drop.hidden = true;
    this.field.setAttribute("aria-expanded", "false");
  }

  async find() {
    const query = this.query;
    if (!query) return;
    this.cancel();
    const { signal } = (this.finding = new AbortController());
    const per_page = Number(this.widget.options.perPage) || 8;
    const meta = this.filters.meta();
    try {
      const answer = await this.widget.api.call("search", { body: { query, as_you_type: true, per_page, meta }, signal });
      const found = await answer.json();
      if (!signal.aborted) this.show(query, found);
    } catch (refusal) {
      if (!signal.aborted) this.fail(refusal);
    }
  }

  show(query, found) {
    this.shownFor = query;
    this.drop.hidden = false;
    const { data, summarisable } = found;
    const total = found.meta?.total ?? data.length;
    this.options = data.map((result, position) => option(this, result, position, query));
    this.list.replaceChildren(...(this.display === "summary" ? [] : this.options));
    this.point(-1);
    this.list.hidden = !this.list.firstChild;
    this.field.setAttribute("aria-expanded", `${!this.list.hidden}`);
    this.top.hidden = true;
    this.offer(summarisable && this.display !== "results");
    this.state.hidden = data.length > 0;
    this.state.replaceChildren(h("p", {}, this.say("none", { query })), h("p", { class: "fine" }, this.say("noneHint")));
    const count = total === 1 ? this.say("oneResult") : this.say("results", { n: total });
    this.widget.announce(data.length ? count : this.state.firstChild.textContent);
  }

  fail(refusal) {
    this.clear();
    const words = this.widget.wordsFor(refusal);
    const retry = h("button", { type: "button", class: "quiet", click: () => this.find() }, icon("retry"), this.say("retry"));
    this.state.replaceChildren(h("div", { class: "trouble" }, h("p", {}, words), retry));
    this.state.hidden = this.drop.hidden = false;
    this.widget.announce(words);
    this.widget.tell("error", { kind: refusal.kind });
  }

  /* A summary costs the site an answer: it is made when it is asked for, not with every letter. */
  offer(isWorthIt) {
    this.canSummarize = isWorthIt;
    if (!isWorthIt) return;
    const enter = h("kbd", { "aria-hidden": "true" }, "↵");
    this.top.replaceChildren(h("button", { type: "button", class: "offer", click: () => this.summarize() }, icon("spark"), h("span", {}, this.say("summarize")), enter));
    this.top.hidden = false;
  }

  async summarize() {
    this.canSummarize = false;
    const { signal } = (this.summing = new AbortController());
    const answer = new Answer(this.widget);
    this.top.replaceChildren(h("h2", {}, icon("spark"), this.say("summary")), answer.node);
    this.field.focus();
    const { language } = this.widget.appearance;
    const locale = language && language !== "auto" ? language : undefined;
    const body = { query: this.query, stream: true, meta: this.filters.meta(), locale };
    try {
      await answer.hear(told(this.widget.api, "summarise", body, signal), signal);
      if (!answer.text && !signal.aborted) answer.end.append(h("p", { class: "fine" }, this.say("noSummary")));
      if (!signal.aborted) this.widget.announce(`${this.say("summary")}: ${answer.spoken}`);
    } catch (refusal) {
      if (!signal.aborted) answer.failed(refusal, () => this.summarize());
    }
  }

  key(event) {
    if (event.isComposing || event.keyCode === 229) return;
    const last = this.list.hidden ? -1 : this.options.length - 1;
    if (event.key === "ArrowDown") this.point(this.at < last ? this.at + 1 : -1);
    else if (event.key === "ArrowUp") this.point(this.at < 0 ? last : this.at - 1);
    else if (event.key === "Enter") this.choose();
    else if (event.key === "Escape" && this.field.value) this.set("");
    else return;
    event.preventDefault();
    /* A page's own Escape, or that of the dialog around, is for when there is nothing here to leave. */
    event.stopPropagation();
  }

  choose() {
    if (this.at >= 0) this.options[this.at].click();
    else if (this.query !== this.shownFor) this.typed(0);
    else if (this.canSummarize) this.summarize();
  }

  point(place) {
    this.at = place;
    for (const [position, node] of this.options?.entries() ?? []) node.setAttribute("aria-selected", position === place);
    const node = place < 0 ? null : this.options[place];
    if (node) {
      this.field.setAttribute("aria-activedescendant", node.id);
      node.scrollIntoView({ block: "nearest" });
    } else this.field.removeAttribute("aria-activedescendant");
  }

  /** A result was chosen: the site hears of it, and the server, even if the page is left now. */
  chosen(result, position) {
    const meta = { entry_id: result.id, position: position + 1, query: this.shownFor };
    this.widget.api.call("events", { body: { event_type: "click", meta }, keepalive: true }).catch(() => {});
    return this.widget.tell("select", { id: result.id, url: result.source_url, title: result.title, query: this.shownFor });
  }
}
