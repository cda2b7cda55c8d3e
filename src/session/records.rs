//! What a record means: counted, answered, awaited by a step, taken by a heartbeat, aged, numbered,
//! and told to the ledger, in this order.
//!
//! Knows the roles of the scenario's kinds, not their names. Invariants: an answer goes out in the
//! same write as whatever else the read brings about; a record that matches nothing is counted, never
//! a fault.

use super::http::{all_taken, taken_open};
use super::replies::Echo;
use super::request::refuse_unquotable;
use super::values::Values;
use super::{Context, Observer, Phase, Session, Unmatched};
use crate::fault::Fault;
use crate::measure::Unread;
use crate::measure::acts::{Act, Announced, Deed, Key};
use crate::scenario::kinds::{Kind, SentAt};
use crate::scenario::template::Taken;
use crate::scenario::{MessageType, Role};

impl Session {
    pub(super) fn record<O: Observer>(
        &mut self,
        kind: MessageType,
        values: &Values<'_>,
        echo: Echo,
        ctx: &mut Context<'_, O>,
    ) -> Result<(), Fault> {
        ctx.observer.record(kind);
        let script = ctx.script;
        let Some(websocket) = &script.scenario.websocket else { return Ok(()) };
        let known = websocket.kinds.get(kind);
        if let Some(known) = known.filter(|known| known.answer.is_some() && self.phase != Phase::Closing) {
            self.answer(kind, known, values, ctx)?;
        }
        let (phase, step) = (self.phase, self.step);
        let mut is_taken = false;
        match phase {
            Phase::Opening => {
                self.awaited(kind, values, ctx)?;
                is_taken = (self.phase, self.step) != (phase, step);
            }
            Phase::Held => is_taken = self.replied(kind, values, echo, ctx),
            _ => {}
        }
        if self.phase == Phase::Over {
            return Ok(());
        }
        let Some(known) = known else {
            self.unmatched(is_taken, values, ctx);
            return Ok(());
        };
        self.note_age(kind, known, values, ctx);
        self.note_number(kind, known, values, ctx);
        self.tell(known, is_taken && phase == Phase::Opening, values, ctx)
    }

    /// Sends a kind's answer.
    fn answer<O: Observer>(
        &mut self,
        kind: MessageType,
        known: &Kind,
        values: &Values<'_>,
        ctx: &mut Context<'_, O>,
    ) -> Result<(), Fault> {
        let script = ctx.script;
        let (Some(answer), Some(websocket)) = (&known.answer, &script.scenario.websocket) else {
            return Ok(());
        };
        let mut own = Vec::with_capacity(known.take.len());
        for (value, place) in &known.take {
            let text = match values.get(*place) {
                Some(bytes) => std::str::from_utf8(bytes).map_err(|_| Fault::ValueUnusable(*value))?,
                None if values.is_too_long(*place) => return Err(Fault::ValueTooLong(*value)),
                None => return Err(Fault::ValueMissing(*value)),
            };
            own.push((*value, text));
        }
        let in_setup = if known.kept.is_empty() { Vec::new() } else { self.taken_so_far(ctx) };
        // Beside the context while the scope borrows from it.
        let vault = std::mem::take(ctx.vault);
        let rest = match self.phase {
            Phase::Opening => all_taken(&in_setup, ctx),
            _ => taken_open(&vault, ctx),
        };
        let missing = known.kept.iter().find(|value| rest.get(**value).is_none_or(str::is_empty));
        let scope = self.scope_at(ctx.now, Taken::With { own: &own, rest: &rest }, 0, ctx);
        let usable = match missing {
            Some(value) => Err(Fault::ValueMissing(*value)),
            None => refuse_unquotable(answer, &scope),
        };
        if usable.is_ok() {
            self.send_rendered(answer, websocket.kinds.opcode(), &scope, ctx);
            ctx.observer.answered(kind);
        }
        *ctx.vault = vault;
        usable
    }

