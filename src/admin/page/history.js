// Past switches: who, when, why, and a picture of each: what came before, gates, barrier, drain.

import { clock, count, h } from "./dom.js";

export function history(receipts) {
  if (receipts.length === 0) return h("p", { class: "quiet" }, "No switches yet.");
  return h("div", {}, receipts.map(receipt));
}

function receipt(it) {
  const cut = Object.values(it.cut).reduce((sum, value) => sum + value, 0);
  const kind = it.rollback ? "rolled back" : it.outcome === "aborted" ? "aborted on the way" : "switched";
  return h("article", { class: "receipt" },
    h("p", {}, h("strong", {}, `${it.from} → ${it.to}`), ` · ${kind} by ${it.actor.name}${it.forced ? " by force" : ""} · `,
      h("time", { datetime: it.requested_at }, new Date(it.requested_at).toLocaleString()), ` · tenure ${it.tenure}`),
    it.reason && h("p", { class: "quiet" }, `“${it.reason}”`),
    timeline(it),
    h("p", { class: cut > 0 ? "bad" : "quiet" },
      `${count(it.in_flight_at_commit)} in flight at the commit = ${count(it.finished)} finished + ${count(it.replayed)} replayed + ${count(cut)} cut${it.outcome === "draining" ? " + some left" : ""} · ${it.outcome}`));
}

// Parts are drawn by the logarithm of their length: a barrier of microseconds and a drain of minutes fit one line. What
// took less than a tenth of a millisecond is a dot.
function timeline(it) {
  const drained = it.drained_at && it.committed_at ? (Date.parse(it.drained_at) - Date.parse(it.committed_at)) * 1000 : null;
  const parts = [["asked", 0, clock(it.requested_at)], ["gates", it.gate_ms * 1000], ["barrier", it.barrier_us], ["drain", drained]];
  const known = parts.filter(([, us]) => us !== null && us !== undefined);
  return h("ol", { class: "timeline", "aria-label": "how it went", title: "lengths are logarithmic" }, known.map(([name, us, text]) => {
    const part = h("li", { class: name }, h("span", {}, name), ` ${text ?? long(us)}`);
    part.style.flexGrow = text ? 0 : Math.log10(1 + us / 100);
    return part;
  }));
}

function long(us) {
  if (us < 1000) return `${us} µs`;
  if (us < 1e6) return `${Math.round(us / 1000)} ms`;
  return `${(us / 1e6).toFixed(1)} s`;
}
