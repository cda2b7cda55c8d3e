//! The WebSocket Samplers as a WebSocket: what opens it, its steps, what is sent again and again, its end.
//!
//! Knows the acts after the first open. Invariant: each act becomes a step, a periodic message or a note.

use std::time::Duration;

use super::super::fields;
use super::super::model::{At, Of, Pause, Request, Socket, Step, in_order};
use super::super::text::hex;
use super::element::Element;
use super::extract;
use super::flow::{self, Act};
use super::http;
use super::kinds::{self, Kinds};
use super::scope::{ASSERTIONS, DURATION, Scope};
use super::work::PlanWork;
use crate::scenario::STEPS_MAX;

/// What reads nothing, and has a time of its own all the same.
const TIMED: [&str; 2] = ["OpenWebSocketSampler", "PingPongSampler"];
/// A hold longer than this is questioned.
const LONG_HOLD: Duration = Duration::from_secs(3600);

/// A WebSocket being put together.
pub(super) struct Making<'w, 'o> {
    pub(super) work: &'w mut PlanWork<'o>,
    pub(super) socket: Socket,
    pub(super) kinds: Kinds,
    /// Waited for since the last step.
    pub(super) pause: Pause,
    /// How long the session is held, as far as the plan says it.
    pub(super) hold_ms: u64,
    pub(super) has_endless_loop: bool,
    pub(super) is_closed: bool,
    /// Whether it has several loops, each of which says how often its messages are sent.
    pub(super) has_other_loops: bool,
    opened_by_line: usize,
    /// Whether any message is text, and any binary.
    pub(super) sends: (bool, bool),
}

/// A sampler with what holds for it.
#[derive(Clone, Copy)]
pub(super) struct Sampler<'a, 't> {
    pub(super) element: Element<'t>,
    pub(super) scope: &'a Scope<'t>,
    pub(super) pause: Pause,
}

/// Makes a WebSocket of an open sampler and the acts behind it; returns how long it stays open, if that is known.
pub(super) fn socket<'t>(
    open: (Element<'t>, &Scope<'t>),
    acts: &[Act<'t>],
    work: &mut PlanWork<'_>,
) -> (Socket, Option<Duration>) {
    let (element, scope) = open;
    let mut making = Making {
        kinds: Kinds { type_field: type_field(acts), begins: begins(acts), ..Kinds::default() },
        work,
        socket: Socket::default(),
        pause: Pause::default(),
        hold_ms: 0,
        has_endless_loop: false,
        is_closed: false,
        has_other_loops: false,
        opened_by_line: element.line(),
        sends: (false, false),
    };
    making.open(element, scope);
    if element.class() != "OpenWebSocketSampler" {
        // It opens its connection itself.
        making.sampler(Sampler { element, scope, pause: Pause::default() }, None);
    }
    let loops: Vec<Element<'t>> = acts
        .iter()
        .filter_map(|act| match act {
            Act::Loop { element, .. } => Some(*element),
            Act::Sample { .. } => None,
        })
        .collect();
    if let [_, second, ..] = loops[..] {
        making.has_other_loops = true;
        let text = format!(
            "{}: it comes after another loop; here the messages of all loops are sent side by side, each as often (times) as \
             its loop says",
            second.called()
        );
        making.work.found.note(Of::Changed, At::Line(second.line()), text);
    }
    making.acts(acts);
    making.finish()
}

