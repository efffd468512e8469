// One colour of one service: what it is to the service, its traffic, its endpoints.

import { ago, count, h, left, millis, rate, shape } from "./dom.js";

const HEALTH = { healthy: ["ok", "✓ healthy"], unhealthy: ["no", "✗ unhealthy"], unknown: ["un", "… not probed"] };

export function lane(view, colour, traffic) {
  const pool = view.pools[colour];
  const live = view.live === colour;
  const now = traffic.now;
  return h(
    "section",
    { class: `lane ${colour}${live ? " live" : ""}`, "aria-label": `${view.service}, ${colour} pool` },
    h("header", {}, h("h3", {}, shape(colour), ` ${colour}`), badges(view, colour)),
    share(view, colour),
    h("dl", { class: "numbers" },
      number("ready", `${pool.ready} of ${pool.endpoints.length}`),
      number("requests/s", rate(now.rate)),
      number("errors/s", rate(now.errors)),
      number("p99", now.slow === null ? "–" : `≤ ${millis(now.slow)}`),
      number("in flight", count(pool.in_flight)),
      number("tunnels", count(pool.tunnels)),
      pool.previews > 0 && number("previews", count(pool.previews))),
    traffic.draw(colour),
    endpoints(pool, colour),
  );
}

function badges(view, colour) {
  const pool = view.pools[colour];
  const found = [];
  if (view.live === colour) found.push(h("span", { class: `badge full ${colour}` }, `LIVE · tenure ${view.tenure}`));
  else if (view.shift?.to === colour) found.push(h("span", { class: "badge warn" }, `gets ${view.shift.share}`));
  else found.push(h("span", { class: "badge" }, "standby"));
  if (view.live !== colour && pool.safe_to_stop) found.push(h("span", { class: "badge" }, "safe to stop"));
  if (view.live !== colour && view.standby_kept_until) found.push(h("span", { class: "badge" }, `kept for ${left(view.standby_kept_until)}`));
  if (pool.endpoints.length > 0 && pool.ready === 0) found.push(h("span", { class: "badge bad" }, "nothing ready"));
  return found;
}

function share(view, colour) {
  const shifted = view.shift ? Number.parseFloat(view.shift.share) : 0;
  const mine = view.live === colour ? 100 - shifted : view.shift?.to === colour ? shifted : 0;
  const bar = h("i");
  bar.style.width = `${mine}%`;
  return h("div", { class: "share", role: "img", "aria-label": `${mine} % of new requests` }, bar);
}

function number(name, value) {
  return h("div", {}, h("dt", {}, name), h("dd", {}, value));
}

function endpoints(pool, colour) {
  if (pool.endpoints.length === 0) return h("p", { class: "quiet" }, "no endpoints");
  const row = (it) => {
    const [kind, text] = HEALTH[it.health] ?? HEALTH.unknown;
    const notes = [it.drained && "drained", it.slow_start_percent && `at ${it.slow_start_percent} % of its weight`, it.ejected_for_ms !== null && `out for ${Math.ceil(it.ejected_for_ms / 1000)} s`, it.source === "runtime" && "registered", it.why];
    return h("tr", {},
      h("td", { class: "addr" }, it.addr),
      h("td", {}, h("span", { class: `health ${it.ready ? kind : kind === "ok" ? "un" : kind}`, title: "what its probes say, and since when" }, text), " ",
        it.health_since && h("time", { class: "quiet", datetime: it.health_since }, `for ${ago(it.health_since)} `), h("span", { class: "quiet" }, notes.filter(Boolean).join(", "))),
      h("td", { class: "number" }, count(it.in_flight)),
      h("td", { class: "number" }, it.weight));
  };
  return h("table", {},
    h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "endpoint"), h("th", { scope: "col" }, "health"), h("th", { scope: "col", class: "number" }, "in flight"), h("th", { scope: "col", class: "number" }, "weight"))),
    h("tbody", {}, pool.endpoints.map(row)));
}
