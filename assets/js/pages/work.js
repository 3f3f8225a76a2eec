// The agents' workspace: tickets open beside the list, drafts keep themselves, colleagues see each other.
// It comes after desk.js and takes what it needs from there.
import { bringBack, emptyComposer, isWriting, issued, keepDraftNow, startComposer } from "../composer.js";
import { sending } from "../drafts.js";
import { startGrip } from "../grip.js";
import { GONE, LONGEST, post, within } from "../post.js";

const { htmx, meanwhile, morph, readAgain, showPlace, toast } = window.desk;
const HERE = 10_000; // how often the desk is told that somebody is still there
const ENOUGH = 5000; // to wait for what was sent
const MINUTE = 60_000;
const $ = (id) => document.getElementById(id);
let visits = 0;
let lastChosen = null;
let place = location.href; // of what is shown; while one goes on or back, that is not yet what the address says
let step = history.state?.step ?? 0; // and where it is among the places of this tab

document.addEventListener("click", onClick);
document.addEventListener("change", countChosen);
document.addEventListener("submit", onSubmit, true);
document.addEventListener("keydown", onKey);
document.addEventListener("htmx:beforeRequest", onRequest);
document.addEventListener("htmx:beforeSwap", onAnswer);
document.addEventListener("htmx:afterSettle", () => shown({ scroll: false }));
document.addEventListener("desk:morphed", () => shown({ scroll: false }));
document.addEventListener("visibilitychange", () => document.hidden || beHere());
window.addEventListener("popstate", onBack);
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

/** Back or forward: the address is another one already, what is shown is not. */
function onBack({ state }) {
  if (withoutHash(location.href) !== withoutHash(place)) return void visit(location.href, { push: false, to: state?.step });
  visits += 1; // one is back before the other came
  step = state?.step ?? step;
}

const withoutHash = (address) => address.split("#")[0];

/** What one wanted to go to did not come: the address is to be that of what is shown, and the next step as before. */
function stay(to) {
  if (to !== undefined && to !== step) history.go(step - to);
  else history.replaceState({ step }, "", place);
}

async function visit(address, { push, to }) {
  const mine = ++visits;
  keepDraftNow();
  const row = document.activeElement?.closest?.("[data-row]");
  const asked = performance.now();
  const isShown = meanwhile();
  let page;
  try {
    const answer = await fetch(address, { headers: { accept: "text/html" }, credentials: "same-origin", signal: AbortSignal.timeout(LONGEST) });
    const html = await answer.text();
    await issued();
    if (mine !== visits) return isShown(false);
    if (answer.redirected || (!answer.ok && answer.status < 500)) return void location.assign(address);
    if (!answer.ok) throw new Error(answer.statusText);
    page = new DOMParser().parseFromString(html, "text/html");
  } catch {
    isShown(false);
    if (mine !== visits) return;
    if (!push) stay(to);
    return toast(document.body.dataset.wordsAway, "warning");
  }
  const sameTicket = $("ticket").dataset.ticket === page.getElementById("ticket")?.dataset.ticket;
  const composer = page.getElementById("composer");
  if (!sameTicket && sending(composer?.dataset.draft)) {
    isShown(false);
    await within(sending(composer.dataset.draft), ENOUGH);
    return mine === visits ? visit(address, { push, to }) : undefined;
  }
  keepDraftNow(); // what was typed meanwhile
  if (push) history.pushState({ step: (to = step + 1) }, "", address);
  step = to ?? step;
  const before = new URL(place);
  const after = new URL(address, location.href);
  showPlace((place = after.href));
  document.title = page.title;
  const sameList = queryOfList(before) === queryOfList(after);
  put("panes", page, (old, next) => (old.dataset.pane = next.dataset.pane));
  put("list", page, (old, next) => (old.dataset.src = next.dataset.src));
  if (!sameTicket) put("ticket", page, replaceTicket);
  for (const name of ["views", "filters", "bulk"]) put(name, page, (old, next) => morph(old, next, "outerHTML"));
  if (sameList) markRow(page);
  else {
    put("list", page, (old, next) => morph(old, next, "innerHTML"));
    $("list").scrollTop = 0;
    keepFilterForm(page);
  }
  htmx.process($("panes"));
  if (!sameTicket) bringBack(asked);
  shown({ scroll: !sameTicket });
  isShown(true);
  if (!sameTicket) beHere();
  if (row?.isConnected) row.focus({ preventScroll: true });
  else if (!sameTicket && $("panes").dataset.pane === "main" && matchMedia("(max-width: 720px)").matches) $("main").focus();
}

/** Show another ticket. What is still on its way for the one before is told when it comes, and shown no more. */
function replaceTicket(old, next) {
  const title = old.querySelector("#ticket-title")?.textContent ?? "";
  const words = old.querySelector("#words")?.value;
  old.replaceWith(next);
  const say = (text) => toast(`${title}: ${text}`, "warning");
  for (const what of ["sendError", "timeout", "responseError"]) {
    old.addEventListener(`htmx:${what}`, ({ detail: { xhr } }) => xhr.getResponseHeader("HX-Trigger") || say(document.body.dataset.wordsAway));
  }
  old.addEventListener("desk:problem", ({ detail }) => say(detail.message));
  old.addEventListener("htmx:beforeSwap", ({ detail }) => {
    const trouble = toldAlone(detail, "#trouble");
    if (trouble) say(trouble);
  });
  const left = next.querySelector("#left-words");
  if (!left || !words) return;
  left.hidden = false; // the ticket is not theirs any more, what they wrote is
  left.querySelector("textarea").value = words;
}

