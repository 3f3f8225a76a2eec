// Where agents write: drafts keep themselves, and what is sent goes after its draft.
import { beginSending, endSending, keep, recall, saving, startDrafts } from "./drafts.js";
import { within } from "./post.js";

const PAUSE = 900; // after the last key, before a draft is kept
const TYPING = 6000;
const ENOUGH = 5000; // to wait for a draft
const $ = (id) => document.getElementById(id);
let onBegin;
let lastKey = 0;
let draftTimer;
let issuing; // a form that waits for its draft before it goes out

/** Begin, for somebody; `begins` is called when they begin to write. */
export function startComposer(somebody, begins) {
  onBegin = begins;
  startDrafts(somebody, tellDraft);
  document.addEventListener("input", onInput);
  document.addEventListener("change", onChange);
  document.addEventListener("htmx:confirm", onConfirm);
  window.addEventListener("pagehide", keepDraftNow);
}

/** Whether somebody writes at this moment. */
export const isWriting = () => Date.now() - lastKey < TYPING && Boolean($("words")?.value);

/** Return when a form that waits for its draft has gone out. */
export const issued = () => issuing;

function onInput(event) {
  if (event.target.id !== "words") return;
  const began = Date.now() - lastKey > TYPING;
  lastKey = Date.now();
  if (began) onBegin();
  clearTimeout(draftTimer);
  draftTimer = setTimeout(keepDraft, PAUSE);
}

function onChange(event) {
  if (event.target.matches("#composer [name=kind]") && $("words")?.value) keepDraft();
}

const wordsIn = (form) => ({ text: form.querySelector("#words").value, kind: new FormData(form).get("kind") });
const baseOf = (form) => form.querySelector("#words").defaultValue;

function keepDraft() {
  clearTimeout(draftTimer);
  draftTimer = undefined;
  const form = $("composer");
  if (form) keep(form.dataset.draft, wordsIn(form), baseOf(form));
}

/** Keep at once what was typed a moment ago. */
export function keepDraftNow() {
  if (draftTimer !== undefined) keepDraft();
}

/** Say what the desk said of a draft, beside that draft alone. */
function tellDraft(address, answer) {
  const note = $("composer")?.dataset.draft === address && $("saved");
  if (note) note.textContent = answer === null ? note.dataset.waits : answer.trim();
}

/** Put back what was typed into this composer where the desk did not know it yet. */
export function bringBack(asked) {
  const form = $("composer");
  if (!form) return;
  const bare = (text) => text.replace(/[^\p{L}\p{N}]+/gu, "");
  const isSaid = (text) => [...document.querySelectorAll("#conversation .said-body")].some((one) => bare(one.textContent) === bare(text));
  const known = recall(form.dataset.draft, $("words").value, asked, isSaid);
  if (!known) return;
  $("words").value = known.text;
  for (const choice of form.querySelectorAll("[name=kind]")) choice.checked = choice.value === known.kind || choice.checked;
  keepDraft();
}

/** What is sent goes after its draft that is on the way: the other way round, a draft of it would be left. */
function onConfirm(event) {
  const form = event.detail.elt;
  if (form.id !== "composer") return;
  const address = form.dataset.draft;
  const sent = wordsIn(form).text;
  beginSending(address, wordsIn(form), baseOf(form));
  form.addEventListener(
    "htmx:afterRequest",
    ({ detail: { xhr } }) => {
      const words = wordsIn(form);
      const areThere = xhr.status === 200;
      if (areThere && !form.isConnected) words.text = restOf(words.text, sent);
      endSending(address, words, areThere);
    },
    { once: true },
  );
  if (!saving(address)) return;
  event.preventDefault();
  issuing = within(saving(address), ENOUGH).then(() => void event.detail.issueRequest(true)?.catch(() => {}));
}

/** Take away what was sent, and leave what somebody has written since. */
export function emptyComposer(sent) {
  const words = $("words");
  clearTimeout(draftTimer);
  draftTimer = undefined;
  words.value = restOf(words.value, sent);
  words.defaultValue = "";
  if (words.value) draftTimer = setTimeout(keepDraft, PAUSE);
  else lastKey = 0;
}

function restOf(now, sent) {
  const was = sent.replaceAll("\r\n", "\n");
  return now.startsWith(was) ? now.slice(was.length) : now;
}
