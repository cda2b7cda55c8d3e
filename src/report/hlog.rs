//! `latency.hlog`: an HdrHistogram interval log, a line a second for each step, in microseconds.
//!
//! V2 histograms, deflated, as HdrHistogram's own tools read them. Tags are step names for
//! latencies from scheduled time, `<step>.sent` for those from actual send, `messages.<kind>.age` for
//! ages of messages, `propagation.<name>` for the time to each receiver of an announcement and, with
//! `.first` and `.last` behind it, to its first and last one, `generator.lag` for the workers' lateness;
//! after accounts closed each begins with `ramp-down.`. Knows no file: it makes the text that is
//! appended.

use std::time::SystemTime;

use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::{IntervalLogWriterBuilder, Tag};
use jiff::Timestamp;

use super::timeline::Second;
use crate::measure::acts::Deed;
use crate::measure::{Latencies, Layout, Tally};

/// Before the tags of the ramp-down, which is reported and not judged.
pub(super) const AFTER: &str = "ramp-down.";
/// Behind the tags of latencies from actual send.
pub(super) const SENT: &str = ".sent";
/// Behind `messages.<kind>`: how long before they came messages were sent.
const AGE: &str = ".age";
/// The tag of the workers' lateness.
pub(super) const LAG: &str = "generator.lag";

/// Makes the log's text.
pub(super) struct LogWriter {
    serializer: V2DeflateSerializer,
    /// Of each step: the tag from scheduled time and the tag from actual send.
    tags: Vec<[String; 2]>,
    /// Of each kind of message: its age's tag.
    kinds: Vec<String>,
    /// Of what is announced: the tags of each, the first and the last receiver.
    announced: Vec<(Deed, [String; 3])>,
}

impl LogWriter {
    /// A log of these steps and kinds of messages.
    pub fn new(layout: &Layout) -> Self {
        let tags = layout.steps.iter().map(|step| [tag(step), format!("{}{SENT}", tag(step))]).collect();
        let kinds = layout.messages.iter().map(|kind| tag(&format!("messages.{kind}{AGE}"))).collect();
        let announced = layout.announced.iter().map(|announced| {
            let each = propagation_tag(&announced.name);
            (announced.deed, [format!("{each}.first"), format!("{each}.last"), each])
        });
        Self { serializer: V2DeflateSerializer::new(), tags, kinds, announced: announced.collect() }
    }

    /// The head of the file: what it is, and when the run began.
    pub fn head(&mut self, started_at: Timestamp) -> Vec<u8> {
        let started_at = SystemTime::from(started_at);
        let mut out = Vec::new();
        IntervalLogWriterBuilder::new()
            .add_comment("[Logged by startline; all values in microseconds]")
            .add_comment("[Histogram log format version 1.3]")
            .with_start_time(started_at)
            .with_base_time(started_at)
            .begin_log_with(&mut out, &mut self.serializer)
            .map(drop)
            .expect("a Vec takes every byte");
        out.extend_from_slice(
            b"\"StartTimestamp\",\"Interval_Length\",\"Interval_Max\",\"Interval_Compressed_Histogram\"\n",
        );
        out
    }

    /// The lines of one interval.
    pub fn lines(&mut self, second: &Second<'_>, tally: &Tally) -> Vec<u8> {
        let steps = self.tags.iter().enumerate().filter_map(|(k, tags)| Some((tags, tally.step(k)?)));
        let latencies =
            steps.flat_map(|([due, sent], step)| [(due, &step.from_due), (sent, &step.from_sent)]);
        let tagged = latencies.map(|(tag, latencies)| (tag.as_str(), latencies));

        let mut out = Vec::new();
        let mut log = IntervalLogWriterBuilder::new()
            .begin_log_with(&mut out, &mut self.serializer)
            .expect("a Vec takes every byte");
        let ages = self.kinds.iter().enumerate().filter_map(|(k, tag)| Some((tag, tally.kind(k)?)));
        let ages = ages.map(|(tag, kind)| (tag.as_str(), &kind.ages));
        let echoes = self.announced.iter();
        let echoes = echoes.filter_map(|(deed, tags)| Some((tags, tally.propagated.of(*deed)?)));
        let echoes: Vec<_> = echoes.map(|(tags, echo)| (tags, echo, echo.all())).collect();
        let delays = echoes.iter().flat_map(|([first, last, each], echo, all)| {
            [(each.as_str(), all), (first.as_str(), &echo.first), (last.as_str(), &echo.last)]
        });
        for (tag, latencies) in tagged.chain(ages).chain(delays).chain([(LAG, &tally.lag)]) {
            if let Some(histogram) = Latencies::histogram(latencies) {
                let tag = if second.is_after { format!("{AFTER}{tag}") } else { tag.to_owned() };
                log.write_histogram(histogram, second.start, second.length(), Tag::new(&tag))
                    .expect("u32 counts can be serialized, and a Vec takes every byte");
            }
        }
        out
    }
}

/// The tag of the times to each receiver of an announcement.
pub(super) fn propagation_tag(name: &str) -> String {
    format!("propagation.{}", tag(name))
}

/// A step's name as a tag: commas, spaces and line breaks are not allowed in one.
pub(super) fn tag(step: &str) -> String {
    step.chars().map(|c| if c == ',' || c.is_whitespace() { '_' } else { c }).collect()
}
