/* The bubble and its panel. */

export const CHAT_LOOK = `
:host { position: fixed !important; z-index: 2147483000 !important; inset: auto 0 0 auto !important; width: 0 !important; height: 0 !important; }
.launcher { position: fixed; bottom: calc(20px + env(safe-area-inset-bottom)); display: grid; place-items: center; width: 56px; height: 56px; border: 1px solid transparent; border-radius: 50%; background: var(--brand); color: var(--on-brand); box-shadow: var(--shade); transition: transform 0.15s; }
.launcher:hover { transform: scale(1.05); }
.launcher:focus-visible { border-radius: 50%; outline-offset: 3px; outline-width: 3px; }
.launcher .icon { width: 26px; height: 26px; }
.is-open > .launcher .i-chat, .chat:not(.is-open) > .launcher .i-down { display: none; }
.at-right :is(.launcher, .panel) { right: calc(20px + env(safe-area-inset-right)); }
.at-left :is(.launcher, .panel) { left: calc(20px + env(safe-area-inset-left)); }
.badge { position: absolute; top: -3px; inset-inline-end: -3px; min-width: 22px; height: 22px; padding: 0 6px; border: 2px solid var(--surface); border-radius: 11px; background: #b3261e; color: #fff; font-size: 12px; font-weight: 700; line-height: 18px; text-align: center; }
.panel { position: fixed; inset: auto; bottom: calc(90px + env(safe-area-inset-bottom)); flex-direction: column; width: 400px; max-width: calc(100vw - 40px); height: min(660px, calc(100vh - 120px)); max-height: none; margin: 0; padding: 0; overflow: hidden; border: 1px solid var(--line); border-radius: 18px; background: var(--surface); color: var(--ink); box-shadow: var(--shade); }
.panel[open] { display: flex; animation: rise 0.18s ease-out; }
@keyframes rise { from { opacity: 0; transform: translateY(12px); } }
.panel::backdrop { background: var(--surface); }
.panel:focus-visible { outline: none; }
header { display: flex; align-items: center; gap: 4px; padding: 12px 12px 12px 16px; border-bottom: 1px solid var(--line); }
[dir="rtl"] header { padding: 12px 16px 12px 12px; }
.mark { display: grid; place-items: center; flex: none; width: 36px; height: 36px; margin-inline-end: 8px; border-radius: 11px; background: var(--brand); color: var(--on-brand); }
h2 { flex: 1; overflow: hidden; font-size: 16px; font-weight: 650; line-height: 1.3; text-overflow: ellipsis; white-space: nowrap; text-align: start; }
.talk { display: flex; flex: 1; flex-direction: column; min-height: 0; }
.log { display: flex; flex: 1; flex-direction: column; gap: 18px; min-height: 0; padding: 18px 16px 8px; overflow: hidden auto; overscroll-behavior: contain; scrollbar-width: thin; scrollbar-color: var(--edge) transparent; }
.log:focus-visible { outline-offset: -3px; }
.log > * { flex: none; }
.welcome > p { width: fit-content; max-width: 92%; padding: 10px 14px; border-radius: 16px; border-end-start-radius: 5px; background: var(--sunken); white-space: pre-wrap; overflow-wrap: anywhere; }
.suggestions { display: flex; flex-wrap: wrap; gap: 8px; margin-top: 12px; }
.suggestions .quiet { min-height: 36px; border-color: var(--edge); border-radius: 18px; color: var(--accent); font-weight: 550; text-align: start; }
.question { display: flex; justify-content: flex-end; }
.question p { max-width: 85%; padding: 9px 14px; border-radius: 16px; border-end-end-radius: 5px; background: var(--brand); color: var(--on-brand); white-space: pre-wrap; overflow-wrap: anywhere; }
.end:not(:empty) { margin-top: 10px; }
.thumbs { display: flex; align-items: center; gap: 2px; margin-top: 8px; margin-inline-start: -7px; }
.thumbs .icon-button { width: 32px; height: 32px; }
.thumbs .icon { width: 17px; height: 17px; }
.thumbs .down .icon { transform: rotate(180deg); }
.thumbs [aria-pressed="true"] { background: var(--tint); color: var(--accent); }
.composer { display: flex; align-items: flex-end; gap: 6px; margin: 6px 14px 0; padding: 5px; border: 1px solid var(--edge); border-radius: 16px; background: var(--raised); }
.composer:focus-within { border-color: var(--accent); box-shadow: 0 0 0 1px var(--accent); }
.composer textarea { flex: 1; min-width: 0; height: 40px; max-height: 140px; padding: 8px 10px; border: 0; background: none; resize: none; scrollbar-width: thin; }
.composer textarea:focus-visible { outline: none; }
::placeholder { color: var(--soft); opacity: 1; }
.send { display: grid; place-items: center; flex: none; width: 40px; height: 40px; border: 1px solid transparent; border-radius: 12px; background: var(--brand); color: var(--on-brand); }
.send:disabled { background: var(--sunken); color: var(--soft); opacity: 1; }
.note { padding: 7px 16px calc(9px + env(safe-area-inset-bottom)); text-align: center; }
.support { display: flex; flex: 1; flex-direction: column; align-items: flex-start; gap: 8px; padding: 16px; overflow-y: auto; }
.support label { margin-top: 6px; font-size: 14px; font-weight: 600; }
.support :is(textarea, input) { width: 100%; padding: 9px 12px; border: 1px solid var(--edge); border-radius: 10px; background: var(--raised); resize: vertical; }
.support .button { margin-top: 8px; }
.support > .quiet { margin-bottom: 8px; }
[dir="rtl"] .support .quiet .icon { transform: scaleX(-1); }
.support [role="status"] { width: 100%; }
.sent { padding: 14px; border-radius: 10px; background: var(--tint); }
.is-full .panel { inset: var(--top, 0) 0 auto; width: 100vw; max-width: none; height: var(--height, 100dvh); border: 0; border-radius: 0; animation: none; }
.is-full .panel header { padding-top: calc(12px + env(safe-area-inset-top)); }
.is-full :is(textarea, input) { font-size: 16px; }
@media (forced-colors: active) { .launcher, .send, .question p, .mark { border: 1px solid ButtonText; } }
`;
