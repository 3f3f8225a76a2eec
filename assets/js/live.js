// Live: signals of /api/live say what changed; the parts of the page that show it are read again and morphed.
// One tab of a browser holds the stream and tells the others: browsers allow few connections to one host.
import htmx from "htmx.org";
import { morph } from "./morph.js";

const TOPICS = {
  ticket: (data) => [`ticket:${data.ticket}`, "tickets"],
  queue: () => ["queue", "tickets"],
  bell: () => ["bell"],
  refresh: () => ["*"],
};
const PATIENCE = 1500; // a short break is not worth a word
const LEAVE = 15_000;
const CALM = 600; // where much happens, a part is read this long after it was last, not at every signal
const RETRY = [1000, 2000, 5000, 10000, 20000];
const reading = new Map(); // address -> whether to read it once more afterwards
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
  const pages = new Map();
  for (const element of document.querySelectorAll("[data-live]")) {
    const own = element.dataset.live.split(/\s+/);
    if (!topics.includes("*") && !own.some((topic) => topics.includes(topic))) continue;
    const address = element.dataset.src || location.href;
    pages.set(address, [...(pages.get(address) ?? []), element]);
  }
  for (const [address, elements] of pages) void readPart(address, elements, topics);
}

async function readPart(address, elements, topics) {
  if (reading.has(address)) {
    reading.set(address, [...(reading.get(address) ?? []), ...topics]);
    return;
  }
  reading.set(address, null);
  const once = () => {
    const again = reading.get(address);
    reading.delete(address);
    readAgain(again);
  };
  try {
    const fragment = address !== location.href;
    const headers = { accept: "text/html", "x-desk-live": "1", ...(fragment ? { "hx-request": "true" } : {}) };
    const answer = await fetch(address, { headers, credentials: "same-origin" });
    if (answer.redirected && new URL(answer.url).pathname === "/login") reload();
    else if (answer.ok) put(await answer.text(), elements, fragment);
    else if (answer.status === 401) reload();
    else if (answer.status === 404 && fragment) elements.forEach((element) => element.remove());
  } catch {
    // The stream notices that the desk is away, and everything is read again when it is back.
  } finally {
    if (reading.get(address)) setTimeout(once, CALM);
    else reading.delete(address);
  }
}

function put(html, elements, fragment) {
  const page = new DOMParser().parseFromString(html, "text/html");
  for (const element of elements) {
    if (!element.isConnected) continue;
    if (fragment) {
      const { textContent: before, dataset: { says } } = element;
      morph(element, page.body, "innerHTML");
      if (before !== element.textContent) announce(says);
    } else {
      const next = page.getElementById(element.id);
      if (!next) continue;
      const { textContent: before, dataset: { says } } = element;
      const after = next.textContent;
      morph(element, next, "outerHTML");
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

function show({ state, topics }) {
  if (state === "open") {
    clearTimeout(lostTimer);
    lostTimer = undefined;
    if (mayHaveMissed) readAgain(["*"]);
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
  stream.onopen = () => {
    tries = 0;
    tell({ state: "open" });
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
  window.addEventListener("pagehide", () => stream.close());
}

async function isSignedOut() {
  try {
    return (await fetch("/api/auth/session", { credentials: "same-origin" })).status === 401;
  } catch {
    return false;
  }
}
