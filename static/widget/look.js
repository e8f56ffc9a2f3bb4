/* Colors, sizes and parts that all widgets share. Of two colors the first is for light, the second for dark.

   In a shadow what is !important goes before a page's !important; so a page's rules for all elements end at :host. */

export const LOOK = `
:host { all: initial !important; display: block !important; direction: ltr !important; }
:host([hidden]) { display: none !important; }
:host {
  --surface: light-dark(#ffffff, #1e2120); --sunken: light-dark(#f4f3f0, #161918); --raised: light-dark(#ffffff, #272b2a);
  --ink: light-dark(#1f211f, #ebe9e4); --soft: light-dark(#5b5f5b, #adb1ac); --line: light-dark(#e4e2dd, #383d3b);
  --edge: light-dark(#858a85, #848985); --bad: light-dark(#a3271c, #ff9d8f); --bad-tint: light-dark(#fcebe8, #3a211d);
  --shade: 0 1px 2px light-dark(rgb(20 25 20 / 8%), rgb(0 0 0 / 40%)), 0 12px 40px light-dark(rgb(20 25 20 / 18%), rgb(0 0 0 / 55%));
}
.widget { font: 400 15px/1.5 ui-sans-serif, system-ui, "Segoe UI", Roboto, "Noto Sans", "Helvetica Neue", Arial, sans-serif; color: var(--ink); text-align: start; }
*, ::before, ::after { box-sizing: border-box; }
[hidden] { display: none !important; }
h2, h3, h4, h5, h6, p, ul, ol, figure, blockquote, pre { margin: 0; }
button, input, textarea { margin: 0; font: inherit; color: inherit; letter-spacing: inherit; }
button { padding: 0; border: 0; background: none; cursor: pointer; -webkit-tap-highlight-color: transparent; }
button:disabled { cursor: default; opacity: 0.45; }
a { color: var(--accent); text-underline-offset: 0.18em; text-decoration-thickness: 1px; }
a:hover { text-decoration-thickness: 2px; }
:focus { outline: none; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; border-radius: 6px; }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.icon { display: block; width: 20px; height: 20px; flex: none; fill: none; stroke: currentcolor; stroke-width: 1.7; stroke-linecap: round; stroke-linejoin: round; }
.i-stop { fill: currentcolor; }
.icon-button { display: grid; place-items: center; flex: none; width: 36px; height: 36px; border-radius: 9px; color: var(--soft); }
.icon-button:hover { background: var(--sunken); color: var(--ink); }
.button { display: inline-flex; align-items: center; justify-content: center; gap: 8px; min-height: 40px; padding: 6px 18px; border: 1px solid transparent; border-radius: 10px; background: var(--brand); color: var(--on-brand); font-weight: 600; }
.quiet { display: inline-flex; align-items: center; gap: 6px; min-height: 32px; padding: 3px 12px; border: 1px solid var(--line); border-radius: 9px; background: var(--surface); font-size: 14px; }
.quiet:hover { border-color: var(--accent); }
.quiet .icon { width: 16px; height: 16px; }
.fine { font-size: 12.5px; line-height: 1.4; color: var(--soft); }
.trouble { display: flex; flex-wrap: wrap; align-items: center; gap: 8px 12px; padding: 10px 14px; border-radius: 10px; background: var(--bad-tint); color: var(--bad); font-size: 14px; }
.trouble p { flex: 1 1 180px; }

.prose { overflow-wrap: anywhere; }
.prose > * + * { margin-top: 10px; }
.prose :is(h3, h4, h5, h6) { margin-top: 16px; font-size: 15.5px; line-height: 1.35; }
.prose :is(ul, ol) { padding: 0 0 0 22px; }
.prose :is(ul, ol):has(> li:dir(rtl)) { padding: 0 22px 0 0; }
.prose li + li, .prose li > :is(ul, ol, p + p) { margin-top: 4px; }
.prose blockquote { padding-inline-start: 12px; border-inline-start: 3px solid var(--line); color: var(--soft); }
.prose :is(code, pre) { font: 13px/1.5 ui-monospace, "Cascadia Mono", Menlo, Consolas, monospace; }
.prose :is(code, pre) { border-radius: 5px; background: var(--sunken); }
.prose code { padding: 1px 5px; }
.prose pre { padding: 10px 12px; overflow-x: auto; border-radius: 9px; }
.prose pre code { padding: 0; }
.prose hr { border: 0; border-top: 1px solid var(--line); }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: 14px; }
:is(th, td) { padding: 5px 10px; border: 1px solid var(--line); text-align: start; vertical-align: top; }
th { background: var(--sunken); }
.number { text-align: end; }
.glue { white-space: nowrap; }
.cite { display: inline-grid; place-items: center; min-width: 24px; height: 24px; margin: -4px -1px -4px 0; padding: 0 5px; border: 2px solid transparent; border-radius: 10px; background: var(--tint); background-clip: padding-box; color: var(--accent); font-size: 12px; font-weight: 700; line-height: 1; vertical-align: 1px; }
.cite:hover { background-color: var(--brand); color: var(--on-brand); }
.sources { margin-top: 12px; }
.sources h3 { margin-bottom: 6px; font-size: 12.5px; font-weight: 600; color: var(--soft); }
.sources ol { display: grid; grid-template-columns: minmax(0, 1fr); gap: 6px; padding: 0; list-style: none; }
.sources details { border: 1px solid var(--line); border-radius: 10px; background: var(--raised); font-size: 14px; }
.sources summary { display: flex; align-items: center; gap: 9px; min-height: 38px; padding: 5px 11px 5px 8px; border-radius: 10px; cursor: pointer; list-style: none; }
.sources summary::-webkit-details-marker { display: none; }
.sources summary b { display: grid; place-items: center; flex: none; min-width: 22px; height: 22px; border-radius: 7px; background: var(--tint); color: var(--accent); font-size: 12px; }
.sources summary span { flex: 1; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.sources summary .icon { width: 16px; height: 16px; color: var(--soft); }
.sources [open] > summary .icon { transform: rotate(180deg); }
.sources blockquote { display: -webkit-box; margin: 0 12px 10px; overflow: hidden; color: var(--soft); font-size: 13.5px; overflow-wrap: anywhere; -webkit-box-orient: vertical; -webkit-line-clamp: 8; }
.sources details a { display: inline-flex; align-items: center; gap: 6px; min-height: 24px; margin: 0 12px 10px; font-weight: 600; }
.sources a .icon { width: 15px; height: 15px; }
.working { display: flex; align-items: center; gap: 10px; min-height: 24px; color: var(--soft); font-size: 14px; }
.dots { display: inline-flex; gap: 4px; }
.dots i { width: 7px; height: 7px; border-radius: 50%; background: var(--accent); animation: beat 1.2s infinite ease-in-out; }
.dots i:nth-child(2) { animation-delay: 0.15s; }
.dots i:nth-child(3) { animation-delay: 0.3s; }
@keyframes beat { 0%, 60%, 100% { opacity: 0.3; } 30% { opacity: 1; transform: translateY(-3px); } }
@media (prefers-reduced-motion: reduce) { *, ::before, ::after { animation: none !important; transition: none !important; scroll-behavior: auto !important; } }
@media (forced-colors: active) { .button, .icon-button, .cite, .chip { border: 1px solid ButtonText; } .i-stop { fill: ButtonText; } }
`;
