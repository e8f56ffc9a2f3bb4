/* What the widget uses of the browser, as it was when the page loaded widget.js: pages patch these. */

/** @type {{fetch: typeof fetch, parse: typeof JSON.parse, requestAnimationFrame: typeof requestAnimationFrame,
 *  setTimeout: typeof setTimeout, clearTimeout: typeof clearTimeout}} */
export const natives = {};

export const keep = (found) => Object.assign(natives, found);

const ESCAPED = /["\\\u0000-\u001f\u2028\u2029\ud800-\udfff]/g;
const escape = (sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, "0")}`;

/** `value` as JSON. JSON.stringify asks the prototypes of arrays and texts for `toJSON`, which some pages give them. */
export function json(value) {
  if (typeof value === "string") return `"${value.replace(ESCAPED, escape)}"`;
  if (Array.isArray(value)) {
    let items = "";
    for (const one of value) items += `${items && ","}${json(one)}`;
    return `[${items}]`;
  }
  if (value === null || typeof value !== "object") return String(value);
  let members = "";
  for (const name of Object.keys(value)) {
    if (value[name] !== undefined) members += `${members && ","}${json(name)}:${json(value[name])}`;
  }
  return `{${members}}`;
}
