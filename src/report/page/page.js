// Draws the charts of report.html with uPlot, from the data in the page, and moves them by mouse
// and keyboard. Without it the page still has every table and sentence. Invariant: nothing from
// the data becomes HTML.

const plots = [];
let isPaper = false;

// What lies under and over the lines of time: stalls, phases, the first error.
const across = (u, draw) => {
  const { ctx } = u;
  const { left, top, width, height } = u.bbox;
  ctx.save();
  ctx.beginPath();
  ctx.rect(left, top, width, height);
  ctx.clip();
  draw(ctx, left, top, width, height, u.pxRatio || devicePixelRatio);
  ctx.restore();
};
const shade = u =>
  across(u, (ctx, left, top, width, height, ratio) => {
    ctx.fillStyle = colour('shade');
    for (const [from, to] of data.stalls) {
      const [a, b] = [from, to].map(at => u.valToPos(at, 'x', true));
      ctx.fillRect(a, top, Math.max(b - a, 2 * ratio), height);
    }
  });
const upright = (u, at, text, row, name, dashes, until = Infinity) =>
  across(u, (ctx, left, top, width, height, ratio) => {
    const x = Math.round(u.valToPos(at, 'x', true)) + 0.5;
    if (x < left - 1 || x > left + width + 1) return;
    ctx.strokeStyle = ctx.fillStyle = colour(name);
    ctx.lineWidth = ratio;
    ctx.setLineDash(dashes.map(n => n * ratio));
    ctx.beginPath();
    ctx.moveTo(x, top);
    ctx.lineTo(x, top + height);
    ctx.stroke();
    ctx.font = font().replace('11px', 10.5 * ratio + 'px');
    const space = ctx.measureText(text).width + 8 * ratio;
    if (until < Infinity && x + space > u.valToPos(until, 'x', true)) return;
    ctx.textAlign = x + space > left + width ? 'right' : 'left';
    ctx.textBaseline = 'top';
    ctx.fillText(text, x + (ctx.textAlign === 'left' ? 4 : -4) * ratio, top + (3 + 13 * row) * ratio);
  });
const marks = u => {
  data.phases.forEach(([at, name], k) => upright(u, at, name, 0, 'mark', [4, 4], data.phases[k + 1]?.[0]));
  if (data.error != null) upright(u, data.error, say.error, 1, 'bad', []);
};

// Lines have points only where a value stands alone.
const alone = (u, si) => {
  const values = u.data[si];
  const found = [];
  const [from, to] = u.series[0].idxs ?? [0, values.length - 1];
  for (let i = from; i <= to; i++) {
    if (values[i] != null && values[i - 1] == null && values[i + 1] == null) found.push(i);
  }
  return found;
};
const stepped = align => uPlot.paths.stepped({ align });
const stacked = (rows, isShown) => {
  const sum = new Array(data.t.length).fill(0);
  return rows
    .map((row, k) => [k, row])
    .reverse()
    .map(([k, row]) => {
      if (isShown(k))
        row.forEach((v, i) => {
          sum[i] += v ?? 0;
        });
      return sum.slice();
    })
    .reverse();
};

