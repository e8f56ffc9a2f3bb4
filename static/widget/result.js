/* One result, with the words of the query marked. */

import { h, icon, safeUrl } from "./dom.js";

const LENGTH = 190;
const BEFORE = 50;

/** A link that is an option of the list; without an address, one that unfolds its text. */
export function option(box, result, position, query) {
  const words = wordsOf(query);
  const url = safeUrl(result.source_url);
  const text = (result.raw_text ?? "").replace(/\s+/g, " ").trim();
  const snippet = h("span", { class: "snippet", dir: "auto" }, ...marked(excerpt(text, words), words));
  const title = result.title || hostOf(url) || text.slice(0, 60);
  const node = h(
    url ? "a" : "div",
    { id: `result-${position}`, class: "result", role: "option", tabindex: "-1", "aria-selected": "false", href: url || null, rel: url ? "noopener" : null, click: (event) => choose(event) },
    h("span", { class: "title", dir: "auto" }, ...marked(title, words)),
    snippet,
    url ? h("span", { class: "place", dir: "ltr" }, placeOf(url)) : "",
    icon(url ? "open" : "down"),
  );
  function choose(event) {
    if (!box.chosen(result, position)) event.preventDefault();
    else if (!url) {
      node.classList.toggle("is-whole");
      snippet.replaceChildren(...marked(node.classList.contains("is-whole") ? text.slice(0, 4000) : excerpt(text, words), words));
    }
  }
  return node;
}

/* Letters and digits, as they are written; one letter alone marks nothing, but for a script where it is a word. */
function wordsOf(query) {
  const words = query.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];
  return words.filter((word) => word.length > 1 || /[\p{sc=Han}\p{sc=Hira}\p{sc=Kana}]/u.test(word));
}

/* Where a word of the text begins with one of the query. Scripts without spaces have no such beginning. */
function* places(text, words) {
  if (!words.length) return;
  const any = words.sort((a, b) => b.length - a.length).join("|");
  yield* text.matchAll(new RegExp(`(?<![\\p{L}\\p{N}])(?:${any})[\\p{L}\\p{N}]{0,3}(?![\\p{L}\\p{N}])|(?:${any})(?=[^\\x00-\\u024f])|(?<=[^\\x00-\\u024f])(?:${any})`, "giu"));
}

function excerpt(text, words) {
  const first = places(text, words).next().value?.index ?? 0;
  if (text.length <= LENGTH) return text;
  const start = first < BEFORE * 2 ? 0 : text.indexOf(" ", first - BEFORE) + 1 || first;
  const part = text.slice(start, start + LENGTH);
  const end = text.length > start + LENGTH ? part.lastIndexOf(" ") : -1;
  return `${start ? "… " : ""}${end > LENGTH / 2 ? part.slice(0, end) : part}${start + LENGTH < text.length ? " …" : ""}`;
}

function marked(text, words) {
  const nodes = [];
  let done = 0;
  for (const { index, 0: found } of places(text, words)) {
    nodes.push(text.slice(done, index), h("mark", {}, found));
    done = index + found.length;
  }
  return [...nodes, text.slice(done)];
}

const hostOf = (url) => (url ? new URL(url).host : "");
const placeOf = (url) => readable(new URL(url).pathname).split("/").filter(Boolean).join(" › ") || hostOf(url);

function readable(path) {
  try {
    return decodeURI(path);
  } catch {
    return path; /* A stray percent sign, or bytes that are no UTF-8. */
  }
}
