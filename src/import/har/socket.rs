//! A recorded WebSocket as the scenario's: its kinds, its steps, what it sends again and again, what it answers.
//!
//! Knows requests that were made beside it as steps. Invariant: each message that was sent is a step, one of a periodic
//! message, an answer, or in a note; each that came is of a kind.

use std::collections::HashSet;
use std::ops::Range;

use startline_os::units::counted;
use startline_protocol::matching::RULES_MAX;

use super::super::fields;
use super::super::fields::split;
use super::super::model::{At, Every, Kind, Of, Own, Pause, Request, Socket, Step, in_order};
use super::super::text::{hex, pointer_token};
use super::given::{In, Source, is_free};
use super::patterns::{Frames, Repeated, answers, repeated};
use super::recording::{Entry, Frame};
use super::repeats::{differences, rounded};
use super::requests;
use super::secrets::hidden;
use super::sorts::{Sort, Sorting};
use super::work::RecordingWork;
use crate::scenario::STEPS_MAX;

/// A value of a query that is at least this long, in characters, is hardly the same for all.
const OWN_CHARS_MIN: usize = 16;
/// A reply comes within this time.
const REPLY_MS: f64 = 5000.0;
/// Shorter pauses are the page's own work.
const PAUSE_MS: f64 = 400.0;
/// Longer pauses are cut: what a person did meanwhile is no part of a test.
const PAUSE_MS_MAX: f64 = 60_000.0;

/// What a session does between the upgrade and being open.
enum Act<'e> {
    Send(usize),
    Request(&'e [Entry]),
}

/// Makes the WebSocket. `beside` are the requests that were made once it was opened.
pub(super) fn socket(entry: &Entry, beside: &[Entry], work: &mut RecordingWork<'_>) -> Socket {
    note_missing(entry, work);
    let all = &entry.frames[..];
    let (sent, received): (Vec<&Frame>, Vec<&Frame>) = all.iter().partition(|frame| frame.is_sent);
    let (of_sent, of_received) = (Sorting::of(&sent), Sorting::of(&received));
    let frames = Frames::of(all, &of_sent, &of_received);
    let url = url(entry, work);
    note_own_values(entry, &url, work);
    let mut socket = Socket { url, headers: requests::headers(entry, true, work), ..Socket::default() };
    if let Some(offered) = entry.header("sec-websocket-protocol") {
        let offered: Vec<&str> = offered.split(',').map(str::trim).filter(|one| !one.is_empty()).collect();
        // Where no header can be set, a token is offered behind its name.
        let names = [""].into_iter().chain(offered.iter().copied());
        let named = names.zip(&offered).map(|(name, one)| requests::named(name, one, entry, work));
        socket.subprotocols = named.collect();
    }
    socket.deflate =
        entry.answer_header("sec-websocket-extensions").is_some_and(|it| it.contains("permessage-deflate"));
    let binary = sent.iter().filter(|frame| frame.bytes.is_some()).count();
    socket.is_binary = binary > 0 && binary * 2 >= sent.len();
    if binary > 0 && binary < sent.len() {
        let text = "It sent text and binary messages: a session sends one or the other (frames)";
        work.found.note(Of::Warning, At::Entry(entry.number), text);
    }
    let type_at = of_received.of_objects.clone().unwrap_or_else(|| "/type".to_owned());
    let kinds = kinds(&frames, &type_at, entry, work);
    if type_at != "/type" && kinds.iter().any(|(_, kind)| kind.rule == super::super::model::Rule::default()) {
        socket.type_at = Some(type_at);
    }
    let answered = answers(&frames, &kinds);
    let used: HashSet<usize> = answered.iter().flat_map(|(_, frames)| frames.iter().copied()).collect();
    let repeated = repeated(&frames, &used);
    let mut making = Making { entry, frames: &frames, kinds, socket, work, used, ended_by: None };
    for (of, all) in answered {
        making.kinds[of].1.answer = all.first().map(|first| making.template(*first, &[]).0);
    }
    making.quit(&repeated);
    making.used.extend(repeated.iter().flat_map(|one| one.sent.iter().copied()));
    // Which kinds answer what is repeated is known before steps look for theirs.
    let replies: Vec<Option<Sort>> = repeated.iter().map(|one| making.reply_of(one)).collect();
    making.steps(beside, &replies);
    for (one, reply) in repeated.iter().zip(replies) {
        making.every(one, reply);
    }
    making.finish()
}

