/* What modules share about the page itself: its shapes, its account, a few words. */

import { _ } from "./words.js";

export const byId = (id) => document.getElementById(id);

/** The content of `<meta name=…>`, or "". */
export const meta = (name) => document.querySelector(`meta[name="${name}"]`)?.content ?? "";

/** A fresh copy of what `<template id=…>` holds. */
export const shape = (id) => byId(id).content.firstElementChild.cloneNode(true);

/** An address of this site, with the account where it is not the user's own. */
export function here(path, parameters = {}, fragment = "") {
  const query = new URLSearchParams(parameters);
  if (meta("account")) query.set("account", meta("account"));
  const text = query.toString();
  return path + (text ? `?${text}` : "") + (fragment ? `#${fragment}` : "");
}

export function bytes(size) {
  const units = [_("bytes"), "KB", "MB", "GB"];
  let unit = 0;
  while (size >= 1024 && unit < units.length - 1) [size, unit] = [size / 1024, unit + 1];
  const most = unit && size < 10 ? 1 : 0;
  const number = size.toLocaleString(document.documentElement.lang, { minimumFractionDigits: most, maximumFractionDigits: most });
  return `${number} ${units[unit]}`;
}

/** Ask before something is lost. Resolves to whether the user said yes. */
export function confirmed(title, text) {
  const dialog = byId("confirm");
  byId("confirm-title").textContent = title;
  byId("confirm-text").textContent = text;
  dialog.returnValue = "no";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}

/** Have a screen reader say it, once. */
export function announce(text) {
  byId("announcer").textContent = text;
}
