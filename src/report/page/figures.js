// Figures, times and colours of the charts: what a value looks like. Runs before page.js, in the
// same script. Knows no text of its own: names and words come with the data. Invariant: a figure
// looks as it does in the tables.

const data = JSON.parse(document.getElementById('data').textContent);
const { say } = data;
const root = document.documentElement;
const byId = id => document.getElementById(id);
let isLocal = false;

// Colours are the style sheet's, so that they follow dark, light and paper.
let palette = {};
const colour = name =>
  (palette[name] ??=
    getComputedStyle(root)
      .getPropertyValue('--' + name)
      .trim() || '#888');
// One colour over another, opaque: stacked areas must not mix.
const rgb = hex =>
  (hex.length === 4 ? hex.slice(1).replace(/./g, '$&$&') : hex.slice(1, 7))
    .match(/../g)
    .map(part => parseInt(part, 16));
const mixed = (name, strength) => {
  const [over, under] = [rgb(colour(name)), rgb(colour('card'))];
  return (
    '#' +
    over
      .map((v, k) =>
        Math.round(v * strength + under[k] * (1 - strength))
          .toString(16)
          .padStart(2, '0'),
      )
      .join('')
  );
};
const faded = (name, strength) =>
  colour(name) +
  Math.round(strength * 255)
    .toString(16)
    .padStart(2, '0');
const COLOURS = 7;
const DASHES = [[], [6, 4], [2, 3], [9, 3, 2, 3]];
const hue = k => 'c' + (k % COLOURS);
const dash = k => DASHES[Math.floor(k / COLOURS) % DASHES.length];

// Figures as everywhere in the report: some three digits, thousands apart.
const grouped = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });
const figure = v => {
  const size = Math.abs(v);
  if (size >= 99.95) return grouped.format(v);
  return v.toFixed(size >= 9.995 ? 1 : size >= 0.9995 || size === 0 ? 2 : 3);
};
const reduced = (v, units) => {
  let k = 0;
  while (Math.abs(v) >= 999.5 && k < units.length - 1) {
    v /= 1000;
    k++;
  }
  return [v, units[k] && ' ' + units[k]];
};
const scaled = (v, units) => {
  const [short, unit] = reduced(v, units);
  return (Number.isInteger(short) ? short : figure(short)) + unit;
};
const trimmed = (v, units) => {
  const [short, unit] = reduced(v, units);
  return +short.toPrecision(4) + unit;
};
const tick = v =>
  Math.abs(v) < 1e5
    ? v < 1000
      ? String(+v.toPrecision(4))
      : grouped.format(v)
    : trimmed(v, ['', 'k', 'M', 'G', 'T']);
const bytes = v => scaled(v, ['B', 'kB', 'MB', 'GB', 'TB']);
const count = v => (Number.isInteger(v) ? grouped.format(v) : figure(v));
const UNITS = {
  count: [count, tick],
  rate: [count, tick],
  ms: [figure, tick],
  bytes: [bytes, v => trimmed(v, ['B', 'kB', 'MB', 'GB', 'TB'])],
  cores: [figure, tick],
};

// Time: seconds since the run's start, and the wall clock of it.
const two = n => String(n).padStart(2, '0');
const since = (seconds, decimals = 0) => {
  const whole = Math.floor(seconds + (decimals ? 0 : 0.5));
  const rest = decimals ? (seconds - whole).toFixed(decimals).slice(1) : '';
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  return (h ? h + ':' + two(m) : m) + ':' + two(s) + rest;
};
const isLong = data.end > 86400;
const clock = (seconds, withDate = isLong) => {
  const at = new Date(data.start + seconds * 1000);
  const shifted = isLocal ? new Date(at.getTime() - at.getTimezoneOffset() * 60000) : at;
  const iso = shifted.toISOString();
  return (withDate ? iso.slice(5, 10) + ' ' : '') + iso.slice(11, 19);
};
const zone = () => {
  if (!isLocal) return 'UTC';
  const minutes = -new Date(data.start).getTimezoneOffset();
  return (
    'UTC' +
    (minutes < 0 ? '-' : '+') +
    two(Math.floor(Math.abs(minutes) / 60)) +
    ':' +
    two(Math.abs(minutes) % 60)
  );
};
const SPANS = [
  1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800,
];
const WHOLE = Array.from({ length: 13 }, (_, k) => [1, 2, 5].map(n => n * 10 ** k)).flat();

const font = () => '11px ' + getComputedStyle(document.body).fontFamily;
const axis = more => ({
  stroke: () => colour('soft'),
  font: font(),
  grid: { stroke: () => colour('grid'), width: 1 },
  ticks: { stroke: () => colour('grid'), width: 1, size: 4 },
  ...more,
});
const timeAxis = () =>
  axis({
    incrs: SPANS,
    space: isLong ? 105 : 76,
    size: 42,
    gap: 3,
    values: (u, splits) => splits.map(at => since(at) + '\n' + clock(at)),
  });
const powers = (u, splits) => splits.map(v => (v && Math.abs(Math.log10(v) % 1) < 1e-9 ? v : null));
const valueAxis = (unit, isLog) =>
  axis({
    size: 58,
    gap: 3,
    space: 34,
    ...(isLog
      ? { grid: { stroke: () => colour('grid'), width: 1, filter: powers }, ticks: { show: false } }
      : {}),
    ...(unit === 'count' && !isLog ? { incrs: WHOLE } : {}),
    values: (u, splits) => splits.map(v => (v == null ? '' : UNITS[unit][1](v))),
  });
