//! Loops behind the open connection: what they write again and again, and which reads await a reply.
//!
//! Knows samplers and their timers, not what comes before. Invariant: each sampler of a loop becomes a periodic message, the
//! reply of one, or a note.

use super::super::model::{At, Every, Of, Pause};
use super::element::Element;
use super::flow::{self, Act};
use super::http;
use super::socket::{Making, Sampler, as_sampler, is_read, timeout};
use crate::scenario::every::EVERY_MAX;

/// An interval where a loop has no timer.
const INTERVAL_MS: u64 = 1000;

impl<'t> Making<'_, '_> {
    /// A Ping with each interval; without one, a single Ping.
    pub(super) fn ping(&mut self, sampler: Sampler<'_, 't>, interval: Option<Pause>) {
        let element = sampler.element;
        if element.raw("type").eq_ignore_ascii_case("pong") {
            let text = format!("{}: a Pong that nobody asked for is not sent", element.called());
            return self.work.found.note(Of::Left, At::Line(element.line()), text);
        }
        let (name, comments) = self.work.name(element, "ping");
        let every = Every {
            name,
            send: "startline".to_owned(),
            interval: interval.unwrap_or(Pause::fixed(INTERVAL_MS)),
            is_ping_frame: true,
            timeout: timeout(element, "readTimeout", self.work),
            times: interval.is_none().then_some(1),
            comments,
            ..Every::default()
        };
        self.every(every, element, sampler);
    }

    /// Adds a periodic message; `judged` has what judges its reply.
    fn every(&mut self, mut every: Every, element: Element<'t>, judged: Sampler<'_, 't>) {
        let at = At::Line(element.line());
        if self.socket.every.len() == EVERY_MAX {
            let text = format!(
                "There are more than {EVERY_MAX} periodic messages: {} is left out",
                element.called()
            );
            return self.work.found.note(Of::Left, at, text);
        }
        let is_taken = |other: &Every| other.reply.is_some() && other.reply == every.reply;
        if self.socket.every.iter().any(is_taken) {
            let text = format!(
                "{}: another periodic message awaits the same kind: say with reply_at and reply_equals which reply is whose",
                element.called()
            );
            every.comments.push(self.work.found.note_here(Of::Changed, at, text));
            every.reply = None;
            every.timeout = None;
        }
        match every.is_ping_frame || every.reply.is_some() {
            true => http::limit_time(judged.scope, &every.name, self.work),
            false => self.note_unread(judged.element),
        }
        self.socket.every.push(every);
    }

    /// A loop: its writes are periodic messages, its timers their interval.
    pub(super) fn repeated(&mut self, times: Option<u64>, element: Element<'t>, acts: &[Act<'t>]) {
        let at = At::Line(element.line());
        if self.is_closed {
            let text = format!("{}: a session is over once its WebSocket is closed", element.called());
            return self.work.found.note(Of::Left, at, text);
        }
        // What was waited for before belongs to the hold.
        self.hold_ms = self.hold_ms.saturating_add(std::mem::take(&mut self.pause).mean_ms());
        let mut interval = Pause::default();
        for act in acts {
            interval = interval.plus(match act {
                Act::Sample { element, scope } => {
                    let own = if element.class() == "TestAction" {
                        flow::pause_of(*element, self.work)
                    } else {
                        None
                    };
                    scope.pause.plus(own.unwrap_or_default())
                }
                Act::Loop { .. } => Pause::default(),
            });
        }
        if interval.is_none() && acts.iter().any(|act| matches!(act, Act::Sample { .. })) {
            let text = format!(
                "{}: no timer in it says a time: without one JMeter sends as fast as replies come; here {} s are between \
                 two messages: set the interval that is meant",
                element.called(),
                INTERVAL_MS / 1000
            );
            self.work.found.note(Of::Warning, at, text);
            interval = Pause::fixed(INTERVAL_MS);
        }
        let (from_ms, to_ms) = (interval.from_ms.max(1), interval.to_ms.max(1));
        let from = self.socket.every.len();
        self.looped(acts, Pause { from_ms, to_ms });
        if let Some(times) =
            times.and_then(|times| u32::try_from(times).ok()).filter(|_| self.has_other_loops)
        {
            self.socket.every[from..].iter_mut().for_each(|every| every.times = every.times.or(Some(times)));
        }
        match times {
            Some(times) => {
                self.hold_ms = self.hold_ms.saturating_add(times.saturating_mul(interval.mean_ms()).max(1));
            }
            None => self.has_endless_loop = true,
        }
    }

    fn looped(&mut self, acts: &[Act<'t>], interval: Pause) {
        let mut rest = acts.iter().peekable();
        while let Some(act) = rest.next() {
            let Act::Sample { element, .. } = act else {
                if let Act::Loop { times, element, acts } = act {
                    let text = format!(
                        "{}: a loop within a loop: its messages are sent by its own timers all the time, and what it takes is no part of the \
                         outer loop's interval or of the hold",
                        element.called()
                    );
                    self.work.found.note(Of::Changed, At::Line(element.line()), text);
                    let hold_ms = self.hold_ms;
                    self.repeated(*times, *element, acts);
                    self.hold_ms = hold_ms;
                }
                continue;
            };
            let (element, at) = (*element, At::Line(element.line()));
            let Some(sampler) = as_sampler(act) else { continue };
            self.note_connection(element);
            if element.class() != "RequestResponseWebSocketSampler" {
                self.note_unread(element);
            }
            match element.class() {
                "SingleWriteWebSocketSampler" => {
                    let mut reads = Vec::new();
                    while let Some(next) = rest.next_if(|next| is_read(next)).and_then(as_sampler) {
                        reads.push(next);
                    }
                    // Of several reads the one that looks at what it reads is the reply's.
                    let is_wanted = |read: &&Sampler<'_, 't>| !read.element.flag("optional");
                    let asserts = |read: &&Sampler<'_, 't>| !read.scope.assertions.is_empty();
                    let wanted = reads.iter().filter(is_wanted);
                    let read = wanted.clone().find(asserts).or(wanted.clone().next()).copied();
                    let line = read.map(|read| read.element.line());
                    for other in reads.iter().filter(|read| Some(read.element.line()) != line) {
                        self.listens(*other);
                    }
                    self.periodic(sampler, read, interval);
                }
                "RequestResponseWebSocketSampler" => self.periodic(sampler, Some(sampler), interval),
                "PingPongSampler" => self.ping(sampler, Some(interval)),
                "SingleReadWebSocketSampler" => self.listens(sampler),
                "HTTPSamplerProxy" => {
                    let text =
                        format!("{}: once a session is open it makes no HTTP requests", element.called());
                    self.work.found.note(Of::Left, at, text);
                }
                "TestAction" => {}
                _ => {
                    let text = format!("{}: a session connects and closes once", element.called());
                    self.work.found.note(Of::Left, at, text);
                }
            }
        }
    }

    /// A read that is no reply's.
    fn listens(&mut self, read: Sampler<'_, 't>) {
        let text =
            format!("{}: every frame is read as it comes, and counted by its kind", read.element.called());
        self.work.found.note(Of::Changed, At::Line(read.element.line()), text);
        self.note_unread(read.element);
        self.note_filters(read.scope);
    }

    /// A write that is repeated, and the read of its reply.
    fn periodic(&mut self, write: Sampler<'_, 't>, read: Option<Sampler<'_, 't>>, interval: Pause) {
        let element = write.element;
        let send = self.payload(element);
        if send.is_empty() {
            return self.note_empty(element);
        }
        let (name, comments) = self.work.name(element, "message");
        let mut every = Every { name, send, interval, comments, ..Every::default() };
        if let Some(read) = read {
            let kinds = self.kinds.of_read(read.element, &read.scope.assertions, self.work);
            every.reply = kinds.first().cloned();
            if kinds.len() > 1 {
                let text = format!("{}: a reply is of one kind: the first is taken", read.element.called());
                self.work.found.note(Of::Changed, At::Line(read.element.line()), text);
            }
            if every.reply.is_some() {
                every.timeout = timeout(read.element, "readTimeout", self.work);
            }
            for extractor in &read.scope.extractors {
                let text = format!(
                    "{}: once a session is open, values are taken by a kind, for its own answer",
                    extractor.called()
                );
                self.work.found.note(Of::Left, At::Line(extractor.line()), text);
            }
            self.note_filters(read.scope);
            if !interval.is_none() {
                self.warn_of_stale_reads(read, every.reply.is_some());
            }
        }
        self.every(every, element, read.unwrap_or(write));
    }

    /// What a read of one frame gets on a server that broadcasts.
    pub(super) fn warn_of_stale_reads(&mut self, read: Sampler<'_, 't>, is_known: bool) {
        let has_filter = read.scope.filters.iter().any(|filter| filter.class() != "PingFrameFilter");
        if has_filter {
            return;
        }
        let what = match read.scope.assertions.is_empty() {
            true => {
                "JMeter calls that a success, and its time is that of taking an old frame out of a buffer"
            }
            false => "JMeter's assertion then fails though the server answered",
        };
        let here = match is_known {
            true => "Here the reply is known by its kind, and everything else is counted as it comes",
            false => "Say which kind the reply is, and await that",
        };
        let text = format!(
            "{} reads one frame, and nothing reads while a timer sleeps: on a server that broadcasts it takes the oldest \
             broadcast that waits, not the reply. {what}. {here}",
            read.element.called()
        );
        self.work.found.note(Of::Warning, At::Line(read.element.line()), text);
    }
}
