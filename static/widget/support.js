/* A form that writes to the people behind the page. */

import { h, icon } from "./dom.js";

const LONGEST = 2_000;

/** @param {import("./chat.js").Element} chat */
export function supportForm(chat, leave) {
  const { say } = chat;
  const message = h("textarea", { id: "message", rows: "6", required: true, maxlength: LONGEST, dir: "auto" });
  const email = h("input", { id: "email", type: "email", autocomplete: "email", maxlength: 254, dir: "ltr" });
  const button = h("button", { type: "submit", class: "button" }, say("mail"));
  const outcome = h("div", { role: "status" });
  const form = h(
    "form",
    { class: "support", submit: (event) => send(event) },
    h("button", { type: "button", class: "quiet", click: leave }, icon("back"), say("back")),
    h("p", {}, say("supportHint")),
    h("label", { for: "message" }, say("message")),
    message,
    h("label", { for: "email" }, say("email"), " ", h("span", { class: "fine" }, `(${say("optional")})`)),
    email,
    button,
    outcome,
  );

  async function send(event) {
    event.preventDefault();
    if (!message.value.trim()) return message.focus();
    button.disabled = true;
    outcome.replaceChildren();
    const body = { message: message.value.trim(), sender_email: email.value.trim() || undefined };
    try {
      await chat.api.withKey("/support_emails", { body });
      form.replaceChildren(form.firstChild, h("p", { class: "sent", role: "status" }, say("sent")));
      form.firstChild.focus();
      chat.announce(say("sent"));
    } catch (refusal) {
      outcome.replaceChildren(h("div", { class: "trouble" }, h("p", {}, chat.wordsFor(refusal))));
      button.disabled = false;
    }
  }
  return form;
}
