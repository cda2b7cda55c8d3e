//! The servers' side over time: which figures share a chart, and what each did around an instant.
//!
//! Knows no HTML. Invariants: a chart has figures of one kind of source, one unit and one order of
//! magnitude; a limit is drawn only where it is one of what is drawn; all figures together are bounded.

use super::series::{Figure, Instant, Limit, Series};
use crate::foreign;
use crate::report::WatchedResult;
use crate::report::recorded::WatchSeries;
use crate::watch::{Beyond, Limits};

/// Lines of a chart.
const LINES_MAX: usize = 8;

/// Charts drawn; a watch file may have any number of figures.
const CHARTS_MAX: usize = 40;

/// Readings drawn, of all charts together.
const FIGURES_MAX: usize = 24_000;

/// Figures that differ by more would hide each other.
const SCALE_MAX: f64 = 30.0;

/// Limits that are further beyond the figures would flatten them.
const LIMIT_SCALE_MAX: f64 = 5.0;

/// Medians of the time between readings that make a gap.
const GAP: f64 = 3.5;

/// Readings closer than this are of one look.
const LOOK_S: f64 = 0.25;

/// Seconds around an instant that are "then", and as many before and after it that are compared.
const THEN_S: f64 = 30.0;
const BESIDE_S: f64 = 60.0;

/// Of a figure's whole range, what is much of a change.
const MUCH: f64 = 0.25;

/// A figure over time, as it is judged: of a counter, what came to it.
pub(super) struct Line<'a> {
    pub item: &'a WatchedResult,
    pub unit: &'a str,
    points: Vec<(f64, f64)>,
    peak: f64,
}

/// Lines that are drawn together.
pub(super) struct Group<'a> {
    pub lines: Vec<&'a Line<'a>>,
    peak: f64,
}

/// A figure around an instant.
#[derive(Debug, PartialEq)]
pub(super) struct Around<'a> {
    pub item: &'a WatchedResult,
    pub unit: &'a str,
    pub before: Option<f64>,
    pub then: f64,
    pub after: Option<f64>,
    pub beyond: Beyond,
    /// In shares of its range in the whole run.
    change: f64,
}

/// The figures that were read, in the order of the watch file.
pub(super) fn lines<'a>(items: &'a [WatchedResult], series: &[WatchSeries]) -> Vec<Line<'a>> {
    let line = |item: &'a WatchedResult| {
        let own = series.iter().find(|one| one.item == item.name && !one.points.is_empty())?;
        let points = if item.judge == "growth" { grown(&own.points) } else { own.points.clone() };
        let peak = points.iter().fold(0.0, |peak: f64, (_, value)| peak.max(value.abs()));
        // Of a slope, what is drawn is what slopes.
        let unit = if is_slope(item) { item.unit.split('/').next().unwrap_or_default() } else { &item.unit };
        Some(Line { item, unit, points, peak })
    };
    // A figure that is judged in several ways is one line.
    let is_first = |(k, item): &(usize, &WatchedResult)| {
        let same = |one: &WatchedResult| {
            let grows = |it: &WatchedResult| it.judge == "growth";
            (&one.source, &one.place, &one.expression) == (&item.source, &item.place, &item.expression)
                && grows(one) == grows(item)
        };
        !items[..*k].iter().any(same)
    };
    items.iter().enumerate().filter(is_first).filter_map(|(_, item)| line(item)).collect()
}

fn is_slope(item: &WatchedResult) -> bool {
    matches!(item.judge.as_str(), "slope" | "per-session")
}

/// What came to a counter since its first reading; one that was reset counts from 0.
fn grown(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let (mut last, mut sum) = (points[0].1, 0.0);
    let mut next = |&(at_s, value): &(f64, f64)| {
        sum += if value < last { value } else { value - last };
        last = value;
        (at_s, sum)
    };
    points.iter().map(&mut next).collect()
}

