/* A conversation: what was said, the field to say more, and what goes on in the background to keep it. */

import { Answer } from "./answer.js";
import { h, icon, iconButton } from "./dom.js";
import { told } from "./stream.js";

const LONGEST = 2_000;
const LOOK_AGAIN_MS = 1_500;
/* Who is so near the end of the conversation wants to see it grow. */
const NEAR_END_PX = 80;

export class Conversation {
  /** @param {import("./chat.js").Element} chat */
  constructor(chat) {
    this.chat = chat;
    this.say = chat.say;
    this.id = null;
    this.log = h("div", { class: "log", tabindex: "0", role: "log", "aria-live": "off", "aria-label": this.say("title"), scroll: () => this.scrolled() });
    this.field = h("textarea", {
      rows: "1", maxlength: LONGEST, placeholder: this.chat.setup.placeholder && this.chat.setup.type === "custom" ? this.chat.setup.placeholder : this.say("ask"),
      "aria-label": this.say("ask"), enterkeyhint: "send", autocomplete: "off", dir: "auto", input: () => this.typed(), keydown: (event) => this.key(event),
    });
    this.button = h("button", { type: "submit", class: "send", disabled: true });
    const form = h("form", { class: "composer", submit: (event) => this.submit(event) }, this.field, this.button);
    this.node = h("div", { class: "talk" }, this.log, form, h("p", { class: "fine note" }, this.say("note")));
    this.clear();
    this.idle();
  }

  clear() {
    this.log.replaceChildren();
    const words = this.chat.setup.welcome_message || this.say("welcome");
    const welcome = h("div", { class: "welcome" }, h("p", { dir: "auto" }, words));
    const suggestions = this.chat.options.suggestions ?? [];
    if (suggestions.length) welcome.append(h("div", { class: "suggestions" }));
    for (const text of suggestions) {
      welcome.lastChild.append(h("button", { type: "button", class: "quiet", dir: "auto", click: () => this.ask(text) }, text));
    }
    this.log.append(welcome);
  }

  fresh() {
    this.stop();
    this.id = null;
    this.chat.kept.share({ conversation: null });
    this.node.hidden = false;
    this.clear();
  }

  submit(event) {
    event.preventDefault();
    if (this.busy) return this.stop();
    this.ask(this.field.value);
  }

  /* Enter sends; while an input method is composing, it only ends a word. Some say so by the key code alone. */
  key(event) {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
    event.preventDefault();
    if (!this.busy) this.ask(this.field.value);
  }

  typed() {
    this.field.style.height = "auto";
    this.field.style.height = `${Math.min(this.field.scrollHeight + 2, 140)}px`;
    if (!this.busy) this.button.disabled = !this.field.value.trim();
  }

  async ask(text) {
    const message = text.trim();
    if (!message || this.busy) return;
    this.field.value = "";
    this.typed();
    const question = this.question(message);
    this.log.append(question);
    this.chat.tell("message", { role: "user", text: message });
    await this.answer(message);
  }

  async answer(message) {
    const answer = this.newAnswer();
    this.log.append(answer.node);
    this.isAtEnd = true;
    this.toEnd();
    this.busy = new AbortController();
    const { signal } = this.busy;
    this.working();
    this.chat.announce(this.say("thinking"));
    const body = { message, conversation_id: this.id ?? undefined, stream: true, locale: this.locale };
    const started = (event) => this.keep(event.conversation_id);
    try {
      await answer.hear(told(this.chat.api, "chat", body, signal), signal, started);
      this.complete(answer);
    } catch (refusal) {
      /* Someone else's conversation now, or one that was deleted: it goes on as a new one. */
      if (refusal.status === 404 && this.id) this.keep(null);
      answer.failed(refusal, () => {
        if (this.busy) return;
        answer.node.remove();
        this.field.focus();
        this.answer(message);
      });
      this.chat.tell("error", { kind: refusal.kind });
    } finally {
      if (this.busy?.signal === signal) this.idle();
    }
  }

  complete(answer) {
    this.judge(answer);
    this.changed();
    if (answer.reason !== "stopped") this.chat.answered();
    this.chat.announce(`${this.say("answer")}: ${answer.spoken}`);
    this.chat.tell("answer", { text: answer.text, reason: answer.reason });
    this.toEnd();
  }

  get locale() {
    const { language } = this.chat.appearance;
    return language && language !== "auto" ? language : undefined;
  }

  newAnswer() {
    const answer = new Answer(this.chat);
    answer.drawn = () => this.toEnd();
    return answer;
  }

