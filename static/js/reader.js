/* The reader: bring the cited words into view; look again while the document is being read. */

const SECONDS = 1000;

const cited = document.getElementById("cited");
if (cited) {
  cited.tabIndex = -1;
  cited.focus({ preventScroll: true });
  cited.scrollIntoView({ block: "center" });
}

const wait = document.querySelector("[data-reload]")?.dataset.reload;
if (wait) setTimeout(() => location.reload(), Number(wait) * SECONDS);
