//! The last minutes as curves.
//!
//! Invariant: without colour two curves of a chart still differ, by what they are drawn with.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::symbols::Marker;
use ratatui::text::Line;
use ratatui::widgets::{Axis, Chart, Dataset, GraphType, Widget};

use super::text::span;
use super::theme::{Theme, Tone};
use crate::live::model::{Model, Point, charted};
use crate::numbers::plain;

/// Points side by side in a column of the terminal.
const POINTS_A_COLUMN: usize = 2;
/// Seconds that a chart covers at least: a run's first seconds need not wait for their room.
const SECONDS_MIN: f64 = 10.0;
/// Columns left of a curve, for the greatest value.
const AXIS_COLUMNS: usize = 8;

/// One curve.
struct Curve {
    tone: Tone,
    marker: Marker,
    value: fn(&Point) -> Option<f64>,
}

/// Arrivals a second, planned and actual.
pub fn arrivals(model: &Model, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let title = vec![
        span(theme, Tone::Plain, "Arrivals/s: "),
        span(theme, Tone::Good, "actual"),
        span(theme, Tone::Plain, ", "),
        span(theme, Tone::Dim, "planned •"),
    ];
    let planned = Curve { tone: Tone::Dim, marker: Marker::Dot, value: |point| Some(point.planned_per_s) };
    let actual = Curve { tone: Tone::Good, marker: Marker::Braille, value: |point| Some(point.begun_per_s) };
    draw(model, theme, Line::from(title), &[planned, actual], area, buffer);
}

/// Messages a second.
pub fn messages(model: &Model, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let title = Line::from(span(theme, Tone::Plain, "Messages/s"));
    let all = Curve { tone: Tone::Title, marker: Marker::Braille, value: |point| Some(point.messages_per_s) };
    draw(model, theme, title, &[all], area, buffer);
}

/// Sessions open.
pub fn open(model: &Model, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let title = Line::from(span(theme, Tone::Plain, "Sessions open"));
    let open = Curve { tone: Tone::Good, marker: Marker::Braille, value: |point| Some(point.open) };
    draw(model, theme, title, &[open], area, buffer);
}

/// The latency of the last step, which is a heartbeat's where there is one.
pub fn last_step(model: &Model, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let name = charted(&model.frame).map_or("", |step| step.name.as_str());
    let title = Line::from(span(theme, Tone::Plain, format!("{name} p99 by second, ms")));
    let p99 = Curve { tone: Tone::Warning, marker: Marker::Braille, value: |point| point.last_step };
    draw(model, theme, title, &[p99], area, buffer);
}

fn draw(model: &Model, theme: Theme, title: Line<'_>, curves: &[Curve], area: Rect, buffer: &mut Buffer) {
    let room = Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area };
    title.render(Rect { height: 1.min(area.height), ..area }, buffer);
    if room.height == 0 || usize::from(room.width) <= AXIS_COLUMNS {
        return;
    }
    let points_max = (usize::from(room.width) - AXIS_COLUMNS) * POINTS_A_COLUMN;
    let now = model.history.back().map_or(0.0, |point| point.at);
    let latest = || model.history.iter().skip(model.history.len().saturating_sub(points_max));
    let seconds = latest().next().map_or(0.0, |first| now - first.at).max(SECONDS_MIN);
    let points = |curve: &Curve| -> Vec<(f64, f64)> {
        latest().filter_map(|point| Some((point.at - now, (curve.value)(point)?))).collect()
    };
    let data: Vec<Vec<(f64, f64)>> = curves.iter().map(points).collect();
    let greatest = data.iter().flatten().map(|(_, value)| *value).fold(0.0, f64::max);
    let datasets = curves.iter().zip(&data).map(|(curve, data)| {
        let dataset = Dataset::default().marker(curve.marker).graph_type(GraphType::Line);
        dataset.style(theme.style(curve.tone)).data(data)
    });
    let label = |value: f64| format!("{:>width$}", plain(value), width = AXIS_COLUMNS - 2);
    let y = Axis::default().bounds([0.0, greatest.max(1e-3)]).labels([label(0.0), label(greatest)]);
    let x = Axis::default().bounds([-seconds, 0.0]);
    let axes = Style::new().patch(theme.style(Tone::Dim));
    Chart::new(datasets.collect())
        .x_axis(x.style(axes))
        .y_axis(y.style(axes))
        .legend_position(None)
        .render(room, buffer);
}
