/* The playground: what is tried comes as a stream, the trial before stays below it. */

import { ApiError, LOST, errorOf } from "./api.js";
import { Answer } from "./answer.js";
import { announce, byId, shape } from "./page.js";
import { told } from "./stream.js";
import { _ } from "./words.js";

class TriedAnswer extends Answer {
  /** `place`: the trial's element, where the sources are. */
  constructor(place) {
    super();
    this.place = place;
  }

  drawSources() {
    for (const citation of this.citations.values()) {
      const passage = this.passage(citation.index);
      if (!passage || passage.classList.contains("is-cited")) continue;
      passage.classList.add("is-cited");
      const number = passage.querySelector(".source-number");
      number.textContent = citation.index;
      number.hidden = false;
    }
  }

  passage(index) {
    const citation = this.citations.get(index);
    return citation && this.place.querySelector(`.passage[data-chunk="${CSS.escape(citation.chunk_id)}"]`);
  }

  /* To the passage on this page, and back. */
  marker(number) {
    const sup = super.marker(number);
    const link = sup.querySelector("a");
    if (!link) return sup;
    link.removeAttribute("target");
    link.removeAttribute("rel");
    link.href = `#source-${number}`;
    link.ariaLabel = _("Source %(number)s: %(place)s", { number, place: link.title });
    link.addEventListener("click", (event) => {
      event.preventDefault();
      this.show(number, link);
    });
    return sup;
  }

  show(number, link) {
    const passage = this.passage(number);
    if (!passage) return;
    point(passage);
    const back = passage.querySelector(".passage-back");
    back.hidden = false;
    back.onclick = (event) => {
      event.preventDefault();
      const again = link.isConnected ? link : this.node.querySelector(`.cite[href="#source-${number}"]`);
      again?.scrollIntoView({ block: "center" });
      again?.focus({ preventScroll: true });
    };
  }

  point(number, on) {
    this.passage(number)?.classList.toggle("is-pointed", on);
  }
}

function point(passage) {
  for (const other of document.querySelectorAll(".passage.is-here")) other.classList.remove("is-here");
  passage.classList.add("is-here");
  passage.scrollIntoView({ block: "center" });
  passage.focus({ preventScroll: true });
}

class Playground {
  constructor(form) {
    this.form = form;
    this.trials = byId("trials");
    this.question = form.elements.q;
    form.addEventListener("submit", (event) => this.submit(event));
    byId("stop").addEventListener("click", () => this.stopper?.abort());
    addEventListener("keydown", (event) => event.key === "Escape" && !event.defaultPrevented && this.stopper?.abort());
    this.question.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      form.requestSubmit();
    });
  }

  async submit(event) {
    event.preventDefault();
    if (this.stopper) return;
    if (!this.question.value.trim()) {
      this.question.focus();
      return;
    }
    this.share();
    this.keepBefore();
    const place = shape("trial-shape");
    place.querySelector(".trial-question").textContent = this.question.value.trim();
    const answer = new TriedAnswer(place);
    place.querySelector(".trial-message").append(answer.node);
    this.trials.prepend(place);
    answer.working(_("Looking through your documents"));
    announce(_("Looking through your documents"));
    this.stopper = new AbortController();
    this.isBusy(true);
    if (matchMedia("(max-width: 64rem)").matches) place.scrollIntoView({ block: "start" });
    try {
      await this.receive(place, answer, this.stopper.signal);
    } catch (error) {
      if (this.stopper.signal.aborted) {
        answer.finish("");
        answer.ended(_("You stopped the answer here."));
        announce(_("Stopped."));
      } else {
        answer.failed(error, () => this.form.requestSubmit());
        if (!(error instanceof ApiError)) console.error(error);
      }
    } finally {
      this.stopper = null;
      this.isBusy(false);
    }
  }

  async receive(place, answer, signal) {
    let isAnswered = false;
    for await (const event of told(await this.open(signal), signal)) {
      if (event.type === "found") place.querySelector(".trial-found").append(parts(event.html));
      else if (event.type === "text_delta") answer.append(event.delta);
      else if (event.type === "citation") answer.cite(event.citation);
      else if (event.type === "error") throw new ApiError(_(event.error.message), { code: event.error.code });
      else if (event.type === "stages") place.querySelector(".trial-stages").append(parts(event.html));
      else if (event.type === "stream_end") {
        isAnswered = true;
        place.querySelector(".trial-stages").append(parts(event.html));
        answer.finish(event.reason);
        answer.speak();
      }
    }
    if (isAnswered) return;
    answer.working("");
    answer.ended(_("Searched only, without an answer."));
    announce(_("Searched only, without an answer."));
  }

  async open(signal) {
    let response;
    try {
      response = await fetch(this.form.action, {
        method: "POST",
        credentials: "same-origin",
        headers: { Accept: "text/event-stream" },
        body: new FormData(this.form),
        signal,
      });
    } catch (error) {
      if (signal.aborted) throw error;
      throw new ApiError(LOST);
    }
    /* Whoever is signed out is led to the sign-in. */
    if (response.redirected) throw errorOf(401, "");
    if (!response.ok) throw errorOf(response.status, await response.text(), response.headers.get("Retry-After"));
    return response;
  }

  /* The address has the settings, so that it can be given to others. */
  share() {
    const said = [...new FormData(this.form)].filter(([name, value]) => name !== "csrfmiddlewaretoken" && value !== "");
    const account = new URL(this.form.action).searchParams.get("account");
    const query = new URLSearchParams([...(account ? [["account", account]] : []), ...said]);
    history.replaceState(null, "", `${location.pathname}?${query}`);
  }

  keepBefore() {
    byId("nothing-tried")?.remove();
    const [last, ...older] = this.trials.children;
    for (const one of older) one.remove();
    if (!last) return;
    const before = shape("trial-before-shape");
    before.querySelector("summary span").textContent = ` ${last.querySelector(".trial-question")?.textContent ?? ""}`;
    for (const named of last.querySelectorAll("[id]")) named.removeAttribute("id");
    for (const labelled of last.querySelectorAll("[aria-labelledby]")) labelled.removeAttribute("aria-labelledby");
    last.replaceWith(before);
    before.append(last);
  }

  isBusy(busy) {
    byId("try").disabled = busy;
    byId("stop").hidden = !busy;
    this.trials.ariaBusy = String(busy);
  }
}

/* Our own server's template, where all that others wrote is escaped. */
const parts = (html) => document.createRange().createContextualFragment(html);

const form = byId("trial-form");
if (form) new Playground(form);
