//! Evaluates a query over its history.
//!
//! Follows Prometheus's own engine, to the rounding of its extrapolation. Invariant: a question that
//! has no single answer gets none.

use std::collections::{BTreeMap, VecDeque};

use super::history::Point;
use super::{Aggregation, Expression, Grouping, History, Labels, NAME, Operator, Query};

/// What an expression comes to.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// One figure.
    Figure(f64),
    /// Nothing: no series are meant, or no two samples are there yet.
    Nothing,
    /// Several series, as many as these.
    Several(usize),
    /// Both sides of an operator have several series of the same labels.
    Ambiguous,
}

enum Value {
    Scalar(f64),
    Vector(Vec<(Labels, f64)>),
}

/// Evaluates a query at the time of the last page.
pub fn evaluate(query: &Query, history: &History) -> Answer {
    match (Evaluator { query, history }).value(&query.expression) {
        None => Answer::Ambiguous,
        Some(Value::Scalar(figure)) => Answer::Figure(figure),
        Some(Value::Vector(series)) => match series.as_slice() {
            [] => Answer::Nothing,
            [(_, figure)] => Answer::Figure(*figure),
            several => Answer::Several(several.len()),
        },
    }
}

struct Evaluator<'e> {
    query: &'e Query,
    history: &'e History,
}

impl Evaluator<'_> {
    /// `None`: it is ambiguous.
    fn value(&self, expression: &Expression) -> Option<Value> {
        Some(match expression {
            Expression::Number(number) => Value::Scalar(*number),
            Expression::Select(selector) => {
                let now = |(labels, points): (&Labels, &VecDeque<Point>)| {
                    let (at_s, value) = *points.back()?;
                    (at_s >= self.history.at_s).then(|| (labels.clone(), value))
                };
                Value::Vector(self.history.series[*selector].iter().filter_map(now).collect())
            }
            Expression::Change { selector, is_rate } => Value::Vector(self.change(*selector, *is_rate)),
            Expression::Aggregate { how, grouping, of } => match self.value(of)? {
                Value::Scalar(_) => return None,
                Value::Vector(series) => Value::Vector(aggregate(*how, grouping, series)),
            },
            Expression::Quantile { share, of } => match (self.value(share)?, self.value(of)?) {
                (Value::Scalar(share), Value::Vector(series)) => Value::Vector(quantiles(share, series)),
                _ => return None,
            },
            Expression::Binary { operator, left, right } => {
                binary(*operator, self.value(left)?, self.value(right)?)?
            }
        })
    }

    fn change(&self, selector: usize, is_rate: bool) -> Vec<(Labels, f64)> {
        let range_s = self.query.selectors[selector].range.unwrap_or_default().as_secs_f64();
        let changed = |(labels, points): (&Labels, &VecDeque<Point>)| {
            let increase = increase(points, self.history.at_s, range_s)?;
            Some((unnamed(labels), if is_rate { increase / range_s } else { increase }))
        };
        self.history.series[selector].iter().filter_map(changed).collect()
    }
}

/// What a counter grew by over a range that ends now, extrapolated to its ends as Prometheus does.
fn increase(points: &VecDeque<Point>, now_s: f64, range_s: f64) -> Option<f64> {
    let (&(first_s, first), &(last_s, last)) = (points.front()?, points.back()?);
    if points.len() < 2 {
        return None;
    }
    // A counter that is less than it was has begun anew, from 0.
    let resets = points.iter().zip(points.iter().skip(1)).filter(|((_, before), (_, after))| after < before);
    let grown = last - first + resets.map(|((_, before), _)| before).sum::<f64>();
    let sampled_s = last_s - first_s;
    let between_s = sampled_s / (points.len() - 1) as f64;
    let (mut to_start_s, to_end_s) = (first_s - (now_s - range_s), now_s - last_s);
    if grown > 0.0 && first >= 0.0 {
        // It was not below 0.
        to_start_s = to_start_s.min(sampled_s * (first / grown));
    }
    let reach = |gap_s: f64| if gap_s < between_s * 1.1 { gap_s } else { between_s / 2.0 };
    Some(grown * ((sampled_s + reach(to_start_s) + reach(to_end_s)) / sampled_s))
}