const dressed = (spec, isLog) => {
  const show = UNITS[spec.unit][0];
  const base = (s, k) => ({
    label: s.name,
    value: (u, v, si, i) => (i == null ? '' : s.v[i] == null ? '–' : show(s.v[i])),
    points: { show: false, size: 4.5, filter: alone },
    width: 1.75,
    stroke: () => colour(hue(k)),
  });
  if (spec.kind === 'bands') {
    const style = [
      [2, []],
      [1.75, []],
      [1.5, [6, 4]],
      [1.25, [2, 3]],
    ];
    return spec.series.map((s, k) => ({
      ...base(s, k),
      stroke: () => colour(['c0', 'c2', 'c4', 'c1'][k]),
      width: style[k][0],
      dash: style[k][1],
    }));
  }
  if (spec.kind === 'stacked') {
    return spec.series.map((s, k) => ({
      ...base(s, k),
      width: 1,
      paths: stepped(-1),
      fill: u => (k < COLOURS ? mixed(hue(k), 0.6) : hatched(u, hue(k), k)),
    }));
  }
  return spec.series.map((s, k) => ({
    ...base(s, k),
    dash: s.planned ? [5, 4] : dash(k),
    ...(s.planned ? { stroke: () => colour('c6'), width: 1.5 } : {}),
    ...(spec.kind === 'area' ? { fill: () => faded(hue(k), 0.12) } : {}),
  }));
};
const hatched = (u, name, k) => {
  const tile = document.createElement('canvas');
  tile.width = tile.height = 8;
  const ctx = tile.getContext('2d');
  ctx.fillStyle = mixed(name, 0.3);
  ctx.fillRect(0, 0, 8, 8);
  ctx.strokeStyle = colour(name);
  ctx.beginPath();
  ctx.moveTo(0, k % 2 ? 0 : 8);
  ctx.lineTo(8, k % 2 ? 8 : 0);
  ctx.stroke();
  return u.ctx.createPattern(tile, 'repeat');
};
const marker = (spec, series) => ({
  width: 3,
  stroke: (u, si) => 'var(--' + (series[si - 1]?.token ?? 'c0') + ')',
  dash: (u, si) =>
    series[si - 1]?.dash?.length ? (series[si - 1].dash[0] < 4 ? 'dotted' : 'dashed') : 'solid',
  fill: (u, si) =>
    spec.kind === 'stacked' && si
      ? 'color-mix(in srgb, var(--' + series[si - 1].token + ') 60%, var(--card))'
      : 'transparent',
});
const tokens = (spec, series) =>
  series.map((s, k) => ({
    ...s,
    token: spec.kind === 'bands' ? ['c0', 'c2', 'c4', 'c1'][k] : spec.series[k].planned ? 'c6' : hue(k),
  }));

const height = () => (isPaper ? 190 : innerWidth < 560 ? 190 : 215);
const widthOf = el => (isPaper ? 320 : Math.max(el.clientWidth, 120));
// A logarithmic axis has no zero: a latency below the clock's tick is drawn at its edge, other
// things are absent.
const logged = (rows, unit) =>
  rows.map(row => row.map(v => (v > 0 ? v : v === 0 && unit === 'ms' ? 0.01 : null)));

// A chart over the run's time.
const timeline = (el, spec, isLog) => {
  const series = tokens(spec, dressed(spec, isLog));
  const rows = spec.series.map(s => s.v);
  const values = () =>
    spec.kind === 'stacked'
      ? stacked(rows, k => plot?.series[k + 1].show ?? true)
      : isLog
        ? logged(rows, spec.unit)
        : rows;
  let plot = null;
  const options = {
    width: widthOf(el),
    height: height(),
    padding: [6, 28, 0, 0],
    cursor: {
      sync: { key: 'run' },
      y: false,
      drag: { x: true, y: false, dist: 8 },
      points: { size: 7 },
      focus: { prox: -1 },
    },
    scales: {
      x: {
        time: false,
        range: (u, min, max) =>
          min === max || min == null ? [0, Math.max(data.end, 1)] : [min <= data.t[0] ? 0 : min, max],
      },
      y: isLog ? { distr: 3 } : { range: (u, min, max) => [0, max > 0 ? max * 1.16 : 1] },
    },
    axes: [timeAxis(), valueAxis(spec.unit, isLog)],
    legend: { markers: marker(spec, series) },
    series: [
      {
        value: (u, v) =>
          v == null
            ? '\u00a0'
            : clock(v) +
              ' ' +
              zone() +
              ' · ' +
              since(v, data.t.length > 1 && data.t[1] - data.t[0] < 0.9 ? 1 : 0),
      },
      ...series,
    ],
    bands:
      spec.kind === 'bands'
        ? [1, 2, 3].map(k => ({
            series: [k + 1, k],
            fill: () => faded(['c0', 'c2', 'c4'][k - 1], [0.22, 0.16, 0.1][k - 1]),
          }))
        : [],
    hooks: {
      drawClear: [shade],
      draw: [marks],
      setScale: [
        (u, key) => {
          if (key === 'x') zoomed(u);
        },
      ],
      setSeries: [
        (u, k) => {
          if (spec.kind === 'stacked' && k != null) u.setData([data.t, ...values()], false);
        },
      ],
    },
  };
  plot = new uPlot(options, [data.t, ...values()], el);
  if (spec.kind === 'stacked') plot.setData([data.t, ...values()], false);
  return plot;
};

