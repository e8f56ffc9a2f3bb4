/* The conversation in the middle of the page: showing one, asking, stopping. */

import { ApiError, call } from "./api.js";
import { Answer, questionNode } from "./answer.js";
import { announce, byId } from "./page.js";
import { events } from "./stream.js";
import { _ } from "./words.js";

const NEAR_END_PX = 80;
const NEW_TITLE = _("Ask your documents");

export class Conversation {
  /** `onStarted(id, title)`: a new one has its id. `onAnswered()`: its place in the history has changed. */
  constructor({ onStarted, onAnswered }) {
    this.onStarted = onStarted;
    this.onAnswered = onAnswered;
    this.id = null;
    this.asking = null;
    this.thread = byId("thread");
    this.messages = byId("messages");
    this.question = byId("question");
    byId("ask").addEventListener("submit", (event) => this.submit(event));
    byId("stop").addEventListener("click", () => this.stop());
    this.question.addEventListener("input", () => this.fit());
    this.question.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      byId("ask").requestSubmit();
    });
    addEventListener("keydown", (event) => event.key === "Escape" && !event.defaultPrevented && this.asking && !document.querySelector("dialog[open]") && this.stop());
    this.fit();
  }

  get isEmpty() {
    return !this.messages.children.length;
  }

  /** Show nothing yet: a new conversation. */
  clear() {
    this.leave();
    this.id = null;
    this.messages.replaceChildren();
    this.title(NEW_TITLE);
  }

  /** Show conversation `id`. */
  async open(id) {
    this.leave();
    this.id = id;
    this.messages.replaceChildren();
    byId("loading").hidden = false;
    try {
      const found = await call("GET", `/chat/conversations/${id}`);
      if (this.id !== id) return;
      this.title(found.title || _("Conversation"));
      this.messages.replaceChildren(...found.messages.filter((message) => message.role !== "system").map(messageNode));
      this.toEnd();
    } catch (error) {
      if (this.id === id) this.couldNotOpen(id, error);
    } finally {
      if (this.id === id) byId("loading").hidden = true;
    }
  }

  couldNotOpen(id, error) {
    const answer = new Answer();
    answer.failed(error.status === 404 ? new ApiError(_("This conversation was deleted."), { status: 404 }) : error, () => this.open(id));
    this.messages.replaceChildren(answer.node);
  }

  title(text) {
    byId("conversation-title").textContent = text;
    document.title = `${text} · DocuLume`;
  }

  submit(event) {
    event.preventDefault();
    const text = this.question.value.trim();
    if (!text || this.asking) return;
    this.question.value = "";
    this.fit();
    this.ask(text);
  }

  async ask(text) {
    const asked = questionNode(text);
    const answer = new Answer();
    const stopper = new AbortController();
    this.asking = stopper;
    this.isBusy(true);
    this.messages.append(asked, answer.node);
    for (const before of [byId("first-steps"), byId("attention")]) if (before) before.hidden = true;
    if (!this.id) this.title(text.slice(0, 80));
    answer.working(_("Looking through your documents"));
    announce(_("Looking through your documents"));
    this.toEnd();
    answer.onDraw = this.keepingEnd();
    try {
      await this.receive(text, answer, stopper.signal);
    } catch (error) {
      if (stopper.signal.aborted) this.stopped(answer);
      else answer.failed(error, () => this.again(text, asked, answer));
      if (!stopper.signal.aborted && !(error instanceof ApiError)) console.error(error);
    } finally {
      if (this.asking === stopper) {
        this.asking = null;
        this.isBusy(false);
        this.onAnswered();
      }
    }
  }

  async receive(text, answer, signal) {
    const body = { question: text, stream: true, ...(this.id && { conversation_id: this.id }) };
    for await (const event of events("/chat/ask", body, signal)) {
      if (signal.aborted) return;
      if (event.type === "stream_start") this.started(event.conversation_id);
      else if (event.type === "text_delta") answer.append(event.delta);
      else if (event.type === "citation") answer.cite(event.citation);
      else if (event.type === "error") throw new ApiError(_(event.error.message), { code: event.error.code });
      else if (event.type === "stream_end") {
        answer.finish(event.reason);
        answer.speak();
      }
    }
  }

  started(id) {
    if (this.id === id) return;
    this.id = id;
    this.onStarted(id);
  }

  again(text, asked, answer) {
    asked.remove();
    answer.node.remove();
    this.question.focus();
    this.ask(text);
  }

  stop() {
    this.asking?.abort();
    this.question.focus();
  }

  stopped(answer) {
    answer.finish("");
    answer.ended(_("You stopped the answer here."));
    announce(_("Stopped."));
  }

  /* Another conversation is about to be shown: the server hears that nobody reads this answer any more. */
  leave() {
    this.asking?.abort();
    this.asking = null;
    this.isBusy(false);
    byId("loading").hidden = true;
  }

  isBusy(busy) {
    byId("send").hidden = busy;
    byId("stop").hidden = !busy;
    this.messages.ariaBusy = String(busy);
  }

  fit() {
    this.question.style.height = "auto";
    this.question.style.height = `${this.question.scrollHeight}px`;
    byId("send").disabled = !this.question.value.trim();
  }

  toEnd() {
    this.thread.scrollTop = this.thread.scrollHeight;
  }

  /* Follow the text as it grows, but let go as soon as the reader scrolls up. */
  keepingEnd() {
    let bottom = this.thread.scrollTop;
    return () => {
      const left = this.thread.scrollTop < bottom - NEAR_END_PX;
      if (left) return;
      this.toEnd();
      bottom = this.thread.scrollTop;
    };
  }
}

function messageNode(message) {
  return message.role === "user" ? questionNode(message.content) : Answer.stored(message).node;
}