impl Line<'_> {
    /// The limits, where they are of what is drawn.
    fn limits(&self) -> Limits {
        let (warn, fail) = if is_slope(self.item) { (None, None) } else { (self.item.warn, self.item.fail) };
        Limits { warn, fail, is_least: self.item.good == "at-least" }
    }

    fn around(&self, at_s: f64) -> Option<Around<'_>> {
        let within = |from: f64, to: f64| {
            self.points.iter().filter(move |(at, _)| *at >= from && *at <= to).map(|(_, value)| *value)
        };
        let mean =
            |values: Vec<f64>| (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64);
        let before = mean(within(at_s - THEN_S - BESIDE_S, at_s - THEN_S).collect());
        let after = mean(within(at_s + THEN_S, at_s + THEN_S + BESIDE_S).collect());
        let usual = before.or(after).unwrap_or_default();
        let far = |value: &f64| (value - usual).abs();
        let then = within(at_s - THEN_S, at_s + THEN_S).max_by(|one, two| far(one).total_cmp(&far(two)))?;
        let values = || self.points.iter().map(|(_, value)| *value);
        let range = values().fold(f64::MIN, f64::max) - values().fold(f64::MAX, f64::min);
        let change = if range > 0.0 { far(&then) / range } else { 0.0 };
        let beyond = self.limits().beyond(then);
        Some(Around { item: self.item, unit: self.unit, before, then, after, beyond, change })
    }
}

/// The figures that were beyond a limit around an instant, or changed most then.
pub(super) fn around<'a>(lines: &'a [Line<'a>], at_s: f64, most: usize) -> Vec<Around<'a>> {
    let mut all: Vec<Around<'_>> = lines.iter().filter_map(|line| line.around(at_s)).collect();
    all.retain(|one| one.beyond != Beyond::Neither || one.change >= MUCH);
    let severity = |one: &Around<'_>| match one.beyond {
        Beyond::Fail => 0,
        Beyond::Warn => 1,
        Beyond::Neither => 2,
    };
    all.sort_by(|one, two| severity(one).cmp(&severity(two)).then_with(|| two.change.total_cmp(&one.change)));
    all.truncate(most);
    all
}

/// Puts figures together that can be read on one axis.
pub(super) fn groups<'a>(lines: &'a [Line<'a>]) -> Vec<Group<'a>> {
    let mut groups: Vec<Group<'a>> = Vec::new();
    for line in lines {
        let fits = |group: &&mut Group<'_>| {
            let (first, peaks) = (group.lines[0], (group.peak.min(line.peak), group.peak.max(line.peak)));
            first.item.source == line.item.source
                && first.unit == line.unit
                && group.lines.len() < LINES_MAX
                && (peaks.0 == 0.0 || peaks.1 <= SCALE_MAX * peaks.0)
        };
        match groups.iter_mut().find(fits) {
            Some(group) => {
                group.lines.push(line);
                group.peak = group.peak.max(line.peak);
            }
            None => groups.push(Group { lines: vec![line], peak: line.peak }),
        }
    }
    let order = |group: &Group<'_>| {
        let first = group.lines[0];
        lines.iter().position(|line| line.item.source == first.item.source && line.unit == first.unit)
    };
    groups.sort_by_key(order);
    groups.truncate(CHARTS_MAX);
    groups
}