// 1, 2, 5, 10, …: as many of them as there is room for.
const steps = u => {
  const { min, max } = u.scales.x;
  const all = firsts =>
    Array.from({ length: 12 }, (_, k) => firsts.map(n => +(n * 10 ** (k - 3)).toPrecision(1)))
      .flat()
      .filter(v => v >= min && v <= max);
  const room = u.width / 60;
  return [[1, 2, 5], [1, 3], [1]].map(all).find(found => found.length <= room) ?? all([1]);
};

// A distribution: share of the values in each bucket, the buckets' edges on a log scale.
const distribution = (el, spec) => {
  const rows = spec.series.map(([, row]) => row);
  const all = rows.map(row =>
    Math.max(
      row.reduce((a, b) => a + b, 0),
      1,
    ),
  );
  const shares = rows.map((row, k) => [...row.map(n => (n / all[k]) * 100), 0]);
  let below = 0;
  const under = rows[0].map(n => ((below += n) / all[0]) * 100);
  const { edges } = spec;
  const series = [
    { stroke: () => colour('c0'), fill: () => faded('c0', 0.28), width: 1.5, token: 'c0' },
    { stroke: () => colour('c1'), width: 1.5, dash: [5, 3], token: 'c1' },
  ]
    .slice(0, rows.length)
    .map((s, k) => ({
      ...s,
      label: spec.series[k][0],
      paths: stepped(1),
      points: { show: false },
      value: (u, v, si, i) =>
        i == null || i >= rows[k].length ? '' : figure(shares[k][i]) + ' % (' + count(rows[k][i]) + ')',
    }));
  const at = (u, v, si, i) =>
    i == null || i >= under.length
      ? '\u00a0'
      : figure(edges[i]) + '–' + figure(edges[i + 1]) + ' ms · ' + figure(under[i]) + ' % ' + say.below;
  return new uPlot(
    {
      width: widthOf(el),
      height: height(),
      padding: [6, 20, 0, 0],
      cursor: {
        y: false,
        drag: { x: false, y: false },
        points: { show: false },
        dataIdx: (u, si, i, x) => {
          let k = edges.length - 1;
          while (k > 0 && edges[k] > x) k--;
          return k;
        },
      },
      scales: {
        x: { time: false, distr: 3, range: () => [edges[0], edges[edges.length - 1]] },
        y: { range: (u, min, max) => [0, max * 1.12 || 1] },
      },
      axes: [
        axis({
          size: 26,
          gap: 3,
          splits: u => steps(u),
          filter: (u, splits) => splits,
          values: (u, splits) => splits.map(v => (v < 1000 ? String(v) : grouped.format(v))),
        }),
        axis({
          size: 46,
          gap: 3,
          space: 34,
          values: (u, splits) => splits.map(v => +v.toPrecision(3) + ' %'),
        }),
      ],
      legend: { markers: marker({ kind: 'lines' }, series) },
      series: [{ value: at }, ...series],
      hooks: {
        draw: [
          u =>
            spec.marks.forEach(([name, v], row) =>
              upright(u, v, name + ' ' + figure(v), row, 'mark', [3, 3]),
            ),
        ],
      },
    },
    [edges, ...shares],
    el,
  );
};

// All charts of time show the same time.
let isZooming = false;
const full = () => [0, data.t[data.t.length - 1]];
const zoomed = u => {
  if (isZooming || !plots.length) return;
  isZooming = true;
  const { min, max } = u.scales.x;
  for (const { plot, isTime } of plots) {
    if (isTime && plot && plot !== u && (plot.scales.x.min !== min || plot.scales.x.max !== max))
      plot.setScale('x', { min, max });
  }
  const [from, to] = full();
  byId('zoom').hidden = min <= from && max >= to;
  isZooming = false;
};
const unzoom = () => {
  const [min, max] = full();
  const first = plots.find(chart => chart.isTime);
  if (first) first.plot.setScale('x', { min, max });
};

