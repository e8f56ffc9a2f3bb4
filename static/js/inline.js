/* The inside of a line of Markdown as DOM nodes. Text of a model only ever becomes text nodes; see markdown.js. */

const SAFE_LINK = /^(https?:\/\/|mailto:)[^\s]+$/i;
const CITATION = { pattern: /^\[(\d{1,3})\](?!\()/, node: (m, cite) => cite(Number(m[1])) };
const INLINE = [
  { pattern: /^\\([\\`*_{}[\]()#+.!~|>-])/, node: (m) => m[1] },
  { pattern: /^(`+)([^`]|[^`][\s\S]*?[^`])\1(?!`)/, node: (m) => element("code", [m[2].replace(/^ (.+) $/s, "$1")]) },
  /* An image is never fetched: its address could carry away what the model has read. Its words remain. */
  { pattern: /^!\[([^\]]*)\]\([^)]*\)/, node: (m) => m[1] },
  CITATION,
  { pattern: /^\[([^\]\n]+)\]\(\s*<?([^\s<>]+?)>?(?:\s+["'][^)]*["'])?\s*\)/, node: (m, cite) => link(m[2], inline(m[1], cite)) },
  { pattern: /^<(https?:\/\/[^\s<>]+|mailto:[^\s<>]+)>/i, node: (m) => link(m[1], [m[1]]) },
  { pattern: /^https?:\/\/[^\s<>()[\]"']*[^\s<>()[\]"'.,;:!?]/i, node: (m) => link(m[0], [m[0]]), atWord: true },
  { pattern: /^\*\*(?=\S)([\s\S]*?\S)\*\*(?!\*)/, node: (m, cite) => element("strong", inline(m[1], cite)) },
  { pattern: /^__(?=\S)([\s\S]*?\S)__(?!\w)/, node: (m, cite) => element("strong", inline(m[1], cite)), atWord: true },
  { pattern: /^\*(?=[^\s*])([^*]*?[^\s*])\*(?!\*)/, node: (m, cite) => element("em", inline(m[1], cite)) },
  { pattern: /^_(?=[^\s_])([^_]*?[^\s_])_(?!\w)/, node: (m, cite) => element("em", inline(m[1], cite)), atWord: true },
  { pattern: /^~~(?=\S)([\s\S]*?\S)~~/, node: (m, cite) => element("del", inline(m[1], cite)) },
  { pattern: /^ {2,}\n|^\n/, node: (m) => (m[0].length > 1 ? document.createElement("br") : "\n") },
];
const SPECIAL = /[\\`!*_~[<\n]|https?:\/\/| {2,}\n/i;

export function element(name, children = []) {
  const made = document.createElement(name);
  made.append(...children);
  return made;
}

/** `source` as nodes and strings; `cite(number)` gives the node for a `[number]`. */
export function inline(source, cite) {
  const nodes = [];
  let plain = "";
  let rest = source;
  let before = "";
  const take = (text) => {
    plain += text;
    before = text.at(-1) ?? before;
    rest = rest.slice(text.length);
  };
  while (rest) {
    const next = rest.search(SPECIAL);
    if (next !== 0) {
      take(next < 0 ? rest : rest.slice(0, next));
      continue;
    }
    const found = match(rest, before);
    if (!found) {
      take(rest[0]);
      continue;
    }
    /* A mark stands close to the words it belongs to, and never alone at the start of a line. */
    if (found.kind === CITATION) plain = plain.replace(/[ \t]+$/, "");
    if (plain) nodes.push(plain);
    plain = "";
    nodes.push(found.kind.node(found.parts, cite));
    before = found.parts[0].at(-1);
    rest = rest.slice(found.parts[0].length);
  }
  if (plain) nodes.push(plain);
  return nodes;
}

function match(text, before) {
  for (const kind of INLINE) {
    if (kind.atWord && /[\p{L}\p{N}_]/u.test(before)) continue;
    const parts = kind.pattern.exec(text);
    if (parts) return { kind, parts };
  }
  return null;
}

function link(target, children) {
  if (!SAFE_LINK.test(target)) return element("span", children);
  const made = element("a", children);
  made.href = target;
  made.target = "_blank";
  made.rel = "noopener noreferrer nofollow";
  return made;
}
