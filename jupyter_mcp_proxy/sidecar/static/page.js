// The connect page. What comes from elsewhere becomes text and attributes, never markup; a token that is made here
// is kept in memory only.
"use strict";

const page = document.body.dataset;
const element = (id) => document.getElementById(id);
const here = `${location.origin}${location.pathname.replace(/[^/]*$/, "")}`;
const TEST_DAYS = 10 / (24 * 60);
const TIMEOUT = 60000;

let made = null; // the token made here: {id, name, secret}

// -- the endpoint, as this browser reaches it ----------------------------------------------------------

function endpoint() {
  const seen = `${here}mcp`;
  // An address with other characters stays as the server has it, since it is quoted for each format there.
  return /^[A-Za-z0-9%._~:/@-]+$/.test(seen) ? seen : page.endpoint;
}

function forgetTokenInAddress() {
  const address = new URL(location.href);
  if (address.searchParams.has("token")) {
    address.searchParams.delete("token");
    history.replaceState(null, "", address);
  }
}

// -- what connects each client -------------------------------------------------------------------------

function fill() {
  const token = made ? made.secret : page.placeholder;
  const url = endpoint();
  element("endpoint").textContent = url;
  for (const snippet of document.querySelectorAll(".snippet")) {
    snippet.textContent = snippet.dataset.template.replaceAll(page.endpoint, url).replaceAll(page.slot, token);
  }
  for (const link of document.querySelectorAll(".install")) {
    link.setAttribute("href", link.dataset.prefix + payload(link.dataset, url, token));
  }
  for (const hint of document.querySelectorAll(".needs-token")) {
    hint.hidden = made !== null;
  }
}

function payload(link, url, token) {
  if (link.encoding === "none") {
    const [from, to] = [page.endpoint, url].map(encodeURIComponent);
    return link.payload.replaceAll(from, to).replaceAll(page.slot, encodeURIComponent(encodeURIComponent(token)));
  }
  const text = link.payload.replaceAll(page.endpoint, url).replaceAll(page.slot, token);
  return encodeURIComponent(link.encoding === "base64" ? btoa(text) : text);
}

function showTabs() {
  const tabs = [...document.querySelectorAll("[role=tab]")];
  const select = (tab, focus) => {
    for (const other of tabs) {
      const chosen = other === tab;
      other.setAttribute("aria-selected", String(chosen));
      other.tabIndex = chosen ? 0 : -1;
      element(other.getAttribute("aria-controls")).hidden = !chosen;
    }
    if (focus) {
      tab.focus();
      history.replaceState(null, "", `#${tab.getAttribute("aria-controls")}`);
    }
  };
  for (const [index, tab] of tabs.entries()) {
    const panel = element(tab.getAttribute("aria-controls"));
    panel.setAttribute("role", "tabpanel");
    panel.setAttribute("aria-labelledby", tab.id);
    panel.tabIndex = 0;
    tab.addEventListener("click", () => select(tab, true));
    tab.addEventListener("keydown", (event) => {
      const steps = { ArrowRight: index + 1, ArrowLeft: index - 1, Home: 0, End: tabs.length - 1 };
      if (event.key in steps && !event.altKey && !event.ctrlKey && !event.metaKey) {
        event.preventDefault();
        select(tabs[(steps[event.key] + tabs.length) % tabs.length], true);
      }
    });
  }
  element("tabs").hidden = false;
  select(tabs.find((tab) => `#${tab.getAttribute("aria-controls")}` === location.hash) || tabs[0], false);
}

// -- copying -------------------------------------------------------------------------------------------

function showCopying() {
  for (const button of document.querySelectorAll("[data-copies]")) {
    button.hidden = false;
    button.setAttribute("aria-label", `Copy the ${button.dataset.what}`);
    button.addEventListener("click", async () => {
      const source = element(button.dataset.copies);
      const copied = await copy(source);
      button.textContent = copied ? "Copied" : "Press Ctrl+C";
      say("copied", copied ? `Copied the ${button.dataset.what}.` : "Selected: press Ctrl+C to copy.");
      setTimeout(() => { button.textContent = "Copy"; }, 2000);
    });
  }
}

