/* The filters a site offers: for each field its values, any of which may be switched on. */

import { h } from "./dom.js";

export class Filters {
  /** @param {{field: string, label?: string, values: (string | number | boolean | {value: any, label: string})[]}[]} offered */
  constructor(offered, changed) {
    this.chosen = new Map();
    this.node = h("div", { class: "filters", hidden: !offered?.length });
    for (const { field, label, values } of offered ?? []) {
      this.chosen.set(field, new Set());
      const group = h("div", { class: "filter", role: "group", "aria-label": label ?? field }, h("span", { class: "fine", "aria-hidden": "true" }, label ?? field));
      for (const one of values) group.append(this.chip(field, one, changed));
      this.node.append(group);
    }
  }

  chip(field, one, changed) {
    const { value, label } = typeof one === "object" ? one : { value: one, label: `${one}` };
    const on = this.chosen.get(field);
    const toggle = () => {
      if (!on.delete(value)) on.add(value);
      node.setAttribute("aria-pressed", on.has(value));
      changed();
    };
    const node = h("button", { type: "button", class: "chip", "aria-pressed": "false", click: toggle }, label);
    return node;
  }

  /** As the server's `meta`: any of a field's values, and all of the fields. */
  meta() {
    const meta = {};
    for (const [field, values] of this.chosen) if (values.size) meta[field] = { or: [...values] };
    return Object.keys(meta).length ? meta : undefined;
  }
}
