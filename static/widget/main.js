/* From what a call or a script tag asks for to an element on the page. */

import { Api } from "./api.js";
import { Kept } from "./kept.js";
import { keep } from "./natives.js";
import { languageOf, speaking } from "./texts.js";

const MODULES = { chat: "chat.js", search: "search.js", modal: "modal.js" };
/* What an integration's type is where a script tag says no more. */
const KINDS = { chatbot: "chat", search_box: "modal", custom: "chat" };
let hasWarned = false;

/** The element, on the page; null where the server will not have it there, which the console hears of once. */
export async function open({ kind, options, target, natives, load }) {
  keep(natives);
  const kept = new Kept(options.integration);
  const api = new Api(options, kept);
  const setup = await setupOf(api);
  if (!setup) return null;
  const shown = kind || (target ? "search" : KINDS[setup.type]);
  const appearance = { ...setup.appearance, ...onlySaid(options) };
  const language = languageOf(appearance.language);
  const [module, say] = await Promise.all([
    load(MODULES[shown]),
    speaking(language, { ...setup.appearance?.texts, ...options.texts }),
    standing(),
  ]);
  const place = shown === "search" ? placeOf(target) : document.body;
  if (!place) return warn(`there is nothing that is ${target}.`);
  const element = new module.Element({ api, kept, setup, options, appearance, say });
  place.append(element);
  element.tell("ready");
  return element;
}

async function setupOf(api) {
  try {
    return await api.setup();
  } catch (refusal) {
    if (refusal.kind === "offline" && !navigator.onLine) {
      await new Promise((go) => addEventListener("online", go, { once: true }));
      return setupOf(api);
    }
    return warn(
      refusal.status
        ? `the server answered ${refusal.status} (${refusal.message}).`
        : "the server cannot be reached from this page. Is its address among the allowed domains?",
    );
  }
}

function warn(reason) {
  if (!hasWarned) console.warn(`DocuLume is not shown: ${reason}`);
  hasWarned = true;
  return null;
}

function onlySaid({ theme, color, position, language }) {
  const said = { theme, color, position, language };
  for (const name of Object.keys(said)) if (!said[name]) delete said[name];
  return said;
}

const placeOf = (target) => (typeof target === "string" ? document.querySelector(target) : target);

/** Until there is a body to stand in. */
function standing() {
  if (document.readyState !== "loading") return null;
  return new Promise((go) => document.addEventListener("DOMContentLoaded", go, { once: true }));
}
