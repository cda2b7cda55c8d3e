//! What a message means: its type tells, and values are taken only where the session needs them.
//!
//! A broadcast that begins with its type costs a few nanoseconds; anything else goes through the
//! scanner. Knows the roles of the scenario's messages, not their names. Invariants: the text of
//! every message has been checked to be UTF-8; it is JSON as far as a value in it is used, and what
//! follows, or is none, changes nothing: the first value at a place counts, in one read or many.

use startline_protocol::scan::{Scanner, Value, quick_integer, quick_text};
use startline_protocol::websocket::Violation;

use super::replies::Echo;
use super::{Context, Observer, Phase, Session, Timer, Unmatched};
use crate::fault::Fault;
use crate::members::MemberId;
use crate::scenario::{MessageType, Role, WebSocket};

/// Members remembered of a message that lists them before it says what it is.
const LISTED_EARLY_MAX: usize = 1 << 16;

/// What has been found in a message so far.
#[derive(Debug, Default)]
pub(super) struct Found {
    message: Option<MessageType>,
    subject: Option<MemberId>,
    error_code: Option<String>,
    /// What stands where a reply says which PING it answers.
    reply: Option<String>,
    /// Members listed before the type was known; the type comes first in practice, so this stays
    /// empty.
    listed_early: Vec<MemberId>,
}

/// Looks for a second JSON text on a line of its own, as servers write that join what they have
/// queued. Within one JSON text no object can follow another without a comma.
#[derive(Debug, Default)]
struct Joint {
    /// The last byte that is no white space ended an object, and whether a line has ended since.
    closed: bool,
    line_ended: bool,
    found: bool,
}

impl Joint {
    fn take(&mut self, piece: &[u8]) {
        let mut from = 0;
        if self.line_ended {
            let Some(next) = piece.iter().position(is_visible) else { return };
            self.found |= piece[next] == b'{';
            self.line_ended = false;
            from = next;
        }
        while let Some(length) = memchr::memchr(b'\n', &piece[from..]) {
            let end = from + length;
            self.note_last(&piece[from..end]);
            let Some(next) = piece[end..].iter().position(is_visible) else {
                self.line_ended = self.closed;
                return;
            };
            from = end + next;
            self.found |= self.closed && piece[from] == b'{';
        }
        self.note_last(&piece[from..]);
    }

    fn note_last(&mut self, piece: &[u8]) {
        if let Some(last) = piece.iter().rev().find(|byte| is_visible(byte)) {
            self.closed = *last == b'}';
        }
    }
}