/** Of an answer, show nothing but its notes; or not even them where another part of it has words, which are returned. */
function toldAlone(detail, part) {
  const page = new DOMParser().parseFromString(detail.serverResponse, "text/html");
  detail.serverResponse = page.getElementById("toasts")?.outerHTML ?? "";
  detail.swapOverride = "none";
  detail.ignoreTitle = true;
  const words = page.querySelector(part)?.textContent.replace(/\s+/g, " ").trim();
  if (words) detail.shouldSwap = false;
  return words;
}

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
  if (link.hasAttribute("data-loads")) return;
  link.setAttribute("data-loads", "");
  link.setAttribute("aria-busy", "true");
  try {
    let asked, page;
    do {
      asked = link.href;
      const answer = await fetch(`${asked}&part=list`, {
        headers: { accept: "text/html", "hx-request": "true" },
        signal: AbortSignal.timeout(LONGEST),
      });
      if (!answer.ok) throw new Error(answer.statusText);
      page = new DOMParser().parseFromString(await answer.text(), "text/html");
      if (!link.isConnected || !isOfThisList(asked)) return;
    } while (link.href !== asked); // the list has changed, and goes on from elsewhere
    const rows = [...page.querySelectorAll("#rows > *")].filter((row) => !$(row.id));
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
    if (link.isConnected) toast(document.body.dataset.wordsAway, "warning");
  } finally {
    link.removeAttribute("aria-busy");
    link.removeAttribute("data-loads");
  }
}

const isOfThisList = (address) => queryOfList(new URL(address)) === queryOfList(new URL(place));

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

// --- what is sent --------------------------------------------------------------------------------------------------

/** Remember how things stood when something was sent. */
function onRequest({ detail: { elt, xhr } }) {
  if (elt.id === "bulk") bulkOf.set(xhr, { query: queryOfList(new URL(place)), isShown: meanwhile() });
  if (!elt.closest("#ticket")) return;
  const id = $("ticket").dataset.ticket;
  const before = stateOf();
  let asItCame = before;
  elt.addEventListener("htmx:beforeOnLoad", () => (asItCame = stateOf()), { once: true });
  // The answer may be older than what a signal brought meanwhile.
  xhr.addEventListener("loadend", () => asItCame !== before && stateOf() !== asItCame && readAgain([`ticket:${id}`]));
}

const bulkOf = new WeakMap(); // by request
const stateOf = () => $("conversation")?.dataset.state;

/** What was sent is not there any more when its answer is shown; what was refused stays. */
function onAnswer(event) {
  const { elt, xhr } = event.detail.requestConfig ? { elt: event.detail.requestConfig.elt, xhr: event.detail.xhr } : event.detail;
  if (elt.id === "bulk") onBulk(event.detail, bulkOf.get(xhr));
  // The screen that comes has read what is there now, also where it is the one that stopped an answer.
  if (elt.id === "composer") $("composer-newest")?.removeAttribute("data-keep"); // not removed: all behind it would move up
  if (xhr.status !== 200) return;
  if (elt.id === "composer") {
    emptyComposer(String(event.detail.requestConfig?.parameters.text ?? ""));
    followNext = true;
  }
  if (elt.id === "bulk") chooseNone();
}

/** Many were changed: where another list is shown by now, only that is told. */
function onBulk(detail, { query, isShown }) {
  const isHere = query === queryOfList(new URL(place));
  const outcome = isHere ? "" : toldAlone(detail, "#outcome");
  if (outcome) toast(outcome, "warning");
  detail.xhr.addEventListener("loadend", () => isShown(isHere));
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
  const writing = isWriting() ? "yes" : "";
  const answer = await post(`/queue/tickets/${id}/here`, { newest: $("conversation").dataset.newest, writing });
  if ($("ticket")?.dataset.ticket !== id) return;
  if (answer === GONE) return void visit(place, { push: false }); // it is somebody else's now
  if (answer === null) return;
  const page = new DOMParser().parseFromString(answer, "text/html");
  const state = page.querySelector("[data-state]");
  // A signal may have been missed, as between the page and its stream.
  if (state && state.dataset.state !== $("conversation").dataset.state) readAgain([`ticket:${id}`]);
  state?.remove();
  if ($("presence").innerHTML.trim() !== page.body.innerHTML.trim()) $("presence").replaceChildren(...page.body.childNodes);
}

function toggleSide() {
  const panes = $("panes");
  const small = matchMedia("(max-width: 1100px)").matches;
  const wanted = small ? "side" : "no-side";
  panes.dataset.open = panes.dataset.open === wanted ? "" : wanted;
}

history.replaceState({ step }, "");
startComposer($("panes").dataset.who, beHere);
startGrip($("grip"));
bringBack(0);
shown({ scroll: true });
beHere();
