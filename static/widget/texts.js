/* What the widget says. English stands here; each other language is a file that is loaded when it is spoken. */

const OTHERS = ["de", "nl", "fr", "es", "ja", "ar"];

const ENGLISH = {
  open: "Open the chat",
  close: "Close",
  title: "Chat",
  welcome: "Hello! What would you like to know?",
  ask: "Ask a question…",
  send: "Send",
  stop: "Stop",
  fresh: "New conversation",
  thinking: "Looking through the sources…",
  answer: "Answer",
  stopped: "Stopped.",
  retry: "Try again",
  sources: "Sources",
  source: "Source {n}",
  visit: "Open the page",
  good: "Helpful",
  bad: "Not helpful",
  thanks: "Thank you!",
  unread: "{n} unread",
  note: "Answers are written by AI and can be wrong.",
  support: "Contact us",
  supportHint: "Write to our team. We answer by email.",
  message: "Your message",
  email: "Your email address",
  optional: "optional",
  mail: "Send message",
  sent: "Your message is on its way. Thank you!",
  back: "Back to the chat",
  offline: "There is no connection. Check it and try again.",
  failed: "Something went wrong. Please try again.",
  quota: "No more questions can be answered this month.",
  limit: "That was a lot at once. Please try again at {time}.",
  soon: "That was a lot at once. Please try again soon.",
  gone: "This is no longer available.",
  long: "That is too long or cannot be read.",
  search: "Search",
  placeholder: "Search…",
  clear: "Clear",
  results: "{n} results",
  oneResult: "1 result",
  none: "Nothing was found for “{query}”.",
  noneHint: "Try other words, or fewer of them.",
  summarize: "Answer this from the sources",
  summary: "Summary",
  noSummary: "The sources do not answer this.",
  move: "to move",
  choose: "to open",
};

/** The language to speak: what was chosen, else the page's, else the visitor's, of those there are. */
export function languageOf(chosen) {
  const wanted = chosen && chosen !== "auto" ? [chosen] : [document.documentElement.lang, ...navigator.languages];
  for (const tag of wanted) {
    const language = tag.toLowerCase().split(/[-_]/)[0];
    if (language === "en" || OTHERS.includes(language)) return language;
  }
  return "en";
}

/** All texts of a language as `say(name, values)`; `own` are a site's, which go before ours. */
export async function speaking(language, own) {
  const known = language === "en" ? {} : (await import(`./texts/${language}.js`)).default;
  const texts = { ...ENGLISH, ...known };
  for (const [name, text] of Object.entries(own ?? {})) if (typeof text === "string" && text) texts[name] = text;
  const say = (name, values = {}) => texts[name].replace(/\{(\w+)\}/g, (whole, key) => values[key] ?? whole);
  return Object.assign(say, { language, isFromRight: language === "ar" });
}
