(function () {
  "use strict";
  const $ = (selector, from) => (from || document).querySelector(selector);
  const all = (selector, from) => Array.from((from || document).querySelectorAll(selector));

  function open(code) {
    const sheet = document.getElementById("u" + code);
    if (sheet) { sheet.open = true; sheet.scrollIntoView(); $("summary", sheet).focus({ preventScroll: true }); }
  }
  all(".units a").forEach(link => link.addEventListener("click", event => {
    event.preventDefault(); open(link.hash.slice(2));
  }));
  all(".map path[data-u]").forEach(cell => cell.addEventListener("click", () => open(cell.dataset.u)));
  if (location.hash.startsWith("#u")) open(location.hash.slice(2));

  const buttons = $(".sheets .all");
  if (buttons) {
    buttons.hidden = false;
    all("button", buttons).forEach(button => button.addEventListener("click", () =>
      all(".sheets details").forEach(sheet => { sheet.open = Boolean(button.dataset.open); })));
  }

  const find = $("#find");
  if (find) {
    const plain = text => text.toLowerCase().normalize("NFD").replace(/[\u0300-\u036f]/g, "").replace(/đ/g, "d");
    const rows = all(".units tbody tr").map(row => [row, plain($("th", row).textContent)]);
    const count = $(".search output");
    const filter = () => {
      const wanted = plain(find.value.trim());
      let shown = 0;
      rows.forEach(([row, text]) => { row.hidden = !text.includes(wanted); shown += row.hidden ? 0 : 1; });
      count.textContent = shown;
    };
    find.closest("p").hidden = false;
    find.addEventListener("input", filter);
    filter();
  }

  const figure = $("figure.timeline");
  const data = JSON.parse($("#timeline-data").textContent);
  if (!figure || data.at.length < 2) return;
  const place = $(".live", figure);
  const number = new Intl.NumberFormat(data.style, { maximumSignificantDigits: 4 });
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const color = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const BLUE = "#3b76c4", ORANGE = "#c2660a", RED = "#c8323c", GREY = "#8a8f98";
  let charts = [];

  function bands(u) {
    const box = u.bbox, at = value => u.valToPos(value, "x", true), paint = u.ctx;
    const clip = (from, to) => {
      const left = Math.max(at(from), box.left), right = Math.min(at(to), box.left + box.width);
      return [left, Math.max(0, right - left)];
    };
    paint.save();
    data.phases.forEach(([name, from, to, judged]) => {
      const [left, width] = clip(from, to);
      if (!judged) { paint.fillStyle = "rgba(138,143,152,.18)"; paint.fillRect(left, box.top, width, box.height); }
      if (width > 0) {
        paint.fillStyle = color("--soft"); paint.textAlign = "center"; paint.textBaseline = "top";
        paint.fillText(name, left + width / 2, box.top + 2);
      }
    });
    data.faults.forEach(([text, from, to]) => {
      const [left, width] = clip(from, to);
      if (!width) return;
      paint.fillStyle = "rgba(200,50,60,.14)"; paint.fillRect(left, box.top, width, box.height);
      paint.fillStyle = RED; paint.textAlign = "left"; paint.textBaseline = "bottom";
      paint.fillText("▲ " + text, left + 2, box.top + box.height - 2);
    });
    paint.restore();
  }

  function chart(title, columns, sync) {
    const ink = color("--ink"), line = color("--line");
    const font = "12px " + getComputedStyle(document.body).fontFamily;
    const axis = { stroke: ink, font, grid: { stroke: line, width: 1 }, ticks: { stroke: line, width: 1 },
      values: (u, ticks) => ticks.map(tick => number.format(tick)) };
    return new uPlot({
      title, width: place.clientWidth, height: 220, cursor: { sync: { key: sync } },
      scales: { x: { time: false }, y: { range: (u, low, high) => [0, (high || 1) * 1.1] } },
      axes: [{ ...axis }, { ...axis, size: 60 }], hooks: { drawClear: [bands] },
      series: [{ label: data.words.time, value: (u, value) => value == null ? "–" : number.format(value) },
        ...columns.map(([key, label, stroke, dash]) => ({ label, stroke, dash, width: 1.6, spanGaps: false,
          points: { show: false }, value: (u, value) => value == null ? "–" : number.format(value) }))],
    }, [data.at, ...columns.map(([key]) => data[key])], place);
  }

  function draw() {
    charts.forEach(one => one.destroy());
    const words = data.words;
    charts = [
      chart(words.latency + " (s)", [["p95_s", words.p95, ORANGE], ["p50_s", words.p50, BLUE, [6, 3]]], "t"),
      chart(words.people, [["planned_per_s", words.planned, GREY], ["begun_per_s", words.begun, ORANGE, [6, 3]],
        ["ended_per_s", words.ended, BLUE]], "t"),
      chart(words.rate, [["due_per_s", words.offered, GREY], ["done_per_s", words.completed, BLUE],
        ["failed_per_s", words.failed, RED, [2, 2]]], "t"),
    ];
  }

  place.hidden = false;
  figure.classList.add("on");
  draw();
  dark.addEventListener("change", draw);
  addEventListener("resize", () => charts.forEach(one => one.setSize({ width: place.clientWidth, height: 220 })));
}());
