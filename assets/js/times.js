// Relative times and deadlines move on by themselves; the server has said them for the moment of the page.
const UNITS = [["day", 86400], ["hour", 3600], ["minute", 60]];
const WEEK = 7 * 86400;
const SHORT = { de: ["T", "Std."] }; // as the server writes a span

export function startTimes() {
  tick();
  setInterval(tick, 1000);
  document.addEventListener("desk:morphed", tick);
  document.addEventListener("htmx:afterSettle", tick);
}

let count = 0;

function tick() {
  const now = Date.now();
  for (const chip of document.querySelectorAll("[data-due]")) countDown(chip, now);
  if (count++ % 20) return;
  for (const time of document.querySelectorAll("time[data-ago]")) {
    const words = ago((Date.parse(time.dateTime) - now) / 1000);
    if (words && time.textContent !== words) time.textContent = words;
  }
}

function ago(seconds) {
  const distance = Math.abs(seconds);
  if (distance >= WEEK || distance < 60) return null; // the server's words are right
  const format = new Intl.RelativeTimeFormat(document.documentElement.lang, { numeric: "always" });
  const [unit, length] = UNITS.find(([, size]) => distance >= size);
  return format.format(Math.trunc(seconds / length), unit);
}

/** `data-due` is the deadline, `data-late` the words for one that is past, with `{}` for how long. */
function countDown(chip, now) {
  const left = Math.round((Date.parse(chip.dataset.due) - now) / 1000);
  const words = (left < 0 ? chip.dataset.late : chip.dataset.left).replace("{}", clock(Math.abs(left), document.documentElement.lang));
  const place = chip.querySelector(".sla-words") ?? chip;
  if (place.textContent !== words) place.textContent = words;
  if (left < 0) {
    chip.classList.remove("sla-running", "sla-at-risk");
    chip.classList.add("sla-breached");
  }
}

/** Return a length of time as a clock counts it down, in the words of a language. */
export function clock(seconds, language) {
  const [day, hour] = SHORT[language] ?? ["d", "h"];
  const days = Math.floor(seconds / 86400);
  const hours = Math.floor((seconds % 86400) / 3600);
  const minutes = Math.floor((seconds % 3600) / 60);
  const two = (number) => String(number).padStart(2, "0");
  if (days) return `${days} ${day}${hours ? ` ${hours} ${hour}` : ""}`;
  if (hours) return `${hours}:${two(minutes)} ${hour}`;
  return `${minutes}:${two(seconds % 60)}`;
}
