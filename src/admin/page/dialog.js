// The one dialog: shows the plan of a switch, asks, and tells what came of it. Force is behind a second step.

import { Problem, get, of, post } from "./api.js";
import { count, h } from "./dom.js";
import { gates } from "./progress.js";

const box = document.getElementById("dialog");

export function askSwitch(view, to, said) {
  open(`Switch ${view.service} from ${view.live} to ${to}`, view, said, {
    plan: `${of(view.service)}/plan?to=${to}`,
    call: (reason, force) => post(`${of(view.service)}/switch`, { to, reason, force, expect_live: view.live, wait: "begun" }),
    button: h("button", { type: "submit", class: `go ${to}` }, `Switch to ${to}`),
    force: `Switch to ${to} by force`,
  });
}

export function askRollback(view, said) {
  const to = view.rollback_to;
  open(`Roll ${view.service} back to ${to}`, view, said, {
    plan: `${of(view.service)}/plan?to=${to}&at_once=true`,
    call: (reason, force) => post(`${of(view.service)}/rollback`, { reason, force, wait: "committed" }),
    button: h("button", { type: "submit", class: `go ${to}` }, `Roll back to ${to}`),
    force: "Roll back by force",
  });
}

function open(title, view, said, { plan, call, button, force }) {
  const shown = h("div", { "aria-live": "polite" }, h("p", { class: "quiet" }, "asking the gates…"));
  const reason = h("input", { type: "text", id: "reason", maxlength: 200, autocomplete: "off" });
  const answer = h("div", { role: "alert" });
  const go = async (forced) => {
    box.querySelectorAll("button.go, button.force").forEach((it) => (it.disabled = true));
    answer.replaceChildren(h("p", { class: "quiet" }, "waiting for the gates…"));
    try {
      const done = await call(reason.value || undefined, forced);
      box.close();
      said(done.changed === false ? `${view.service}: nothing to change` : `${view.service}: done`);
    } catch (error) {
      answer.replaceChildren(h("p", { class: "bad" }, `Refused: ${error.message}`), gates(error instanceof Problem ? (error.body.gates ?? []) : []));
      box.querySelectorAll("button.go, button.force").forEach((it) => (it.disabled = false));
    }
  };
  box.replaceChildren(
    h("form", { method: "dialog", onsubmit: (event) => { event.preventDefault(); go(false); } },
      h("h2", { id: "dialog-title" }, title),
      shown,
      h("label", { for: "reason" }, "Reason, for history"), reason,
      answer,
      h("div", { class: "acts" }, button, h("button", { type: "button", onclick: () => box.close() }, "Cancel")),
      h("details", {}, h("summary", {}, "Gates do not open?"),
        h("p", { class: "quiet" }, "By force no gate is asked: traffic goes to the pool as it is. History keeps that it was forced."),
        h("button", { type: "button", class: "force", onclick: () => go(true) }, force))));
  box.showModal();
  button.focus();
  get(plan).then((it) => shown.replaceChildren(described(it)), (error) => shown.replaceChildren(h("p", { class: "bad" }, error.message)));
}

function described(plan) {
  return h("div", {}, plan.refusal && h("p", { class: "bad" }, `It would be refused: ${plan.refusal}`), plan.services.map((it) => h("div", {},
    gates(it.gates),
    h("dl", {},
      it.shift && h("dt", {}, "Goes"), it.shift && h("dd", {}, gradually(it.shift)),
      h("dt", {}, "To drain"), h("dd", {}, `${count(it.to_drain.in_flight)} in flight, ${count(it.to_drain.tunnels)} of them tunnels; cut after ${it.to_drain.deadline_ms / 1000} s`),
      h("dt", {}, "Afterwards"), h("dd", {}, it.rollback.possible ? "a rollback is possible" : `no rollback: ${it.rollback.why ?? ""}`),
      it.drift && h("dt", {}, "The file"), it.drift && h("dd", {}, `says that ${it.file_live} is live`)))),
    plan.unchanged.length > 0 && h("p", {}, "It is live already."));
}

function gradually({ steps, every_ms, ramp_ms }) {
  const shares = steps.map((share) => `${share} for ${duration(every_ms)}`).join(", ");
  const end = ramp_ms > 0 ? `climbing to all of it over ${duration(ramp_ms)}` : "then all of it";
  return `gradually: ${[shares, end].filter(Boolean).join(", ")}`;
}

const duration = (ms) => (ms % 60000 === 0 ? `${ms / 60000} min` : `${ms / 1000} s`);
