//! What a session's evidence must not show: its secrets, while it knows them.
//!
//! Decides nothing of what is secret ([`crate::scenario::secrets`]). Invariants: evidence is redacted before it leaves the
//! session; what the session took is known until it is open, and only what a later message uses is kept after that.

use std::borrow::Cow;

use super::setup::Setup;
use super::{Context, NO_SPILL, Observer, Phase, Session, Spill};
use crate::scenario::secrets::Held;
use crate::scenario::template::Taken;

/// Bytes that are looked through for evidence of less: a secret may begin in them and end after them.
const LOOKED_THROUGH_MAX: usize = 4 << 10;

/// Taken values and cookies, from the 101 until the session is open.
#[derive(Debug, Default)]
pub struct Kept {
    pub(super) taken: Vec<String>,
    cookies: Option<String>,
    /// The first record since the step began, if it fits no kind.
    pub(super) stranger: Option<String>,
    /// The first of the awaited kind that was not this session's reply: what it said, and what was awaited.
    pub(super) foreign: Option<(String, String)>,
}

impl Session {
    /// What a peer sent, with every secret shown by its name.
    pub(super) fn redacted<'b, O: Observer>(&self, bytes: &'b [u8], ctx: &Context<'_, O>) -> Cow<'b, [u8]> {
        let scenario = &ctx.script.scenario;
        let bytes = &bytes[..bytes.len().min(LOOKED_THROUGH_MAX)];
        let row = Some((&*ctx.script.members, ctx.who.session));
        let step = (self.phase == Phase::Awaiting).then(|| &scenario.http[self.step.index()]);
        match ctx.spills.get(self.spill as usize) {
            Some(Spill::Setup(setup)) => {
                let cookies = setup.cookies.field_value();
                let held = Held { taken: &setup.taken, cookies: cookies.as_deref(), row };
                scenario.secrets.redacted(bytes, held, step)
            }
            _ => match self.kept(ctx) {
                Some(kept) => {
                    let held = Held { taken: &kept.taken, cookies: kept.cookies.as_deref(), row };
                    scenario.secrets.redacted(bytes, held, None)
                }
                None => {
                    let kept = Taken::Packed {
                        count: scenario.takes as u8,
                        kept: &scenario.kept,
                        bytes: ctx.vault.of(ctx.row),
                    };
                    let taken = |index: u8| kept.get(index).unwrap_or_default().to_owned();
                    let taken: Vec<String> = (0..scenario.takes as u8).map(taken).collect();
                    scenario.secrets.redacted(bytes, Held { taken: &taken, row, ..Held::default() }, None)
                }
            },
        }
    }

    /// A value that was taken before, if it was and is kept.
    pub(super) fn taken_before<O>(&self, value: u8, ctx: &Context<'_, O>) -> Option<String> {
        let scenario = &ctx.script.scenario;
        let taken = match self.kept(ctx) {
            Some(kept) => Taken::from(&kept.taken[..]),
            None => {
                let bytes = ctx.vault.of(ctx.row);
                Taken::Packed { count: scenario.takes as u8, kept: &scenario.kept, bytes }
            }
        };
        taken.get(value).filter(|text| !text.is_empty()).map(str::to_owned)
    }

    /// Keeps what a session that is not open yet has taken, if it may be secret or is needed.
    pub(super) fn keep_taken<O: Observer>(&mut self, setup: Setup, ctx: &mut Context<'_, O>) {
        let scenario = &ctx.script.scenario;
        let is_needed = ctx.script.rhythm.needs_values() || !scenario.kept.is_empty();
        if is_needed || scenario.secrets.are_of_sessions() {
            let kept = Kept { taken: setup.taken, cookies: setup.cookies.field_value(), ..Kept::default() };
            self.put_kept(Box::new(kept), ctx);
        }
    }

    /// The first record since the step began, if it fits no kind.
    pub(super) fn stranger<O>(&self, ctx: &Context<'_, O>) -> Option<String> {
        self.kept(ctx)?.stranger.clone()
    }

    /// A step begins: what the one before has seen explains nothing of it.
    pub(super) fn forget_strangers<O>(&mut self, ctx: &mut Context<'_, O>) {
        if let Some(mut kept) = self.take_kept(ctx) {
            (kept.stranger, kept.foreign) = (None, None);
            self.put_kept(kept, ctx);
        }
    }

    /// The first record of the awaited kind since the step began that was not this session's reply.
    pub(super) fn foreign<O>(&self, ctx: &Context<'_, O>) -> Option<(String, String)> {
        self.kept(ctx)?.foreign.clone()
    }

    fn kept<'c, O>(&self, ctx: &'c Context<'_, O>) -> Option<&'c Kept> {
        match ctx.spills.get(self.spill as usize)? {
            Spill::Kept(kept) => Some(kept),
            Spill::Partial(partial) => partial.kept.as_deref(),
            Spill::Setup(_) => None,
        }
    }

    pub(super) fn put_kept<O>(&mut self, kept: Box<Kept>, ctx: &mut Context<'_, O>) {
        if let Some(Spill::Partial(partial)) = ctx.spills.get_mut(self.spill as usize) {
            partial.kept = Some(kept);
            return;
        }
        debug_assert_eq!(self.spill, NO_SPILL);
        self.spill = ctx.spills.insert(Spill::Kept(kept)) as u32;
    }

    /// Takes it out, from beside a message that is incomplete, too.
    pub(super) fn take_kept<O>(&mut self, ctx: &mut Context<'_, O>) -> Option<Box<Kept>> {
        match ctx.spills.get_mut(self.spill as usize)? {
            Spill::Partial(partial) => return partial.kept.take(),
            Spill::Setup(_) => return None,
            Spill::Kept(_) => {}
        }
        match self.take_spill(ctx) {
            Some(Spill::Kept(kept)) => Some(kept),
            _ => None,
        }
    }
}
