// The page's script: opens messages into fields and bytes, walks through the key schedule, and opens
// everything for print. All text is set as text: nothing of the data becomes markup.
"use strict";

// What is shown: an account, and the meanings of its fields.
let account = { connections: [] };
let meanings = {};

// How many bytes are drawn at once; more of a long message are drawn when they are asked for.
const BYTES_AT_ONCE = 4096;

// An element with a class, text and children.
function element(name, className, ...content) {
  const made = document.createElement(name);
  if (className) made.className = className;
  made.append(...content);
  return made;
}

function button(className, ...content) {
  const made = element("button", className, ...content);
  made.type = "button";
  made.tabIndex = -1;
  return made;
}

// Text of a peer, with the characters escaped that are not seen or that turn the direction of text.
function visible(text) {
  const unseen = /[\p{Cc}\p{Cf}\p{Co}\p{Cn}\p{Cs}\p{Zl}\p{Zp}]/gu;
  return text.replace(unseen, (it) => `\\u{${it.codePointAt(0).toString(16)}}`);
}

function counted(count) {
  return count === 1 ? "1 byte" : `${count} bytes`;
}

// The value of a field as text.
function valueText(value) {
  if (!value) return "";
  if (value.type === "bytes") {
    const hex = value.value;
    return hex.length > 32 ? `${hex.slice(0, 24)}… (${counted(hex.length / 2)})` : hex;
  }
  if (value.type !== "code") return visible(String(value.value));
  const { code, name, grease } = value.value;
  const number = code < 256 ? String(code) : `0x${code.toString(16).padStart(4, "0")}`;
  if (grease) return `GREASE (${number})`;
  return name ? `${name} (${number})` : number;
}

// One message: its fields, its bytes, and a note on what is pointed at.
class Anatomy {
  constructor(place, message) {
    this.message = message;
    this.leaves = [];
    this.buttons = [];
    this.cells = [];
    this.lit = null;
    this.perRow = matchMedia("(max-width: 40rem)").matches ? 8 : 16;
    const fields = element("div", "fields", element("h3", "", "Fields"), this.list(message.fields));
    // A box that scrolls is no stop of the tab key by itself: what is in it is one.
    fields.querySelector("ul").tabIndex = -1;
    this.table = element("div", "bytes-table");
    this.table.setAttribute("role", "grid");
    this.table.tabIndex = -1;
    this.table.setAttribute("aria-label", `The bytes of ${message.name}`);
    this.more = button("more", "");
    this.more.tabIndex = 0;
    this.note = element("p", "reading");
    this.note.setAttribute("aria-live", "polite");
    const bytes = element("div", "bytes", element("h3", "", "Bytes"), this.note, this.table, this.more);
    place.append(fields, bytes);
    this.draw(Math.min(BYTES_AT_ONCE, message.length));
    this.say("Point at a field, or at a byte. The arrow keys move, and Enter goes from one to the other.");
    if (this.buttons.length) this.buttons[0].tabIndex = 0;
    if (this.cells.length) this.cells[0].tabIndex = 0;
    this.listen(fields);
  }

  // The fields as a list of buttons. Each leaf is remembered with its place among the bytes.
  list(fields, outer) {
    const list = element("ul");
    for (const field of fields) {
      const row = element("li");
      const name = element("span", "field-name", field.name);
      const made = button("field", name);
      const text = valueText(field.value);
      if (text) made.append(" ", element("bdi", "field-value", text));
      made.field = field;
      // On paper, a meaning stands once: not again at the parts of a field.
      const meaning = field.meaning !== outer && field.name !== "length" && meanings[field.meaning];
      row.append(made);
      if (meaning) row.append(element("p", "meaning", meaning));
      this.buttons.push(made);
      if (field.fields) {
        row.append(this.list(field.fields, field.meaning));
      } else {
        made.leaf = this.leaves.length;
        this.leaves.push(made);
      }
      list.append(row);
    }
    return list;
  }

  // Draws the bytes up to this one, in rows.
  draw(end) {
    const { bytes, length } = this.message;
    let leaf = 0;
    for (let start = this.cells.length; start < end; start += this.perRow) {
      const row = element("div", "bytes-row");
      row.setAttribute("role", "row");
      const offset = element("span", "offset", start.toString(16).padStart(4, "0"));
      offset.setAttribute("role", "rowheader");
      row.append(offset);
      let text = "";
      for (let index = start; index < Math.min(start + this.perRow, length); index += 1) {
        const hex = bytes.slice(2 * index, 2 * index + 2);
        const cell = element("span", "byte", hex);
        cell.setAttribute("role", "gridcell");
        cell.tabIndex = -1;
        cell.index = index;
        while (leaf + 1 < this.leaves.length && this.leaves[leaf].field.range.end <= index) leaf += 1;
        if (leaf % 2) cell.classList.add("odd");
        this.cells.push(cell);
        row.append(cell);
        const code = parseInt(hex, 16);
        text += code > 32 && code < 127 ? String.fromCharCode(code) : "·";
      }
      const ascii = element("span", "ascii", text);
      ascii.setAttribute("aria-hidden", "true");
      row.append(ascii);
      this.table.append(row);
    }
    const left = length - this.cells.length;
    this.more.hidden = left <= 0;
    this.more.textContent = `Show ${counted(Math.min(left, BYTES_AT_ONCE))} more of ${left}`;
  }

