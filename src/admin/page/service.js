// One service: two lanes, what is under way, one large switch, and a rollback that is always in the same place.

import { get, of, post } from "./api.js";
import { askRollback, askSwitch } from "./dialog.js";
import { h, other, shape } from "./dom.js";
import { history } from "./history.js";
import { lane } from "./lane.js";
import { underWay } from "./progress.js";
import { Traffic } from "./traffic.js";

export class Service {
  constructor(view, { may, said, open }) {
    this.may = may;
    this.said = said;
    this.traffic = { blue: new Traffic(), green: new Traffic() };
    this.view = view;
    this.past = h("details", { class: "past" }, h("summary", {}, "History"), h("div"));
    this.past.addEventListener("toggle", () => this.readHistory());
    this.head = h("summary");
    this.lanes = h("div", { class: "lanes" });
    this.now = h("div", { "aria-live": "polite" });
    this.acts = h("div", { class: "acts" });
    this.element = h("details", { class: "service", open, id: `service-${view.service}` }, this.head, h("div", { class: "inside" }, this.lanes, this.now, this.acts, this.past));
    this.element.addEventListener("toggle", () => this.draw());
    this.drawn = "";
  }

  // A second has passed; `pulse` is null if nothing has changed.
  beat(pulse, seconds) {
    if (pulse) this.view = pulse;
    for (const colour of ["blue", "green"]) this.traffic[colour].add(pulse ? pulse.traffic[colour] : null, seconds);
    // One of hundreds that nobody looks at, and that has not changed, costs nothing.
    if (pulse || this.element.open) this.draw();
  }

  get needsAttention() {
    const { view } = this;
    const live = view.pools[view.live];
    return Boolean(view.waiting || view.shift || view.draining.length || view.finishing || view.drift || live.ready < live.endpoints.length);
  }

  matches(text) {
    return this.view.service.includes(text) || this.view.routes.some((it) => it.includes(text));
  }

  draw() {
    const { view } = this;
    this.head.replaceChildren(
      h("h2", {}, view.service),
      h("span", { class: `badge full ${view.live}` }, `${shape(view.live)} ${view.live}`),
      ...this.marks(),
      h("span", { class: "routes" }, view.routes.join("  ")));
    if (!this.element.open) return;
    this.lanes.replaceChildren(...["blue", "green"].map((colour) => lane(view, colour, this.traffic[colour])));
    const under = JSON.stringify([view.waiting, view.shift, view.draining, view.finishing, this.may, view.live, view.rollback_possible, view.rollback_to]);
    // Buttons are drawn again only when they change: nobody's finger or focus shall lose them.
    if (under === this.drawn) return;
    this.drawn = under;
    this.now.replaceChildren(...underWay(view, (what) => this.act(what), this.may));
    this.drawActs();
  }

  marks() {
    const { view } = this;
    const live = view.pools[view.live];
    return [
      view.waiting && h("span", { class: "badge warn" }, "waits for gates"),
      view.shift && h("span", { class: "badge warn" }, `${view.shift.share} to ${view.shift.to}`),
      view.draining.length > 0 && h("span", { class: "badge warn" }, "drains"),
      live.ready < live.endpoints.length && h("span", { class: "badge bad" }, `${live.ready} of ${live.endpoints.length} ready`),
      view.drift && h("span", { class: "badge" }, `file says ${view.file_live}`),
    ].filter(Boolean);
  }

  drawActs() {
    const { view } = this;
    if (!this.may) return this.acts.replaceChildren();
    const to = other(view.live);
    const busy = Boolean(view.waiting || view.shift);
    const why = view.rollback_possible ? null : view.rollback_why;
    this.acts.replaceChildren(
      h("button", { type: "button", class: `go ${to}`, disabled: busy, onclick: () => askSwitch(this.view, to, this.said) }, `Switch to ${to}…`),
      this.back(why));
  }

  // Always in the same place. While a gradual switch lasts, the way back is to abort it.
  back(why) {
    const { view } = this;
    if (view.shift) return h("button", { type: "button", class: "back", onclick: () => this.act("abort") }, `Roll back to ${view.live}`);
    return h("button", { type: "button", class: "back", disabled: !view.rollback_to, title: why, onclick: () => askRollback(this.view, this.said) },
      view.rollback_to ? `Roll back to ${view.rollback_to}…` : "Nothing to roll back");
  }

  async act(what) {
    try {
      await post(`${of(this.view.service)}/${what}`);
      this.said(`${this.view.service}: ${what} done`);
    } catch (error) {
      this.said(`${this.view.service}: ${error.message}`);
    }
  }

  async readHistory() {
    if (!this.past.open) return;
    const place = this.past.lastElementChild;
    try {
      place.replaceChildren(history((await get(`${of(this.view.service)}/history?limit=20`)).receipts));
    } catch (error) {
      place.replaceChildren(h("p", { class: "bad" }, error.message));
    }
  }
}