fn is_visible(byte: &u8) -> bool {
    !matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

/// A message that came in more than one piece: what is known of it so far.
#[derive(Debug, Default)]
pub(super) struct SplitMessage {
    scanner: Scanner,
    found: Found,
    echo: Echo,
    joint: Joint,
    /// It is not JSON from some place on, which is read no more.
    is_read: bool,
}

impl Session {
    /// A text message that lies in one piece.
    pub(super) fn whole_text<O: Observer>(
        &mut self,
        payload: &[u8],
        ctx: &mut Context<'_, O>,
    ) -> Result<(), Fault> {
        let script = ctx.script;
        let Some(websocket) = &script.scenario.websocket else { return Ok(()) };
        if payload.len() as u64 > websocket.message_bytes_max {
            return Err(Fault::Violation(Violation::MessageTooLong));
        }
        if std::str::from_utf8(payload).is_err() {
            return Err(Fault::Violation(Violation::BadUtf8));
        }
        if self.awaits_same(websocket) {
            let mut echo = Echo::default();
            self.compare_piece(&mut echo, payload, websocket, ctx);
            if self.compared(echo, payload.len() as u64, payload, websocket, ctx) {
                return Ok(());
            }
        }
        if websocket.messages.is_empty() {
            // Nothing is told apart, so nothing has to be JSON.
            ctx.observer.message(MessageType::OTHER, payload.len() as u64);
            return Ok(());
        }
        // Few messages have a line's end at all, and looking for one costs nothing beside a read.
        if memchr::memchr(b'\n', payload).is_some() {
            let mut joint = Joint::default();
            joint.take(payload);
            if joint.found {
                ctx.observer.joined();
            }
        }
        if let Some(result) = self.quick(payload, websocket, ctx) {
            return result;
        }
        let mut scanner = Scanner::new();
        let mut found = Found::default();
        self.scan(&mut scanner, &mut found, payload, ctx);
        self.text_done(found, payload.len() as u64, payload, ctx)
    }

    /// Handles a message whose type comes first and needs no scanning; `None` says nothing of it.
    fn quick<O: Observer>(
        &mut self,
        payload: &[u8],
        websocket: &WebSocket,
        ctx: &mut Context<'_, O>,
    ) -> Option<Result<(), Fault>> {
        let (name, rest) = quick_text(payload, &websocket.type_member)?;
        let (index, role) = rule_of(websocket, name)?;
        let subject = match role {
            Role::Entered | Role::Left | Role::Updated => {
                Some(MemberId(quick_integer(rest, &websocket.subject_member)?))
            }
            Role::Reply if websocket.reply_path().is_some() => return None,
            Role::Reply | Role::Information => None,
            Role::Open | Role::Error => return None,
        };
        let found = Found { message: Some(index), subject, ..Found::default() };
        Some(self.text_done(found, payload.len() as u64, payload, ctx))
    }

    /// Takes a piece of a message that came in several.
    pub(super) fn scan_piece<O: Observer>(
        &mut self,
        message: &mut SplitMessage,
        piece: &[u8],
        ctx: &mut Context<'_, O>,
    ) {
        let script = ctx.script;
        let Some(websocket) = &script.scenario.websocket else { return };
        if self.awaits_same(websocket) {
            self.compare_piece(&mut message.echo, piece, websocket, ctx);
        }
        if !websocket.messages.is_empty() {
            message.joint.take(piece);
        }
        if !message.is_read && !websocket.messages.is_empty() {
            message.is_read = !self.scan(&mut message.scanner, &mut message.found, piece, ctx);
        }
    }

    /// Ends a message that came in several pieces.
    pub(super) fn scanned_text<O: Observer>(
        &mut self,
        message: SplitMessage,
        bytes: u64,
        ctx: &mut Context<'_, O>,
    ) -> Result<(), Fault> {
        let script = ctx.script;
        let Some(websocket) = &script.scenario.websocket else { return Ok(()) };
        if self.awaits_same(websocket) && self.compared(message.echo, bytes, &[], websocket, ctx) {
            return Ok(());
        }
        if websocket.messages.is_empty() {
            ctx.observer.message(MessageType::OTHER, bytes);
            return Ok(());
        }
        if message.joint.found {
            ctx.observer.joined();
        }
        self.text_done(message.found, bytes, &[], ctx)
    }

    /// Looks for values; `false` where the text is not JSON, after which nothing more can be found.
    fn scan<O: Observer>(
        &mut self,
        scanner: &mut Scanner,
        found: &mut Found,
        piece: &[u8],
        ctx: &mut Context<'_, O>,
    ) -> bool {
        let script = ctx.script;
        let Some(websocket) = &script.scenario.websocket else { return false };
        let (observer, who) = (&mut *ctx.observer, ctx.who);
        let mut take = |path: usize, value: Value<'_>| {
            let path = path as u8;
            match value {
                Value::Text(name) | Value::Number(name) if path == 0 => {
                    if found.message.is_some() {
                        return;
                    }
                    let rule = rule_of(websocket, name.as_bytes());
                    found.message = Some(rule.map_or(MessageType::OTHER, |(index, _)| index));
                    if found.message == websocket.open {
                        found.listed_early.drain(..).for_each(|member| observer.listed(who, member));
                    }
                }
                Value::Number(text) if Some(path) == websocket.listed_path => {
                    let Ok(member) = text.parse() else { return };
                    match found.message {
                        None if found.listed_early.len() < LISTED_EARLY_MAX => {
                            found.listed_early.push(member)
                        }
                        None => {}
                        message if message == websocket.open => observer.listed(who, member),
                        Some(_) => {}
                    }
                }
                Value::Number(text) if Some(path) == websocket.subject_path => {
                    found.subject = found.subject.or_else(|| text.parse().ok());
                }
                Value::Text(code) | Value::Number(code) if Some(path) == websocket.error_code_path => {
                    found.error_code.get_or_insert_with(|| code.to_owned());
                }
                Value::Text(text) | Value::Number(text) if Some(path) == websocket.reply_path() => {
                    found.reply.get_or_insert_with(|| text.to_owned());
                }
                _ => {}
            }
        };
        scanner.feed(&websocket.paths, piece, &mut take).is_ok()
    }

    fn text_done<O: Observer>(
        &mut self,
        found: Found,
        bytes: u64,
        payload: &[u8],
        ctx: &mut Context<'_, O>,
    ) -> Result<(), Fault> {
        let message = found.message.unwrap_or(MessageType::OTHER);
        ctx.observer.message(message, bytes);
        let script = ctx.script;
        let Some(websocket) = &script.scenario.websocket else { return Ok(()) };
        if self.phase == Phase::Opening {
            self.late_pongs = self.late_pongs.saturating_add(1);
        }
        let Some(rule) = websocket.messages.get(usize::from(message.0)) else {
            if ctx.observer.wants_unmatched() {
                let shown = self.redacted(payload, ctx);
                ctx.observer.unmatched(ctx.who, Unmatched::Text(&shown));
            }
            return Ok(());
        };
        match rule.role {
            Role::Open if self.phase == Phase::Opening => self.opened_now(ctx),
            Role::Reply if self.phase == Phase::Held => self.reply(found.reply.as_deref(), websocket, ctx),
            Role::Entered => {
                let member = found.subject.ok_or(Fault::MessageMalformed)?;
                ctx.observer.entered(ctx.who, member);
            }
            Role::Left => {
                if let Some(member) = found.subject {
                    ctx.observer.left(ctx.who, member);
                }
            }
            Role::Error => return self.error_message(found.error_code.as_deref(), payload, ctx),
            _ => {}
        }
        Ok(())
    }

    /// An error before open ends the session; later it is counted, and names the close that may
    /// follow.
    fn error_message<O: Observer>(
        &mut self,
        code: Option<&str>,
        payload: &[u8],
        ctx: &mut Context<'_, O>,
    ) -> Result<(), Fault> {
        let script = ctx.script;
        let Some(websocket) = &script.scenario.websocket else { return Ok(()) };
        let known = websocket.error_codes.iter().find(|known| Some(known.code.as_str()) == code);
        let aged = self.flag(super::TICKET_AGED) && known.is_some_and(|known| known.ticket);
        let fault = match known {
            _ if aged => Fault::TicketAgedHere,
            Some(known) => script.scenario.named(known.error),
            None => Fault::ErrorMessage,
        };
        if self.phase == Phase::Opening {
            return Err(fault);
        }
        if self.phase == Phase::Held {
            if let Some(known) = known {
                self.last_error = known.error;
            }
            let evidence = self.redacted(payload, ctx);
            ctx.observer.error_message(ctx.who, self.server, fault, &evidence);
        }
        Ok(())
    }

    pub(super) fn binary<O: Observer>(&mut self, bytes: u64, ctx: &mut Context<'_, O>) -> Result<(), Fault> {
        let limit = ctx.script.scenario.websocket.as_ref().map_or(0, |websocket| websocket.message_bytes_max);
        if bytes > limit {
            return Err(Fault::Violation(Violation::MessageTooLong));
        }
        ctx.observer.message(MessageType::OTHER, bytes);
        Ok(())
    }

    /// CONNECTED came: the session holds from here, and its heartbeat counts from here.
    pub(super) fn opened_now<O: Observer>(&mut self, ctx: &mut Context<'_, O>) {
        let step = self.step_index(ctx.script);
        ctx.observer.step_ok(step, ctx.timed(self.due, self.sent));
        self.phase = Phase::Held;
        self.late_pongs = 0;
        self.opened = ctx.now;
        self.forget_taken(ctx);
        ctx.observer.opened(ctx.who, self.server);
        let script = ctx.script;
        let Some(websocket) = &script.scenario.websocket else { return };
        if websocket.ping.is_some() {
            ctx.commands
                .timers
                .push_back((Timer::FirstPing, ctx.slots.first_due(ctx.now, script.delays.ping)));
        }
        if let (Some(interval), Some(_)) = (script.record_interval, &websocket.record) {
            ctx.commands.timers.push_back((Timer::FirstRecord, ctx.slots.first_due(ctx.now, interval)));
        }
    }
}

fn rule_of(websocket: &WebSocket, name: &[u8]) -> Option<(MessageType, Role)> {
    let index = websocket.messages.iter().position(|rule| rule.name.as_bytes() == name)?;
    Some((MessageType(index as u8), websocket.messages[index].role))
}
