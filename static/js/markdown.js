/* Markdown as DOM nodes, made node by node: no text of a model or of a document is ever parsed as HTML.

   A reader for what models write, not all of CommonMark: paragraphs, headings, lists, quotes, code, tables, rules. */

import { element, inline } from "./inline.js";

const FENCE = /^(`{3,}|~{3,})[^`]*$/;
const HEADING = /^ {0,3}(#{1,6})\s+(.*?)\s*#*$/;
const RULE = /^ {0,3}([-*_])(?:\s*\1){2,}\s*$/;
const ITEM = /^(\s*)([-*+•]|\d{1,9}[.)])\s+(.*)$/;
const QUOTE = /^ {0,3}>\s?/;
const TABLE_RULE = /^\s*\|?\s*:?-{1,}:?\s*(\|\s*:?-{1,}:?\s*)*\|?\s*$/;

/** Shows a growing text in `node`. Blocks that did not change are left alone, so that selection and focus survive. */
export class MarkdownView {
  constructor(node, cite) {
    this.node = node;
    this.cite = cite;
    this.shown = [];
  }

  /** Show `text`; `all` renders every block anew, for when citations became known. */
  show(text, { all = false } = {}) {
    const sources = blocks(text);
    sources.forEach((source, index) => {
      const key = source.join("\n");
      if (!all && this.shown[index]?.key === key) return;
      const made = block(source, this.cite);
      if (this.shown[index]) this.shown[index].node.replaceWith(made);
      else this.node.append(made);
      this.shown[index] = { key, node: made };
    });
    for (const gone of this.shown.splice(sources.length)) gone.node.remove();
  }
}

/** The lines of `text`, grouped into blocks. */
export function blocks(text) {
  const found = [];
  let current = [];
  let fence = "";
  const close = () => {
    if (current.length) found.push(current);
    current = [];
  };
  for (const line of text.replace(/\r\n?/g, "\n").split("\n")) {
    if (fence) {
      current.push(line);
      if (!closes(fence, line)) continue;
      fence = "";
      if (!isList(current)) close();
    } else if (isFence(line)) {
      if (!(current.length && isList(current) && /^\s/.test(line))) close();
      fence = line.trim().match(/^[`~]+/)[0];
      current.push(line);
    } else if (!line.trim()) {
      /* A list goes on over an empty line if what follows belongs to it; that shows with the next line. */
      if (current.length && isList(current)) current.push("");
      else close();
    } else if (HEADING.test(line) || (RULE.test(line) && !ITEM.test(line))) {
      close();
      found.push([line]);
    } else if (current.length && !continues(current, line)) {
      close();
      current = [line];
    } else current.push(line);
  }
  close();
  return found;
}

const isFence = (line) => FENCE.test(line.trim());
const closes = (fence, line) => line.trim().startsWith(fence) && !line.trim().replaceAll(fence[0], "");
const isList = (lines) => ITEM.test(lines[0]);

function continues(lines, line) {
  if (isList(lines)) return ITEM.test(line) || /^\s/.test(line) || lines.at(-1) !== "";
  if (ITEM.test(line)) return false;
  return QUOTE.test(lines[0]) === QUOTE.test(line) || QUOTE.test(lines[0]);
}

function block(lines, cite) {
  const made = kindOf(lines)(lines, cite);
  if (made.dir === "") made.dir = "auto";
  return made;
}

function kindOf(lines) {
  if (isFence(lines[0])) return code;
  if (HEADING.test(lines[0])) return heading;
  if (isList(lines)) return list;
  if (RULE.test(lines[0])) return () => element("hr");
  if (QUOTE.test(lines[0])) return quote;
  if (lines.length > 1 && lines[0].includes("|") && TABLE_RULE.test(lines[1])) return table;
  return (rows, cite) => element("p", inline(rows.map((row) => row.trimStart()).join("\n"), cite));
}

function code(lines) {
  const fence = FENCE.exec(lines[0].trim())[1];
  const last = lines.length > 1 && closes(fence, lines.at(-1)) ? -1 : undefined;
  const made = element("pre", [element("code", [lines.slice(1, last).join("\n")])]);
  made.tabIndex = 0;
  made.dir = "ltr";
  return made;
}

/* The page has h1 and h2 of its own. */
function heading([line], cite) {
  const [, marks, words] = HEADING.exec(line);
  return element(`h${Math.min(marks.length + 2, 6)}`, inline(words, cite));
}

function quote(lines, cite) {
  return element("blockquote", blocks(lines.map((line) => line.replace(QUOTE, "")).join("\n")).map((part) => block(part, cite)));
}

function list(lines, cite) {
  const [, indent, mark] = ITEM.exec(lines[0]);
  const made = element(/\d/.test(mark) ? "ol" : "ul");
  if (/\d/.test(mark) && parseInt(mark, 10) !== 1) made.start = parseInt(mark, 10);
  let item = [];
  const close = () => item.length && made.append(listItem(item, cite));
  for (const line of lines) {
    const found = ITEM.exec(line);
    if (found && found[1].length <= indent.length + 1) {
      close();
      item = [found[3]];
    } else item.push(line.slice(Math.min(line.length - line.trimStart().length, indent.length + 3)));
  }
  close();
  return made;
}

function listItem(lines, cite) {
  const nodes = blocks(lines.join("\n").trimEnd()).map((part) => block(part, cite));
  const paragraphs = nodes.filter((node) => node.localName === "p");
  /* The words of an item stand in it directly, unless it has several paragraphs. */
  const made = element("li", nodes.flatMap((node) => (node === paragraphs[0] && paragraphs.length === 1 ? [...node.childNodes] : [node])));
  made.dir = "auto";
  return made;
}

function table(lines, cite) {
  const cells = (line) => line.trim().replace(/^\||\|$/g, "").split(/(?<!\\)\|/).map((cell) => cell.trim().replaceAll("\\|", "|"));
  const ends = cells(lines[1]).map((rule) => rule.endsWith(":"));
  const row = (line, name) =>
    element("tr", cells(line).map((cell, index) => {
      const made = element(name, inline(cell, cite));
      made.dir = "auto";
      if (ends[index]) made.className = "number";
      return made;
    }));
  const head = element("thead", [row(lines[0], "th")]);
  for (const cell of head.querySelectorAll("th")) cell.scope = "col";
  const made = element("div", [element("table", [head, element("tbody", lines.slice(2).map((line) => row(line, "td")))])]);
  made.className = "wide";
  made.tabIndex = 0;
  return made;
}
