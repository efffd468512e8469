// Elements from data, and how numbers and times are written. Text from outside becomes text nodes and nothing else.

const SVG = "http://www.w3.org/2000/svg";

export function h(name, attributes = {}, ...children) {
  return fill(document.createElement(name), attributes, children);
}

export function svg(name, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, name), attributes, children);
}

function fill(element, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.flat().filter((it) => it !== null && it !== undefined && it !== false));
  return element;
}

export const count = (value) => new Intl.NumberFormat("en").format(value);

export function rate(value) {
  if (value === 0) return "0";
  return value < 10 ? value.toFixed(1) : count(Math.round(value));
}

export function millis(us) {
  if (us === null) return "–";
  return us < 1000 ? `${us / 1000} ms` : `${count(us / 1000)} ms`;
}

export function clock(stamp) {
  return new Date(stamp).toLocaleTimeString([], { hour12: false });
}

export const left = (stamp) => long((Date.parse(stamp) - Date.now()) / 1000);
export const ago = (stamp) => long((Date.now() - Date.parse(stamp)) / 1000);

function long(exact) {
  const seconds = Math.max(0, Math.round(exact));
  if (seconds < 90) return `${seconds} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  if (seconds < 48 * 3600) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86400)} d`;
}

export const other = (colour) => (colour === "blue" ? "green" : "blue");

// A colour is never told by its hue alone.
export const shape = (colour) => (colour === "blue" ? "●" : "◆");
