/* One answer: its words as they come, what they cite, and how it ended. Chats and summaries show it alike. */

import { MarkdownView } from "../js/markdown.js";
import { away, h, icon, safeUrl } from "./dom.js";
import { natives } from "./natives.js";

export class Answer {
  /** @param {import("./widget_element.js").WidgetElement} widget */
  constructor(widget) {
    this.widget = widget;
    this.say = widget.say;
    this.words = h("div", { class: "prose" });
    this.working = h("p", { class: "working" }, h("span", { class: "dots" }, h("i"), h("i"), h("i")), this.say("thinking"));
    this.list = h("ol");
    this.sources = h("div", { class: "sources", hidden: true }, h("h3", {}, this.say("sources")), this.list);
    this.end = h("div", { class: "end" });
    this.node = h("div", { class: "answer" }, this.working, this.words, this.sources, this.end);
    this.begin();
  }

  /** It is told from its beginning, maybe not for the first time. */
  begin() {
    this.text = "";
    this.citations = new Map();
    this.view = new MarkdownView(this.words, (number) => this.marker(number));
    this.words.replaceChildren();
    this.list.replaceChildren();
    this.end.replaceChildren();
    this.sources.hidden = true;
    this.working.hidden = false;
  }

  /** Take in the events of a stream. Gives why it ended; "stopped" where `signal` ended it. */
  async hear(events, signal, started = () => {}) {
    for await (const event of events) {
      if (event.type === "stream_start") {
        this.begin();
        this.id = event.message_id;
        started(event);
      } else if (event.type === "text_delta") this.append(event.delta);
      else if (event.type === "citation") this.cite(event.citation);
      else if (event.type === "stream_end") this.reason = event.reason;
    }
    if (signal.aborted) this.reason = "stopped";
    this.settle();
    return this.reason;
  }

  append(delta) {
    this.text += delta;
    this.drawSoon();
  }

  cite(citation) {
    this.citations.set(citation.index, citation);
    this.isStale = true;
    this.drawSoon();
  }

  /* Many pieces may come between two frames; a page that is not seen has no frames. */
  drawSoon() {
    if (document.hidden) return this.draw();
    this.frame ??= natives.requestAnimationFrame(() => this.draw());
  }

  draw() {
    this.frame = undefined;
    if (this.text) this.working.hidden = true;
    this.view.show(this.text, { all: this.isStale });
    this.isStale = false;
    if (this.list.children.length !== this.citations.size) {
      const wanted = [...this.citations.values()].sort((a, b) => a.index - b.index);
      this.list.replaceChildren(...wanted.map((citation) => this.source(citation)));
      this.sources.hidden = !wanted.length;
    }
    this.drawn?.();
  }

  settle() {
    this.working.hidden = true;
    this.draw();
    if (this.reason === "stopped") this.end.append(h("p", { class: "fine" }, this.say("stopped")));
  }

  /** It failed; `again()` asks once more. */
  failed(refusal, again) {
    this.settle();
    const words = this.widget.wordsFor(refusal);
    const retry = h("button", { type: "button", class: "quiet", click: again }, icon("retry"), this.say("retry"));
    this.end.append(h("div", { class: "trouble" }, h("p", {}, words), refusal.kind === "gone" || refusal.kind === "quota" ? "" : retry));
    this.widget.announce(words);
    this.drawn?.();
  }

  /* The `[number]` of the text: a button that opens its source, on one line with what is around it. */
  marker(number) {
    const citation = this.citations.get(number);
    if (!citation) return "";
    const label = `${this.say("source", { n: number })}: ${nameOf(citation)}`;
    const attributes = { type: "button", class: "cite", "aria-label": label, title: nameOf(citation), click: () => this.show(number) };
    return h("span", { class: "glue" }, "\u2060", h("button", attributes, `${number}`), "\u2060");
  }

  /** Its words without the numbers of its sources. */
  get spoken() {
    const words = this.words.cloneNode(true);
    for (const mark of words.querySelectorAll(".cite")) mark.remove();
    return words.textContent;
  }

  show(number) {
    const source = [...this.list.children].find((item) => item.value === number)?.firstChild;
    if (!source) return;
    source.open = true;
    source.firstChild.focus({ preventScroll: true });
    source.scrollIntoView({ block: "nearest", behavior: "smooth" });
  }

  source(citation) {
    const url = safeUrl(citation.url);
    const name = h("span", { dir: "auto" }, nameOf(citation));
    const visit = () => this.widget.tell("source", { url, title: nameOf(citation) });
    return h(
      "li",
      { value: citation.index },
      h(
        "details",
        {},
        h("summary", {}, h("b", {}, `${citation.index}`), name, icon("down")),
        h("blockquote", { dir: "auto" }, (citation.snippet ?? "").replace(/\s+/g, " ").trim()),
        url ? h("a", { href: url, ...away, click: visit }, this.say("visit"), icon("open")) : "",
      ),
    );
  }
}

const nameOf = (citation) => citation.title || citation.fileName || safeUrl(citation.url) || `${citation.index}`;
