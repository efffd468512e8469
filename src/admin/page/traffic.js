// Rates of one pool: the server counts from its beginning, and two counts make a rate.

import { svg } from "./dom.js";

// Upper bounds of the durations that the server counts by, in microseconds.
const BOUNDS = [250, 500, 1e3, 2500, 5e3, 1e4, 25e3, 5e4, 75e3, 1e5, 25e4, 5e5, 75e4, 1e6, 25e5, 5e6, 75e5, 1e7];
const LENGTH = 60;

export class Traffic {
  constructor() {
    this.before = null;
    this.samples = [];
  }

  // One second later. `counted` is null if nothing has changed.
  add(counted, seconds) {
    const now = counted ?? this.before;
    let sample = { rate: 0, errors: 0, slow: null };
    if (this.before && now.requests >= this.before.requests) {
      const durations = now.durations.map((it, at) => it - (this.before.durations[at] ?? 0));
      sample = {
        rate: (now.requests - this.before.requests) / seconds,
        errors: (now.errors - this.before.errors) / seconds,
        slow: quantile(durations, 0.99),
      };
    }
    this.before = now;
    this.samples.push(sample);
    if (this.samples.length > LENGTH) this.samples.shift();
  }

  get now() {
    return this.samples.at(-1) ?? { rate: 0, errors: 0, slow: null };
  }

  // Requests as an area, errors and the 99th percentile as lines; the last minute from left to right.
  draw(colour) {
    const top = Math.max(1, ...this.samples.map((it) => it.rate));
    const slowest = Math.max(1, ...this.samples.map((it) => it.slow ?? 0));
    const x = (at) => ((LENGTH - this.samples.length + at) * 120) / (LENGTH - 1);
    const line = (of, most) => this.samples.map((it, at) => `${x(at).toFixed(1)},${(39 - (37 * of(it)) / most).toFixed(1)}`).join(" ");
    const rates = line((it) => it.rate, top);
    const said = `${colour}: ${this.now.rate.toFixed(1)} requests a second now, at most ${top.toFixed(0)} in the last minute`;
    const drawn = svg("svg", { class: "spark", viewBox: "0 0 120 40", preserveAspectRatio: "none", role: "img", "aria-label": said });
    if (this.samples.length > 1) {
      drawn.append(svg("polygon", { class: "area", points: `${x(0)},40 ${rates} 120,40` }), svg("polyline", { class: "rate", points: rates }));
      drawn.append(svg("polyline", { class: "slow", points: line((it) => it.slow ?? 0, slowest) }));
      if (this.samples.some((it) => it.errors > 0)) drawn.append(svg("polyline", { class: "errors", points: line((it) => it.errors, top) }));
    }
    return drawn;
  }
}

function quantile(durations, share) {
  const total = durations.reduce((sum, it) => sum + it, 0);
  if (total === 0) return null;
  let seen = 0;
  for (const [at, many] of durations.entries()) {
    seen += many;
    if (seen >= total * share) return BOUNDS[at] ?? BOUNDS.at(-1);
  }
  return null;
}
