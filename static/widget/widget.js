/* The one script that other people's pages load. It adds one name to them, `DocuLume`, and fetches the rest from where
   it came from itself, when it is needed. docs/widget.md tells of options and attributes. */

(() => {
  "use strict";

  const script = document.currentScript instanceof HTMLScriptElement ? document.currentScript : null;
  if (window.DocuLume?.start) return window.DocuLume.start(script);

  /* As they are now: a page may put others in their place before our modules run. */
  const natives = {
    fetch: window.fetch.bind(window),
    parse: JSON.parse,
    requestAnimationFrame: window.requestAnimationFrame.bind(window),
    setTimeout: window.setTimeout.bind(window),
    clearTimeout: window.clearTimeout.bind(window),
  };
  const home = script ? script.src : "";
  const load = (name) => import(new URL(name, home).href);
  /* What every widget needs, asked for at once: else each module would only be known when the one before it is there. */
  const shared = "main api kept natives texts dom colors look widget_element answer stream ../js/markdown ../js/inline";
  const made = new Set();

  /* Which server a widget talks to, with which key: said by the call, else by the script tag. */
  function withOrigin(options = {}, from = script) {
    const server = new URL(options.server || (from ? from.src : home)).origin;
    return { ...(from ? from.dataset : {}), ...options, server };
  }

  async function open(kind, options, target) {
    for (const name of shared.split(" ")) load(`${name}.js`).catch(() => {});
    const { open: begin } = await load("main.js");
    const element = await begin({ kind, options, target, natives, load });
    if (element) made.add(element);
    return element;
  }

  const api = {
    /** A bubble with a chat. Gives a promise of its element, or of null where it may not be shown. */
    chat: (options) => open("chat", withOrigin(options)),
    /** A search box inside `target`, an element or a selector. */
    search: (target, options) => open("search", withOrigin(options), target),
    /** A search box over the page, on Ctrl or Cmd + K. */
    searchModal: (options) => open("modal", withOrigin(options)),
    /** Take one widget away, or all of them, and every listener with them. */
    destroy(element) {
      for (const one of element ? [element] : made) {
        made.delete(one);
        one.remove();
      }
    },
    /** Begin what a script tag's attributes ask for. */
    start(tag) {
      if (!tag?.dataset.key || !tag.dataset.integration || "manual" in tag.dataset) return;
      open("", withOrigin({}, tag), tag.dataset.target).catch((error) => console.warn(`DocuLume is not shown: ${error.message}`));
    },
  };
  Object.defineProperty(window, "DocuLume", { value: Object.freeze(api), configurable: true });
  api.start(script);
})();
