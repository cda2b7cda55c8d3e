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
