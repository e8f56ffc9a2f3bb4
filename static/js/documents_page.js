/* The page of all documents: files dropped on it, and choosing several. The list itself is the server's. */

import { byId } from "./page.js";
import { Line, Uploads, acceptChoices, acceptDrops } from "./uploading.js";
import { ngettext } from "./words.js";

/* Of a drop of many, the list is not asked for at each. */
const AT_MOST_EVERY_MS = 1500;

if (byId("adding")) {
  const uploads = new Uploads(byId("uploads"), () => ({ collection_id: byId("collection")?.value }));
  const add = (files) => uploads.add(files, (file) => new Line(uploads, file, accepted));
  acceptChoices(byId("files"), add);
  acceptDrops(byId("drop"), add);
}

let timer = 0;

function accepted(line) {
  line.node.remove();
  timer ||= setTimeout(() => {
    timer = 0;
    document.body.dispatchEvent(new Event("uploaded"));
  }, AT_MOST_EVERY_MS);
}

/* The list as it is now, after each time that it was fetched anew. */
function boxes() {
  return [...document.querySelectorAll('#chosen input[name="id"]')];
}

function count() {
  const chosen = boxes().filter((box) => box.checked).length;
  const all = byId("choose-all");
  if (!all) return;
  all.hidden = byId("choose-all-label").hidden = byId("chosen-count").hidden = false;
  all.checked = chosen > 0 && chosen === boxes().length;
  all.indeterminate = chosen > 0 && chosen < boxes().length;
  byId("chosen-count").textContent = chosen ? ngettext("%(n)s chosen", "%(n)s chosen", chosen) : "";
  for (const button of document.querySelectorAll('.chosen-bar button[name="do"]')) button.disabled = !chosen;
  for (const more of document.querySelectorAll(".chosen-bar details")) {
    more.hidden = !chosen;
    if (!chosen) more.open = false;
  }
}

document.addEventListener("change", (event) => {
  if (event.target.id === "choose-all") for (const box of boxes()) box.checked = event.target.checked;
  if (event.target.id === "choose-all" || event.target.name === "id") count();
});

let kept = new Set();
document.addEventListener("htmx:beforeSwap", (event) => {
  if (event.detail.target.id === "shelf") kept = new Set(boxes().filter((box) => box.checked).map((box) => box.value));
});
document.addEventListener("htmx:afterSettle", () => {
  for (const box of boxes()) box.checked ||= kept.has(box.value);
  kept = new Set();
  count();
});
addEventListener("pageshow", count);
count();
