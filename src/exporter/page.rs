//! The page that is served: the latest reading, as OpenMetrics text once somebody asks for it.
//!
//! Knows no socket. Invariant: a reading is encoded once, however many ask for it, and never on the
//! thread that stores it; that one waits for nobody.

use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use prometheus_client::registry::{Registry, Unit};

use super::families::{FAMILIES, Family, PREFIX, Value};
use super::reading::Reading;

/// A reading and its text.
#[derive(Debug)]
pub(super) struct Page {
    reading: Reading,
    text: OnceLock<String>,
}

/// The newest page.
#[derive(Debug)]
pub(super) struct Latest(Mutex<Arc<Page>>);

impl Latest {
    pub(super) fn new(reading: Reading) -> Self {
        Self(Mutex::new(Arc::new(Page::of(reading))))
    }

    /// Stores a newer one. Who takes a page holds the lock for as long as it takes to count a
    /// reference; should its thread lose the core just then, the page is a second older, once.
    pub(super) fn replace(&self, reading: Reading) {
        if let Ok(mut latest) = self.0.try_lock() {
            *latest = Arc::new(Page::of(reading));
        }
    }

    pub(super) fn page(&self) -> Arc<Page> {
        Arc::clone(&self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Page {
    fn of(reading: Reading) -> Self {
        Self { reading, text: OnceLock::new() }
    }

    pub(super) fn text(&self) -> &str {
        self.text.get_or_init(|| text(&self.reading))
    }
}

/// A reading as OpenMetrics text.
pub fn text(reading: &Reading) -> String {
    let mut registry = Registry::with_prefix(PREFIX);
    registry.register_collector(Box::new(Collected(reading.clone())));
    let mut text = String::new();
    encode(&mut text, &registry).expect("a String takes every byte");
    text
}

#[derive(Debug)]
struct Collected(Reading);

impl Collector for Collected {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        FAMILIES.iter().try_for_each(|family| encode_family(family, &self.0, &mut encoder))
    }
}

fn encode_family(family: &Family, reading: &Reading, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    let unit = family.unit.map(|unit| Unit::Other(unit.to_owned()));
    let mut metric = encoder.encode_descriptor(family.name, family.help, unit.as_ref(), family.kind)?;
    for sample in (family.read)(reading) {
        let labels: Vec<(&str, &str)> = family.labels.iter().copied().zip(sample.labels).collect();
        match sample.value {
            Value::Info => metric.encode_info(&labels)?,
            Value::Count(count) => {
                metric.encode_family(&labels)?.encode_counter::<NoLabelSet, _, u64>(&count, None)?;
            }
            Value::Sum(sum) => {
                metric.encode_family(&labels)?.encode_counter::<NoLabelSet, _, u64>(&sum, None)?;
            }
            Value::Whole(level) => metric.encode_family(&labels)?.encode_gauge(&level)?,
            Value::Level(level) => metric.encode_family(&labels)?.encode_gauge(&level)?,
            Value::Buckets(buckets) => metric.encode_family(&labels)?.encode_histogram::<NoLabelSet>(
                buckets.sum_seconds(),
                buckets.count(),
                &buckets.counts(),
                None,
            )?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::super::buckets::Buckets;
    use super::super::reading::{Criterion, Errors, Server, Step, Updates};
    use super::*;
    use crate::measure::{Beats, Phase};
    use crate::report::{Outcome, SequenceResult};

    /// At least one sample of every metric.
    fn full() -> Reading {
        let name = || "a".to_owned();
        Reading {
            phase: Some(Phase::Hold),
            phases_planned: vec![(Phase::Hold, 60.0)],
            steps: vec![Step { name: name(), ..Step::default() }],
            every: vec![(name(), Beats::default())],
            errors_by_blame: vec![(name(), 1)],
            errors: vec![Errors { step: name(), kind: name(), blame: name(), count: 1 }],
            messages: vec![(name(), 1)],
            answers: vec![(name(), 1)],
            sequences: vec![(name(), SequenceResult::default())],
            ages: vec![(name(), Buckets::default())],
            propagation: vec![(name(), Buckets::default())],
            updates: Some(Updates::default()),
            servers: vec![Server {
                url: "ws://\"a\"\\b\nc".to_owned(),
                sessions: 4,
                opened: 3,
                failed: 2,
                ping_failed: 1,
            }],
            criteria: vec![Criterion {
                name: name(),
                unit: "seconds",
                limit: 0.1,
                good: "below".to_owned(),
                measured: Some(0.05),
                outcome: Outcome::Warn,
            }],
            ..Reading::default()
        }
    }

    /// The metric that a sample belongs to, and the names of its labels.
    fn parts(sample: &str) -> (&str, BTreeSet<&str>) {
        let end = sample.find(['{', ' ']).expect("a name");
        let labels = sample[end..].split_once('}').map_or("", |(labels, _)| labels);
        let names = labels.split(['{', ',']).filter_map(|label| Some(label.split_once('=')?.0));
        let name = &sample[..end];
        let family = ["_bucket", "_sum", "_count"].iter().find_map(|suffix| name.strip_suffix(suffix));
        (family.unwrap_or(name), names.filter(|name| *name != "le").collect())
    }

    #[test]
    fn every_metric_is_served_with_the_labels_that_are_declared() {
        let text = text(&full());
        let mut served: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (name, labels) in text.lines().filter(|line| !line.starts_with('#')).map(parts) {
            assert_eq!(*served.entry(name).or_insert(labels.clone()), labels, "{name}");
        }
        let declared = FAMILIES.iter().map(|it| (it.full_name(), it.labels.iter().copied().collect()));
        let declared: BTreeMap<String, BTreeSet<&str>> = declared.collect();
        let served: BTreeMap<String, _> = served.into_iter().map(|(k, v)| (k.to_owned(), v)).collect();
        assert_eq!(served, declared);
    }

    #[test]
    fn what_servers_name_is_escaped() {
        let line = r#"startline_server_sessions_opened_total{server="ws://\"a\"\\b\nc"} 3"#;
        assert!(text(&full()).lines().any(|it| it == line), "{}", text(&full()));
    }

    #[test]
    fn one_state_of_a_set_is_the_present_one() {
        let all = text(&full());
        let present =
            |name: &str| all.lines().filter(|it| it.starts_with(name) && it.ends_with("} 1")).collect();
        let (phases, states): (Vec<&str>, Vec<&str>) =
            (present("startline_phase{"), present("startline_criterion_state{"));
        assert_eq!(phases, ["startline_phase{phase=\"hold\"} 1"]);
        assert_eq!(states, ["startline_criterion_state{criterion=\"a\",state=\"warn\"} 1"]);
        assert!(text(&Reading::default()).contains("startline_phase{phase=\"waiting\"} 1\n"));
    }

    /// Whoever has taken the page keeps no newer one from being stored.
    #[test]
    fn a_page_that_is_being_served_is_in_nobody_s_way() {
        let latest = Latest::new(Reading::default());
        let old = latest.page();
        latest.replace(full());
        assert!(
            old.text().contains("phase=\"waiting\"} 1") && latest.page().text().contains("phase=\"hold\"} 1")
        );
    }
}