  // The button of the leaf that this byte is in.
  leafOf(index) {
    let [low, high] = [0, this.leaves.length - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.leaves[middle].field.range.end <= index) low = middle + 1;
      else high = middle;
    }
    return this.leaves[low];
  }

  // Lights a field and its bytes, and says what it is.
  light(made) {
    if (this.lit === made) return;
    if (this.lit) this.paint(this.lit, false);
    this.lit = made;
    this.paint(made, true);
    const { name, value, range, meaning } = made.field;
    const last = range.end - 1;
    const place = last > range.start ? `bytes ${range.start} to ${last}` : `byte ${range.start}`;
    const text = valueText(value);
    const words = element("span", "reading-words", meanings[meaning] || "");
    this.say(element("strong", "", name), text ? ` = ${text}` : "", ` (${place}). `, words);
  }

  paint(made, on) {
    made.classList.toggle("lit", on);
    const { start, end } = made.field.range;
    for (const cell of this.cells.slice(start, end)) cell.classList.toggle("lit", on);
  }

  say(...content) {
    this.note.replaceChildren(...content);
  }

  // Makes this the one element of its group that the tab key reaches, and moves there.
  rove(group, to) {
    for (const one of group) if (one.tabIndex === 0) one.tabIndex = -1;
    to.tabIndex = 0;
    to.focus();
  }

  // Shows the first byte of a field, within the table only: the page does not jump.
  reveal(made) {
    const { start, end } = made.field.range;
    if (this.cells.length < Math.min(end, start + BYTES_AT_ONCE)) {
      this.draw(Math.min(end, start + BYTES_AT_ONCE));
      this.paint(made, true);
    }
    const row = this.cells[start]?.parentElement;
    if (!row) return;
    const [top, height] = [row.offsetTop - this.table.offsetTop, this.table.clientHeight];
    if (top < this.table.scrollTop || top + row.offsetHeight > this.table.scrollTop + height) {
      this.table.scrollTop = top - height / 3;
    }
  }

  listen(fields) {
    const field = (event) => event.target.closest(".field");
    const byte = (event) => event.target.closest(".byte");
    for (const kind of ["mouseover", "focusin"]) {
      fields.addEventListener(kind, (event) => {
        const made = field(event);
        if (!made) return;
        this.light(made);
        this.reveal(made);
      });
      this.table.addEventListener(kind, (event) => {
        const cell = byte(event);
        if (!cell) return;
        const leaf = this.leafOf(cell.index);
        if (!leaf) return;
        cell.setAttribute("aria-label", `${cell.textContent}, byte ${cell.index}, ${leaf.field.name}`);
        this.light(leaf);
      });
    }
    fields.addEventListener("click", (event) => {
      const made = field(event);
      if (!made) return;
      this.rove(this.buttons, made);
      // From the keyboard: on to the bytes.
      if (event.detail === 0) this.rove(this.cells, this.cells[made.field.range.start]);
    });
    fields.addEventListener("keydown", (event) => this.moveInFields(event));
    this.table.addEventListener("click", (event) => {
      const cell = byte(event);
      if (cell) this.toField(cell);
    });
    this.table.addEventListener("keydown", (event) => this.moveInBytes(event));
    this.more.addEventListener("click", () => {
      this.draw(Math.min(this.cells.length + BYTES_AT_ONCE, this.message.length));
      if (this.lit) this.paint(this.lit, true);
    });
  }

  // From a byte to its field.
  toField(cell) {
    const leaf = this.leafOf(cell.index);
    if (!leaf) return;
    this.rove(this.buttons, leaf);
    leaf.scrollIntoView({ block: "nearest" });
  }

  moveInFields(event) {
    const at = this.buttons.indexOf(document.activeElement);
    const last = this.buttons.length - 1;
    const to = { ArrowUp: at - 1, ArrowDown: at + 1, Home: 0, End: last }[event.key];
    if (at < 0 || to === undefined) return;
    event.preventDefault();
    this.rove(this.buttons, this.buttons[Math.max(0, Math.min(last, to))]);
  }

  moveInBytes(event) {
    const cell = event.target.closest(".byte");
    if (!cell) return;
    if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      this.toField(cell);
      return;
    }
    const at = cell.index;
    const last = this.cells.length - 1;
    const start = at - (at % this.perRow);
    const to = {
      ArrowLeft: at - 1,
      ArrowRight: at + 1,
      ArrowUp: at - this.perRow,
      ArrowDown: at + this.perRow,
      PageUp: at - 8 * this.perRow,
      PageDown: at + 8 * this.perRow,
      Home: event.ctrlKey ? 0 : start,
      End: event.ctrlKey ? last : start + this.perRow - 1,
    }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    this.rove(this.cells, this.cells[Math.max(0, Math.min(last, to))]);
  }
}