// The cursor by keyboard: arrows move it, Home and End go to the ends, Escape resets the zoom.
const byKey = (chart, event) => {
  const u = chart.plot;
  const last = u.data[0].length - 1;
  const step = event.shiftKey ? 10 : 1;
  const now = u.cursor.idx ?? 0;
  const goal = { ArrowLeft: now - step, ArrowRight: now + step, Home: 0, End: last }[event.key];
  if (event.key === 'Escape' && chart.isTime) unzoom();
  if (goal == null) return;
  event.preventDefault();
  const x = u.data[0][Math.min(Math.max(goal, 0), last)];
  u.setCursor(
    { left: u.valToPos(x, 'x') + (chart.isTime ? 0 : 0.5), top: u.over.clientHeight / 2 },
    true,
    true,
  );
};

const build = chart => {
  const kept = chart.plot && chart.isTime ? { ...chart.plot.scales.x } : null;
  chart.plot?.destroy();
  chart.plot = chart.isTime
    ? timeline(chart.el, chart.spec, chart.isLog)
    : distribution(chart.el, chart.spec);
  const { over } = chart.plot;
  over.tabIndex = 0;
  over.setAttribute('role', 'application');
  over.setAttribute('aria-label', chart.title + ': ' + say.keys);
  over.addEventListener('keydown', event => byKey(chart, event));
  for (const label of chart.el.querySelectorAll('.u-series:not(:first-child) th')) {
    label.tabIndex = 0;
    label.setAttribute('role', 'button');
    label.title = label.textContent;
    label.addEventListener('keydown', event => {
      if (event.key === 'Enter' || event.key === ' ') {
        event.preventDefault();
        label.click();
      }
    });
  }
  if (kept && kept.min != null) chart.plot.setScale('x', { min: kept.min, max: kept.max });
};

for (const [list, isTime] of [
  [data.charts, true],
  [data.distributions, false],
]) {
  for (const spec of list) {
    const el = byId(spec.id);
    const figure = el?.closest('figure');
    if (!el) continue;
    const chart = {
      el,
      spec,
      isTime,
      isLog: !!spec.log,
      title: figure.querySelector('h3').textContent,
      plot: null,
    };
    plots.push(chart);
    const toggle = figure.querySelector('.log');
    if (toggle) {
      toggle.hidden = false;
      toggle.setAttribute('aria-pressed', String(chart.isLog));
      toggle.addEventListener('click', () => {
        chart.isLog = !chart.isLog;
        toggle.setAttribute('aria-pressed', String(chart.isLog));
        build(chart);
      });
    }
    build(chart);
  }
}

const fit = () => plots.forEach(({ plot, el }) => plot.setSize({ width: widthOf(el), height: height() }));
const repaint = () => {
  palette = {};
  plots.forEach(({ plot }) => plot.redraw(false, true));
};
const widths = new Map();
const observer = new ResizeObserver(entries => {
  if (isPaper) return;
  for (const { target } of entries) {
    const { clientWidth } = target;
    const chart = plots.find(one => one.el === target);
    if (widths.get(target) === clientWidth || !chart) continue;
    widths.set(target, clientWidth);
    chart.plot.setSize({ width: widthOf(target), height: height() });
  }
});
plots.forEach(({ el }) => {
  widths.set(el, el.clientWidth);
  observer.observe(el);
});

const paper = on => {
  if (isPaper === on) return;
  isPaper = on;
  root.classList.toggle('paper', on);
  fit();
  repaint();
};
addEventListener('beforeprint', () => paper(true));
addEventListener('afterprint', () => paper(false));
matchMedia('print').addEventListener('change', event => paper(event.matches));
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', repaint);

byId('zoom')?.addEventListener('click', unzoom);
const local = byId('local');
if (local && new Date(data.start).getTimezoneOffset() !== 0) {
  local.hidden = false;
  local.addEventListener('click', () => {
    isLocal = !isLocal;
    local.setAttribute('aria-pressed', String(isLocal));
    repaint();
  });
}