    fn unmatched<O: Observer>(&self, is_taken: bool, values: &Values<'_>, ctx: &mut Context<'_, O>) {
        let has_kinds = ctx.script.scenario.websocket.as_ref().is_some_and(|it| !it.kinds.matcher.is_empty());
        // Where nothing is told apart, any text is as good as another.
        let is_strange = has_kinds || !values.is_text();
        if is_taken || !is_strange || !ctx.observer.wants_unmatched() {
            return;
        }
        let shown = self.redacted(values.start(), ctx);
        let unmatched = if values.is_text() { Unmatched::Text(&shown) } else { Unmatched::Binary(&shown) };
        ctx.observer.unmatched(ctx.who, unmatched);
    }

    fn note_age<O: Observer>(
        &self,
        kind: MessageType,
        known: &Kind,
        values: &Values<'_>,
        ctx: &mut Context<'_, O>,
    ) {
        let Some(sent_at) = known.sent_at else { return };
        match values.get(sent_at.place).and_then(|text| micros(text, sent_at)) {
            Some(sent) => ctx.observer.aged(kind, self.server, ctx.heard_micros as i64 - sent),
            None => ctx.observer.unread(kind, Unread::SentAt),
        }
    }

    fn note_number<O: Observer>(
        &self,
        kind: MessageType,
        known: &Kind,
        values: &Values<'_>,
        ctx: &mut Context<'_, O>,
    ) {
        let Some((place, index)) = known.sequence else { return };
        let Some(number) = values.get(place).and_then(number) else {
            return ctx.observer.unread(kind, Unread::Number);
        };
        match ctx.side.number(ctx.row, index.into(), number) {
            Step::First | Step::Next => {}
            Step::Skipped(missing) => ctx.observer.numbered(kind, missing, false),
            Step::Back => ctx.observer.numbered(kind, 0, true),
        }
    }

    /// What the kind's role says.
    fn tell<O: Observer>(
        &mut self,
        known: &Kind,
        is_awaited: bool,
        values: &Values<'_>,
        ctx: &mut Context<'_, O>,
    ) -> Result<(), Fault> {
        match known.role {
            Role::Error if !is_awaited => return self.error_message(known, values, ctx),
            Role::Error | Role::Information => return Ok(()),
            Role::Entered | Role::Left | Role::Updated => {}
        }
        let deed = Deed::told_by(known);
        let subject = ctx.script.scenario.websocket.as_ref().and_then(|it| it.kinds.subject.as_ref());
        let Some(member_id) = subject.and_then(|it| values.member(it, &ctx.script.members)) else {
            return if deed == Deed::ENTER { Err(Fault::MessageMalformed) } else { Ok(()) };
        };
        let value = known.broadcast.and_then(|(_, place)| values.get(place));
        let key = value.map_or(Key::default(), Key::of);
        ctx.observer.announced(ctx.who, self.server, Announced { deed, member_id, key, at: ctx.now });
        Ok(())
    }

    /// Tells that the session does what its server announces.
    pub(super) fn acts<O: Observer>(&self, deed: Deed, key: Key, ctx: &mut Context<'_, O>) {
        ctx.observer.acted(ctx.who, Act { at: ctx.now, server: self.server, deed, key });
    }

    /// An error before open ends the session; later it is counted, and names the close that may
    /// follow.
    fn error_message<O: Observer>(
        &mut self,
        kind: &Kind,
        values: &Values<'_>,
        ctx: &mut Context<'_, O>,
    ) -> Result<(), Fault> {
        let script = ctx.script;
        let Some(websocket) = &script.scenario.websocket else { return Ok(()) };
        let code = kind.code.and_then(|place| values.get(place));
        let known = websocket.kinds.error_codes.iter().find(|known| Some(known.code.as_bytes()) == code);
        let aged = self.flag(super::TICKET_AGED) && known.is_some_and(|known| known.ticket);
        let Some(name) = known.map(|known| known.error).or(kind.refused) else { return Ok(()) };
        let fault = if aged { Fault::TicketAgedHere } else { script.scenario.named(name) };
        if self.phase == Phase::Opening {
            return Err(fault);
        }
        if self.phase == Phase::Held {
            if let Some(known) = known {
                self.last_error = known.error;
            }
            let evidence = self.redacted(values.start(), ctx);
            ctx.observer.error_message(ctx.who, self.server, fault, &evidence);
        }
        Ok(())
    }
}

