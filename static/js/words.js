/* What scripts say, in the language of the page. `django` is there where that is not English: see doculume/words.py.

   Sentences are literals in `_("…")` and `ngettext("…", "…", n)`, so that `make messages` finds them. */

/** `text` in the language of the page, with each %(name)s replaced from `values`. */
export const _ = (text, values) => filled(globalThis.django?.gettext(text) ?? text, values);

/** As `_`, for `n` things; %(n)s is `n` as people write it. */
export function ngettext(one, many, n, values) {
  const text = globalThis.django?.ngettext(one, many, n) ?? (n === 1 ? one : many);
  return filled(text, { n: n.toLocaleString(document.documentElement.lang), ...values });
}

const filled = (text, values) => (values ? text.replace(/%\((\w+)\)s/g, (whole, name) => values[name] ?? whole) : text);
