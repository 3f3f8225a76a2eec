// Giving tickets to agents: dragged onto an agent's row, or with `a` on a ticket, which opens the list of agents.
const chooser = document.getElementById("chooser");
let dragged = null;

document.addEventListener("dragstart", (event) => {
  const row = event.target.closest?.("[data-ticket]");
  if (!row) return;
  dragged = row;
  row.classList.add("dragged");
  document.documentElement.classList.add("dragging");
  event.dataTransfer.effectAllowed = "move";
  event.dataTransfer.setData("text/plain", row.querySelector("a")?.textContent.trim() ?? "");
});

document.addEventListener("dragend", () => {
  dragged?.classList.remove("dragged");
  dragged = null;
  document.documentElement.classList.remove("dragging");
  mark(null);
});

document.addEventListener("dragover", (event) => {
  const agent = target(event);
  mark(agent);
  if (!agent) return;
  event.preventDefault();
  event.dataTransfer.dropEffect = "move";
});

document.addEventListener("drop", (event) => {
  const agent = target(event);
  const form = document.getElementById("assign-drop");
  if (!agent || !form) return;
  event.preventDefault();
  form.elements.ticket.value = dragged.dataset.ticket;
  form.elements.agent.value = agent.dataset.agent;
  form.requestSubmit();
});

/** The agent under the pointer, unless the ticket is theirs already. */
function target(event) {
  const agent = dragged && event.target.closest?.("[data-agent]");
  return agent && agent.dataset.agent !== dragged.dataset.holder ? agent : null;
}

function mark(agent) {
  for (const marked of document.querySelectorAll(".drop-here")) if (marked !== agent) marked.classList.remove("drop-here");
  agent?.classList.add("drop-here");
}

// The list of agents comes into the dialog, which then opens; without a script its link is a page.
document.addEventListener("htmx:afterSwap", (event) => {
  if (!chooser?.contains(event.target)) return;
  if (!chooser.open) chooser.showModal();
  chooser.querySelector("button.agent-choice")?.focus();
});
document.addEventListener("htmx:afterRequest", (event) => {
  if (chooser?.open && event.target.matches?.("form") && chooser.contains(event.target) && event.detail.successful) chooser.close();
});
chooser?.addEventListener("keydown", (event) => {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!step) return;
  const choices = [...chooser.querySelectorAll("button.agent-choice")];
  choices[(choices.indexOf(document.activeElement) + step + choices.length) % choices.length]?.focus();
  event.preventDefault();
});

// Before the desk's own keys: `a` is about the row that has the focus.
document.addEventListener(
  "keydown",
  (event) => {
    if (event.key !== "a" || event.ctrlKey || event.metaKey || event.altKey || document.documentElement.dataset.keys === "off") return;
    if (document.querySelector("dialog[open]") || event.target.closest?.("input, textarea, select")) return;
    const link = event.target.closest?.("[data-ticket]")?.querySelector("[data-chooses]");
    if (!link) return;
    event.preventDefault();
    link.click();
  },
  true,
);
