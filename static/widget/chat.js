/* <doculume-chat>: a bubble in a corner of the page, and the chat that it opens. */

import { CHAT_LOOK } from "./chat_look.js";
import { Conversation } from "./conversation.js";
import { h, icon, iconButton } from "./dom.js";
import { supportForm } from "./support.js";
import { WidgetElement, define } from "./widget_element.js";

/* On less than this the chat takes the whole screen, and the page behind it is out of reach. */
const SMALL = "(max-width: 560px), (max-height: 440px)";

export class Element extends WidgetElement {
  constructor(parts) {
    super(parts, CHAT_LOOK);
    const { say, setup } = this;
    this.unread = 0;
    this.badge = h("span", { class: "badge", "aria-hidden": "true", hidden: true });
    this.launcher = h(
      "button",
      { type: "button", class: "launcher", "aria-label": say("open"), "aria-haspopup": "dialog", "aria-expanded": "false", click: () => this.toggle() },
      icon("chat"),
      icon("down"),
      this.badge,
    );
    this.conversation = new Conversation(this);
    const name = setup.appearance?.texts?.title || setup.name || say("title");
    this.dialog = h(
      "dialog",
      { class: "panel", "aria-label": name, keydown: (event) => this.key(event), cancel: (event) => this.cancel(event) },
      h(
        "header",
        {},
        h("span", { class: "mark" }, icon("page")),
        h("h2", {}, h("bdi", {}, name)),
        iconButton("plus", say("fresh"), () => this.fresh()),
        setup.support ? iconButton("mail", say("support"), () => this.contact()) : "",
        iconButton("close", say("close"), () => this.close()),
      ),
      this.conversation.node,
    );
    this.body.classList.add("chat", this.appearance.position === "bottom-left" ? "at-left" : "at-right");
    this.body.append(this.launcher, this.dialog);
  }

  arrived() {
    const small = matchMedia(SMALL);
    this.on(small, "change", () => this.isOpen && this.show(small.matches));
    if (window.visualViewport) for (const type of ["resize", "scroll"]) this.on(visualViewport, type, () => this.fit());
    this.on(window, "online", () => this.conversation.refresh());
    this.on(window, "pageshow", (event) => event.persisted && this.conversation.refresh());
    this.on(window, "storage", (event) => event.key === this.kept.name && this.conversation.follow());
    this.on(window, "keydown", (event) => this.escape(event));
    if (this.kept.ofTab.open && !small.matches) this.open({ focus: false });
  }

  left() {
    this.conversation.stop();
    if (this.dialog.open) this.dialog.close();
  }

  get isOpen() {
    return this.dialog.open;
  }

  toggle() {
    if (this.isOpen) this.close();
    else this.open();
  }

  /** Open the chat; with `question`, ask it at once. */
  open({ focus = true, question = "" } = {}) {
    if (!this.isOpen) {
      this.show(matchMedia(SMALL).matches, focus);
      this.launcher.setAttribute("aria-expanded", "true");
      this.kept.keepInTab({ open: true });
      this.count(0);
      this.conversation.wake();
      this.tell("open");
    }
    if (focus) this.conversation.field.focus();
    if (question) this.conversation.ask(question);
  }

  /* Modal or beside the page; a dialog has to be closed to change from one to the other. */
  show(isModal, keepsFocus = true) {
    const before = keepsFocus ? this.shadowRoot.activeElement : document.activeElement;
    if (this.isOpen) this.dialog.close();
    this.body.classList.toggle("is-full", isModal);
    this.body.classList.add("is-open");
    if (isModal) this.dialog.showModal();
    else this.dialog.show();
    this.fit();
    if (before !== document.body) before?.focus({ preventScroll: true });
    else this.shadowRoot.activeElement?.blur();
    this.conversation.toEnd();
  }

  close() {
    if (!this.isOpen) return;
    this.dialog.close();
    this.body.classList.remove("is-open", "is-full");
    this.launcher.setAttribute("aria-expanded", "false");
    this.kept.keepInTab({ open: false });
    this.launcher.focus();
    this.tell("close");
  }

  /** Ask as if the visitor had typed it. */
  ask(question) {
    this.open({ question });
  }

  /** Leave the conversation, and begin another with the next question. */
  fresh() {
    this.form?.remove();
    this.conversation.fresh();
    this.conversation.field.focus();
  }

  /** Show the form that writes to the site's people. */
  contact() {
    if (this.form?.isConnected) return;
    this.conversation.node.hidden = true;
    this.form = supportForm(this, () => {
      this.form.remove();
      this.conversation.node.hidden = false;
      this.conversation.field.focus();
    });
    this.dialog.append(this.form);
    this.form.querySelector("textarea").focus();
  }

  /** An answer came. */
  answered() {
    if (!this.isOpen) this.count(this.unread + 1);
  }

  count(number) {
    this.unread = number;
    this.badge.hidden = !number;
    this.badge.textContent = number;
    const more = number ? ` (${this.say("unread", { n: number })})` : "";
    this.launcher.setAttribute("aria-label", this.say("open") + more);
  }

  key(event) {
    if (event.key !== "Escape" || event.isComposing) return;
    event.preventDefault();
    event.stopPropagation();
    this.close();
  }

  cancel(event) {
    event.preventDefault();
    this.close();
  }

  /* From the bubble too, though not from elsewhere on the page. */
  escape(event) {
    if (event.key === "Escape" && this.isOpen && document.activeElement === this && !event.defaultPrevented) this.close();
  }

  /* What a keyboard on the screen leaves free. */
  fit() {
    const { height, offsetTop } = window.visualViewport ?? { height: innerHeight, offsetTop: 0 };
    this.dialog.style.setProperty("--height", `${height}px`);
    this.dialog.style.setProperty("--top", `${offsetTop}px`);
    this.conversation.toEnd();
  }
}

define("doculume-chat", Element);
