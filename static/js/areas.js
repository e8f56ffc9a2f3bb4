/* On a narrow screen the areas are a row that scrolls: the one that is shown must be in sight. */

const current = document.querySelector(".areas [aria-current]");
const row = current?.closest(".areas");
if (row && row.scrollWidth > row.clientWidth) {
  const [line, frame] = [current.getBoundingClientRect(), row.getBoundingClientRect()];
  row.scrollLeft += line.left - frame.left - (frame.width - line.width) / 2;
}
