// The edge between the list and the ticket: dragged, moved by arrow keys, remembered in this browser.
const KEPT = "list width";
const STEP = 20;
const LEAST = 280;
const MOST = 640;

export function startGrip(grip) {
  if (!grip) return;
  const list = grip.parentElement;
  const limit = (width) => Math.round(Math.max(LEAST, Math.min(width, MOST, window.innerWidth / 2)));

  function set(width, { keep }) {
    const root = document.documentElement.style;
    if (width) root.setProperty("--wide", `${limit(width)}px`);
    else root.removeProperty("--wide");
    grip.setAttribute("aria-valuenow", String(Math.round(list.getBoundingClientRect().width)));
    if (keep) remember(width && limit(width));
  }

  set(Number(recall()) || 0, { keep: false });
  grip.addEventListener("keydown", (event) => {
    const now = list.getBoundingClientRect().width;
    const away = document.documentElement.dir === "rtl" ? -STEP : STEP;
    const to = { ArrowRight: now + away, ArrowLeft: now - away, Home: LEAST, End: MOST }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    set(to, { keep: true });
  });
  grip.addEventListener("dblclick", () => set(0, { keep: true }));
  grip.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    event.preventDefault();
    grip.setPointerCapture(event.pointerId);
    grip.classList.add("held");
    const edge = list.getBoundingClientRect();
    let width = 0;
    const move = ({ clientX }) => {
      width = clientX - edge.left + 2;
      set(width, { keep: false });
    };
    const end = () => {
      grip.removeEventListener("pointermove", move);
      grip.classList.remove("held");
      if (width) set(width, { keep: true });
    };
    grip.addEventListener("pointermove", move);
    grip.addEventListener("lostpointercapture", end, { once: true });
  });
}

function recall() {
  try {
    return localStorage.getItem(KEPT);
  } catch {
    return null;
  }
}

function remember(width) {
  try {
    if (width) localStorage.setItem(KEPT, String(width));
    else localStorage.removeItem(KEPT);
  } catch {
    // a browser that keeps nothing shows the usual width the next time
  }
}
