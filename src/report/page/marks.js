// What lies under and over the lines of a chart: stalls, phases or stages, pauses, the first error,
// limits, and what happened to servers. Runs before page.js, in the same script. Invariant: text from the data is drawn,
// or is an attribute.

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
// One path: stalls that overlap on the screen are not darker than others.
const shade = u =>
  across(u, (ctx, left, top, width, height, ratio) => {
    ctx.fillStyle = colour('shade');
    ctx.beginPath();
    for (const [from, to] of data.stalls) {
      const [a, b] = [from, to].map(at => u.valToPos(at, 'x', true));
      ctx.rect(a, top, Math.max(b - a, 2 * ratio), height);
    }
    ctx.fill();
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
// A limit, as a dashed line across the chart, with its name where there is room.
const limits = (u, spec) =>
  across(u, (ctx, left, top, width, height, ratio) => {
    let below = Infinity;
    for (const { v, fail, text, of } of spec.limits) {
      const y = Math.round(u.valToPos(v, 'y', true)) + 0.5;
      ctx.strokeStyle = ctx.fillStyle = colour(fail ? 'bad' : 'warn');
      ctx.lineWidth = 1.25 * ratio;
      ctx.setLineDash((fail ? [9, 4] : [4, 4]).map(n => n * ratio));
      ctx.beginPath();
      ctx.moveTo(left, y);
      ctx.lineTo(left + width, y);
      ctx.stroke();
      ctx.font = font().replace('11px', 10.5 * ratio + 'px');
      if (below - y < 13 * ratio) continue;
      below = y;
      ctx.textAlign = 'right';
      ctx.textBaseline = 'bottom';
      const label = text + ' ' + UNITS[spec.unit][1](v) + (of && ' · ' + of);
      ctx.fillText(label, left + width - 4 * ratio, y - 2 * ratio);
    }
  });
// What happened to a server: a line, and what it was under the mouse.
const hung = new WeakMap();
const events = u => {
  if (!hung.has(u))
    hung.set(
      u,
      data.events.map(([, , text]) => {
        const mark = document.createElement('i');
        mark.className = 'happened';
        mark.title = text;
        u.over.append(mark);
        return mark;
      }),
    );
  data.events.forEach(([at, word], k) => {
    upright(u, at, word, 2 + (k % 3), 'bad', [2, 2]);
    const x = u.valToPos(at, 'x');
    const mark = hung.get(u)[k];
    mark.style.left = x + 'px';
    mark.hidden = x < 0 || x > u.over.clientWidth;
  });
};
const marks = u => {
  data.phases.forEach(([at, name], k) => upright(u, at, name, 0, 'mark', [4, 4], data.phases[k + 1]?.[0]));
  for (const [from, to, word] of data.pauses) {
    upright(u, from, word, 1, 'warn', [1, 3]);
    upright(u, to, '', 1, 'warn', [1, 3]);
  }
  if (data.error != null) upright(u, data.error, say.error, 1, 'bad', []);
  events(u);
};