/// Says what a recording does not have.
fn note_missing(entry: &Entry, work: &mut RecordingWork<'_>) {
    let at = At::Entry(entry.number);
    if entry.frames.is_empty() {
        let text = "The recording has no message of the WebSocket: Firefox and Safari save none, and Chromium those that it saw \
                    while DevTools was open. Record it in Chromium, or write its steps and periodic messages";
        work.found.note(Of::Warning, at, text);
    }
    if entry.unread > 0 {
        let text = format!(
            "{} among the WebSocket's: an error of the browser's, or bytes that are no base64",
            counted(entry.unread, "entry that is no message", "entries that are no messages")
        );
        work.found.note(Of::Left, at, text);
    }
}

fn url(entry: &Entry, work: &mut RecordingWork<'_>) -> String {
    let whole = requests::url(entry.url.as_str(), entry, work);
    if whole.starts_with('{') {
        return whole;
    }
    if entry.origin() == work.origin {
        return requests::url(&entry.path(), entry, work);
    }
    let host = entry.url.host_str().unwrap_or_default();
    if !work
        .origin
        .split("://")
        .nth(1)
        .is_some_and(|rest| rest == host || rest.starts_with(&format!("{host}:")))
    {
        work.found.load.allow_hosts.push(host.to_owned());
    }
    whole
}

/// Values of the URL's query that no answer gave are the recorder's: each session needs its own.
fn note_own_values(entry: &Entry, url: &str, work: &mut RecordingWork<'_>) {
    let fixed = entry.url.query_pairs().filter(|(name, value)| {
        value.chars().count() >= OWN_CHARS_MIN && !url.contains(&format!("{name}={{"))
    });
    for (name, _) in fixed {
        let text = format!(
            "The WebSocket's URL has {name}=, which no answer in the recording gave: record the request that gives it, or give each \
             member one (a column of --members)"
        );
        work.found.note(Of::Warning, At::Entry(entry.number), text);
    }
}

/// A kind for each sort that came, in the order of coming.
fn kinds(
    frames: &Frames<'_>,
    type_at: &str,
    entry: &Entry,
    work: &mut RecordingWork<'_>,
) -> Vec<(Sort, Kind)> {
    let mut kinds: Vec<(Sort, Kind)> = Vec::new();
    for (frame, sort) in frames.all.iter().zip(&frames.sorts) {
        if frame.is_sent || kinds.iter().any(|(known, _)| known == sort) {
            continue;
        }
        if kinds.len() == RULES_MAX {
            let text =
                format!("There are more than {RULES_MAX} kinds of messages: the rest is counted as other");
            work.found.note(Of::Left, At::Entry(entry.number), text);
            break;
        }
        let name = work.names.give_kind(&sort.says(), "message");
        let rule = sort.rule(type_at, &name);
        kinds.push((sort.clone(), Kind { name, rule, ..Kind::default() }));
    }
    kinds
}

struct Making<'m, 'w> {
    entry: &'m Entry,
    frames: &'m Frames<'m>,
    kinds: Vec<(Sort, Kind)>,
    socket: Socket,
    work: &'m mut RecordingWork<'w>,
    /// Frames that are an answer or one of a periodic message.
    used: HashSet<usize>,
    /// The frame that is sent before closing.
    ended_by: Option<usize>,
}

impl Making<'_, '_> {
    fn name_of(&self, sort: &Sort) -> Option<String> {
        self.kinds.iter().find(|(known, _)| known == sort).map(|(_, kind)| kind.name.clone())
    }

    /// A message as a template, and what to call it.
    fn template(&mut self, k: usize, fixed: &[(Range<usize>, String)]) -> (String, String) {
        let frame = &self.frames.all[k];
        let text = match &frame.bytes {
            Some(bytes) => std::str::from_utf8(bytes).unwrap_or_default(),
            None => &frame.text,
        };
        let mut places = hidden(fields::of_message(text), text, (self.entry.number, false), self.work);
        let says = self.frames.sorts[k].says();
        let shows = places.iter().any(|(range, _)| says.contains(&text[range.clone()]));
        let name = if shows { String::new() } else { says };
        // Bytes that are no text hide nothing that can be told.
        if let (Some(bytes), []) = (&frame.bytes, &places[..]) {
            return (hex(bytes), name);
        }
        let others: Vec<_> = fixed.iter().filter(|(range, _)| is_free(&places, range)).cloned().collect();
        places.extend(others);
        (self.work.given.template(text, In::Text, frame.at_ms, &places), name)
    }