  question(text) {
    return h("div", { class: "question", dir: "auto" }, h("p", {}, text));
  }

  /* Thumbs, under an answer that is whole. */
  judge(answer) {
    if (!answer.id || !answer.text || answer.reason === "no_relevant_results") return;
    const thanks = h("span", { class: "fine", role: "status" });
    const thumb = (type, shape, label) =>
      iconButton(shape, label, (event) => {
        for (const button of row.querySelectorAll("button")) button.setAttribute("aria-pressed", button === event.currentTarget);
        thanks.textContent = this.say("thanks");
        this.chat.api.call("events", { body: { event_type: type, meta: { message_id: answer.id } }, keepalive: true }).catch(() => {});
      }, { "aria-pressed": "false" });
    const row = h("div", { class: "thumbs" }, thumb("thumbs_up", "up", this.say("good")), thumb("thumbs_down", "up", this.say("bad")), thanks);
    row.children[1].classList.add("down");
    answer.node.append(row);
  }

  stop() {
    this.busy?.abort();
  }

  working() {
    this.button.replaceChildren(icon("stop"));
    this.button.ariaLabel = this.button.title = this.say("stop");
    this.button.disabled = false;
  }

  idle() {
    this.busy = null;
    this.button.replaceChildren(icon("send"));
    this.button.ariaLabel = this.button.title = this.say("send");
    this.button.disabled = !this.field.value.trim();
  }

  keep(id) {
    this.id = id;
    this.chat.kept.share({ conversation: id });
  }

  /* Other tabs hear of every write. */
  changed() {
    this.chat.kept.share({ at: Date.now() });
  }

  /** The chat was opened: until then nothing is asked of the server. */
  wake() {
    if (this.isAwake) return;
    this.isAwake = true;
    this.restore();
  }

  /** The page is back, from the network's absence or the browser's memory. */
  refresh() {
    if (this.isAwake) this.restore();
  }

  /** Another tab has said something, or begun anew. */
  follow() {
    const { conversation, at } = this.chat.kept.shared;
    if (!this.isAwake || this.busy || (conversation === this.id && at === this.at)) return;
    this.at = at;
    if (conversation) this.restore();
    else if (this.id) {
      this.id = null;
      this.clear();
    }
  }

  /** Show the conversation that this visitor had, on this page or on another. */
  async restore() {
    const { conversation } = this.chat.kept.shared;
    if (!conversation || this.busy || this.restoring) return;
    this.restoring = true;
    try {
      const { data } = await (await this.chat.api.call(`conversations/${encodeURIComponent(conversation)}`)).json();
      if (this.busy) return;
      this.id = conversation;
      this.draw(data.messages);
    } catch (refusal) {
      if (refusal.status === 404) this.keep(null);
    } finally {
      this.restoring = false;
    }
  }

  draw(all) {
    const messages = withoutRepeated(all);
    this.clear();
    for (const [place, message] of messages.entries()) {
      if (message.role === "user") this.log.append(this.question(message.content));
      else this.log.append(this.stored(message, messages, place).node);
    }
    this.isAtEnd = true;
    this.toEnd();
  }

  stored(message, messages, place) {
    const answer = this.newAnswer();
    answer.id = message.id;
    answer.text = message.content;
    answer.reason = message.status === "stopped" ? "stopped" : message.reason;
    for (const citation of message.citations ?? []) answer.cite(citation);
    const asked = messages[place - 1]?.content;
    const isLast = place === messages.length - 1;
    if (message.status === "writing") {
      answer.draw();
      if (isLast) setTimeout(() => this.chat.isConnected && this.restore(), LOOK_AGAIN_MS);
    } else if (message.status === "interrupted") {
      answer.failed({ kind: "failed" }, () => {
        if (this.busy || !asked) return;
        answer.node.remove();
        this.field.focus();
        this.answer(asked);
      });
    } else {
      answer.settle();
      this.judge(answer);
    }
    return answer;
  }

  scrolled() {
    const { scrollHeight, scrollTop, clientHeight } = this.log;
    this.isAtEnd = scrollHeight - scrollTop - clientHeight < NEAR_END_PX;
  }

  toEnd() {
    if (this.isAtEnd) this.log.scrollTop = this.log.scrollHeight;
  }
}

/* Without the questions that failed and were asked again in the same words. */
function withoutRepeated(messages) {
  const kept = [];
  for (const message of messages) {
    const [asked, failed] = kept.slice(-2);
    const isAgain = message.role === "user" && failed?.status === "interrupted" && asked.content === message.content;
    if (isAgain) kept.length -= 2;
    kept.push(message);
  }
  return kept;
}
