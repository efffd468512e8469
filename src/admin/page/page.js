// The operators' page: logs in, follows the stream, and keeps one element for each service.

import { dropToken, get, keepToken, token } from "./api.js";
import { clock, h } from "./dom.js";
import { Service } from "./service.js";
import { Stream } from "./stream.js";

const by = (id) => document.getElementById(id);
const services = new Map();
const EVENTS_SHOWN = 100;
// With more than so many services, each is a line until it is opened.
const OPEN_LIMIT = 8;
let may = false;
let stream = null;
let lastBeat = null;

async function begin() {
  try {
    const about = await get("/v1/about");
    may = about.may_operate;
    by("who").textContent = `${about.actor}${may ? "" : " (may look, not change)"} · cutover ${about.version}`;
    by("leave").hidden = !token();
    by("login").hidden = true;
    by("board").hidden = false;
    stream = new Stream({ on: happened, state: link, refused: (error) => leave(error.message) });
    stream.start();
  } catch (error) {
    if (error.status === 401) return askToken(token() ? error.message : "");
    link("lost");
    setTimeout(begin, 2000);
  }
}

function askToken(why) {
  by("board").hidden = true;
  by("login").hidden = false;
  by("login-why").textContent = why;
  by("link").textContent = "not logged in";
  by("link").dataset.state = "out";
  by("token").focus();
}

function leave(why = "") {
  stream?.end();
  dropToken();
  services.clear();
  lastBeat = null;
  by("services").replaceChildren();
  by("events").replaceChildren();
  by("who").textContent = "";
  by("leave").hidden = true;
  askToken(why);
}

function link(state, seconds) {
  const text = { live: "live", lost: "no connection, trying again", stale: `stale: last heard ${seconds} s ago, trying again` };
  if (by("link").textContent !== text[state]) by("link").textContent = text[state];
  by("link").dataset.state = state;
  document.body.classList.toggle("stale", state !== "live");
}

function happened(kind, data) {
  if (kind === "pulse") return beat(data);
  const text = kind === "gap" ? "some events were missed; the log has them" : data.text;
  const at = data.at ?? new Date().toISOString();
  by("events").prepend(h("li", {}, h("time", { datetime: at }, clock(at)), text));
  while (by("events").children.length > EVENTS_SHOWN) by("events").lastElementChild.remove();
  const about = data.receipt?.service ?? data.service;
  services.get(about)?.readHistory();
}

function beat(pulse) {
  const now = Date.now();
  const seconds = lastBeat ? Math.max(0.2, (now - lastBeat) / 1000) : 1;
  lastBeat = now;
  const changed = new Map(pulse.services.map((it) => [it.service, it]));
  for (const name of pulse.removed) {
    services.get(name)?.element.remove();
    services.delete(name);
  }
  const open = services.size + changed.size <= OPEN_LIMIT;
  for (const [name, view] of changed) if (!services.has(name)) services.set(name, new Service(view, { may, said, open }));
  for (const [name, service] of services) service.beat(changed.get(name) ?? null, seconds);
  arrange();
}

// What needs attention comes first, then by name; an element is moved only if its place is another one.
function arrange() {
  const text = by("filter").value.trim();
  const only = by("only").checked;
  const all = [...services.values()].sort((a, b) => b.needsAttention - a.needsAttention || (a.view.service < b.view.service ? -1 : 1));
  const list = by("services");
  let shown = 0;
  all.forEach((service, at) => {
    const visible = service.matches(text) && (!only || service.needsAttention);
    service.element.hidden = !visible;
    shown += visible;
    if (list.children[at] !== service.element) list.insertBefore(service.element, list.children[at] ?? null);
  });
  by("none").hidden = shown > 0;
  const attention = all.filter((it) => it.needsAttention).length;
  const sum = `${shown} of ${all.length} services, ${attention} ${attention === 1 ? "needs" : "need"} attention`;
  if (by("sum").textContent !== sum) by("sum").textContent = sum;
}

function said(text) {
  by("said").textContent = text;
  clearTimeout(said.timer);
  said.timer = setTimeout(() => (by("said").textContent = ""), 6000);
}

by("login").addEventListener("submit", (event) => {
  event.preventDefault();
  keepToken(by("token").value.trim());
  by("token").value = "";
  begin();
});
by("leave").addEventListener("click", () => leave());
by("tools").addEventListener("submit", (event) => event.preventDefault());
by("filter").addEventListener("input", arrange);
by("only").addEventListener("change", arrange);
begin();