    /// Which sort answered a repeated message: it came after nearly each, and about as often.
    fn reply_of(&self, one: &Repeated) -> Option<Sort> {
        let windows: Vec<(f64, f64)> = one
            .sent
            .iter()
            .enumerate()
            .map(|(n, k)| {
                let begin = self.frames.all[*k].at_ms;
                let end = one.sent.get(n + 1).map_or(f64::INFINITY, |next| self.frames.all[*next].at_ms);
                (begin, end.min(begin + REPLY_MS))
            })
            .collect();
        let mut best: Option<((bool, usize, u64), Sort)> = None;
        for (sort, kind) in &self.kinds {
            let count = self.frames.came.get(sort).copied().unwrap_or_default();
            let firsts: Vec<Option<usize>> =
                windows.iter().map(|window| self.first_within(sort, *window)).collect();
            let hits = firsts.iter().flatten().count();
            if kind.answer.is_some() || hits + 1 < windows.len() || hits == 0 {
                continue;
            }
            let delays = firsts
                .iter()
                .zip(&windows)
                .filter_map(|(k, (begin, _))| Some(self.frames.all[(*k)?].at_ms - begin));
            let mean_ms = delays.sum::<f64>() / hits as f64;
            let echoes = firsts.iter().zip(&one.sent).filter_map(|(got, sent)| Some((*sent, (*got)?)));
            let echoes = echoes.collect::<Vec<_>>();
            let shares = self.shared_place(&echoes).is_some();
            let is_frequent = count > 2 * windows.len();
            let rank = (!shares, count.abs_diff(windows.len()), (mean_ms * 10.0) as u64);
            if (shares || !is_frequent) && best.as_ref().is_none_or(|(known, _)| rank < *known) {
                best = Some((rank, sort.clone()));
            }
        }
        best.map(|(_, sort)| sort)
    }

    /// The first frame of a sort that came in this time.
    fn first_within(&self, sort: &Sort, (begin, end): (f64, f64)) -> Option<usize> {
        let all = self.frames.all;
        let from = all.partition_point(|frame| frame.at_ms < begin);
        let within = (from..all.len()).take_while(|k| all[*k].at_ms < end);
        within.into_iter().find(|k| !all[*k].is_sent && self.frames.sorts[*k] == *sort)
    }

    /// Places at which what was sent and what came have the same value, one that differs from pair to pair.
    fn shared_place(&self, pairs: &[(usize, usize)]) -> Option<(String, String)> {
        let json = |k: usize| split(&self.frames.all[k].text).1;
        let all: Vec<_> = pairs.iter().filter_map(|(sent, got)| Some((json(*sent)?, json(*got)?))).collect();
        let (sent, got) = all.first()?;
        let (mut of_sent, mut of_got) = (Vec::new(), Vec::new());
        leaves(sent, "", &mut of_sent);
        leaves(got, "", &mut of_got);
        for (sent_at, value) in of_sent {
            for (got_at, _) in of_got.iter().filter(|(_, other)| *other == value) {
                let same = all.iter().all(|(sent, got)| {
                    sent.pointer(&sent_at).is_some() && sent.pointer(&sent_at) == got.pointer(got_at)
                });
                let differs = all.len() > 1 && all[0].0.pointer(&sent_at) != all[1].0.pointer(&sent_at);
                if same && differs {
                    return Some((sent_at.clone(), got_at.clone()));
                }
            }
        }
        None
    }

