// Live: signals of /api/live say what changed; the parts of the page that show it are read again and morphed.
// One tab of a browser holds the stream and tells the others: browsers allow few connections to one host.
import htmx from "htmx.org";
import { morph } from "./morph.js";
import { restOf } from "./pace.js";

const TOPICS = {
  ticket: (data) => [`ticket:${data.ticket}`, "tickets"],
  queue: () => ["queue", "tickets"],
  bell: () => ["bell"],
  refresh: () => ["*"],
};
const PATIENCE = 1500; // a short break is not worth a word
const LEAVE = 15_000;
const LONGEST = 20_000; // to wait for an answer
const MOST = 64; // topics that wait for one part; more of them are everything
const RETRY = [1000, 2000, 5000, 10000, 20000];
const busy = new Map(); // address -> the topics that changed since it was last asked for: one read at a time, then a rest
const heard = new Set(); // sets of topics: what changed since somebody began to ask in another way
let place; // the address of what is shown, where that is not what the browser says
let line; // where the state of the connection is shown
let leaving = 0; // when the browser began to go elsewhere
let lostTimer;
let mayHaveMissed = true; // what happened after the page was written and before the stream was open, too

export function startLive() {
  line = document.getElementById("line");
  if (!line) return; // nobody is signed in
  if (navigator.locks && window.BroadcastChannel) share();
  else listen(show);
  window.addEventListener("beforeunload", () => (leaving = Date.now()));
  window.addEventListener("online", () => show({ state: "open" }));
}

/** Load the page anew, unless it is about to go: whoever signs out is on their way already. */
function reload() {
  if (Date.now() - leaving > LEAVE) location.reload();
}

/** Read everything again that shows one of some topics; `*` is all. */
export function readAgain(topics) {
  for (const each of heard) add(each, topics);
  // What is told in words is what somebody looks at: it is asked for before the counts around it.
  const parts = shown(new Set(topics)).sort((a, b) => ("says" in b.dataset) - ("says" in a.dataset));
  for (const address of new Set(parts.map(addressOf))) {
    const waiting = busy.get(address);
    if (!waiting) void readPart(address, new Set(topics));
    else add(waiting, topics);
  }
}

function add(topics, more) {
  if (topics.size + more.length > MOST) topics.add("*");
  else more.forEach((topic) => topics.add(topic));
}

/** Say that the page shows what is at another address now. */
export const showPlace = (address) => (place = address);

/** Note what changes while parts are asked for in another way. What is returned is told whether they are shown now:
 * then that is read again, and what was asked for before does not come in their place.
 */
export function meanwhile() {
  const topics = new Set();
  heard.add(topics);
  return (isShown) => {
    heard.delete(topics);
    if (!isShown) return;
    for (const waiting of busy.values()) waiting.isOld = true;
    if (topics.size) readAgain([...topics]);
  };
}

/** Whether parts are being read, or will be. */
export const isReading = () => busy.size > 0;

const addressOf = (element) => element.dataset.src || place || location.href;
const isShown = (address) => shown(new Set(["*"])).some((element) => addressOf(element) === address);

function shown(topics) {
  const all = [...document.querySelectorAll("[data-live]")];
  return topics.has("*") ? all : all.filter((element) => element.dataset.live.split(/\s+/).some((topic) => topics.has(topic)));
}

/** Read one part, let it rest, and read that part alone once more where something changed meanwhile. */
async function readPart(address, topics) {
  const waiting = new Set();
  busy.set(address, waiting);
  const began = performance.now();
  const failed = !(await fetchPart(address, topics, waiting));
  const now = performance.now();
  const rest = restOf(address, { took: now - began, failed, hidden: document.hidden, now });
  setTimeout(() => {
    busy.delete(address);
    if (!waiting.size) return;
    if (!isShown(address)) readAgain([...waiting]);
    else if (shown(waiting).some((element) => addressOf(element) === address)) void readPart(address, new Set(waiting));
  }, rest);
}

