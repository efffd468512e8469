// The stream of events: read with `fetch`, because `EventSource` sends no token. Connects again after the last event.

import { Problem, headers } from "./api.js";

// A pulse comes every second; after so long without one, what is shown is old.
const STALE_MS = 3500;
const PAUSES_MS = [500, 1000, 2000, 5000];

export class Stream {
  constructor({ on, state, refused }) {
    this.on = on;
    this.state = state;
    this.refused = refused;
    this.last = null;
    this.tries = 0;
    this.heard = 0;
    this.stop = null;
  }

  start() {
    this.stop = new AbortController();
    this.watch = setInterval(() => this.look(), 500);
    this.run();
  }

  end() {
    this.stop?.abort();
    clearInterval(this.watch);
  }

  look() {
    const silent = Date.now() - this.heard;
    if (this.heard && silent > STALE_MS) this.state("stale", Math.round(silent / 1000));
  }

  async run() {
    while (!this.stop.signal.aborted) {
      try {
        await this.read();
      } catch (error) {
        if (this.stop.signal.aborted) return;
        if (error instanceof Problem && (error.status === 401 || error.status === 403)) return this.refused(error);
      }
      if (!this.heard) this.state("lost");
      await new Promise((go) => setTimeout(go, PAUSES_MS[Math.min(this.tries++, PAUSES_MS.length - 1)]));
    }
  }

  async read() {
    const more = this.last ? { "last-event-id": this.last } : {};
    const path = this.last ? "/v1/events?pulse=true" : "/v1/events?pulse=true&recent=50";
    const response = await fetch(path, { headers: headers(more), signal: this.stop.signal, cache: "no-store" });
    if (!response.ok) throw new Problem(response.status, await response.json().catch(() => ({})));
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let unread = "";
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      unread += value;
      const blocks = unread.split("\n\n");
      unread = blocks.pop();
      blocks.forEach((block) => this.take(block));
    }
  }

  take(block) {
    const event = { id: null, kind: "", data: "" };
    for (const line of block.split("\n")) {
      const at = line.indexOf(":");
      const value = line.slice(at + 1).replace(/^ /, "");
      if (line.startsWith("id:")) event.id = value;
      else if (line.startsWith("event:")) event.kind = value;
      else if (line.startsWith("data:")) event.data = value;
    }
    if (!event.data) return;
    if (event.id) this.last = event.id;
    if (event.kind === "pulse") {
      this.heard = Date.now();
      this.tries = 0;
      this.state("live");
    }
    this.on(event.kind, JSON.parse(event.data));
  }
}
