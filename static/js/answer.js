/* One answer: its text, its citations, how it ended. */

import { announce, here, shape } from "./page.js";
import { MarkdownView } from "./markdown.js";
import { _, ngettext } from "./words.js";

export class Answer {
  constructor() {
    this.node = shape("answer-shape");
    this.part = (name) => this.node.querySelector(`.${name}`);
    this.citations = new Map();
    this.text = "";
    this.view = new MarkdownView(this.part("prose"), (number) => this.marker(number));
    this.part("copy").addEventListener("click", () => this.copy());
  }

  /** An answer of the past, as the API gives it. */
  static stored(message) {
    const answer = new Answer();
    for (const citation of message.citations ?? []) answer.cite(citation);
    answer.text = message.content;
    if (message.status === "interrupted") answer.ended(_("The answer was interrupted before it was complete."));
    if (message.status === "stopped") answer.ended(_("The answer was stopped here."));
    if (message.status === "writing") answer.ended(_("This answer is still being written. Reload to see the rest."));
    answer.finish(message.reason);
    return answer;
  }

  working(text) {
    this.part("working").hidden = !text;
    if (text) this.part("working-text").textContent = text;
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

  /* Many pieces may come between two frames. */
  drawSoon() {
    this.frame ??= requestAnimationFrame(() => this.draw());
  }

  draw() {
    cancelAnimationFrame(this.frame);
    this.frame = undefined;
    if (this.text) this.working("");
    this.view.show(this.text, { all: this.isStale });
    this.isStale = false;
    this.drawSources();
    this.onDraw?.();
  }

  drawSources() {
    const list = this.part("sources").querySelector("ol");
    const wanted = [...this.citations.values()].sort((a, b) => a.index - b.index);
    if (list.children.length === wanted.length) return;
    list.replaceChildren(...wanted.map((citation) => this.source(citation)));
    this.part("sources").hidden = !wanted.length;
  }

  source(citation) {
    const node = shape("source-shape");
    const link = node.firstElementChild;
    const set = (name, text) => (node.querySelector(`.source-${name}`).textContent = text);
    set("number", citation.index);
    set("name", nameOf(citation));
    set("place", placeOf(citation));
    set("snippet", excerpt(citation.snippet));
    node.dataset.index = citation.index;
    node.querySelector(".source-name").title = nameOf(citation);
    const target = targetOf(citation);
    if (target) link.href = target;
    return node;
  }

  /* The `[number]` of the text, as a link to where it is written. */
  marker(number) {
    const citation = this.citations.get(number);
    const sup = document.createElement("sup");
    if (!citation) {
      sup.className = "cite-unknown";
      sup.textContent = `[${number}]`;
      return sup;
    }
    const link = document.createElement("a");
    link.className = "cite";
    link.textContent = number;
    link.title = [nameOf(citation), placeOf(citation)].filter(Boolean).join(", ");
    link.ariaLabel = _("Source %(number)s: %(place)s (opens in a new tab)", { number, place: link.title });
    link.target = "_blank";
    link.rel = "noopener";
    const target = targetOf(citation);
    if (target) link.href = target;
    for (const [type, on] of [["pointerenter", true], ["pointerleave", false], ["focus", true], ["blur", false]]) {
      link.addEventListener(type, () => this.point(number, on));
    }
    sup.append(link);
    return sup;
  }

  point(number, on) {
    this.node.querySelector(`.source[data-index="${number}"]`)?.classList.toggle("is-pointed", on);
  }

  /** It is complete; `reason` as the stream or the stored message has it. */
  finish(reason) {
    if (reason === "length") this.ended(_("The model reached its limit of length here."));
    this.part("nothing").hidden = reason !== "no_relevant_results";
    this.node.classList.toggle("found-nothing", reason === "no_relevant_results");
    this.working("");
    this.part("answer-actions").hidden = !this.text || reason === "no_relevant_results";
    this.draw();
  }

  ended(note) {
    this.working("");
    this.part("ended").textContent = note;
    this.part("ended").hidden = false;
    this.onDraw?.();
  }

  /** It failed; `again()` asks once more. */
  failed(error, again) {
    this.working("");
    this.draw();
    const box = this.part("trouble");
    box.querySelector("p").textContent = error.message;
    const button = box.querySelector("button");
    if (error.isSignedOut) {
      const link = document.createElement("a");
      link.className = button.className;
      link.textContent = _("Sign in");
      link.href = `/sign-in?next=${encodeURIComponent(location.pathname + location.search)}`;
      button.replaceWith(link);
    } else button.addEventListener("click", again, { once: true });
    box.hidden = false;
    this.onDraw?.();
    announce(error.message);
  }

  /** Read out what was written, once and whole. */
  speak() {
    const count = this.citations.size;
    const sources = count ? ngettext("%(n)s source.", "%(n)s sources.", count) : "";
    announce(_("Answer: %(text)s %(sources)s", { text: this.part("prose").textContent, sources }).trim());
  }

  async copy() {
    const label = this.part("copy").querySelector("span");
    const sources = [...this.citations.values()].map((c) => `[${c.index}] ${[nameOf(c), placeOf(c)].filter(Boolean).join(", ")}`);
    try {
      await navigator.clipboard.writeText([this.text, sources.join("\n")].filter(Boolean).join("\n\n"));
      label.textContent = _("Copied");
    } catch {
      label.textContent = _("The browser does not allow it");
    }
    setTimeout(() => (label.textContent = _("Copy")), 2000);
  }
}

const nameOf = (citation) => citation.fileName || citation.title || citation.url || _("Source");
const placeOf = (citation) => (citation.pageNumber ? _("page %(number)s", { number: citation.pageNumber }) : "");

function targetOf(citation) {
  if (citation.document_id) {
    const place = { start: citation.start, end: citation.end };
    if (citation.pageNumber) place.page = citation.pageNumber;
    return here(`/documents/${citation.document_id}`, place, "cited");
  }
  return /^https?:\/\//i.test(citation.url ?? "") ? citation.url : "";
}

const excerpt = (text) => (text ?? "").replace(/\s+/g, " ").trim();

/** A question of the user's. */
export function questionNode(text) {
  const node = shape("question-shape");
  node.querySelector(".bubble").textContent = text;
  return node;
}
