// The script of the page that explains captures: takes files, has the decoder read them in a worker, and
// shows the list of connections, or one of them with the script before this one.
"use strict";

// How many connections of the list are drawn at once.
const ROWS_AT_ONCE = 500;

// The first bytes of captures: pcapng, and the four forms of pcap.
const CAPTURES = ["0a0d0d0a", "a1b2c3d4", "d4c3b2a1", "a1b23c4d", "4d3cb2a1"];
const KEY_LOG = /^(CLIENT|SERVER|EARLY|EXPORTER)_[A-Z0-9_]+ [0-9a-f]{64} [0-9a-f]+/im;

// The page makes markup of what its decoder returns, in which all text of a peer is escaped, and a worker of
// its own script. The policy of the page allows this one way only.
const trusted = window.trustedTypes
  ? trustedTypes.createPolicy("handclasp", { createHTML: (it) => it, createScriptURL: (it) => it })
  : { createHTML: (it) => it, createScriptURL: (it) => it };

const find = (id) => document.getElementById(id);
const [start, list, rows, ways] = [find("start"), find("list"), find("rows"), find("ways")];
const place = find("connection");

// What the reader chose, what was said of it, the connections in it, and the number of the one that is shown.
const files = { capture: null, keyLogs: [] };
let summary = { words: "", isBad: false };
let connections = [];
let shown = null;