fn unnamed(labels: &Labels) -> Labels {
    labels.iter().filter(|(name, _)| name != NAME).cloned().collect()
}

fn aggregate(how: Aggregation, grouping: &Grouping, series: Vec<(Labels, f64)>) -> Vec<(Labels, f64)> {
    let mut groups: BTreeMap<Labels, Vec<f64>> = BTreeMap::new();
    for (mut labels, value) in series {
        match grouping {
            Grouping::By(kept) => labels.retain(|(name, _)| kept.contains(name)),
            Grouping::Without(dropped) => labels.retain(|(name, _)| name != NAME && !dropped.contains(name)),
        }
        groups.entry(labels).or_default().push(value);
    }
    let aggregated = |values: Vec<f64>| {
        let sum: f64 = values.iter().sum();
        // A value that is no number loses against any other.
        let best = |better: fn(f64, f64) -> f64| values.iter().copied().reduce(better).unwrap_or(f64::NAN);
        match how {
            Aggregation::Sum => sum,
            Aggregation::Max => best(f64::max),
            Aggregation::Min => best(f64::min),
            Aggregation::Avg => sum / values.len() as f64,
            Aggregation::Count => values.len() as f64,
        }
    };
    groups.into_iter().map(|(labels, values)| (labels, aggregated(values))).collect()
}

fn binary(operator: Operator, left: Value, right: Value) -> Option<Value> {
    let compute = |left: f64, right: f64| match operator {
        Operator::Add => Some(left + right),
        Operator::Subtract => Some(left - right),
        Operator::Multiply => Some(left * right),
        Operator::Divide => Some(left / right),
        Operator::Equal => (left == right).then_some(left),
        Operator::NotEqual => (left != right).then_some(left),
        Operator::Greater => (left > right).then_some(left),
        Operator::Less => (left < right).then_some(left),
        Operator::AtLeast => (left >= right).then_some(left),
        Operator::AtMost => (left <= right).then_some(left),
        Operator::Or => None,
    };
    let is_filter = !matches!(
        operator,
        Operator::Add | Operator::Subtract | Operator::Multiply | Operator::Divide | Operator::Or
    );
    // A filter leaves a series' name.
    let kept = |labels: Labels| if is_filter { labels } else { unnamed(&labels) };
    Some(match (left, right) {
        (Value::Vector(left), Value::Vector(right)) if operator == Operator::Or => {
            let known: Vec<Labels> = left.iter().map(|(labels, _)| unnamed(labels)).collect();
            let others = right.into_iter().filter(|(labels, _)| !known.contains(&unnamed(labels)));
            Value::Vector(left.into_iter().chain(others).collect())
        }
        (Value::Scalar(left), Value::Scalar(right)) if !is_filter => Value::Scalar(compute(left, right)?),
        // A comparison of two numbers, and their `or`, are refused by Prometheus.
        (Value::Scalar(_), Value::Scalar(_)) => return None,
        (_, Value::Scalar(_)) | (Value::Scalar(_), _) if operator == Operator::Or => return None,
        (Value::Vector(left), Value::Scalar(right)) => {
            let computed =
                left.into_iter().filter_map(|(labels, left)| Some((kept(labels), compute(left, right)?)));
            Value::Vector(computed.collect())
        }
        (Value::Scalar(left), Value::Vector(right)) => {
            let computed = |(labels, right): (Labels, f64)| {
                let value = compute(left, right)?;
                // A filter's answer is the series' own value.
                Some((kept(labels), if is_filter { right } else { value }))
            };
            Value::Vector(right.into_iter().filter_map(computed).collect())
        }
        (Value::Vector(left), Value::Vector(right)) => {
            let mut others = BTreeMap::new();
            for (labels, value) in right {
                if others.insert(unnamed(&labels), value).is_some() {
                    return None;
                }
            }
            let mut joined = Vec::new();
            for (labels, left) in left {
                let Some(right) = others.get(&unnamed(&labels)) else { continue };
                if let Some(value) = compute(left, *right) {
                    joined.push((kept(labels), value));
                }
            }
            let mut groups: Vec<Labels> = joined.iter().map(|(labels, _)| unnamed(labels)).collect();
            groups.sort();
            if groups.windows(2).any(|pair| pair[0] == pair[1]) {
                return None;
            }
            Value::Vector(joined)
        }
    })
}

