// Keyboard, citations, clocks and the claim. Every page works without it, except for opening the panels.
"use strict";

const $ = (selector, root = document) => root.querySelector(selector);
const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];

// ── Citations: a number shows its passage, a passage shows what cites it ──────────────────────────

function light(number, scroll) {
  $$(".lit").forEach((element) => element.classList.remove("lit"));
  const has = (element, list) => (list || "").split(" ").includes(number);
  $$(".ref").filter((ref) => ref.dataset.ref === number).forEach((ref) => ref.classList.add("lit"));
  $$(".cited").filter((span) => has(span, span.dataset.refs)).forEach((span) => span.classList.add("lit"));
  const passage = $$(".passage").find((element) => has(element, element.dataset.numbers));
  if (!passage) return;
  passage.classList.add("lit");
  if (scroll) {
    passage.scrollIntoView({ block: "nearest" });
    const quote = $("mark", passage);
    const box = $(".prose", passage);
    if (quote && box) box.scrollTop = quote.offsetTop - box.offsetTop - 40;
  }
}

document.addEventListener("click", (event) => {
  const ref = event.target.closest(".ref");
  if (ref) { event.preventDefault(); light(ref.dataset.ref, true); }
  const open = event.target.closest("[data-open]");
  if (open) openPanel(open.dataset.open);
  if (event.target.closest("[data-close]")) closePanels();
  if (event.target.closest("[data-help]")) $("#keys").showModal();
});
document.addEventListener("mouseover", (event) => {
  const ref = event.target.closest(".ref");
  const passage = event.target.closest(".passage[data-numbers]");
  if (ref) light(ref.dataset.ref, false);
  else if (passage && passage.dataset.numbers) light(passage.dataset.numbers.split(" ")[0], false);
});

function stepEvidence(step) {
  const numbers = $$(".passage[data-numbers]").map((p) => p.dataset.numbers.split(" ")[0]).filter(Boolean);
  const lit = $(".passage.lit");
  const at = lit ? numbers.indexOf(lit.dataset.numbers.split(" ")[0]) : step > 0 ? -1 : numbers.length;
  const number = numbers[Math.min(numbers.length - 1, Math.max(0, at + step))];
  if (number) light(number, true);
}

// ── Panels ───────────────────────────────────────────────────────────────────────────────────────

function closePanels() {
  $$(".panel").forEach((panel) => { panel.hidden = true; });
  $("#bar").hidden = false;
}

function openPanel(id) {
  const panel = document.getElementById(id);
  if (!panel) return;
  closePanels();
  panel.hidden = false;
  $("#bar").hidden = true; // Approve would send the draft, not what is being written.
  const field = $("textarea, select", panel);
  field.focus({ preventScroll: true });
  if (field.tagName === "TEXTAREA") {
    field.setSelectionRange(0, 0);
    field.scrollIntoView({ block: "center" });
  }
}

// ── Keyboard ─────────────────────────────────────────────────────────────────────────────────────

function stepCase(step) {
  const links = $$("a[data-case]");
  const at = links.indexOf(document.activeElement);
  const next = links[Math.min(links.length - 1, Math.max(0, at + step))];
  if (next) { next.focus(); next.scrollIntoView({ block: "nearest" }); }
}

const step = (by) => ($("a[data-case]") ? stepCase(by) : stepEvidence(by));
const KEYS = {
  j: () => step(1),
  k: () => step(-1),
  a: () => $("#approve")?.focus(),
  e: () => openPanel("edit"),
  r: () => openPanel("reject"),
  h: () => openPanel("reassign"),
  n: () => $("[data-key=n]")?.click(),
  u: () => { ($("[data-key=u]") || $(".top nav a"))?.click(); },
  "?": () => $("#keys").showModal(),
};

document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, textarea, select, dialog[open]");
  if (event.key === "Escape" && typing && !typing.matches("dialog")) { closePanels(); typing.blur(); return; }
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && event.target.form?.matches(".panel")) {
    event.preventDefault();
    event.target.form.requestSubmit();
    return;
  }
  if (typing || event.ctrlKey || event.metaKey || event.altKey || $("dialog[open]")) return;
  if (/^[1-9]$/.test(event.key)) { light(event.key, true); return; }
  const act = KEYS[event.key];
  if (act) { event.preventDefault(); act(); }
});

// A second click on a button must not send the decision twice.
document.addEventListener("submit", (event) => {
  if (event.target.method !== "post") return;
  if (event.target.dataset.sent) event.preventDefault();
  event.target.dataset.sent = "1";
});
window.addEventListener("pageshow", () => $$("form[data-sent]").forEach((form) => delete form.dataset.sent));

// A session that ended shows the log-in page as a page, not inside the list.
document.addEventListener("htmx:beforeSwap", (event) => {
  if (new URL(event.detail.xhr.responseURL || location.href).pathname !== "/login") return;
  event.detail.shouldSwap = false;
  location.reload();
});

// ── Clocks ───────────────────────────────────────────────────────────────────────────────────────

function inWords(seconds) {
  const minutes = Math.floor(seconds / 60);
  if (minutes < 1) return `${Math.floor(seconds)} s`;
  if (minutes < 60) return `${minutes} min`;
  if (minutes < 1440) return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
  return `${Math.floor(minutes / 1440)} d ${Math.floor((minutes % 1440) / 60)} h`;
}

function tick() {
  $$("time[data-due]").forEach((clock) => {
    const left = (new Date(clock.dateTime) - Date.now()) / 1000;
    clock.textContent = left >= 0 ? `in ${inWords(left)}` : `${inWords(-left)} overdue`;
    clock.classList.toggle("late", left < 0);
    clock.classList.toggle("soon", left >= 0 && left < 3600);
  });
}
setInterval(tick, 15000);

// ── The claim is prolonged only while somebody is really there ────────────────────────────────────

let toldAt = Date.now();
for (const sign of ["keydown", "mousemove", "scroll", "touchstart"]) {
  document.addEventListener(sign, () => {
    const claim = $("#claim[hx-post]");
    if (claim && Date.now() - toldAt > 120000) {
      toldAt = Date.now();
      htmx.trigger(claim, "still-here");
    }
  }, { passive: true });
}