    fn steps(&mut self, beside: &[Entry], replies: &[Option<Sort>]) {
        let frames = &self.frames.all;
        let is_empty =
            |frame: &Frame| frame.text.is_empty() && frame.bytes.as_ref().is_none_or(Vec::is_empty);
        if frames.iter().any(|frame| frame.is_sent && is_empty(frame)) {
            let text = "Empty messages that it sent: no step sends one";
            self.work.found.note(Of::Left, At::Entry(self.entry.number), text);
        }
        let is_step = |k: &usize| frames[*k].is_sent && !self.used.contains(k) && !is_empty(&frames[*k]);
        let sends = (0..frames.len()).filter(is_step);
        let mut acts: Vec<(f64, Act<'_>)> = sends.map(|k| (self.frames.all[k].at_ms, Act::Send(k))).collect();
        acts.extend(beside.iter().enumerate().map(|(k, entry)| (entry.at_ms, Act::Request(&beside[k..]))));
        acts.sort_by(|one, other| one.0.total_cmp(&other.0));
        self.speaks_first(acts.first().map_or(f64::INFINITY, |(at_ms, _)| *at_ms));
        let mut before_ms = self.entry.at_ms;
        let mut skipped = 0;
        let count = acts.len();
        for k in 0..count {
            let (at_ms, act) = &acts[k];
            let end_ms = acts.get(k + 1).map_or(f64::INFINITY, |(next, _)| *next);
            if skipped > 0 && matches!(act, Act::Request(_)) {
                skipped -= 1;
                continue;
            }
            if self.socket.steps.len() == STEPS_MAX {
                let text = format!(
                    "There are more than {STEPS_MAX} steps: {} left out",
                    counted((count - k) as u64, "further one is", "further ones are")
                );
                self.work.found.note(Of::Left, At::Entry(self.entry.number), text);
                break;
            }
            let mut step = match act {
                Act::Send(k) => self.sent_step(*k, end_ms, replies),
                Act::Request(entries) => {
                    let (step, entries_used) = self.requested_step(entries);
                    skipped = entries_used - 1;
                    step
                }
            };
            let gap_ms = at_ms - before_ms;
            if gap_ms >= PAUSE_MS && k > 0 {
                step.pause = Pause::fixed(rounded(gap_ms.min(PAUSE_MS_MAX)));
            }
            before_ms = *at_ms;
            self.socket.steps.push(step);
        }
    }

    /// GraphQL's end of a subscription is no step: it is sent before closing.
    fn quit(&mut self, repeated: &[Repeated]) {
        let is_graphql = self.socket.subprotocols.iter().any(|it| it.starts_with("graphql-"));
        let last = self.frames.all.iter().rposition(|frame| frame.is_sent);
        let ends =
            |sort: &Sort| matches!(sort, Sort::Typed { says, .. } if says == "complete" || says == "stop");
        let last = last.filter(|k| is_graphql && ends(&self.frames.sorts[*k]) && !self.used.contains(k));
        let Some(k) = last.filter(|k| !repeated.iter().any(|one| one.sent.contains(k))) else { return };
        self.used.insert(k);
        self.ended_by = Some(k);
    }

    /// A server that speaks first: the session is open, or goes on, with what it says.
    fn speaks_first(&mut self, until_ms: f64) {
        let first = self.frames.all.iter().position(|frame| !frame.is_sent);
        let Some(first) = first.filter(|k| self.frames.all[*k].at_ms < until_ms) else { return };
        let sort = self.frames.sorts[first].clone();
        if self.frames.came.get(&sort) != Some(&1) {
            return;
        }
        let Some(kind) = self.name_of(&sort) else { return };
        let name = self.work.names.give("welcome", "welcome");
        let source = Source::Step(self.socket.steps.len());
        self.gives(source, first);
        self.socket.steps.push(Step { name, awaits: vec![kind], ..Step::default() });
    }

    fn gives(&mut self, source: Source, k: usize) {
        let text = &self.frames.all[k].text;
        self.work.given.json(source, text);
    }

    fn sent_step(&mut self, k: usize, end_ms: f64, replies: &[Option<Sort>]) -> Step {
        let sort = self.frames.sorts[k].clone();
        let (send, says) = self.template(k, &[]);
        let name = self.work.names.give(&says, "step");
        let mut step = Step { name, send: Some(send), ..Step::default() };
        self.work.given.note_sent(&self.frames.all[k].text.clone());
        let begin_ms = self.frames.all[k].at_ms;
        let window = (begin_ms, end_ms.min(begin_ms + REPLY_MS));
        let alike = (0..self.frames.all.len())
            .filter(|k| self.frames.all[*k].is_sent && self.frames.sorts[*k] == sort)
            .count();
        let candidates = self
            .kinds
            .iter()
            .filter(|(of, kind)| kind.answer.is_none() && !replies.iter().flatten().any(|reply| reply == of));
        let candidates = candidates.filter_map(|(of, _)| {
            let count = self.frames.came.get(of).copied().unwrap_or_default();
            let first = self.first_within(of, window)?;
            (count <= 2 * alike).then_some((count.abs_diff(alike), first))
        });
        if let Some((_, first)) = candidates.min() {
            step.awaits.extend(self.name_of(&self.frames.sorts[first].clone()));
            self.gives(Source::Step(self.socket.steps.len()), first);
        }
        step
    }

    fn requested_step(&mut self, entries: &[Entry]) -> (Step, usize) {
        let source = Source::StepRequest(self.socket.steps.len());
        let (request, used) = requests::request(entries, source, self.work);
        let comments = request.comments.clone();
        let name = request.name.clone();
        (
            Step {
                name,
                comments,
                request: Some(Request { comments: Vec::new(), ..request }),
                ..Step::default()
            },
            used,
        )
    }

    fn every(&mut self, one: &Repeated, reply: Option<Sort>) {
        let texts: Vec<&str> = one.sent.iter().map(|k| self.frames.all[*k].text.as_str()).collect();
        let (fixed, differs) = differences(&texts);
        let first = one.sent[0];
        let bytes = &self.frames.all[first].bytes;
        let differs = differs || one.sent.iter().any(|k| self.frames.all[*k].bytes != *bytes);
        let at = At::Entry(self.entry.number);
        let (send, says) = self.template(first, &fixed);
        let name = self.work.names.give(&says, "message");
        let mut every = Every { name, interval: one.interval, send, ..Every::default() };
        if differs {
            let text = format!(
                "What \"{}\" sends differed from time to time: it is as it was first sent",
                every.name
            );
            every.comments.push(self.work.found.note_here(Of::Changed, at, text));
        }
        if fixed
            .iter()
            .any(|(range, name)| name == "{sequence}" && texts[0][range.clone()].contains(|c| c != '0'))
        {
            let text =
                format!("The number in \"{}\" began at another number; {{sequence}} begins at 0", every.name);
            self.work.found.note(Of::Changed, at, text);
        }
        if let Some(reply) = reply {
            let is_taken = |other: &Every| other.reply.is_some() && other.reply == self.name_of(&reply);
            if !self.socket.every.iter().any(is_taken) {
                every.reply = self.name_of(&reply);
                every.own = self.own(one, &reply, &every.send);
            }
        }
        self.socket.every.push(every);
    }

    /// How a reply says which message it answers, if that is a number or a UUID of the message's.
    fn own(&self, one: &Repeated, reply: &Sort, send: &str) -> Option<Own> {
        let pair = |(n, sent): (usize, &usize)| {
            let begin = self.frames.all[*sent].at_ms;
            let end = one.sent.get(n + 1).map_or(f64::INFINITY, |next| self.frames.all[*next].at_ms);
            Some((*sent, self.first_within(reply, (begin, end))?))
        };
        let pairs: Vec<(usize, usize)> = one.sent.iter().enumerate().filter_map(pair).collect();
        let (sent_at, at) = self.shared_place(&pairs)?;
        // The template's own text at that place: a value alone, without quotes.
        let field = sent_at.rsplit('/').next().unwrap_or_default();
        let (_, rest) = send.split_once(&format!("\"{field}\":"))?;
        let value = rest.trim_start().trim_start_matches('"');
        let brace = ["{sequence}", "{uuid}"].into_iter().find(|brace| value.starts_with(brace))?;
        Some(Own { at, equals: brace.to_owned() })
    }

    fn finish(mut self) -> Socket {
        self.note_unasked();
        if let Some(k) = self.ended_by {
            self.socket.quit = Some(self.template(k, &[]).0);
        }
        self.socket.name_opening();
        self.socket.kinds = in_order(self.kinds.into_iter().map(|(_, kind)| kind).collect());
        self.socket
    }

    /// Names the kinds that nothing awaits: broadcasts, and what else came unasked.
    fn note_unasked(&mut self) {
        let awaited = self.socket.steps.iter().flat_map(|step| &step.awaits);
        let awaited: Vec<&String> =
            awaited.chain(self.socket.every.iter().filter_map(|every| every.reply.as_ref())).collect();
        let mut unasked = Vec::new();
        for (sort, kind) in self.kinds.iter_mut().filter(|(_, kind)| kind.answer.is_none()) {
            if !awaited.contains(&&kind.name) {
                let count = self.frames.came.get(sort).copied().unwrap_or_default();
                kind.comment = format!("Came unasked, {}.", counted(count as u64, "time", "times"));
                unasked.push(kind.name.clone());
            }
        }
        if !unasked.is_empty() {
            let text = format!(
                "These came unasked, as broadcasts do: {}. They are counted; give them a role (entered, left, updated), sent_at or \
                 sequence to have them judged",
                unasked.join(", ")
            );
            self.work.found.note(Of::Warning, At::Entry(self.entry.number), text);
        }
    }
}

/// The values of JSON that are texts or numbers, each with its place.
fn leaves(json: &serde_json::Value, pointer: &str, found: &mut Vec<(String, String)>) {
    use serde_json::Value;
    match json {
        Value::Object(map) => map.iter().for_each(|(name, value)| {
            leaves(value, &format!("{pointer}/{}", pointer_token(name)), found);
        }),
        Value::Array(list) => {
            list.iter().enumerate().for_each(|(k, value)| leaves(value, &format!("{pointer}/{k}"), found));
        }
        Value::String(text) => found.push((pointer.to_owned(), text.clone())),
        Value::Number(number) => found.push((pointer.to_owned(), number.to_string())),
        _ => {}
    }
}
