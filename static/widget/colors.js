/* A site's own color, made readable: what is written on it, and what is written in it, keeps WCAG's contrast. */

const LIGHT = [255, 255, 255];
const DARK = [16, 20, 18];
/* What our text stands on: --surface in light; --raised in dark, the brighter of the two there. */
const PAPER = { light: [255, 255, 255], dark: [39, 43, 42] };
const ENOUGH = 4.6;

const channels = (hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
const written = (color) => `rgb(${color.map(Math.round).join(" ")})`;
const mixed = (color, other, share) => color.map((value, at) => value + (other[at] - value) * share);

function luminance(color) {
  const [r, g, b] = color.map((value) => (value / 255 <= 0.04045 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(one, other) {
  const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (high + 0.05) / (low + 0.05);
}

/* `color`, brought so far towards `end` that it can be read on all of `papers`. */
function readable(color, papers, end) {
  for (let share = 0; share < 1; share += 0.05) {
    const tried = mixed(color, end, share);
    if (papers.every((paper) => contrast(tried, paper) >= ENOUGH)) return tried;
  }
  return end;
}

/** Declarations for :host, of a color such as `#1d5c55`; any other text counts as that one. */
export function brandOf(hex) {
  const brand = channels(/^#[0-9a-f]{6}$/i.test(hex ?? "") ? hex : "#1d5c55");
  const on = contrast(brand, LIGHT) >= contrast(brand, DARK) * 0.75 && contrast(brand, LIGHT) >= 4.5 ? LIGHT : DARK;
  /* Of middling brightness: neither is readable enough on it, so it gives way a little. */
  const ground = readable(brand, [on], on === LIGHT ? DARK : LIGHT);
  const tints = { light: mixed(PAPER.light, brand, 0.09), dark: mixed(PAPER.dark, brand, 0.2) };
  const inLight = written(readable(brand, [PAPER.light, tints.light], DARK));
  const inDark = written(readable(brand, [PAPER.dark, tints.dark], LIGHT));
  const tint = `light-dark(${written(tints.light)}, ${written(tints.dark)})`;
  return `--brand:${written(ground)};--on-brand:${written(on)};--accent:light-dark(${inLight}, ${inDark});--tint:${tint};`;
}