impl Group<'_> {
    /// The instants of its readings and a row a line; `lines` is how many all charts have.
    pub fn drawn(&self, lines: usize) -> (Vec<Instant>, Vec<Series>) {
        let times = || self.lines.iter().flat_map(|line| line.points.iter().map(|(at_s, _)| *at_s));
        let (first, last) = (times().fold(f64::MAX, f64::min), times().fold(f64::MIN, f64::max));
        let room = (FIGURES_MAX / lines.max(1)).max(2);
        let width_s = ((last - first) / room as f64).max(LOOK_S);
        let mut looks: Vec<(f64, Vec<(f64, u32)>)> = Vec::new();
        let mut readings: Vec<(f64, usize, f64)> = Vec::new();
        for (k, line) in self.lines.iter().enumerate() {
            readings.extend(line.points.iter().map(|(at_s, value)| (*at_s, k, *value)));
        }
        readings.sort_by(|one, two| one.0.total_cmp(&two.0));
        for (at_s, k, value) in readings {
            if looks.last().is_none_or(|(from, _)| at_s - from > width_s) {
                looks.push((at_s, vec![(0.0, 0); self.lines.len()]));
            }
            let look = looks.len() - 1;
            let (sum, count) = &mut looks[look].1[k];
            *sum += value;
            *count += 1;
        }
        let t = looks.iter().map(|(at_s, _)| *at_s);
        let t = with_gaps(&t.collect::<Vec<f64>>());
        let row = |k: usize| {
            let mut looks = looks.iter().peekable();
            let figure = |at: &f64| {
                let (sum, count) = looks.next_if(|(own, _)| own == at)?.1[k];
                (count > 0).then(|| sum / f64::from(count))
            };
            t.iter().map(figure).map(Figure).collect()
        };
        let series = self.lines.iter().enumerate().map(|(k, line)| Series {
            name: foreign::line(&line.item.name, 48),
            planned: false,
            v: row(k),
        });
        let series = series.collect();
        (t.into_iter().map(Instant).collect(), series)
    }

    /// The limits that are drawn, from the lowest up; lines that share one share its label.
    pub fn limits(&self, warn: &'static str, fail: &'static str) -> Vec<Limit> {
        let mut found: Vec<(f64, bool, Vec<&str>)> = Vec::new();
        for line in &self.lines {
            let limits = line.limits();
            for (at, is_failure) in [(limits.warn, false), (limits.fail, true)] {
                let Some(at) = at.filter(|at| self.peak == 0.0 || *at <= LIMIT_SCALE_MAX * self.peak) else {
                    continue;
                };
                match found.iter_mut().find(|one| one.0 == at && one.1 == is_failure) {
                    Some((.., names)) => names.push(&line.item.name),
                    None => found.push((at, is_failure, vec![&line.item.name])),
                }
            }
        }
        found.sort_by(|one, two| one.0.total_cmp(&two.0));
        let limit = |(at, is_failure, names): (f64, bool, Vec<&str>)| {
            let of = match names.as_slice() {
                _ if names.len() == self.lines.len() => String::new(),
                [name] => foreign::line(name, 24),
                [name, rest @ ..] => format!("{} +{}", foreign::line(name, 24), rest.len()),
                [] => String::new(),
            };
            Limit { v: Figure(Some(at)), fail: is_failure, text: if is_failure { fail } else { warn }, of }
        };
        found.into_iter().map(limit).collect()
    }
}

