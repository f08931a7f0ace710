"use strict";

const find = (id) => document.getElementById(id);
const make = (tag, words, properties = {}) =>
  Object.assign(document.createElement(tag), { textContent: words }, properties);
const pick = (list) => list[Math.floor(Math.random() * list.length)];
const number = (value) => value.toLocaleString("en");

const pageFacts = JSON.parse(find("page-connection").textContent);
let chatFacts = null;
// A first visit begins with the full handshake: the one of the chat is resumed already.
let shown = pageFacts.resumed ? "chat" : "page";
let socket = null;
let retries = 0;
let members = new Map();
const known = new Set(["lobby", "workshop"]);

// The tab keeps its name, and the address the room: a reload comes back to both.
const name = find("name");
name.value = sessionStorage.getItem("name") ||
  `${pick(["quiet", "brisk", "mellow", "amber", "nimble", "candid"])} ${pick(["otter", "heron", "lynx", "wren", "fox", "badger"])}`;
sessionStorage.setItem("name", name.value);
const room = () => {
  try { return decodeURIComponent(location.hash.slice(1)).trim().slice(0, 32) || "lobby"; }
  catch { return "lobby"; }
};

// The connection.

function connect() {
  setStatus("connecting", "connecting");
  const mine = new WebSocket(`wss://${location.host}/chat`);
  socket = mine;
  mine.onopen = () => { setStatus("open", "connected"); join(); };
  mine.onmessage = (event) => { if (socket === mine) hear(JSON.parse(event.data)); };
  mine.onclose = () => {
    if (socket !== mine) return;
    setStatus("closed", "not connected; trying again");
    retries += 1;
    setTimeout(connect, Math.min(500 * 2 ** retries, 10000));
  };
}

function setStatus(state, words) {
  find("status").dataset.state = state;
  find("status").textContent = words;
}

const send = (value) => { if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(value)); };
const join = () => send({ room: room(), name: name.value });

function hear(event) {
  switch (event.kind) {
    case "connection":
      retries = 0;
      remember(event.facts);
      chatFacts = event.facts;
      pulse.length = 0;
      show();
      break;
    case "live": live(event); break;
    case "welcome":
      members = new Map(event.members.map(({ id, name }) => [id, name]));
      find("messages").replaceChildren();
      event.history.forEach(said);
      if (!event.history.length) add(make("li", "There are no messages yet.", { className: "empty" }));
      listMembers();
      break;
    case "said": said(event); break;
    case "came":
      members.set(event.id, event.name);
      note(`${event.name} came`);
      break;
    case "gone":
      members.delete(event.id);
      if (event.how === "cut") note(`${event.name} is gone: the connection was cut`, "cut");
      else note(`${event.name} left`);
      break;
  }
}

// The chat.

function hue(words) {
  let sum = 7;
  for (const letter of words) sum = (sum * 31 + letter.codePointAt(0)) % 360;
  return `light-dark(hsl(${sum} 70% 30%), hsl(${sum} 70% 74%))`;
}

function add(item) {
  const list = find("messages");
  const follow = list.scrollHeight - list.scrollTop - list.clientHeight < 60;
  list.querySelector(".empty")?.remove();
  list.append(item);
  if (follow) list.scrollTop = list.scrollHeight;
}

