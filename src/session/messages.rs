//! Messages into records, and records to their kinds, over any split.
//!
//! A broadcast that begins with its type costs a few nanoseconds; anything else is one forward pass
//! of the matcher. Knows no role: what a record means is [`super::records`]. Invariants: the text of
//! every message has been checked to be UTF-8; a record is read as far as its kind and the values
//! that are wanted of it; a message's end ends its record, and an empty last one is none.

use memchr::memmem::Finder;
use startline_protocol::matching::{Elements, Matching, Part, Splitter, Value};
use startline_protocol::websocket::{Violation, is_utf8};

use super::http::{all_taken, taken_open};
use super::joint::Joint;
use super::replies::Echo;
use super::values::{Found, Values, member};
use super::{Context, Observer, Session};
use crate::fault::Fault;
use crate::members::MemberId;
use crate::scenario::MessageType;
use crate::scenario::kinds::Kinds;

/// Members remembered of a record that lists them before it is known what it is.
const LISTED_EARLY_MAX: usize = 1 << 16;

/// Bytes kept of the start of a record that comes in pieces.
const START_BYTES_MAX: usize = 256;

/// A message that came in more than one piece: what is known of it so far.
#[derive(Debug, Default)]
pub(super) struct SplitMessage {
    is_text: bool,
    joint: Joint,
    /// Bytes of the separator that the last piece has ended with.
    separated: usize,
    /// Where its elements are records: how far it has been cut.
    splitter: Splitter,
    record: SplitRecord,
}

/// The record of it that is being read.
#[derive(Debug, Default)]
struct SplitRecord {
    matching: Matching,
    echo: Echo,
    bytes: u64,
    start: Vec<u8>,
    listed_early: Vec<MemberId>,
}

impl SplitMessage {
    pub(super) fn new(is_text: bool) -> Self {
        Self { is_text, ..Self::default() }
    }
}

impl SplitRecord {
    fn begin_anew(&mut self) {
        (self.bytes, self.echo) = (0, Echo::default());
        self.start.clear();
        self.listed_early.clear();
    }
}

impl Session {
    /// A message that lies in one piece.
    pub(super) fn whole_message<O: Observer>(
        &mut self,
        payload: &[u8],
        is_text: bool,
        ctx: &mut Context<'_, O>,
    ) -> Result<(), Fault> {
        let script = ctx.script;
        let Some(websocket) = &script.scenario.websocket else { return Ok(()) };
        if payload.len() as u64 > websocket.message_bytes_max {
            return Err(Fault::Violation(Violation::MessageTooLong));
        }
        if is_text && !is_utf8(payload) {
            return Err(Fault::Violation(Violation::BadUtf8));
        }
        ctx.observer.message(payload.len() as u64);
        let kinds = &websocket.kinds;
        let Some(separator) = &kinds.separator else {
            if let Some(elements) = &kinds.elements {
                return self.whole_elements(payload, is_text, (elements, kinds), ctx);
            }
            // Few messages have a line's end at all, and looking for one costs nothing beside a read.
            if is_text && !kinds.matcher.is_empty() && memchr::memchr(b'\n', payload).is_some() {
                let mut joint = Joint::default();
                joint.take(payload);
                self.note_joint(&joint, ctx);
            }
            return self.whole_record(payload, is_text, kinds, ctx);
        };
        let mut rest = payload;
        while !rest.is_empty() && self.reads_frames() {
            let end = separator.find(rest).unwrap_or(rest.len());
            let record;
            (record, rest) = rest.split_at(end);
            rest = rest.get(separator.needle().len()..).unwrap_or_default();
            self.whole_record(record, is_text, kinds, ctx)?;
        }
        Ok(())
    }

    /// Takes the elements of a message that lies in one piece, each as a record; or itself, if it has no such
    /// array.
    fn whole_elements<O: Observer>(
        &mut self,
        payload: &[u8],
        is_text: bool,
        (elements, kinds): (&Elements, &Kinds),
        ctx: &mut Context<'_, O>,
    ) -> Result<(), Fault> {
        let (mut splitter, mut begun) = (Splitter::default(), Vec::new());
        splitter.feed(elements, payload, &mut |part| match part {
            _ if !self.reads_frames() => Ok(()),
            Part::Element { bytes, ends: true } if begun.is_empty() => {
                self.whole_record(bytes, is_text, kinds, ctx)
            }
            Part::Element { bytes, ends } => {
                begun.extend_from_slice(bytes);
                let record = if ends { std::mem::take(&mut begun) } else { return Ok(()) };
                self.whole_record(&record, is_text, kinds, ctx)
            }
            Part::Message(_) | Part::Array => Ok(()),
        })?;
        let rest = if splitter.has_array() { &begun[..] } else { payload };
        match self.reads_frames() && !(splitter.has_array() && rest.is_empty()) {
            true => self.whole_record(rest, is_text, kinds, ctx),
            false => Ok(()),
        }
    }