// The decoder, ready to be started.
const decoder = (async () => {
  const letters = atob(find("decoder").textContent);
  const packed = Uint8Array.from(letters, (letter) => letter.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  return WebAssembly.compile(await new Response(stream).arrayBuffer());
})();
const workerScript = URL.createObjectURL(
  new Blob([find("worker").textContent], { type: "text/javascript" }),
);

function say(words, isBad = false) {
  find("state").textContent = words;
  find("state").classList.toggle("bad", isBad);
}

let running = null;

// Asks the decoder for the list (null) or a connection of it. A question ends the one before.
async function ask(wanted) {
  const keyLog = new Blob(files.keyLogs.flatMap((file) => [file, "\n"]));
  const { capture } = files;
  const lengths = { key_log_length: keyLog.size, capture_length: capture.size };
  const line = new Blob([JSON.stringify({ ...lengths, wanted }) + "\n"]);
  const module = await decoder;
  if (running) running.terminate();
  const worker = new Worker(trusted.createScriptURL(workerScript));
  running = worker;
  find("progress").value = 0;
  find("work").hidden = false;
  return new Promise((done, failed) => {
    const end = (settle, value) => {
      worker.terminate();
      if (running === worker) running = null;
      find("work").hidden = true;
      settle(value);
    };
    worker.onmessage = ({ data: { percent, answer, failure } }) => {
      if (percent !== undefined) find("progress").value = percent;
      else if (answer) end(done, answer);
      else end(failed, new Error(failure));
    };
    worker.onerror = (event) => end(failed, new Error(event.message));
    worker.postMessage({ module, blobs: [line, keyLog, capture, capture] });
  });
}

// Whether a file is a capture or a key log.
async function kindOf(file) {
  const first = new Uint8Array(await file.slice(0, 4).arrayBuffer());
  const magic = [...first].map((it) => it.toString(16).padStart(2, "0")).join("");
  if (CAPTURES.includes(magic)) return "capture";
  return KEY_LOG.test(await file.slice(0, 1 << 20).text()) ? "key log" : null;
}

async function take(chosen) {
  const strangers = [];
  let changed = false;
  for (const file of chosen) {
    const kind = await kindOf(file);
    if (kind === "capture") files.capture = file;
    else if (kind === "key log") files.keyLogs.push(file);
    else strangers.push(file.name);
    changed ||= kind !== null;
  }
  const all = [...(files.capture ? [[files.capture, "capture"]] : []), ...files.keyLogs.map((it) => [it, "key log"])];
  find("chosen").replaceChildren(
    ...all.map(([file, kind]) => element("li", "", visible(file.name), " ", element("small", "", kind))),
  );
  if (strangers.length) {
    say(`${visible(strangers.join(", "))}: neither a capture in the form pcap or pcapng, nor a key log with secrets of TLS 1.3.`, true);
  } else if (changed && !files.capture) {
    say("The key log is here. Now the capture.");
  }
  if (changed && files.capture) await readList();
}

async function readList() {
  history.replaceState(null, "", "#list");
  [connections, shown] = [[], null];
  list.hidden = true;
  showStart();
  say("Reading the capture …");
  try {
    const answer = await ask(null);
    ({ connections } = answer);
    summary = summarize(answer);
    say(summary.words, summary.isBad);
  } catch (error) {
    say(`The decoder stopped: ${error.message}`, true);
    return;
  }
  find("only-failed").checked = false;
  drawRows(ROWS_AT_ONCE);
  list.hidden = connections.length === 0;
  if (connections.length === 1) location.hash = `c${connections[0].number}`;
}

// What is to be said of a capture.
function summarize({ connections, unlisted, packets, tcp_packets, is_cut, has_secrets, error }) {
  const words = [];
  const count = connections.length;
  if (count) words.push(`${count === 1 ? "One connection" : `${count} connections`}.`);
  else if (!error) words.push(`There is no connection of TCP or QUIC with data in the capture: it has ${packets} packets, ${tcp_packets} of them of TCP.`);
  if (unlisted) words.push(`There are ${unlisted} more, which are not in the list.`);
  if (error) words.push(`It can be read no further: ${error}.`);
  if (is_cut) words.push("The capture ends in the middle of a packet.");
  if (count && !has_secrets) words.push("There is no key log: encrypted messages stay closed. Add the key log that was written at the time of the capture.");
  return { words: words.join(" "), isBad: Boolean(error) || !count };
}

// Draws the first connections of the list.
function drawRows(most) {
  const onlyFailed = find("only-failed").checked;
  const wanted = connections.filter(({ mood }) => !onlyFailed || mood !== "good");
  rows.replaceChildren(...wanted.slice(0, most).map(row));
  const left = wanted.length - most;
  find("more-rows").hidden = left <= 0;
  find("more-rows").textContent = `Show ${Math.min(left, ROWS_AT_ONCE)} more of ${left}`;
  find("more-rows").onclick = () => drawRows(most + ROWS_AT_ONCE);
}

function row({ number, title, mood, outcome, source, resumed_from: origin }) {
  const link = element("a", "", title);
  link.href = `#c${number}`;
  const mark = element("span", "mark");
  mark.setAttribute("aria-hidden", "true");
  const resumed = origin === null ? "" : ` Resumed with a ticket of connection ${origin}.`;
  const words = element("div", "", element("p", "", link), element("p", mood, mark, outcome), element("p", "note", source + resumed));
  return element("li", "", element("span", "number", String(number)), words);
}

// Explains the connection with this number.
async function explain(number) {
  const known = connections.find((it) => it.number === number);
  if (!known || shown === number) return;
  shown = number;
  say("Reading the connection …");
  try {
    const { part } = await ask({ number, resumed_from: known.resumed_from });
    if (!part || shown !== number) return;
    place.innerHTML = trusted.createHTML(part.article);
    start.hidden = true;
    ways.hidden = false;
    find("to-list").hidden = connections.length === 1;
    document.title = part.title;
    show(JSON.parse(part.data));
    const title = place.querySelector("h1");
    title.tabIndex = -1;
    title.focus({ preventScroll: true });
    if (location.hash === `#c${number}`) scrollTo(0, 0);
  } catch (error) {
    shown = null;
    say(`The decoder stopped: ${error.message}`, true);
  }
}

function showStart() {
  shown = null;
  place.replaceChildren();
  start.hidden = false;
  ways.hidden = true;
  document.title = "Explain a capture of TLS 1.3";
}

// The address says what is shown: #c5 is a connection, #c5-m2 a message in it, and another one the list.
function follow() {
  const number = location.hash.match(/^#c(\d+)/)?.[1];
  if (number) explain(Number(number));
  else if (shown !== null) {
    showStart();
    say(summary.words, summary.isBad);
    (location.hash === "#list" ? list : start).scrollIntoView();
  }
}

addEventListener("hashchange", follow);
find("only-failed").addEventListener("change", () => drawRows(ROWS_AT_ONCE));
find("files").addEventListener("change", (event) => {
  take([...event.target.files]);
  event.target.value = "";
});

// Files may be dropped anywhere.
addEventListener("dragover", (event) => {
  event.preventDefault();
  document.body.classList.add("dragging");
});
addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) document.body.classList.remove("dragging");
});
addEventListener("drop", (event) => {
  event.preventDefault();
  document.body.classList.remove("dragging");
  take([...event.dataTransfer.files]);
});
