/* The search box, inside a page and over it. */

export const SEARCH_LOOK = `
.inline { position: relative; }
.field { display: flex; align-items: center; gap: 4px; min-height: 48px; padding: 4px 6px 4px 14px; border: 1px solid var(--edge); border-radius: 12px; background: var(--surface); }
[dir="rtl"] .field { padding: 4px 14px 4px 6px; }
.field:focus-within { border-color: var(--accent); box-shadow: 0 0 0 1px var(--accent); }
.field > .icon { color: var(--soft); }
.field input { flex: 1; min-width: 0; height: 36px; padding: 0 8px; border: 0; background: none; font-size: 16px; }
.field input:focus-visible { outline: none; }
::placeholder { color: var(--soft); opacity: 1; }
.drop { background: var(--surface); overflow: hidden auto; overscroll-behavior: contain; scrollbar-width: thin; scrollbar-color: var(--edge) transparent; }
.inline .drop { position: absolute; z-index: 2147482000; inset: calc(100% + 8px) 0 auto; max-height: min(560px, 75vh); border: 1px solid var(--line); border-radius: 14px; box-shadow: var(--shade); }
.over { width: min(680px, calc(100vw - 32px)); max-width: none; max-height: min(640px, calc(100dvh - 24vh)); margin: 12vh auto auto; padding: 0; overflow: hidden; border: 1px solid var(--line); border-radius: 16px; background: var(--surface); color: var(--ink); box-shadow: var(--shade); }
.over[open] { display: flex; animation: drop 0.15s ease-out; }
@keyframes drop { from { opacity: 0; transform: translateY(-8px); } }
.over::backdrop { background: rgb(15 20 18 / 45%); backdrop-filter: blur(2px); }
.over .search { display: flex; flex: 1; flex-direction: column; min-width: 0; }
.over .field { flex: none; min-height: 60px; border: 0; box-shadow: none; }
.over .field > :last-child { margin-inline-start: 4px; border-inline-start: 1px solid var(--line); border-radius: 0; padding-inline-start: 4px; width: 41px; }
.over .field input { font-size: 17px; }
.over .drop:not([hidden]) { border-top: 1px solid var(--line); }
.filters { display: grid; gap: 8px; padding: 12px 16px; border-bottom: 1px solid var(--line); }
.filter { display: flex; flex-wrap: wrap; align-items: center; gap: 6px; }
.filter .fine { margin-inline-end: 4px; }
.chip { min-height: 28px; padding: 1px 12px; border: 1px solid var(--edge); border-radius: 14px; font-size: 13.5px; }
.chip:hover { border-color: var(--accent); }
.chip[aria-pressed="true"] { border-color: transparent; background: var(--brand); color: var(--on-brand); }
.chip:focus-visible { border-radius: 14px; }
.summary { padding: 14px 16px; border-bottom: 1px solid var(--line); }
.summary:has(.offer) { padding: 8px; }
.summary > h2 { display: flex; align-items: center; gap: 8px; margin-bottom: 8px; font-size: 13px; color: var(--accent); }
.offer { display: flex; align-items: center; gap: 10px; width: 100%; min-height: 42px; padding: 6px 10px; border-radius: 10px; background: var(--tint); color: var(--accent); font-weight: 600; text-align: start; }
.offer span { flex: 1; }
kbd { padding: 1px 7px; border: 1px solid currentcolor; border-radius: 6px; font: 12px/1.4 ui-sans-serif, system-ui, sans-serif; }
.end:not(:empty) { margin-top: 8px; }
.state { padding: 26px 18px; text-align: center; }
.state .trouble { text-align: start; }
.results { padding: 8px; }
.result { position: relative; display: grid; gap: 2px; padding: 10px 42px 10px 12px; border-radius: 10px; color: inherit; text-decoration: none; cursor: pointer; }
[dir="rtl"] .result { padding: 10px 12px 10px 42px; }
.result:hover { background: var(--sunken); }
.result[aria-selected="true"] { background: var(--tint); box-shadow: inset 0 0 0 2px var(--accent); }
.title { font-weight: 600; overflow-wrap: anywhere; }
.snippet { color: var(--soft); font-size: 14px; overflow-wrap: anywhere; }
.place { overflow: hidden; color: var(--accent); font-size: 12.5px; text-overflow: ellipsis; white-space: nowrap; }
[dir="rtl"] .place { text-align: end; }
.result > .icon { position: absolute; top: 12px; inset-inline-end: 12px; width: 17px; height: 17px; color: var(--soft); }
.result.is-whole > .icon { transform: rotate(180deg); }
mark { border-radius: 3px; background: light-dark(#ffe9a8, #5c4a1a); color: inherit; }
.title mark { color: light-dark(#2b2205, #fff4d2); }
.snippet mark { color: light-dark(#3d3412, #ffeebb); }
@media (max-width: 560px) { .over { width: 100vw; height: 100dvh; max-height: none; margin: 0; border: 0; border-radius: 0; } }
@media (forced-colors: active) { .result[aria-selected="true"], .chip[aria-pressed="true"] { outline: 3px solid Highlight; } }
`;
