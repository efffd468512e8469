// Calls of the admin API. The token lives in this tab alone, and goes into one header and nowhere else.

const KEY = "cutover-token";

export const token = () => sessionStorage.getItem(KEY);
export const keepToken = (text) => sessionStorage.setItem(KEY, text);
export const dropToken = () => sessionStorage.removeItem(KEY);

export function headers(more = {}) {
  return token() ? { authorization: `Bearer ${token()}`, ...more } : more;
}

// A problem of the API: `detail` is a sentence, `gates` and others by its type.
export class Problem extends Error {
  constructor(status, body) {
    super(body.detail ?? `the answer was ${status}`);
    this.status = status;
    this.body = body;
  }
}

export async function get(path) {
  return answer(await fetch(path, { headers: headers(), cache: "no-store" }));
}

export async function post(path, body = {}, more = {}) {
  const given = headers({ "content-type": "application/json", ...more });
  return answer(await fetch(path, { method: "POST", headers: given, body: JSON.stringify(body) }));
}

async function answer(response) {
  const body = await response.json().catch(() => ({}));
  if (!response.ok) throw new Problem(response.status, body);
  return body;
}

export const of = (service) => `/v1/services/${encodeURIComponent(service)}`;
