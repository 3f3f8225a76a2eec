// What agents type is kept here until the desk has it, wherever they go meanwhile, also over a reload or a new session.
import { GONE, post } from "./post.js";

const RETRY = [2000, 5000, 10_000, 20_000, 60_000];
const ANSWERED = 60_000; // so long ago, no page is on its way that was asked for before
// By the address that keeps a draft: the words, who reads them (`kind`), what the desk had before (`had`) and may have by
// now (`tried`), the post that is on its way, and, while the words are being sent, the promise of the end of that.
const entries = new Map();
let who = "";
let tell;

/** Begin, for somebody; `told(address, answer)` hears what the desk says of a draft, `null` where it has it not yet. */
export function startDrafts(somebody, told) {
  who = somebody;
  tell = told;
}

/** Keep words here, and at the desk unless they are being sent; `base` is the text that the page came with. */
export function keep(address, words, base) {
  const entry = change(address, words, base);
  if (!entry.sending) void save(address, entry);
}

/** Return the promise of what the desk is being asked to keep, `undefined` where nothing is on its way. */
export const saving = (address) => entries.get(address)?.saving;

/** Return the promise of the end of what is being sent, `undefined` where nothing is. */
export const sending = (address) => entries.get(address)?.sending;

/** Words are sent: what is on its way as a draft should come first, and none is sent after it. */
export function beginSending(address, words, base) {
  const entry = entries.get(address) ?? begin(address, base);
  entry.sending = new Promise((done) => (entry.ended = done));
  change(address, words, base);
}

/** That has ended: they are there, or not; these words are left. */
export function endSending(address, words, areThere) {
  const entry = entries.get(address);
  if (!entry?.sending) return;
  entry.ended();
  entry.sending = undefined;
  if (areThere) Object.assign(entry, { had: "", tried: [] });
  if (areThere && !words.text && !entry.saving) return forget(address);
  keep(address, words, "");
}

/** Return the words for a composer where the desk did not know them when it was `asked` for the page with `text`. */
export function recall(address, text, asked, isSaid) {
  let entry = entries.get(address);
  if (entry?.savedAt && entry.savedAt <= asked) entry = forget(address);
  const known = entry ?? stored(address);
  if (!known) return undefined;
  if (!entry && (known.text === text || (known.isSent && isSaid(known.text)))) return forget(address);
  if (!text || known.had === text || known.tried.includes(text) || known.text.includes(text)) return known;
  // Somebody has gone on in another tab: both, rather than one of the two.
  return { ...known, text: text.includes(known.text) ? text : `${text}\n\n${known.text}` };
}

function begin(address, base) {
  const entry = { text: "", kind: "", had: base, tried: [], tries: 0, savedAt: 0 };
  entries.set(address, entry);
  return entry;
}

function change(address, { text, kind }, base) {
  const entry = entries.get(address) ?? begin(address, base);
  clearTimeout(entry.timer);
  Object.assign(entry, { text, kind, savedAt: 0 });
  store(address, entry);
  return entry;
}

/** Ask the desk to keep what there is to keep: one after the other, for the last is to be what was typed last. */
async function save(address, entry) {
  if (entry.saving) return; // which goes on with what there is when it comes back
  let answer;
  do {
    const { text, kind } = entry;
    entry.tried = [text, ...entry.tried].slice(0, 5);
    entry.saving = post(address, { text, kind });
    answer = await entry.saving;
    if (typeof answer === "string") {
      Object.assign(entry, { had: text, tried: [], tries: 0 });
      if (entry.text === text && entry.kind === kind) entry.savedAt = performance.now();
    }
  } while (typeof answer === "string" && !entry.savedAt && !entry.sending);
  entry.saving = undefined;
  if (entry.sending || entries.get(address) !== entry) return;
  if (entry.savedAt) store(address, null);
  else if (answer !== GONE) entry.timer = setTimeout(save, RETRY[Math.min(entry.tries++, RETRY.length - 1)], address, entry);
  tell(address, entry.savedAt ? answer : null);
  for (const [other, { savedAt }] of entries) if (savedAt && performance.now() - savedAt > ANSWERED) entries.delete(other);
}

function forget(address) {
  clearTimeout(entries.get(address)?.timer);
  entries.delete(address);
  store(address, null);
}

const nameOf = (address) => `draft:${who}:${address}`;

function store(address, entry) {
  try {
    if (!entry) return sessionStorage.removeItem(nameOf(address));
    const { text, kind, had, tried, sending } = entry;
    sessionStorage.setItem(nameOf(address), JSON.stringify({ text, kind, had, tried, isSent: Boolean(sending) }));
  } catch {
    // Storage is full or switched off: this page still knows.
  }
}

function stored(address) {
  try {
    return JSON.parse(sessionStorage.getItem(nameOf(address)));
  } catch {
    return null;
  }
}