// Draws the fields and bytes of a message when it is opened for the first time.
function open(details) {
  const place = details.querySelector(".anatomy");
  if (!details.open || place.childElementCount) return;
  const connection = account.connections[Number(details.dataset.connection)];
  const message = connection.messages[Number(details.dataset.message)];
  new Anatomy(place, message);
}

// A link to a message opens it.
function openTarget() {
  const target = location.hash && document.getElementById(location.hash.slice(1));
  const details = target && target.querySelector(":scope > details");
  if (details) details.open = true;
}
addEventListener("hashchange", openTarget);

// On paper, everything is open.
let openedForPrint = [];
addEventListener("beforeprint", () => {
  const all = [...document.querySelectorAll("details[data-message]")];
  openedForPrint = all.filter((details) => !details.open);
  for (const details of openedForPrint) details.open = true;
  for (const details of all) open(details);
});
addEventListener("afterprint", () => {
  for (const details of openedForPrint) details.open = false;
});

// The walk through a key schedule: one step is shown, and its box and those that it is made of are marked.
function walk(section, nodes) {
  const boxes = [...section.querySelectorAll(".node")];
  const boxOf = new Map(boxes.map((box) => [Number(box.dataset.step), box]));
  const steps = [...section.querySelectorAll(".steps > ol > li")];
  const [back, on] = section.querySelectorAll("[data-walk]");
  let current = 0;

  function show(index) {
    current = Math.max(0, Math.min(steps.length - 1, index));
    steps.forEach((step, place) => step.classList.toggle("current", place === current));
    const ancestors = new Set();
    for (let from = nodes[current].from; from !== null; from = nodes[from].from) ancestors.add(from);
    for (const [place, box] of boxOf) {
      box.classList.toggle("current", place === current);
      box.classList.toggle("ancestor", ancestors.has(place));
      box.classList.toggle("done", place <= current);
      box.tabIndex = place === current ? 0 : -1;
      if (place === current) box.setAttribute("aria-current", "step");
      else box.removeAttribute("aria-current");
    }
    section.querySelector(".position").textContent = `Step ${current + 1} of ${steps.length}`;
    back.disabled = current === 0;
    on.disabled = current === steps.length - 1;
  }

  section.classList.add("walking");
  section.querySelector(".controls").hidden = false;
  back.addEventListener("click", () => show(current - 1));
  on.addEventListener("click", () => show(current + 1));
  section.querySelector(".picture").addEventListener("click", (event) => {
    const box = event.target.closest(".node");
    if (box) show(Number(box.dataset.step));
  });
  section.querySelector(".picture").addEventListener("keydown", (event) => {
    const last = steps.length - 1;
    const moves = {
      ArrowLeft: current - 1,
      ArrowUp: current - 1,
      ArrowRight: current + 1,
      ArrowDown: current + 1,
      Home: 0,
      End: last,
    };
    const to = moves[event.key];
    if (to === undefined) return;
    event.preventDefault();
    show(to);
    boxOf.get(current).focus();
  });
  show(0);
}

// Makes the articles of these connections work.
function show(data) {
  ({ account, meanings } = data);
  for (const details of document.querySelectorAll("details[data-message]")) {
    details.addEventListener("toggle", () => open(details));
  }
  for (const made of document.querySelectorAll("[data-all]")) {
    const own = [...document.getElementById(made.dataset.all).querySelectorAll("details[data-message]")];
    made.hidden = false;
    made.addEventListener("click", () => {
      const opens = own.some((details) => !details.open);
      for (const details of own) details.open = opens;
      made.textContent = opens ? "Close all" : "Open all";
    });
  }
  document.querySelectorAll("article").forEach((article, index) => {
    const section = article.querySelector("[data-schedule]");
    if (section) walk(section, account.connections[index].key_schedule);
  });
  openTarget();
}

// A page that explains captures has no account at first.
const embedded = document.getElementById("data");
if (embedded) show(JSON.parse(embedded.textContent));
