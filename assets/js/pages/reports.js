// Charts over time, drawn from the table beside them, so that both say the same.
import uPlot from "uplot";

function start(place) {
  const rows = [...document.querySelectorAll(".plot-data tbody tr")];
  const heads = [...document.querySelectorAll(".plot-data thead th")].map((head) => head.textContent.trim());
  const cell = (row, at) => row.cells[at].dataset.value;
  const days = rows.map((row) => Date.parse(`${cell(row, 0)}T00:00:00Z`) / 1000);
  const series = heads.slice(1).map((name, at) => ({ name, values: rows.map((row) => Number(cell(row, at + 1))) }));
  let plot;
  const draw = () => {
    plot?.destroy();
    plot = chart(place, days, series);
  };
  draw();
  new ResizeObserver(() => plot.setSize(sizeOf(place))).observe(place);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  new MutationObserver(draw).observe(document.documentElement, { attributeFilter: ["data-theme"] });
}

function sizeOf(place) {
  return { width: Math.max(280, place.clientWidth), height: Math.max(220, Math.min(360, Math.round(place.clientWidth * 0.4))) };
}

/** Colours of the theme, as the browser has computed them: a canvas knows no custom properties. */
function colours(place) {
  const probe = document.createElement("span");
  place.append(probe);
  const read = (name) => {
    probe.style.color = `var(--${name})`;
    return getComputedStyle(probe).color;
  };
  const found = { ink: read("ink"), soft: read("ink-soft"), line: read("line"), strokes: [read("accent"), read("success"), read("danger")] };
  probe.remove();
  return found;
}

// Lines differ by dash as well as by colour; each is named at its end.
const DASHES = [undefined, [8, 4], [2, 4]];

function chart(place, days, series) {
  const { soft, line, strokes } = colours(place);
  const language = place.dataset.language === "en" ? "en-GB" : place.dataset.language;
  const font = `12px ${getComputedStyle(document.body).fontFamily}`;
  const format = new Intl.DateTimeFormat(language, { timeZone: "UTC", month: "short", ...(place.dataset.plot === "month" ? { year: "numeric" } : { day: "numeric" }) });
  const whole = new Intl.NumberFormat(language);
  const gap = 12 + Math.max(...series.map(({ name }) => name.length)) * 7.5;
  return new uPlot(
    {
      ...sizeOf(place),
      padding: [12, gap, 0, 0],
      legend: { show: true, live: true },
      cursor: { points: { size: 7 }, drag: { x: false, y: false } },
      tzDate: (at) => uPlot.tzDate(new Date(at * 1000), "Etc/UTC"),
      scales: { x: { time: true }, y: { range: (_, __, most) => [0, Math.max(1, most * 1.08)] } },
      axes: [
        { stroke: soft, font, grid: { show: false }, ticks: { stroke: line }, values: (_, marks) => marks.map((at) => format.format(at * 1000)), space: 72, incrs: [1, 2, 3, 7, 14, 28, 91, 182, 365].map((n) => n * 86400) },
        { stroke: soft, font, grid: { stroke: line, width: 1 }, ticks: { show: false }, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000, 50000, 100000], values: (_, marks) => marks.map((n) => whole.format(n)) },
      ],
      series: [
        { label: "", value: (_, at) => (at ? format.format(at * 1000) : "") },
        ...series.map(({ name }, at) => ({
          label: name,
          stroke: strokes[at],
          width: 2,
          dash: DASHES[at],
          points: { show: days.length < 40, size: 5 },
          value: (_, n) => (n === null || n === undefined ? "" : whole.format(n)),
        })),
      ],
      hooks: { ready: [(plot) => plot.setLegend({ idx: days.length - 1 }, false)], draw: [(plot) => nameLines(plot, series, strokes, font)] },
    },
    [days, ...series.map(({ values }) => values)],
    place,
  );
}

/** Write each line's name beside its last point, apart from the others. */
function nameLines(plot, series, strokes, font) {
  const ratio = devicePixelRatio || 1;
  const { ctx, bbox } = plot;
  const ends = series.map(({ name, values }, at) => ({ name, at, y: plot.valToPos(values.at(-1) ?? 0, "y", true) })).sort((a, b) => a.y - b.y);
  const step = 16 * ratio;
  for (let n = ends.length - 1, floor = bbox.top + bbox.height; n >= 0; n -= 1) {
    ends[n].y = Math.min(ends[n].y, floor);
    floor = ends[n].y - step;
  }
  ctx.save();
  ctx.font = font.replace("12px", `${12 * ratio}px`);
  ctx.textBaseline = "middle";
  ctx.textAlign = "left";
  for (const { name, at, y } of ends) {
    ctx.fillStyle = strokes[at];
    ctx.fillText(name, bbox.left + bbox.width + 8 * ratio, y);
  }
  ctx.restore();
}

const figure = document.querySelector("[data-plot]");
if (figure) start(figure);
