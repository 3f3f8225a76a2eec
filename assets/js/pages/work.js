// The agents' workspace: tickets open beside the list, drafts keep themselves, colleagues see each other.
// It comes after desk.js and takes what it needs from there.
import { startGrip } from "../grip.js";

const { htmx, morph, readAgain, toast } = window.desk;
const HERE = 10_000; // how often the desk is told that somebody is still there
const PAUSE = 900; // after the last key, before a draft is kept
const TYPING = 6000;
const LONGEST = 5000; // to wait for a draft
const GONE = Symbol("there is no such ticket, for whoever looks");
const MINUTE = 60_000;
const $ = (id) => document.getElementById(id);
const token = () => document.querySelector('meta[name="form-token"]')?.content ?? "";
let visits = 0;
let lastKey = 0;
let draftTimer;
let keeping; // the draft that was last sent to the desk
let lastChosen = null;

document.addEventListener("click", onClick);
document.addEventListener("change", onChange);
document.addEventListener("submit", onSubmit, true);
document.addEventListener("input", onInput);
document.addEventListener("keydown", onKey);
document.addEventListener("htmx:confirm", onConfirm);
document.addEventListener("htmx:beforeSwap", onAnswer);
document.addEventListener("htmx:afterSettle", () => shown({ scroll: false }));
document.addEventListener("desk:morphed", () => shown({ scroll: false }));
document.addEventListener("visibilitychange", () => document.hidden || beHere());
window.addEventListener("popstate", () => visit(location.href, { push: false }));
window.addEventListener("pagehide", keepDraftNow);
setInterval(() => document.hidden || beHere(), HERE);
setInterval(() => document.hidden || readAgain(["tickets"]), MINUTE); // times move on, promises come near

// --- going to another list or ticket without losing the place ------------------------------------------------------