async function copy(source) {
  try {
    await navigator.clipboard.writeText(source.textContent);
    return true;
  } catch { // over plain HTTP there is no clipboard
    getSelection().selectAllChildren(source);
    return document.execCommand("copy");
  }
}

// -- tokens --------------------------------------------------------------------------------------------

/** The header without which a login cookie is not enough. Of several such cookies Jupyter takes the last. */
function xsrfHeader() {
  const found = [...document.cookie.matchAll(/(?:^|;\s*)_xsrf=([^;]*)/g)].at(-1);
  return { "X-XSRFToken": found ? found[1] : "" };
}

async function api(method, path, body) {
  const headers = xsrfHeader();
  if (body) {
    headers["Content-Type"] = "application/json";
  }
  const response = await fetch(`${here}api/tokens${path}`, {
    method, headers, body: body && JSON.stringify(body), cache: "no-store", signal: AbortSignal.timeout(TIMEOUT),
  });
  const text = await response.text();
  if (!response.ok) {
    throw new Error(reason(response, text));
  }
  return text ? JSON.parse(text) : {};
}

function reason(response, text) {
  try {
    const answer = JSON.parse(text);
    return answer.error?.message || answer.message || text;
  } catch { // a page of some proxy's
    return `the server answers ${response.status} ${response.statusText}`;
  }
}

async function makeToken(event) {
  event.preventDefault();
  const { name, tier, days } = event.target.elements;
  const submit = event.target.querySelector("[type=submit]");
  submit.disabled = true;
  try {
    const answer = await api("POST", "", { name: name.value, tier: tier.value, days: Number(days.value) });
    made = { id: answer.id, name: answer.name, secret: answer.token };
    element("secret").textContent = answer.token;
    element("made-heading").textContent = `The token “${answer.name}”`;
    element("made").hidden = false;
    say("make-status", "Made.");
    event.target.reset();
    fill();
    await listTokens();
    element("made-heading").focus();
  } catch (error) {
    say("make-status", `Not made: ${error.message}`, true);
  } finally {
    submit.disabled = false;
  }
}

async function listTokens() {
  try {
    const { tokens, tiers, longest_days: longest } = await api("GET", "");
    element("list").replaceChildren(...tokens.map(item));
    limit(tiers, longest);
    say("list-status", tokens.length ? "" : "None yet.");
  } catch (error) {
    say("list-status", `The tokens could not be listed: ${error.message}`, true);
  }
}

function limit(tiers, longest) {
  for (const option of element("tier").options) {
    option.disabled = !tiers.includes(option.value);
  }
  if (element("tier").selectedOptions[0].disabled) {
    element("tier").value = tiers.at(-1);
  }
  element("days").max = longest;
}

function item(token) {
  const end = new Date(token.expires).toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
  const what = [token.tier, `${token.state === "expired" ? "ended" : "until"} ${end}`];
  if (!/^([0-9a-f]{32})?$/.test(token.maker)) { // Jupyter makes up such a name where nobody has one
    what.push(`made by ${token.maker}`);
  }
  const text = document.createElement("div");
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = "Revoke";
  button.setAttribute("aria-label", `Revoke ${token.name}`);
  button.addEventListener("click", () => revoke(token, button));
  text.append(tag("strong", token.name), " ", tag("small", what.join(", ")));
  const line = document.createElement("li");
  line.append(text, button);
  return line;
}

function tag(name, text) {
  const node = document.createElement(name);
  node.textContent = text;
  return node;
}

async function revoke(token, button) {
  if (!confirm(`Revoke “${token.name}”? Whoever uses it is refused from now on.`)) {
    return;
  }
  button.disabled = true;
  let said;
  try {
    await api("DELETE", `/${encodeURIComponent(token.id)}`);
    said = ["list-status", `Revoked “${token.name}”.`];
    if (made?.id === token.id) {
      made = null;
      element("made").hidden = true;
      element("secret").textContent = "";
      fill();
    }
  } catch (error) {
    said = ["list-status", `Not revoked: ${error.message}`, true];
  }
  await listTokens();
  say(...said);
  element("list-heading").focus();
}

// -- the test: a client's round trip -------------------------------------------------------------------

