// What is under way: gates that are waited for, a gradual switch, a drain.

import { count, h, left } from "./dom.js";

const MARK = { passed: "✓", failed: "✗", ignored: "!", waiting: "…", unasked: "·" };

export function gates(list) {
  return h("ul", { class: "gates" }, list.map((it) => {
    const where = (it.endpoints ?? []).map((at) => `${at.endpoint}: ${at.why}`);
    const text = [it.gate.replaceAll("_", " "), it.name && `“${it.name}”`, it.verdict, it.why && `– ${it.why}`].filter(Boolean).join(" ");
    return h("li", { class: it.verdict === "failed" ? "bad" : null }, `${MARK[it.verdict] ?? "·"} ${text}`, where.map((line) => h("div", { class: "addr" }, line)));
  }));
}

export function underWay(view, act, may) {
  const found = [];
  if (view.waiting) found.push(waiting(view, act, may));
  if (view.shift) found.push(shifting(view, act, may));
  for (const receipt of view.draining) found.push(draining(receipt));
  if (view.finishing) found.push(finishing(view.finishing, view.service));
  return found;
}

function waiting(view, act, may) {
  const it = view.waiting;
  const approval = it.gate === "approval";
  return h("section", { class: "now", "aria-label": `${view.service}: switch that waits` },
    h("p", {}, h("strong", {}, `${it.actor.name} asked for ${it.to}: waiting for ${it.gate.replaceAll("_", " ")}`), `, ${left(it.gate_until)} left`),
    gates(it.gates),
    may && h("div", { class: "acts" },
      approval && h("button", { type: "button", class: `go ${it.to}`, onclick: () => act("approve") }, "Approve"),
      approval && h("button", { type: "button", onclick: () => act("reject") }, "Reject"),
      h("button", { type: "button", onclick: () => act("abort") }, "Stop waiting")));
}

function shifting(view, act, may) {
  const it = view.shift;
  const state = it.held ? "held, because the gates have closed" : it.paused ? "paused" : it.left_ms === null ? "under way" : `next in ${Math.ceil(it.left_ms / 1000)} s`;
  return h("section", { class: "now", "aria-label": `${view.service}: gradual switch` },
    h("p", {}, h("strong", {}, `${it.share} of the requests go to ${it.to}`), `: ${state}. Steps: ${it.steps.join(", ")}${it.steps.length ? ", " : ""}100%.`),
    it.held && gates(it.gates),
    may && h("div", { class: "acts" },
      h("button", { type: "button", class: `go ${it.to}`, onclick: () => act("complete") }, "Complete now"),
      it.paused
        ? h("button", { type: "button", onclick: () => act("resume") }, "Resume")
        : h("button", { type: "button", onclick: () => act("pause") }, "Pause"),
      h("button", { type: "button", onclick: () => act("abort") }, `Abort, all to ${view.live}`)));
}

function draining(receipt) {
  const all = receipt.in_flight_at_commit;
  const ended = receipt.finished + receipt.replayed + Object.values(receipt.cut).reduce((sum, it) => sum + it, 0);
  const rest = Math.max(0, all - ended);
  return h("section", { class: "now", "aria-label": `${receipt.service}: drain of tenure ${receipt.tenure - 1}` },
    h("p", {}, h("strong", {}, `${receipt.from} drains: ${count(rest)} of ${count(all)} left`), `, ${count(receipt.finished)} finished, ${count(receipt.replayed)} replayed`),
    h("progress", { max: Math.max(1, all), value: ended, "aria-label": "drained" }));
}

function finishing(it, service) {
  return h("section", { class: "now", "aria-label": `${service}: sessions` },
    h("p", {}, `Sessions begun on ${it.colour} finish there for ${left(it.until)}: ${count(it.requests)} requests so far, ${count(it.in_flight)} in flight.`));
}
