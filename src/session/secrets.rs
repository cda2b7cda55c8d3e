//! What a session's evidence must not show: its secrets, while it knows them.
//!
//! Decides nothing of what is secret ([`crate::scenario::secrets`]). Invariants: evidence is redacted before it leaves the
//! session; what the session took is known until it is open, and nothing of it is kept after that.

use std::borrow::Cow;

use super::http::Setup;
use super::{Context, NO_SPILL, Observer, Phase, Session, Spill};
use crate::scenario::secrets::Held;

/// Bytes that are looked through for evidence of less: a secret may begin in them and end after them.
const LOOKED_THROUGH_MAX: usize = 4 << 10;

/// Taken values and cookies, from the 101 until the session is open.
#[derive(Debug, Default)]
pub struct Kept {
    pub(super) taken: Vec<String>,
    cookies: Option<String>,
    /// The first record since the step began, if it fits no kind.
    pub(super) stranger: Option<String>,
}

impl Session {
    /// What a peer sent, with every secret shown by its name.
    pub(super) fn redacted<'b, O: Observer>(&self, bytes: &'b [u8], ctx: &Context<'_, O>) -> Cow<'b, [u8]> {
        let scenario = &ctx.script.scenario;
        let bytes = &bytes[..bytes.len().min(LOOKED_THROUGH_MAX)];
        let step = (self.phase == Phase::Awaiting).then(|| &scenario.http[self.step.index()]);
        match ctx.spills.get(self.spill as usize) {
            Some(Spill::Setup(setup)) => {
                let cookies = setup.cookies.field_value();
                let held = Held { taken: &setup.taken, cookies: cookies.as_deref() };
                scenario.secrets.redacted(bytes, held, step)
            }
            _ => {
                let held = self.kept(ctx).map_or(Held::default(), |kept| Held {
                    taken: &kept.taken,
                    cookies: kept.cookies.as_deref(),
                });
                scenario.secrets.redacted(bytes, held, None)
            }
        }
    }

    /// Keeps what a session that is not open yet has taken, if it may be secret or is needed.
    pub(super) fn keep_taken<O: Observer>(&mut self, setup: Setup, ctx: &mut Context<'_, O>) {
        if ctx.script.rhythm.needs_values() || ctx.script.scenario.secrets.are_of_sessions() {
            let kept = Kept { taken: setup.taken, cookies: setup.cookies.field_value(), stranger: None };
            self.put_kept(Box::new(kept), ctx);
        }
    }

    /// The first record since the step began, if it fits no kind.
    pub(super) fn stranger<O>(&self, ctx: &Context<'_, O>) -> Option<String> {
        self.kept(ctx)?.stranger.clone()
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
