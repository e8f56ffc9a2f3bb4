/* What a new conversation says before anything is asked. */

import { byId } from "./page.js";

const MOST = 5;

export class FirstSteps {
  constructor(onAsk) {
    this.onAsk = onAsk;
    this.node = byId("first-steps");
    this.attention = byId("attention");
    this.documents = null;
  }

  /** Show what fits these documents; nothing while they are not known or `isWanted` is false. */
  show(documents, isWanted) {
    this.documents = documents ?? this.documents;
    this.node.hidden = !isWanted || this.documents === null;
    if (this.attention) this.attention.hidden = !isWanted;
    if (this.node.hidden) return;
    const when = state(this.documents);
    for (const part of this.node.querySelectorAll("[data-when]")) part.hidden = part.dataset.when !== when;
    if (when === "ready") this.suggest();
  }

  /* Whoever adds a document can say in its `meta.questions` what it answers. */
  suggest() {
    const ready = this.documents.filter((data) => data.status === "ready");
    const lists = ready.map((data) => data.meta?.questions).filter(Array.isArray);
    const questions = [...new Set([0, 1].flatMap((turn) => lists.map((list) => list[turn])))];
    const wanted = questions.filter((text) => typeof text === "string" && text && text.length <= 200).slice(0, MOST);
    const list = this.node.querySelector(".suggestions");
    if (wanted.join("\n") === [...list.children].map((line) => line.textContent).join("\n")) return;
    list.replaceChildren(...wanted.map((text) => this.suggestion(text)));
    byId("suggestions").hidden = !wanted.length;
  }

  suggestion(text) {
    const line = document.createElement("li");
    const button = document.createElement("button");
    button.type = "button";
    button.dir = "auto";
    button.textContent = text;
    button.addEventListener("click", () => this.onAsk(text));
    line.append(button);
    return line;
  }
}

function state(documents) {
  if (documents.some((data) => data.status === "ready")) return "ready";
  return documents.some((data) => data.status !== "failed") ? "waiting" : "empty";
}