function onClick(event) {
  const target = event.target;
  if (target.closest("[data-choose-none]")) return chooseNone();
  if (target.closest("[data-side]")) return toggleSide();
  if (target.closest("[data-read]")) return haveRead();
  if (target.closest("#composer [name=kind]")) return void $("words")?.focus();
  const box = target.closest("[data-select]");
  if (box) return choose(box, event.shiftKey);
  if (event.defaultPrevented || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  const link = target.closest("a[data-visits]");
  if (link && $("list")) {
    event.preventDefault();
    void visit(link.href, { push: true });
  }
  const more = target.closest("[data-more]");
  if (more) {
    event.preventDefault();
    void loadMore(more);
  }
}

function onSubmit(event) {
  const form = event.target;
  if (!form.matches("form[data-visits]")) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  const values = new URLSearchParams([...new FormData(form)].filter(([, value]) => value));
  void visit(`${form.action.split("?")[0]}?${values}`, { push: true });
}

async function visit(address, { push }) {
  const mine = ++visits;
  keepDraftNow();
  const row = document.activeElement?.closest?.("[data-row]");
  let page;
  try {
    const answer = await fetch(address, { headers: { accept: "text/html" }, credentials: "same-origin" });
    if (answer.redirected || !answer.ok) return void location.assign(address);
    page = new DOMParser().parseFromString(await answer.text(), "text/html");
  } catch {
    return toast(document.body.dataset.wordsAway, "warning");
  }
  if (mine !== visits) return;
  const before = new URL(push ? location.href : (lastPlace ?? location.href));
  if (push) history.pushState({}, "", address);
  const after = new URL(address, location.href);
  lastPlace = after.href;
  document.title = page.title;
  const sameTicket = $("ticket").dataset.ticket === page.getElementById("ticket")?.dataset.ticket;
  const sameList = queryOfList(before) === queryOfList(after);
  put("panes", page, (old, next) => (old.dataset.pane = next.dataset.pane));
  put("list", page, (old, next) => (old.dataset.src = next.dataset.src));
  if (!sameTicket) put("ticket", page, (old, next) => old.replaceWith(next));
  for (const name of ["views", "filters", "bulk"]) put(name, page, (old, next) => morph(old, next, "outerHTML"));
  if (sameList) markRow(page);
  else {
    put("list", page, (old, next) => morph(old, next, "innerHTML"));
    $("list").scrollTop = 0;
    keepFilterForm(page);
  }
  htmx.process($("panes"));
  shown({ scroll: !sameTicket });
  if (!sameTicket) beHere();
  if (row?.isConnected) row.focus({ preventScroll: true });
  else if (!sameTicket && $("panes").dataset.pane === "main" && matchMedia("(max-width: 720px)").matches) $("main").focus();
}

let lastPlace = location.href;

function queryOfList(url) {
  const values = new URLSearchParams(url.search);
  for (const name of ["ticket", "all", "cursor"]) values.delete(name);
  return values.toString();
}

function put(name, page, how) {
  const old = $(name);
  const next = page.getElementById(name);
  if (old && next) how(old, next);
}

/** The form that names a filter stands between the filters and the list; it is there only for a narrow list. */
function keepFilterForm(page) {
  $("keep-filter")?.remove();
  const form = page.getElementById("keep-filter");
  if (form) $("filters").after(form);
}

function markRow() {
  const id = $("ticket").dataset.ticket;
  for (const row of document.querySelectorAll('#rows [aria-current="true"]')) row.removeAttribute("aria-current");
  const row = id && $(`row-${id}`);
  row?.setAttribute("aria-current", "true");
  row?.classList.remove("unread");
}

async function loadMore(link) {
  link.setAttribute("aria-busy", "true");
  try {
    const answer = await fetch(`${link.href}&part=list`, { headers: { accept: "text/html", "hx-request": "true" } });
    if (!answer.ok) throw new Error(answer.statusText);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const rows = [...page.querySelectorAll("#rows > *")];
    $("rows").append(...rows);
    const next = page.querySelector("[data-more]");
    if (next) link.href = next.href;
    else link.parentElement.remove();
    const list = $("list"); // when it reads itself again, it has as many rows
    const address = new URL(list.dataset.src, location.href);
    address.searchParams.set("rows", String($("rows").children.length));
    list.dataset.src = address.pathname + address.search;
    rows[0]?.querySelector("a")?.focus({ preventScroll: true });
  } catch {
    toast(document.body.dataset.wordsAway, "warning");
  }
  link.removeAttribute("aria-busy");
}

// --- choosing many -------------------------------------------------------------------------------------------------

function choose(box, range) {
  const boxes = [...document.querySelectorAll("[data-select]")];
  if (range && lastChosen?.isConnected) {
    const [from, to] = [boxes.indexOf(lastChosen), boxes.indexOf(box)].sort((a, b) => a - b);
    for (const one of boxes.slice(from, to + 1)) one.checked = box.checked;
  }
  lastChosen = box;
  countChosen();
}

function chooseNone() {
  for (const box of document.querySelectorAll("[data-select]:checked")) box.checked = false;
  countChosen();
}

function countChosen() {
  const place = document.querySelector("[data-chosen]");
  if (place) place.textContent = document.querySelectorAll("[data-select]:checked").length;
}

function onKey(event) {
  const typing = event.target.closest?.("input:not([type=checkbox], [type=radio]), textarea, select");
  if (event.key === "Escape" && event.target.id === "words") return event.target.blur();
  if (event.key === "Escape" && !typing && document.querySelector("[data-select]:checked")) return chooseNone();
  if (typing || event.ctrlKey || event.metaKey || event.altKey || document.documentElement.dataset.keys === "off") return;
  if (event.key === "a") queueMicrotask(() => openPicker($("set-agent")));
  if (event.key === "x" || event.key === "X") {
    const row = event.target.closest?.("[data-row]") ?? document.querySelector('#rows [aria-current="true"]');
    const box = row?.querySelector("[data-select]");
    if (!box) return;
    box.checked = !box.checked;
    choose(box, event.shiftKey);
    event.preventDefault();
  }
}

/** Whoever asks for the list of agents by key wants to see it. */
function openPicker(select) {
  try {
    if (select?.offsetParent) select.focus(), select.showPicker();
  } catch {
    // not every browser lets a key open it; it has the focus
  }
}

// --- the composer --------------------------------------------------------------------------------------------------

function onInput(event) {
  if (event.target.id !== "words") return;
  const began = Date.now() - lastKey > TYPING;
  lastKey = Date.now();
  if (began) beHere();
  clearTimeout(draftTimer);
  draftTimer = setTimeout(keepDraft, PAUSE);
}

function onChange(event) {
  if (event.target.matches("#composer [name=kind]") && $("words")?.value) void keepDraft();
  countChosen();
}

async function keepDraft() {
  clearTimeout(draftTimer);
  draftTimer = undefined;
  const form = $("composer");
  if (!form || form.hasAttribute("aria-busy")) return;
  keeping = post(form.dataset.draft, { text: $("words").value, kind: new FormData(form).get("kind") });
  const answer = await keeping;
  if (answer !== null && answer !== GONE && $("saved")) $("saved").textContent = answer.trim();
}

/** What is sent goes after its draft that is on the way: the other way round, a draft of it would be left. */
function onConfirm(event) {
  if (event.detail.elt.id !== "composer" || !keeping) return;
  event.preventDefault();
  const enough = new Promise((done) => setTimeout(done, LONGEST));
  void Promise.race([keeping, enough]).then(() => event.detail.issueRequest(true));
}

function keepDraftNow() {
  if (draftTimer !== undefined) void keepDraft();
}

/** What was sent is not there any more when its answer is shown; what was refused stays. */
function onAnswer(event) {
  const { elt, xhr } = event.detail.requestConfig ? { elt: event.detail.requestConfig.elt, xhr: event.detail.xhr } : event.detail;
  // The screen that comes has read what is there now, also where it is the one that stopped an answer.
  if (elt.id === "composer") $("composer-newest")?.removeAttribute("data-keep"); // not removed: all behind it would move up
  if (xhr.status !== 200) return;
  if (elt.id === "composer") {
    emptyComposer(String(event.detail.requestConfig?.parameters.text ?? ""));
    followNext = true;
  }
  if (elt.id === "bulk") chooseNone();
}

/** Take away what was sent, and leave what somebody has written since. */
function emptyComposer(sent) {
  const words = $("words");
  const now = words.value;
  clearTimeout(draftTimer);
  draftTimer = undefined;
  sent = sent.replaceAll("\r\n", "\n");
  words.defaultValue = "";
  words.value = now.startsWith(sent) ? now.slice(sent.length) : now;
  if (words.value) draftTimer = setTimeout(keepDraft, PAUSE);
  else lastKey = 0;
}

let followNext = false;

function haveRead() {
  $("composer-newest").value = $("conversation").dataset.newest;
  $("news").hidden = true;
  $("words").focus();
}

// --- after anything was shown --------------------------------------------------------------------------------------

let wasAtEnd = true;

function shown({ scroll }) {
  const talk = $("talk");
  countChosen();
  markRow();
  if (!talk) return;
  if (!talk.dataset.watched) {
    talk.dataset.watched = "yes";
    talk.addEventListener("scroll", () => (wasAtEnd = talk.scrollHeight - talk.scrollTop - talk.clientHeight < 80), { passive: true });
  }
  const fresh = talk.querySelector(".said.fresh");
  if (fresh && fresh.dataset.told === undefined) {
    fresh.dataset.told = "";
    fresh.scrollIntoView({ block: "nearest" });
  } else if (scroll || followNext || wasAtEnd) talk.scrollTop = talk.scrollHeight;
  followNext = false;
  const newest = $("conversation")?.dataset.newest;
  const known = $("composer-newest");
  if (!newest || !known) return;
  if (!$("words").value) known.value = newest;
  $("news").hidden = known.value === newest;
}

async function beHere() {
  const id = $("ticket")?.dataset.ticket;
  if (!id || !$("presence")) return;
  const writing = Date.now() - lastKey < TYPING && $("words")?.value ? "yes" : "";
  const answer = await post(`/queue/tickets/${id}/here`, { newest: $("conversation").dataset.newest, writing });
  if ($("ticket")?.dataset.ticket !== id) return;
  if (answer === GONE) return void visit(location.href, { push: false }); // it is somebody else's now
  if (answer === null) return;
  const page = new DOMParser().parseFromString(answer, "text/html");
  const state = page.querySelector("[data-state]");
  // A signal may have been missed, as between the page and its stream.
  if (state && state.dataset.state !== $("conversation").dataset.state) readAgain([`ticket:${id}`]);
  state?.remove();
  if ($("presence").innerHTML.trim() !== page.body.innerHTML.trim()) $("presence").replaceChildren(...page.body.childNodes);
}

async function post(address, fields) {
  try {
    const answer = await fetch(address, {
      method: "POST",
      body: new URLSearchParams(fields),
      headers: { "x-form-token": token(), "hx-request": "true", accept: "text/html" },
      credentials: "same-origin",
      keepalive: true,
    });
    if (answer.status === 404) return GONE;
    return answer.ok ? await answer.text() : null;
  } catch {
    return null; // the stream says that the desk is away
  }
}

function toggleSide() {
  const panes = $("panes");
  const small = matchMedia("(max-width: 1100px)").matches;
  const wanted = small ? "side" : "no-side";
  panes.dataset.open = panes.dataset.open === wanted ? "" : wanted;
}

startGrip($("grip"));
shown({ scroll: true });
beHere();