/// Quantiles of histograms, each a group of series that differ in `le` alone.
fn quantiles(share: f64, series: Vec<(Labels, f64)>) -> Vec<(Labels, f64)> {
    let mut histograms: BTreeMap<Labels, Vec<(f64, f64)>> = BTreeMap::new();
    for (labels, count) in series {
        let Some(bound) = labels.iter().find(|(name, _)| name == "le") else { continue };
        let Ok(bound) = bound.1.parse() else { continue };
        let others = labels.iter().filter(|(name, _)| name != "le" && name != NAME).cloned().collect();
        histograms.entry(others).or_default().push((bound, count));
    }
    histograms.into_iter().map(|(labels, buckets)| (labels, quantile(share, buckets))).collect()
}

fn quantile(share: f64, mut buckets: Vec<(f64, f64)>) -> f64 {
    buckets.sort_by(|one, other| one.0.total_cmp(&other.0));
    // Buckets of the same bound are one, and counts do not fall.
    let mut merged: Vec<(f64, f64)> = Vec::with_capacity(buckets.len());
    for (bound, count) in buckets {
        match merged.last_mut() {
            Some(last) if last.0 == bound => last.1 += count,
            _ => merged.push((bound, count)),
        }
    }
    let mut most = f64::NEG_INFINITY;
    for bucket in &mut merged {
        most = most.max(bucket.1);
        bucket.1 = most;
    }
    let [.., second, (last_bound, all)] = merged.as_slice() else { return f64::NAN };
    if *last_bound != f64::INFINITY || *all == 0.0 || share.is_nan() {
        return f64::NAN;
    }
    if !(0.0..=1.0).contains(&share) {
        return if share < 0.0 { f64::NEG_INFINITY } else { f64::INFINITY };
    }
    let mut rank = share * all;
    let k = merged.iter().position(|(_, count)| *count >= rank).unwrap_or(merged.len() - 1);
    let (bound, mut count) = merged[k];
    if k == merged.len() - 1 {
        return second.0;
    }
    if k == 0 && bound <= 0.0 {
        return bound;
    }
    let mut start = 0.0;
    if let Some((before, counted)) = k.checked_sub(1).map(|before| merged[before]) {
        start = before;
        count -= counted;
        rank -= counted;
    }
    start + (bound - start) * (rank / count)
}

#[cfg(test)]
mod tests {
    use super::super::{Sample, parse};
    use super::*;

    fn sample(name: &str, labels: &[(&str, &str)], value: f64) -> Sample {
        let pair = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        let mut labels: Labels = labels.iter().copied().chain([(NAME, name)]).map(pair).collect();
        labels.sort();
        Sample { labels, value }
    }

    /// The answer after pages that are 5 s apart.
    fn answer(text: &str, pages: &[Vec<Sample>]) -> Answer {
        let query = parse(text).unwrap_or_else(|why| panic!("{text}: {why}"));
        let mut history = History::new(&query);
        for (k, page) in pages.iter().enumerate() {
            history.add(&query, page, 1_000.0 + 5.0 * k as f64);
        }
        evaluate(&query, &history)
    }