function said({ name, text, at }) {
  const item = make("li", "");
  const who = make("b", name);
  who.style.color = hue(name);
  const time = new Date(at);
  item.append(who, make("time", time.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" }), { dateTime: time.toISOString() }), make("p", text));
  add(item);
}

function note(words, more = "") {
  add(make("li", words, { className: `note ${more}` }));
  listMembers();
}

function listMembers() {
  find("members").replaceChildren(...[...members.values()].map((name) => {
    const item = make("li", name);
    item.style.color = hue(name);
    return item;
  }));
}

function listRooms() {
  known.add(room());
  find("rooms").replaceChildren(...[...known].map((name) => {
    const button = make("button", name, { type: "button", onclick: () => { location.hash = encodeURIComponent(name); } });
    button.setAttribute("aria-current", name === room());
    return button;
  }));
}

addEventListener("hashchange", () => { listRooms(); join(); });
find("new-room").onsubmit = (event) => {
  event.preventDefault();
  const wanted = find("room-name").value.trim();
  if (wanted) location.hash = encodeURIComponent(wanted);
  find("room-name").value = "";
};
find("say").onsubmit = (event) => {
  event.preventDefault();
  const words = find("words").value.trim();
  if (!words || socket.readyState !== WebSocket.OPEN) return;
  send({ say: words });
  find("words").value = "";
};
name.onchange = () => {
  name.value = name.value.trim() || "guest";
  sessionStorage.setItem("name", name.value);
  join();
};

// The handshake.

function remember(facts) {
  if (!facts.resumed) sessionStorage.setItem("full", JSON.stringify(facts));
}

const time = (microseconds) => `${(microseconds / 1000).toFixed(2)} ms`;
const trips = (count) => count === 1 ? "1 round trip" : `${count} round trips`;

function verdict(facts) {
  const strong = make("strong", facts.resumed ? "Resumed" : "A full handshake");
  const full = JSON.parse(sessionStorage.getItem("full") || "null");
  let words = facts.resumed
    ? `: the ticket of an earlier connection stands for the certificate. `
    : `: the server has shown its certificate and signed. `;
  if (facts.earlyData === "accepted") words += "The first request came with the first message: no round trip was waited for. ";
  if (facts.resumed && full && full.handshakeSent > facts.handshakeSent) {
    words += `The server sent ${number(facts.handshakeSent)} bytes, in place of ${number(full.handshakeSent)}.`;
  } else if (!facts.resumed) {
    words += "Reload the page: the next handshake is shorter.";
  }
  find("verdict").replaceChildren(strong, words);
}

function summarise(button, facts) {
  const kind = facts.earlyData === "accepted" ? "0-RTT" : facts.resumed ? "resumed" : "full handshake";
  const bytes = number(facts.handshakeReceived + facts.handshakeSent);
  button.querySelector("span").textContent = `${facts.protocol} · ${kind} · ${bytes} bytes`;
}

function show() {
  const facts = shown === "chat" ? chatFacts : pageFacts;
  find("show-chat").setAttribute("aria-pressed", shown === "chat");
  find("show-page").setAttribute("aria-pressed", shown === "page");
  find("live").hidden = shown !== "chat";
  summarise(find("show-page"), pageFacts);
  if (chatFacts) summarise(find("show-chat"), chatFacts);
  if (!facts) return;
  verdict(facts);
  const rows = [
    ["Cipher suite", facts.suite, "wide"],
    ["Key exchange", facts.group],
    ["Server's signature", facts.signature || "none: the ticket's key is enough", "wide"],
    ["Protocol (ALPN)", facts.protocol],
    ["Resumed", facts.resumed ? "yes" : "no"],
    ["0-RTT data", facts.earlyData],
    ["First to last message", time(facts.microseconds)],
    ["Until complete", trips(facts.roundTrips)],
    ["Before the first data", trips(facts.roundTripsBeforeData)],
    ["Bytes from / to you", `${number(facts.handshakeReceived)} / ${number(facts.handshakeSent)}`],
  ];
  find("facts").replaceChildren(...rows.map(([term, value, wide = ""]) => {
    const row = make("div", "", { className: wide });
    row.append(make("dt", term), make("dd", value));
    row.dataset.fact = term;
    return row;
  }));
  find("ladder").replaceChildren(...facts.steps.map((step) => {
    const item = make("li", "");
    item.dataset.from = step.from;
    item.dataset.level = step.level;
    item.append(
      make("span", `+${time(step.microseconds)}`, { className: "at" }),
      message(facts, step),
      make("span", `${number(step.bytes)} B`, { className: "size" }));
    return item;
  }));
}

// The name of a message: a link to its explanation.
function message(facts, { name, message: index }) {
  if (index === undefined) return make("span", name, { className: "what" });
  const link = make("a", name, {
    className: "what", href: `/handshakes/${facts.number}#c1-m${index}`, target: "explained",
  });
  link.onclick = () => find("explained").showModal();
  return link;
}

const pulse = [];
function live({ traffic, pingMicroseconds }) {
  find("bytes-in").textContent = number(traffic.received);
  find("bytes-out").textContent = number(traffic.sent);
  find("ping").textContent = pingMicroseconds === null ? "–" : time(pingMicroseconds);
  pulse.push(traffic);
  if (pulse.length > 41) pulse.shift();
  const draw = (key) => {
    const steps = pulse.slice(1).map((now, index) => now[key] - pulse[index][key]);
    const most = Math.max(600, ...steps);
    return steps.map((step, index) => `${120 - (steps.length - 1 - index) * 3},${(30 - 27 * step / most).toFixed(1)}`).join(" ");
  };
  find("pulse-in").setAttribute("points", draw("received"));
  find("pulse-out").setAttribute("points", draw("sent"));
}

find("show-chat").onclick = () => { shown = "chat"; show(); };
find("show-page").onclick = () => { shown = "page"; show(); };
find("again").onclick = () => {
  const old = socket;
  socket = null;
  old.close();
  shown = "chat";
  connect();
};

remember(pageFacts);
show();
listRooms();
connect();