/** Return whether the desk answered. */
async function fetchPart(address, topics, waiting) {
  const fragment = address !== (place || location.href);
  const headers = { accept: "text/html", "x-desk-live": "1", ...(fragment ? { "hx-request": "true" } : {}) };
  try {
    const answer = await fetch(address, { headers, credentials: "same-origin", signal: AbortSignal.timeout(LONGEST) });
    const html = answer.ok ? await answer.text() : "";
    // Something newer is shown by now, or what changed is shown by other parts.
    if (!isShown(address)) readAgain([...topics]);
    else if (waiting.isOld) add(waiting, [...topics]);
    if (waiting.isOld) return answer.status < 500;
    // Whoever went elsewhere meanwhile shows other parts now.
    const elements = shown(topics).filter((element) => addressOf(element) === address);
    if ((answer.redirected && new URL(answer.url).pathname === "/login") || answer.status === 401) reload();
    else if (answer.ok && elements.length) put(html, elements, fragment);
    else if (answer.status === 404 && fragment) elements.forEach((element) => element.remove());
    return answer.status < 500;
  } catch {
    return false; // the stream notices that the desk is away, and everything is read again when it is back
  }
}

function put(html, elements, fragment) {
  const page = new DOMParser().parseFromString(html, "text/html");
  for (const element of elements) {
    if (!element.isConnected) continue;
    if (fragment) {
      const { textContent: before, dataset: { says } } = element;
      morph(element, page.body, "innerHTML", { follows: true });
      if (before !== element.textContent) announce(says);
    } else {
      const next = page.getElementById(element.id);
      if (!next) continue;
      const { textContent: before, dataset: { says } } = element;
      const after = next.textContent;
      morph(element, next, "outerHTML", { follows: true });
      if (before !== after) announce(says);
    }
    htmx.process(element);
  }
  if (!fragment && page.title) document.title = page.title;
  document.dispatchEvent(new CustomEvent("desk:morphed"));
}

/** Say in words that something changed, for those who cannot see it. */
function announce(words) {
  const said = document.getElementById("said");
  if (said && words) said.textContent = words;
}

function show({ state, topics, anew }) {
  if (state === "open") {
    clearTimeout(lostTimer);
    lostTimer = undefined;
    if (mayHaveMissed || anew) readAgain(["*"]);
    mayHaveMissed = false;
    line.hidden = true;
  } else if (state === "lost") {
    lostTimer ??= setTimeout(() => {
      mayHaveMissed = true;
      line.textContent = line.dataset.lost;
      line.hidden = false;
    }, PATIENCE);
  } else if (state === "ended") {
    reload(); // whoever is signed out is asked to sign in again, and comes back here
  }
  if (topics) readAgain(topics);
}

function share() {
  const channel = new BroadcastChannel("answerable live");
  let latest = null;
  channel.onmessage = ({ data }) => {
    if (data === "how is it?") {
      if (latest) channel.postMessage(latest);
    } else show(data);
  };
  channel.postMessage("how is it?");
  navigator.locks.request("answerable live", () => {
    listen((news) => {
      if (news.state) latest = { state: news.state };
      show(news);
      channel.postMessage(news);
    });
    return new Promise(() => {}); // held until this tab goes
  });
}

function listen(tell, tries = 0) {
  const stream = new EventSource("/api/live");
  let anew = true; // a new stream begins with now; one that the browser mends by itself says what it heard last
  stream.onopen = () => {
    tries = 0;
    tell({ state: "open", anew });
    anew = false;
  };
  for (const [name, topicsOf] of Object.entries(TOPICS)) {
    stream.addEventListener(name, (event) => tell({ topics: topicsOf(JSON.parse(event.data)) }));
  }
  stream.onerror = async () => {
    tell({ state: "lost" });
    if (await isSignedOut()) {
      stream.close();
      tell({ state: "ended" });
    } else if (stream.readyState === EventSource.CLOSED) {
      setTimeout(() => listen(tell, tries + 1), RETRY[Math.min(tries, RETRY.length - 1)]);
    }
  };
  window.addEventListener("pagehide", () => stream.close(), { once: true });
}

async function isSignedOut() {
  try {
    return (await fetch("/api/auth/session", { credentials: "same-origin" })).status === 401;
  } catch {
    return false;
  }
}
