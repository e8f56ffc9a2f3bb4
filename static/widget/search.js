/* <doculume-search>: a search box inside a page. */

import { SearchBox } from "./search_box.js";
import { SEARCH_LOOK } from "./search_look.js";
import { WidgetElement, define } from "./widget_element.js";

export class Element extends WidgetElement {
  constructor(parts) {
    super(parts, SEARCH_LOOK);
    this.box = new SearchBox(this);
    this.body.classList.add("inline");
    this.body.append(this.box.node);
  }

  left() {
    this.box.cancel();
  }

  /** Search for `query`, as if it had been typed. */
  search(query) {
    this.box.set(query);
  }

  /** Put the cursor into the field. */
  focus() {
    this.box.field.focus();
  }
}

define("doculume-search", Element);