async function test() {
  const button = element("test");
  button.disabled = true;
  say("test-status", "Connecting…");
  let passing = null;
  let said;
  try {
    if (page.makesTokens && !made) {
      const name = `connection test ${crypto.getRandomValues(new Uint32Array(1))[0].toString(36)}`;
      passing = await api("POST", "", { name, tier: "read", days: TEST_DAYS });
    }
    const { server, tools, took } = await roundTrip(made ? made.secret : passing?.token);
    const which = made ? `with the token “${made.name}”` : passing ? "with a token for this test" : "without a token";
    said = [`It works: ${server.name} ${server.version} answered in ${took} ms, ${which}. It has ${tools} tools.`];
  } catch (error) {
    said = [`It does not work: ${error.message}`, true];
  }
  if (passing) {
    await api("DELETE", `/${encodeURIComponent(passing.id)}`).catch(() => {}); // it ends by itself
  }
  say("test-status", ...said);
  button.disabled = false;
  await checkHealth();
}

async function roundTrip(token) {
  const begun = performance.now();
  const session = {};
  const { serverInfo: server, protocolVersion } = await call(token, session, "initialize", {
    protocolVersion: "2025-06-18", capabilities: {}, clientInfo: { name: "connect page", version: "1" },
  });
  session.version = protocolVersion;
  await call(token, session, "notifications/initialized");
  const { tools } = await call(token, session, "tools/list", {});
  const took = Math.round(performance.now() - begun);
  if (session.id) {
    await ask(token, session, "DELETE").catch(() => {});
  }
  return { server, tools: tools.length, took };
}

async function call(token, session, method, params) {
  const isNotification = method.startsWith("notifications/");
  const message = { jsonrpc: "2.0", method, params };
  if (!isNotification) {
    message.id = 1;
  }
  const response = await ask(token, session, "POST", message);
  session.id ||= response.headers.get("Mcp-Session-Id");
  const text = await response.text();
  if (!response.ok) {
    throw new Error(reason(response, text));
  }
  if (isNotification) {
    return null;
  }
  const events = text.split(/\r?\n/).filter((line) => line.startsWith("data:")).map((line) => line.slice(5));
  const isStream = response.headers.get("Content-Type").startsWith("text/event-stream");
  const answers = (isStream ? events : [text]).filter((part) => part.trim()).map((part) => JSON.parse(part));
  const answer = answers.find((one) => one.id === message.id);
  if (!answer || answer.error) {
    throw new Error(answer ? answer.error.message : `there was no answer to ${method}`);
  }
  return answer.result;
}

function ask(token, session, method, message) {
  const headers = { Accept: "application/json, text/event-stream" };
  if (message) {
    headers["Content-Type"] = "application/json";
  }
  if (token) {
    headers.Authorization = `Bearer ${token}`;
  }
  if (session.id) {
    headers["Mcp-Session-Id"] = session.id;
  }
  if (session.version) {
    headers["MCP-Protocol-Version"] = session.version;
  }
  return fetch(`${here}mcp`, {
    method, headers, body: message && JSON.stringify(message), cache: "no-store", signal: AbortSignal.timeout(TIMEOUT),
    credentials: token ? "omit" : "same-origin", // a client has no cookie either
  });
}

async function checkHealth() {
  let state;
  try {
    const response = await fetch(`${here}healthz`, {
      headers: xsrfHeader(), cache: "no-store", signal: AbortSignal.timeout(TIMEOUT),
    });
    const text = await response.text();
    state = response.ok ? `running, version ${JSON.parse(text).version}` : `not running: ${reason(response, text)}`;
  } catch (error) {
    state = `no answer: ${error.message}`;
  }
  element("sidecar").textContent = state;
}

function say(id, text, failed = false) {
  element(id).textContent = text;
  element(id).classList.toggle("failed", failed);
}

forgetTokenInAddress();
fill();
showTabs();
showCopying();
element("testing").hidden = false;
element("test").addEventListener("click", test);
document.addEventListener("visibilitychange", () => document.hidden || checkHealth());
if (page.makesTokens) {
  element("tokens").hidden = false;
  element("make").addEventListener("submit", makeToken);
  listTokens();
}