    #[test]
    fn figures_are_computed() {
        let page = || {
            vec![
                sample("heap", &[("area", "heap"), ("id", "old")], 6.0),
                sample("heap", &[("area", "heap"), ("id", "eden")], 2.0),
                sample("heap", &[("area", "nonheap"), ("id", "meta")], 4.0),
                sample("limit", &[("area", "heap"), ("id", "old")], 10.0),
                sample("limit", &[("area", "heap"), ("id", "eden")], -1.0),
            ]
        };
        for (text, figure) in [
            ("1 + 2 * 3 - 4 / 2", 5.0),
            ("-2 * -3", 6.0),
            ("sum(heap{area=\"heap\"})", 8.0),
            ("max(heap)", 6.0),
            ("min(heap{id!=\"eden\"})", 4.0),
            ("avg(heap)", 4.0),
            ("count(heap)", 3.0),
            ("sum(heap{id=~\"old|eden\"}) / sum(limit > 0)", 0.8),
            ("max(sum by (area) (heap))", 8.0),
            ("sum(sum without (id) (heap))", 12.0),
            ("sum(heap / limit)", -1.4),
            ("sum(gone) or 0 * count(heap)", 0.0),
            ("heap{id=\"meta\"} or gone", 4.0),
            ("100 - heap{id=\"meta\"}", 96.0),
            ("5 > heap{id=\"meta\"}", 4.0),
        ] {
            let Answer::Figure(got) = answer(text, &[page()]) else { panic!("{text} has no figure") };
            assert!((got - figure).abs() < 1e-9, "{text}: {got}");
        }
        assert_eq!(answer("gone", &[page()]), Answer::Nothing);
        assert_eq!(answer("heap", &[page()]), Answer::Several(3));
        assert_eq!(answer("heap > 100", &[page()]), Answer::Nothing);
        // What was there is not there any more.
        assert_eq!(answer("heap", &[page(), vec![]]), Answer::Nothing);
    }

    #[test]
    fn rates_take_two_samples_and_see_resets() {
        let pages =
            |values: &[f64]| values.iter().map(|value| vec![sample("c", &[], *value)]).collect::<Vec<_>>();
        assert_eq!(answer("rate(c[10s])", &pages(&[5.0])), Answer::Nothing);
        assert_eq!(answer("increase(c[10s])", &pages(&[100.0, 105.0, 110.0])), Answer::Figure(10.0));
        assert_eq!(answer("rate(c[10s])", &pages(&[0.0, 100.0, 105.0, 110.0])), Answer::Figure(1.0));
        assert_eq!(answer("increase(c[10s])", &pages(&[100.0, 110.0, 3.0])), Answer::Figure(13.0));
        // Half an interval beyond a young series, but not below 0.
        assert_eq!(answer("increase(c[1m])", &pages(&[1_000.0, 1_010.0])), Answer::Figure(15.0));
        assert_eq!(answer("increase(c[1m])", &pages(&[0.0, 10.0])), Answer::Figure(10.0));
    }

    #[test]
    fn quantiles_are_read_off_buckets() {
        let bucket = |le: &str, count: f64| sample("b", &[("le", le)], count);
        let page = || vec![bucket("0.1", 50.0), bucket("0.2", 90.0), bucket("+Inf", 100.0)];
        assert_eq!(answer("histogram_quantile(0.25, b)", &[page()]), Answer::Figure(0.05));
        assert_eq!(answer("histogram_quantile(0.7, b)", &[page()]), Answer::Figure(0.15000000000000002));
        assert_eq!(answer("histogram_quantile(0.99, b)", &[page()]), Answer::Figure(0.2));
        let unbounded = answer("histogram_quantile(0.5, b)", &[vec![bucket("0.1", 1.0), bucket("0.2", 2.0)]]);
        assert!(matches!(unbounded, Answer::Figure(figure) if figure.is_nan()));
    }

    #[test]
    fn what_has_no_single_answer_gets_none() {
        let page = vec![sample("a", &[("x", "1")], 1.0), sample("b", &[("x", "1")], 2.0)];
        assert_eq!(answer("sum(1)", std::slice::from_ref(&page)), Answer::Ambiguous);
        assert_eq!(answer("1 > 2", std::slice::from_ref(&page)), Answer::Ambiguous);
        assert_eq!(answer("1 or a", &[page]), Answer::Ambiguous);
    }
}
