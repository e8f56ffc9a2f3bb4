/* Nodes, made one by one: nothing is ever parsed as HTML. */

const SVG = "http://www.w3.org/2000/svg";
const SHAPES = {
  chat: "M4 5.5h16v11h-8.5L7 20.5v-4H4zM8 9.5h8M8 12.5h5",
  clear: "M12 3.5a8.5 8.5 0 1 0 0 17 8.5 8.5 0 0 0 0-17M9.2 9.2l5.6 5.6M14.8 9.2l-5.6 5.6",
  close: "m6 6 12 12M18 6 6 18",
  down: "m6 9 6 6 6-6",
  send: "M12 19V5m0 0-6 6m6-6 6 6",
  stop: "M8 8h8v8H8z",
  plus: "M4.5 19.5h3.6L19 8.6 15.4 5 4.5 15.9zM13 7.4 16.6 11",
  mail: "M3.5 6h17v12h-17zM4 6.5l8 6.5 8-6.5",
  back: "M19 12H5m0 0 6-6m-6 6 6 6",
  up: "M7.5 11 11 3.5c1.5 0 2.5 1 2.3 2.5L12.8 9.5H18c1.3 0 2 1 1.8 2.2l-1.2 6c-.2 1.1-1 1.8-2.1 1.8h-9zm0 0H4v8.5h3.5",
  find: "M10.5 4.5a6 6 0 1 0 0 12 6 6 0 0 0 0-12M15 15l5 5",
  open: "M10 5H5.5v13.5H19V14M13.5 4.5h6v6M19 5l-8 8",
  retry: "M19.5 12a7.5 7.5 0 1 1-2.3-5.4M19.8 3.2v4h-4",
  spark: "M12 4l1.9 5.1L19 11l-5.1 1.9L12 18l-1.9-5.1L5 11l5.1-1.9zM19 16.5v4M17 18.5h4",
  page: "M6 3.5h8.2L19 8.3v12.2H6zM14 3.5v5h5M9 13h6.5M9 16.5h4",
};

/** An element. Functions among `attributes` listen to the event of their name; false and null leave one out. */
export function h(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === "function") node.addEventListener(key, value);
    else if (value !== false && value != null) node.setAttribute(key, value === true ? "" : value);
  }
  node.append(...children);
  return node;
}

export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", SHAPES[name]);
  for (const [key, value] of [["class", `icon i-${name}`], ["viewBox", "0 0 24 24"], ["aria-hidden", "true"]]) svg.setAttribute(key, value);
  svg.append(path);
  return svg;
}

/** A button that is only a picture, with `label` for who does not see it. */
export function iconButton(name, label, click, attributes = {}) {
  return h("button", { type: "button", class: "icon-button", "aria-label": label, title: label, click, ...attributes }, icon(name));
}

/** `url` if a visitor may be sent there, else "". */
export const safeUrl = (url) => (/^https?:\/\/[^\s]+$/i.test(url ?? "") && URL.canParse(url) ? url : "");

export const away = { target: "_blank", rel: "noopener noreferrer nofollow" };
