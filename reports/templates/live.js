"use strict";
const given = JSON.parse(document.getElementById("given").textContent);
const byId = (id) => document.getElementById(id);
const token = new URLSearchParams(location.search).get("token");
const at = (path) => path + (token ? "?token=" + encodeURIComponent(token) : "");
const whole = new Intl.NumberFormat("vi-VN");
const few = new Intl.NumberFormat("vi-VN", { maximumSignificantDigits: 3 });
const share = new Intl.NumberFormat("vi-VN", { style: "percent", maximumFractionDigits: 2 });
const POINTS_MAX = 900;
const NEVER_MS = -1;
let points = [];
let told = false;

function put(node, pair) {
  const vi = document.createElement("span");
  vi.lang = "vi";
  vi.textContent = pair[0];
  node.replaceChildren(vi);
  if (pair[1] !== pair[0]) {
    const en = document.createElement("span");
    en.lang = "en";
    en.textContent = pair[1];
    node.append(" ", en);
  }
}

const words = (key) => given.words[key] || [key, key];
const stage = (name) => given.phases[name] || words("stage." + name);
const clock = (s) => (s === null ? "–" : Math.floor(s / 60) + ":" + String(Math.floor(s % 60)).padStart(2, "0"));
const time = (ms) => (ms === null ? "–" : ms === NEVER_MS ? "∞" : ms < 1000 ? few.format(ms) + "\u202fms" : few.format(ms / 1000) + "\u202fs");

function row(cells) {
  const line = document.createElement("tr");
  cells.forEach(([text, numeric]) => {
    const cell = document.createElement("td");
    if (numeric) cell.className = "n";
    if (Array.isArray(text)) put(cell, text);
    else cell.textContent = text;
    line.append(cell);
  });
  return line;
}

function curve(columns, box, top) {
  const [left, right, bottom, height] = box;
  const first = points[0][0];
  const span = Math.max(1, points[points.length - 1][0] - first);
  return columns.map((values) => {
    let path = "";
    let pen = false;
    values.forEach((value, place) => {
      if (value === null) {
        pen = false;
        return;
      }
      const x = left + ((points[place][0] - first) / span) * (right - left);
      const y = bottom - (Math.min(value, top) / top) * height;
      path += (pen ? "L" : "M") + x.toFixed(1) + " " + y.toFixed(1);
      pen = true;
    });
    return path;
  });
}

function drawn(svg, classes, columns, label) {
  const height = svg.viewBox.baseVal.height;
  const highest = Math.max(1, ...columns.flat().filter((value) => value !== null));
  const paths = curve(columns, [56, 950, height - 20, height - 34], highest);
  const parts = paths.map((path, place) => {
    const line = document.createElementNS(svg.namespaceURI, "path");
    line.setAttribute("class", classes[place]);
    line.setAttribute("d", path);
    return line;
  });
  const texts = [[4, 18, label(highest)], [4, height - 20, label(0)], [56, height - 5, clock(points[0][0])], [915, height - 5, clock(points[points.length - 1][0])]];
  texts.forEach(([x, y, text]) => {
    const word = document.createElementNS(svg.namespaceURI, "text");
    word.setAttribute("x", x);
    word.setAttribute("y", y);
    word.textContent = text;
    parts.push(word);
  });
  svg.replaceChildren(...parts);
}

function curves() {
  if (points.length < 2) return;
  const rates = [1, 2, 3].map((column) => points.map((point, place) => {
    if (!place) return null;
    const before = points[place - 1];
    const s = point[0] - before[0];
    return s > 0 ? (point[column] - before[column]) / s : null;
  }));
  drawn(byId("curves"), ["planned", "offered", "completed"], rates, (value) => few.format(value) + "/s");
  const known = points.map((point) => point[4]).filter((value) => value !== null && value !== NEVER_MS);
  const highest = Math.max(1, ...known);
  drawn(byId("slow"), ["p95"], [points.map((point) => (point[4] === NEVER_MS ? highest : point[4]))], time);
}

const onMap = new Map();
const SHADES = { q: "n", w: "p", s: "u", b: "f" };

function mapped(place, state) {
  const code = given.codes[place];
  if (!onMap.has(code)) {
    const cell = document.querySelector(`.voronoi path[data-u="${CSS.escape(code)}"]`);
    if (!cell) return;
    const mark = document.createElementNS(cell.namespaceURI, "text");
    mark.setAttribute("x", given.at[code][0]);
    mark.setAttribute("y", given.at[code][1]);
    document.querySelector(".voronoi .marks").append(mark);
    onMap.set(code, [cell, mark]);
  }
  const [cell, mark] = onMap.get(code);
  cell.setAttribute("class", SHADES[state]);
  mark.textContent = state === "s" || state === "b" ? given.marks[state] : "";
}