/// The messages that acts send.
fn sent<'a>(acts: &'a [Act<'_>]) -> Vec<&'a str> {
    let mut all = Vec::new();
    for act in acts {
        match act {
            Act::Sample { element, .. } => all.extend(element.text("requestData")),
            Act::Loop { acts, .. } => all.extend(sent(acts)),
        }
    }
    all
}

/// The field with which every message begins, if that is the same: `type` of `{"type":"PING",…`.
fn type_field(acts: &[Act<'_>]) -> Option<String> {
    let first = |text: &str| -> Option<String> {
        let end = text.match_indices('"').nth(3).map_or(text.len(), |(at, _)| at + 1);
        kinds::field_of(text.trim_start().starts_with('{').then(|| &text[..end])?)
            .map(|(name, _)| name.to_owned())
    };
    let names: Vec<Option<String>> = sent(acts).into_iter().map(first).collect();
    let name = names.first().cloned().flatten().filter(|name| !name.contains(['~', '/']))?;
    names.iter().all(|other| other.as_ref() == Some(&name)).then_some(name)
}

/// What every message begins with, if that is the same bracket.
fn begins(acts: &[Act<'_>]) -> Option<char> {
    let firsts: Vec<Option<char>> = sent(acts).iter().map(|text| text.trim_start().chars().next()).collect();
    let first = firsts.first().copied().flatten().filter(|c| matches!(c, '{' | '['))?;
    firsts.iter().all(|other| *other == Some(first)).then_some(first)
}

/// A sampler's timeout in a property of this name.
pub(super) fn timeout(element: Element<'_>, name: &str, work: &mut PlanWork<'_>) -> Option<Duration> {
    http::milliseconds_of(element.text(name)?, element, work)
}

impl<'t> Making<'_, '_> {
    fn acts(&mut self, acts: &[Act<'t>]) {
        let mut rest = acts.iter().peekable();
        while let Some(act) = rest.next() {
            match act {
                Act::Loop { times, element, acts } => self.repeated(*times, *element, acts),
                Act::Sample { element, scope } => {
                    let read = rest.next_if(|next| is_read(next));
                    let is_write = element.class() == "SingleWriteWebSocketSampler";
                    let read = read.and_then(as_sampler);
                    let sampler = Sampler { element: *element, scope, pause: scope.pause };
                    match is_write {
                        true => self.sampler(sampler, read),
                        false => {
                            self.sampler(sampler, None);
                            if let Some(read) = read {
                                self.sampler(read, None);
                            }
                        }
                    }
                }
            }
        }
    }

    /// One sampler that is played once; a write with the read behind it.
    fn sampler(&mut self, sampler: Sampler<'_, 't>, read: Option<Sampler<'_, 't>>) {
        let Sampler { element, pause, .. } = sampler;
        self.pause = self.pause.plus(pause);
        if self.is_closed {
            let text = format!("{}: a session is over once its WebSocket is closed", element.called());
            return self.work.found.note(Of::Left, At::Line(element.line()), text);
        }
        self.note_connection(element);
        if element.class() != "HTTPSamplerProxy" && !as_read(element) {
            self.note_unread(element);
        }
        match element.class() {
            "TestAction" => match flow::pause_of(element, self.work) {
                Some(pause) => self.pause = self.pause.plus(pause),
                None => {
                    let text =
                        format!("{}: a session ends by itself or at its first failure", element.called());
                    self.work.found.note(Of::Left, At::Line(element.line()), text);
                }
            },
            "CloseWebSocketSampler" => self.close(element),
            "PingPongSampler" => self.ping(sampler, None),
            "OpenWebSocketSampler" => {
                self.work.refuse(
                    element,
                    "a session has one WebSocket: write a scenario for each, and play them with [[mix]]",
                );
            }
            "HTTPSamplerProxy" => {
                let request = http::request(element, sampler.scope, self.work);
                let step = Step {
                    name: request.name.clone(),
                    timeout: request.timeout,
                    comments: request.comments.clone(),
                    request: Some(Request { comments: Vec::new(), ..request }),
                    ..Step::default()
                };
                self.step(step, element.line());
            }
            _ => self.message(sampler, read),
        }
    }

    /// What an element that reads nothing, or awaits nothing, has to judge or take a value from.
    pub(super) fn note_unread(&mut self, element: Element<'t>) {
        for one in element.under() {
            let class = one.class();
            let what = match class {
                DURATION if TIMED.contains(&element.class()) => continue,
                class if extract::CLASSES.contains(&class) => {
                    "no value is taken here: take it from an answer or from a message that a step awaits"
                }
                class if ASSERTIONS.contains(&class) => {
                    "nothing is judged here: a step judges by the message that it awaits, the upgrade by its 101, times by criteria"
                }
                _ => continue,
            };
            let at = At::Line(one.line());
            if self.work.found.notes.iter().all(|note| note.at != at) {
                let text = format!("{} of {}: {what}", one.called(), element.called());
                self.work.found.note(Of::Left, at, text);
            }
        }
    }

    /// A sampler that opens a connection of its own though there is one.
    pub(super) fn note_connection(&mut self, element: Element<'t>) {
        if element.flag("createNewConnection") && element.line() != self.opened_by_line {
            let text = format!(
                "{}: it opens a connection of its own; a session has one, over which all goes",
                element.called()
            );
            self.work.found.note(Of::Changed, At::Line(element.line()), text);
        }
    }

    /// Adds a step; returns whether there can be one.
    fn step(&mut self, step: Step, line: usize) -> bool {
        let pause = std::mem::take(&mut self.pause);
        let is_late = self.hold_ms > 0 || self.has_endless_loop;
        let at = At::Line(line);
        if is_late {
            let text = format!(
                "\"{}\" comes after a loop: once a session is open it sends periodic messages, and quit at its end",
                step.name
            );
            self.work.found.note(Of::Left, at, text);
            return false;
        }
        if self.socket.steps.len() == STEPS_MAX {
            let text = format!(
                "There are more than {STEPS_MAX} steps: \"{}\" and what follows it are left out",
                step.name
            );
            self.work.found.note(Of::Left, at, text);
            return false;
        }
        self.socket.steps.push(Step { pause, ..step });
        true
    }

    /// A write, a read, or both in one.
    fn message(&mut self, sampler: Sampler<'_, 't>, read: Option<Sampler<'_, 't>>) {
        let element = sampler.element;
        let is_read = element.class() == "SingleReadWebSocketSampler";
        let send = (!is_read).then(|| self.payload(element)).filter(|send| {
            let is_empty = send.is_empty();
            if is_empty {
                self.note_empty(element);
            }
            !is_empty
        });
        let reads = match element.class() {
            "SingleWriteWebSocketSampler" => read,
            _ => Some(sampler),
        };
        // What is sent after the loops and awaits nothing is the session's last word.
        if (self.hold_ms > 0 || self.has_endless_loop) && reads.is_none() && self.socket.quit.is_none() {
            self.hold_ms = self.hold_ms.saturating_add(std::mem::take(&mut self.pause).mean_ms());
            self.socket.quit = send;
            return;
        }
        let (name, comments) = self.work.name(element, "step");
        let mut step = Step { name, send, comments, ..Step::default() };
        let has_slept = !self.pause.is_none() && !self.socket.steps.is_empty();
        if let Some(read) = reads {
            if read.element.flag("optional") {
                let text = format!(
                    "{}: a read that may fail is no step that awaits: what comes is counted by kind",
                    read.element.called()
                );
                self.work.found.note(Of::Changed, At::Line(read.element.line()), text);
            } else {
                step.awaits = self.kinds.of_read(read.element, &read.scope.assertions, self.work);
            }
            if !step.awaits.is_empty() {
                step.timeout = timeout(read.element, "readTimeout", self.work);
                for extractor in &read.scope.extractors {
                    let takes = extract::takes(*extractor, true, self.work);
                    extract::add(&mut step.take, takes, *extractor, self.work);
                }
            }
            if step.awaits.is_empty() {
                self.note_unread(read.element);
            }
            self.note_filters(read.scope);
            if has_slept || !is_read && !read.pause.is_none() {
                self.warn_of_stale_reads(read, !step.awaits.is_empty());
            }
        }
        let does_nothing = step.send.is_none() && step.awaits.is_empty();
        if !does_nothing {
            let (name, awaits) = (step.name.clone(), !step.awaits.is_empty());
            let is_taken = self.step(step, element.line());
            if let Some(read) = reads.filter(|_| is_taken && awaits) {
                http::limit_time(read.scope, &name, self.work);
            }
        }
        // The thread slept before it read: so long the next step waits.
        if let Some(read) = read {
            self.pause = self.pause.plus(read.pause);
        }
    }

    pub(super) fn note_empty(&mut self, element: Element<'t>) {
        let text = format!(
            "{}: it sends an empty message, which no step or periodic message does",
            element.called()
        );
        self.work.found.note(Of::Left, At::Line(element.line()), text);
    }

    /// What a write sends.
    pub(super) fn payload(&mut self, element: Element<'t>) -> String {
        let line = element.line();
        let is_binary =
            element.raw("payloadType").eq_ignore_ascii_case("binary") || element.flag("binaryPayload");
        if is_binary {
            self.sends.1 = true;
        } else {
            self.sends.0 = true;
        }
        if element.flag("loadDataFromFile") {
            let written = element.raw("dataFile");
            let Some(file) = self.work.values.constant(written) else {
                let instead =
                    format!("{written} is not known before the test: write a scenario for each file");
                self.work.refuse(element, &instead);
                return String::new();
            };
            let text = format!(
                "{}: what is in {file} is read as {{file:{file}}}, relative to the scenario",
                element.called()
            );
            self.work.found.note(Of::Changed, At::Line(line), text);
            return format!("{{file:{file}}}");
        }
        let data = element.raw("requestData");
        if !is_binary {
            let data = self.work.values.fields(data, fields::of_draft(data), self.work.found);
            return self.work.values.template(&data, line, self.work.found);
        }
        let digits: String =
            data.replace("0x", "").chars().filter(|c| !c.is_whitespace() && *c != ',').collect();
        let bytes: Option<Vec<u8>> = (digits.is_ascii() && digits.len().is_multiple_of(2))
            .then(|| {
                (0..digits.len() / 2)
                    .map(|k| u8::from_str_radix(&digits[2 * k..2 * k + 2], 16).ok())
                    .collect()
            })
            .flatten();
        match bytes {
            Some(bytes) => hex(&bytes),
            None => {
                self.work.refuse(
                    element,
                    "write the bytes of a binary message as {hex:c0 00}, values as {name|bytes}",
                );
                String::new()
            }
        }
    }

    pub(super) fn note_filters(&mut self, scope: &Scope<'_>) {
        for filter in &scope.filters {
            let text = match filter.class() {
                "PingFrameFilter" => "Ping frame filters: a server's Pings are answered by themselves",
                _ => {
                    "Text and binary frame filters: JMeter keeps each frame that one discards, until its heap is full; here replies are \
                      known by their kinds, and nothing is kept"
                }
            };
            self.work.found.note(Of::Left, At::Whole, text);
        }
    }

    fn close(&mut self, element: Element<'t>) {
        self.hold_ms = self.hold_ms.saturating_add(std::mem::take(&mut self.pause).mean_ms());
        self.is_closed = true;
        let code = element.raw("statusCode").trim();
        if !matches!(code, "" | "1000") {
            let text = format!("{}: sessions close with 1000, not with {code}", element.called());
            self.work.found.note(Of::Changed, At::Line(element.line()), text);
        }
    }

    fn finish(mut self) -> (Socket, Option<Duration>) {
        let steps_ms = self.socket.steps.iter().map(|step| step.pause.mean_ms());
        let stay_ms = steps_ms.fold(self.hold_ms, u64::saturating_add);
        let stay = (!self.has_endless_loop).then(|| Duration::from_millis(stay_ms));
        if !self.has_endless_loop && self.hold_ms > 0 && self.work.found.load.stages.is_empty() {
            let hold = Duration::from_millis(self.hold_ms.div_ceil(1000).saturating_mul(1000));
            // A group's own duration ends its loops.
            let duration = self.work.found.load.hold.unwrap_or(hold);
            let hold = hold.min(duration);
            self.work.found.load.hold = Some(hold);
            if hold > LONG_HOLD {
                let text = format!(
                    "The loops take {}: a hold is a time here, so give --hold what is meant",
                    startline_os::units::duration_text(hold)
                );
                self.work.found.note(Of::Warning, At::Whole, text);
            }
        }
        if self.sends == (true, true) {
            let text =
                "The plan sends text and binary messages: here a session sends one or the other (frames)";
            self.work.found.note(Of::Warning, At::Whole, text);
        }
        self.socket.is_binary = self.sends.1 && !self.sends.0;
        self.socket.kinds = in_order(self.kinds.kinds);
        let called = self.socket.steps.first().map(|step| step.name.clone());
        self.socket.name_opening();
        if let Some((step, called)) = self.socket.steps.first().zip(called) {
            let criteria = self.work.found.criteria.iter_mut();
            criteria.filter(|one| one.step == called).for_each(|one| one.step.clone_from(&step.name));
        }
        (self.socket, stay)
    }
}

/// Whether a sampler reads a frame.
fn as_read(element: Element<'_>) -> bool {
    matches!(element.class(), "SingleReadWebSocketSampler" | "RequestResponseWebSocketSampler")
}

pub(super) fn is_read(act: &Act<'_>) -> bool {
    matches!(act, Act::Sample { element, .. } if element.class() == "SingleReadWebSocketSampler")
}

pub(super) fn as_sampler<'a, 't>(act: &'a Act<'t>) -> Option<Sampler<'a, 't>> {
    match act {
        Act::Sample { element, scope } => Some(Sampler { element: *element, scope, pause: scope.pause }),
        Act::Loop { .. } => None,
    }
}