    fn note_joint<O: Observer>(&self, joint: &Joint, ctx: &mut Context<'_, O>) {
        if joint.is_found() {
            ctx.observer.joined();
        }
    }

    fn whole_record<O: Observer>(
        &mut self,
        record: &[u8],
        is_text: bool,
        kinds: &Kinds,
        ctx: &mut Context<'_, O>,
    ) -> Result<(), Fault> {
        let mut echo = Echo::default();
        if self.awaits_same(ctx) {
            self.compare_piece(&mut echo, record, ctx);
        }
        let values = Values { kinds, found: Found::Nothing, start: record, is_text };
        if kinds.matcher.is_empty() {
            return self.record(MessageType::OTHER, &values, echo, ctx);
        }
        if let Some(quick) = kinds.matcher.quick(record) {
            return self.record(
                MessageType(quick.rule),
                &Values { found: Found::Quick(quick), ..values },
                echo,
                ctx,
            );
        }
        let mut matching = ctx.side.matching.take().unwrap_or_default();
        matching.begin(&kinds.matcher);
        self.tell_own(&mut matching, kinds, ctx);
        let mut early = Vec::new();
        let (observer, who, members) = (&mut *ctx.observer, ctx.who, &ctx.script.members);
        let named = |value: Value<'_>| member(value, kinds.subject.as_ref()?, members);
        let mut listed = |value: Value<'_>, is_certain: bool| match named(value) {
            Some(member) if is_certain => observer.listed(who, member),
            Some(member) if early.len() < LISTED_EARLY_MAX => early.push(member),
            _ => {}
        };
        let rule = matching.finish_with(&kinds.matcher, record, &mut listed);
        let kind = rule.map_or(MessageType::OTHER, MessageType);
        list_early(&mut early, kind, kinds, ctx);
        let result = self.record(kind, &Values { found: Found::Matched(&matching), ..values }, echo, ctx);
        ctx.side.matching = Some(matching);
        result
    }

    /// Tells what the session's own kinds are known by.
    fn tell_own<O: Observer>(&self, matching: &mut Matching, kinds: &Kinds, ctx: &Context<'_, O>) {
        if kinds.own.is_empty() {
            return;
        }
        let taken = match self.kept(ctx) {
            Some(kept) => all_taken(&kept.taken, ctx),
            None => taken_open(ctx.vault, ctx),
        };
        let scope = self.scope_at(ctx.now, taken, 0, ctx);
        for (_, own) in &kinds.own {
            let is_known = own.values().iter().all(|used| !scope.value(used.value).is_empty());
            let mut rendered = Vec::new();
            own.render(&scope, &mut rendered);
            matching.tell(is_known.then_some(&rendered));
        }
    }

    /// Takes a piece of a message that came in several.
    pub(super) fn message_piece<O: Observer>(
        &mut self,
        message: &mut SplitMessage,
        piece: &[u8],
        ctx: &mut Context<'_, O>,
    ) -> Result<(), Fault> {
        let script = ctx.script;
        let Some(websocket) = &script.scenario.websocket else { return Ok(()) };
        let kinds = &websocket.kinds;
        let Some(separator) = &kinds.separator else {
            if let Some(elements) = &kinds.elements {
                return self.elements_piece(message, piece, (elements, kinds), ctx);
            }
            if message.is_text && !kinds.matcher.is_empty() {
                message.joint.take(piece);
            }
            self.record_piece(&mut message.record, piece, kinds, ctx);
            return Ok(());
        };
        let Some(mut rest) = self.separated(message, separator, piece, kinds, ctx)? else { return Ok(()) };
        while let Some(end) = separator.find(rest) {
            self.end_record(message, &rest[..end], kinds, ctx)?;
            rest = &rest[end + separator.needle().len()..];
        }
        message.separated = begun(separator.needle(), rest);
        self.record_piece(&mut message.record, &rest[..rest.len() - message.separated], kinds, ctx);
        Ok(())
    }

    /// Takes a piece of a message whose elements are records.
    fn elements_piece<O: Observer>(
        &mut self,
        message: &mut SplitMessage,
        piece: &[u8],
        (elements, kinds): (&Elements, &Kinds),
        ctx: &mut Context<'_, O>,
    ) -> Result<(), Fault> {
        let mut splitter = std::mem::take(&mut message.splitter);
        let fed = splitter.feed(elements, piece, &mut |part| {
            match part {
                Part::Element { bytes, ends: true } => return self.end_record(message, bytes, kinds, ctx),
                Part::Message(bytes) | Part::Element { bytes, .. } => {
                    self.record_piece(&mut message.record, bytes, kinds, ctx);
                }
                // What came before it is of no record.
                Part::Array => message.record.begin_anew(),
            }
            Ok(())
        });
        message.splitter = splitter;
        fed
    }

    /// Goes on with a separator that the last piece has begun; what follows it, or what turned out to
    /// be none.
    fn separated<'p, O: Observer>(
        &mut self,
        message: &mut SplitMessage,
        separator: &Finder<'_>,
        piece: &'p [u8],
        kinds: &Kinds,
        ctx: &mut Context<'_, O>,
    ) -> Result<Option<&'p [u8]>, Fault> {
        let separator = separator.needle();
        while message.separated > 0 {
            let wanted = &separator[message.separated..];
            let common = wanted.len().min(piece.len());
            if wanted[..common] == piece[..common] {
                message.separated += common;
                if common < wanted.len() {
                    return Ok(None);
                }
                message.separated = 0;
                self.end_record(message, &[], kinds, ctx)?;
                return Ok(Some(&piece[common..]));
            }
            // A part of it may still be the start of one.
            let held = &separator[..message.separated];
            let left = begun(separator, &held[1..]);
            let (content, _) = held.split_at(held.len() - left);
            message.separated = left;
            self.record_piece(&mut message.record, content, kinds, ctx);
        }
        Ok(Some(piece))
    }

    /// Ends a message that came in several pieces.
    pub(super) fn message_done<O: Observer>(
        &mut self,
        mut message: SplitMessage,
        bytes: u64,
        ctx: &mut Context<'_, O>,
    ) -> Result<(), Fault> {
        let script = ctx.script;
        let Some(websocket) = &script.scenario.websocket else { return Ok(()) };
        let kinds = &websocket.kinds;
        ctx.observer.message(bytes);
        self.note_joint(&message.joint, ctx);
        let held = kinds.separator.as_ref().map_or(&[][..], |it| &it.needle()[..message.separated]);
        let is_cut = kinds.separator.is_some() || message.splitter.has_array();
        if is_cut && held.is_empty() && message.record.bytes == 0 {
            return Ok(());
        }
        self.end_record(&mut message, held, kinds, ctx)
    }

    /// Takes a piece of a record.
    fn record_piece<O: Observer>(
        &mut self,
        record: &mut SplitRecord,
        piece: &[u8],
        kinds: &Kinds,
        ctx: &mut Context<'_, O>,
    ) {
        if piece.is_empty() {
            return;
        }
        if record.bytes == 0 {
            record.matching.begin(&kinds.matcher);
            self.tell_own(&mut record.matching, kinds, ctx);
        }
        record.bytes += piece.len() as u64;
        let room = START_BYTES_MAX - record.start.len();
        record.start.extend_from_slice(&piece[..piece.len().min(room)]);
        if self.awaits_same(ctx) {
            self.compare_piece(&mut record.echo, piece, ctx);
        }
        let (observer, who, early) = (&mut *ctx.observer, ctx.who, &mut record.listed_early);
        let members = &ctx.script.members;
        let named = |value: Value<'_>| member(value, kinds.subject.as_ref()?, members);
        record.matching.feed(&kinds.matcher, piece, &mut |value, is_certain| match named(value) {
            Some(member) if is_certain => observer.listed(who, member),
            Some(member) if early.len() < LISTED_EARLY_MAX => early.push(member),
            _ => {}
        });
    }

    /// Ends a record with its last piece.
    fn end_record<O: Observer>(
        &mut self,
        message: &mut SplitMessage,
        last: &[u8],
        kinds: &Kinds,
        ctx: &mut Context<'_, O>,
    ) -> Result<(), Fault> {
        if !self.reads_frames() {
            return Ok(());
        }
        let is_text = message.is_text;
        if message.record.bytes == 0 {
            return self.whole_record(last, is_text, kinds, ctx);
        }
        let record = &mut message.record;
        self.record_piece(record, last, kinds, ctx);
        let rule = record.matching.finish(&kinds.matcher, &mut |_, _| {});
        let kind = rule.map_or(MessageType::OTHER, MessageType);
        list_early(&mut record.listed_early, kind, kinds, ctx);
        let found = Found::Matched(&record.matching);
        let values = Values { kinds, found, start: &record.start, is_text };
        let result = self.record(kind, &values, record.echo, ctx);
        record.begin_anew();
        result
    }
}

/// Lists the members that came before it was known that they are.
fn list_early<O: Observer>(
    early: &mut Vec<MemberId>,
    kind: MessageType,
    kinds: &Kinds,
    ctx: &mut Context<'_, O>,
) {
    let is_listing = kinds.listing == Some(kind);
    early.drain(..).filter(|_| is_listing).for_each(|member| ctx.observer.listed(ctx.who, member));
}

/// How many bytes at the end of `bytes` a separator may begin with that is not whole.
fn begun(separator: &[u8], bytes: &[u8]) -> usize {
    let longest = bytes.len().min(separator.len() - 1);
    (1..=longest).rev().find(|len| bytes.ends_with(&separator[..*len])).unwrap_or(0)
}
