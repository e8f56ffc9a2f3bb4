/* The page: documents, conversations, and the one that is shown. */

import { Conversation } from "./conversation.js";
import { Documents } from "./documents.js";
import { Drawer } from "./drawer.js";
import { FirstSteps } from "./first_steps.js";
import { History } from "./history.js";
import { byId, here } from "./page.js";

const idInAddress = () => /^\/c\/([0-9a-f-]{36})\/?$/i.exec(location.pathname)?.[1].toLowerCase() ?? null;

const drawer = new Drawer();
const firstSteps = new FirstSteps((question) => conversation.ask(question));
const documents = new Documents((known) => firstSteps.show(known, isNew()));
const conversation = new Conversation({
  onStarted(id) {
    window.history.replaceState(null, "", here(`/c/${id}`));
    past.mark(id);
  },
  onAnswered: () => past.load(),
});
const past = new History({
  onOpen(id) {
    window.history.pushState(null, "", here(id ? `/c/${id}` : "/"));
    drawer.set(false);
    show(id);
    (id ? byId("conversation-title") : byId("question")).focus();
  },
  onDelete(id) {
    if (id !== conversation.id) return;
    window.history.replaceState(null, "", here("/"));
    show(null);
  },
});

function isNew() {
  return conversation.id === null && conversation.isEmpty;
}

function show(id) {
  if (id) conversation.open(id);
  else conversation.clear();
  past.mark(id);
  firstSteps.show(null, id === null);
}

addEventListener("popstate", () => show(idInAddress()));
show(idInAddress());
documents.load();
past.load();