/// The instants, and one of nothing in each gap between them.
fn with_gaps(t: &[f64]) -> Vec<f64> {
    let mut steps: Vec<f64> = t.windows(2).map(|pair| pair[1] - pair[0]).collect();
    steps.sort_by(f64::total_cmp);
    let usual = steps.get(steps.len() / 2).copied().unwrap_or(f64::MAX);
    let mut all = Vec::with_capacity(t.len());
    for &at in t {
        if let Some(&last) = all.last().filter(|last| at - **last > GAP * usual) {
            all.push(f64::midpoint(last, at));
        }
        all.push(at);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(name: &str, source: &str, unit: &str, judge: &str) -> WatchedResult {
        let json = serde_json::json!({
            "name": name, "source": source, "place": null, "expression": name, "judge": judge, "unit": unit,
            "good": "at-most", "warn": 10.0, "fail": 50.0, "value": 1.0, "outcome": "pass", "why": "",
            "fix": "", "readings": 1, "missed": 0,
        });
        serde_json::from_value(json).expect("an item")
    }

    fn series(name: &str, points: &[(f64, f64)]) -> WatchSeries {
        WatchSeries::of(name, points.to_vec())
    }

    #[test]
    fn figures_of_one_source_unit_and_scale_share_a_chart() {
        let items = [
            item("a", "redis", "ms", "worst"),
            item("b", "redis", "ms", "worst"),
            item("large", "redis", "ms", "worst"),
            item("zero", "redis", "ms", "worst"),
            item("other", "nginx", "ms", "worst"),
            item("unread", "nginx", "ms", "worst"),
        ];
        let all = [("a", 1.0), ("b", 20.0), ("large", 900.0), ("zero", 0.0), ("other", 1.0)];
        let all: Vec<WatchSeries> = all.iter().map(|(name, v)| series(name, &[(1.0, *v)])).collect();
        let lines = lines(&items, &all);
        let groups = groups(&lines);
        let names = |group: &Group<'_>| {
            group.lines.iter().map(|line| line.item.name.as_str()).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(groups.iter().map(names).collect::<Vec<_>>(), ["a b zero", "large", "other"]);
        let limits = groups[0].limits("warn", "fail");
        let limits: Vec<(&str, bool)> = limits.iter().map(|one| (one.text, one.fail)).collect();
        assert_eq!(limits, [("warn", false), ("fail", true)]);
        assert!(groups[2].limits("warn", "fail").is_empty(), "they would flatten the line");
    }

    #[test]
    fn a_counter_is_drawn_as_what_came_to_it() {
        let items = [item("a", "redis", "", "growth")];
        let all = [series("a", &[(1.0, 100.0), (2.0, 103.0), (3.0, 2.0)])];
        assert_eq!(lines(&items, &all)[0].points, [(1.0, 0.0), (2.0, 3.0), (3.0, 5.0)]);
    }

    #[test]
    fn a_figure_judged_in_several_ways_is_drawn_once() {
        let mut items = ["end", "slope", "growth"].map(|judge| item(judge, "redis", "B/min", judge));
        items.iter_mut().for_each(|item| item.expression = "info.used_memory".into());
        let all: Vec<WatchSeries> = items.iter().map(|item| series(&item.name, &[(1.0, 2.0)])).collect();
        let names: Vec<&str> = lines(&items, &all).iter().map(|line| line.item.name.as_str()).collect();
        assert_eq!(names, ["end", "growth"]);
    }

    #[test]
    fn readings_of_one_look_are_one_instant_and_gaps_stay_open() {
        let items = [item("a", "redis", "ms", "worst"), item("b", "redis", "ms", "worst")];
        let at = |from: f64| [0.0, 5.0, 10.0, 60.0].map(|at| (at + from, 1.0));
        let all = [series("a", &at(0.0)), series("b", &at(0.1))];
        let lines = lines(&items, &all);
        let (t, rows) = groups(&lines)[0].drawn(2);
        assert_eq!(t.iter().map(|at| at.0).collect::<Vec<_>>(), [0.0, 5.0, 10.0, 35.0, 60.0]);
        let one = Figure(Some(1.0));
        for row in &rows {
            assert_eq!(row.v, [one, one, one, Figure(None), one]);
        }
    }

    #[test]
    fn what_changed_or_was_beyond_a_limit_stands_around_an_instant() {
        let items = [
            item("jump", "redis", "ms", "worst"),
            item("calm", "redis", "ms", "worst"),
            item("beyond", "redis", "ms", "worst"),
        ];
        let points =
            |f: fn(f64) -> f64| (0..240).map(|k| (f64::from(k) * 5.0, f(f64::from(k) * 5.0))).collect();
        let jump: Vec<_> = points(|at| if (140.0..=160.0).contains(&at) { 9.0 } else { 1.0 });
        let calm: Vec<_> = points(|at| at / 100.0);
        let beyond: Vec<_> = points(|_| 60.0);
        let all = [series("jump", &jump), series("calm", &calm), series("beyond", &beyond)];
        let lines = lines(&items, &all);
        let found = around(&lines, 150.0, 6);
        let found: Vec<_> =
            found.iter().map(|one| (one.item.name.as_str(), one.before, one.then, one.after)).collect();
        let expected = [("beyond", Some(60.0), 60.0, Some(60.0)), ("jump", Some(1.0), 9.0, Some(1.0))];
        assert_eq!(found, expected);
    }
}