function units(list) {
  const lines = byId("units");
  if (!lines) return;
  const count = { q: 0, w: 0, s: 0, b: 0 };
  list.forEach(([calls, failed, state], place) => {
    const line = lines.children[place];
    count[state] += 1;
    mapped(place, state);
    line.className = state;
    line.lastElementChild.textContent = given.marks[state];
    line.title = words("state." + state).join(" / ") + ": " + whole.format(failed) + " / " + whole.format(calls);
  });
  Object.entries(count).forEach(([state, n]) => { byId("c-" + state).textContent = whole.format(n); });
}

function show(frame) {
  if (frame.run !== given.run) {
    location.reload();
    return;
  }
  put(byId("stage"), stage(frame.stage));
  const numbers = { clock: clock(frame.at_s), left: clock(frame.left_s), planned: whole.format(frame.planned) + " / " + whole.format(frame.arrivals),
    offered: whole.format(frame.offered), completed: whole.format(frame.completed), dropped: whole.format(frame.dropped), p95: time(frame.p95_ms), late: time(frame.late_ms),
    failed: whole.format(frame.failed) + (frame.calls ? " (" + share.format(frame.failed / frame.calls) + ")" : "") };
  Object.entries(numbers).forEach(([name, text]) => { byId("n-" + name).textContent = text; });
  units(frame.units);
  byId("errors").replaceChildren(...frame.troubles.map((one) => row([
    [one.operation], [one.error ? given.words["error." + one.error] || one.error : String(one.status)], [whole.format(one.count), true],
    [clock(one.at_s) + " · " + (one.unit || "–") + " · #" + one.arrival + (one.status ? " · " + one.status : "")]])));
  byId("generators").replaceChildren(...frame.generators.map((one) => row([
    [one.source], [one.lag_ms === null ? "–" : few.format(one.lag_ms) + "\u202fms", true], [one.cpu === null ? "–" : few.format(one.cpu), true]])));
  const unwell = byId("unwell");
  const said = frame.unwell.map((name) => words("unwell." + name));
  if (unwell.dataset.said !== frame.unwell.join()) {
    unwell.dataset.said = frame.unwell.join();
    if (said.length) put(unwell, [said.map((pair) => pair[0]).join(" "), said.map((pair) => pair[1]).join(" ")]);
    else unwell.replaceChildren();
  }
  byId("marks").replaceChildren(...frame.marks.slice().reverse().map((mark) => {
    const line = document.createElement("li");
    const when = document.createElement("span");
    when.className = "at";
    when.textContent = clock(mark.at_s) + " ";
    const what = document.createElement("span");
    put(what, given.words["mark." + mark.kind] || [mark.kind, mark.kind]);
    line.append(when, what, mark.text ? ": " + ((given.phases[mark.text] || [mark.text])[0]) : "");
    return line;
  }));
  if (frame.over || frame.stage === "final-read") document.querySelectorAll(".wish button").forEach((button) => { button.disabled = true; });
}

function listen() {
  const source = new EventSource(at("events"));
  source.addEventListener("history", (event) => { points = JSON.parse(event.data).slice(-POINTS_MAX); curves(); });
  source.addEventListener("frame", (event) => {
    const frame = JSON.parse(event.data);
    const last = points[points.length - 1];
    if (!last || last[0] < frame.at_s) points.push([frame.at_s, frame.planned, frame.offered, frame.completed, frame.p95_ms]);
    points = points.slice(-POINTS_MAX);
    window.framesSeen = (window.framesSeen || []).concat(frame.number);
    show(frame);
    curves();
    if (frame.over) {
      source.close();
      put(byId("link"), words("link.over"));
    }
  });
  source.onopen = () => put(byId("link"), words("link.open"));
  source.onerror = () => put(byId("link"), words("link.lost"));
}

async function ask(path, body) {
  const answer = byId("told");
  try {
    const reply = await fetch(at(path), { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
    const said = await reply.json();
    if (reply.ok) put(answer, words("told." + path));
    else put(answer, [words("told.refused")[0] + " " + said.error, words("told.refused")[1] + " " + said.error]);
    return reply.ok;
  } catch (error) {
    put(answer, words("link.lost"));
    return false;
  }
}

if (given.writable) {
  byId("drain").addEventListener("click", async () => {
    if (!told) {
      told = true;
      put(byId("drain"), words("drain_sure"));
      setTimeout(() => { told = false; put(byId("drain"), words("drain")); }, 5000);
      return;
    }
    if (await ask("drain", {})) byId("drain").disabled = true;
  });
  byId("note").addEventListener("submit", async (event) => {
    event.preventDefault();
    if (await ask("note", { text: byId("text").value })) byId("text").value = "";
  });
}
if (given.last) show(given.last);
listen();