/// How a message's number follows the last one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// There was none.
    First,
    /// It is the next.
    Next,
    /// This many are missing between them.
    Skipped(u64),
    /// It is not greater.
    Back,
}

/// A whole number in decimal, or in hexadecimal behind `0x`.
fn number(text: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(text).ok()?;
    match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

/// An instant in Unix microseconds: digits, a fraction after them or none; hexadecimal digits behind `0x`; or
/// a date and time with its zone (RFC 3339), whatever the unit.
fn micros(text: &[u8], sent_at: SentAt) -> Option<i64> {
    since_1970(text, sent_at).filter(|micros| INSTANTS.contains(micros))
}

/// Instants that a message may give, in microseconds: from 2000 to 2200. Any other is of another unit, or no
/// instant.
const INSTANTS: std::ops::Range<i64> = 946_684_800_000_000..7_258_118_400_000_000;

fn since_1970(text: &[u8], sent_at: SentAt) -> Option<i64> {
    let text = std::str::from_utf8(text).ok()?;
    if text.len() > 10 && text.as_bytes().get(4) == Some(&b'-') {
        return text.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_microsecond);
    }
    if text.starts_with("0x") {
        let nanos = u128::from(number(text.as_bytes())?) * u128::from(sent_at.unit_nanos);
        return i64::try_from(nanos / 1_000).ok();
    }
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let whole: u64 = whole.parse().ok()?;
    let fraction = &fraction[..fraction.len().min(9)];
    let (parts, of) = (fraction.parse::<u32>().ok()?, 10u64.pow(fraction.len() as u32));
    let nanos = u128::from(whole) * u128::from(sent_at.unit_nanos)
        + u128::from(parts) * u128::from(sent_at.unit_nanos) / u128::from(of);
    i64::try_from(nanos / 1_000).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::kinds::PlaceIndex;

    #[test]
    fn instants_are_read_in_their_unit() {
        let micros_of =
            |text: &str, unit_nanos| micros(text.as_bytes(), SentAt { place: PlaceIndex(0), unit_nanos });
        assert_eq!(micros_of("1751360400123", 1_000_000), Some(1_751_360_400_123_000));
        assert_eq!(micros_of("1751360400.5", 1_000_000_000), Some(1_751_360_400_500_000));
        assert_eq!(micros_of("1751360400123456789", 1), Some(1_751_360_400_123_456));
        assert_eq!(micros_of("1751360400123.0625", 1_000_000), Some(1_751_360_400_123_062));
        assert_eq!(micros_of("0x6866a1c0", 1_000_000_000), Some(1_751_556_544_000_000));
        for text in ["2025-07-01T09:00:00.123Z", "2025-07-01T18:00:00.123+09:00"] {
            assert_eq!(micros_of(text, 1), Some(1_751_360_400_123_000), "{text}");
        }
        assert_eq!(micros_of("1751360400", 1_000_000), None, "seconds, not milliseconds");
        assert_eq!(micros_of("1751360400123", 1_000_000_000), None, "milliseconds, not seconds");
        for not in ["2025-07-01T09:00:00", "2025-07-01", "0x", "0x-1"] {
            assert_eq!(micros_of(not, 1), None, "{not}");
        }
        for not in ["", "-1", "1e3", "x", "1.", ".5", "1.x", "18446744073709551616", "1,5"] {
            assert_eq!(micros_of(not, 1_000_000), None, "{not}");
        }
        assert_eq!(micros_of("18446744073709551615", 1_000_000_000), None);
    }
}
