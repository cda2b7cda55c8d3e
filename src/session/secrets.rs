//! What a session's evidence must not show: its secrets, while it knows them.
//!
//! Decides nothing of what is secret ([`crate::scenario::secrets`]). Invariants: evidence is redacted before it leaves the
//! session; what the session took is known until it is open, and only what a later message uses is kept after that.

use std::borrow::Cow;

use startline_protocol::http::cookies::Jar;

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
    pub(super) cookies: Jar,
    /// What came since the step began, and is not awaited.
    pub(super) came: Option<Came>,
}

/// A record that is not the awaited one, in words.
#[derive(Debug)]
pub(super) struct Came {
    pub(super) text: String,
    /// It is of the awaited kind, and has another value than is wanted.
    pub(super) is_mismatch: bool,
}

impl Session {
    /// What a peer sent, with every secret shown by its name.
    pub(super) fn redacted<'b, O: Observer>(&self, bytes: &'b [u8], ctx: &Context<'_, O>) -> Cow<'b, [u8]> {
        let scenario = &ctx.script.scenario;
        let bytes = &bytes[..bytes.len().min(LOOKED_THROUGH_MAX)];
        let row = Some((&*ctx.script.members, ctx.who.session));
        let step = scenario.request(self.step).filter(|_| self.phase == Phase::Awaiting);
        match ctx.spills.get(self.spill as usize) {
            Some(Spill::Setup(setup)) => {
                let cookies = setup.cookies.field_value();
                let held = Held { taken: &setup.taken, cookies: cookies.as_deref(), row };
                scenario.secrets.redacted(bytes, held, step)
            }
            _ => match self.kept(ctx) {
                Some(kept) => {
                    let cookies = kept.cookies.field_value();
                    let held = Held { taken: &kept.taken, cookies: cookies.as_deref(), row };
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

    /// Keeps what a session that is not open yet has taken, if it may be secret or is needed.
    pub(super) fn keep_taken<O: Observer>(&mut self, setup: Setup, ctx: &mut Context<'_, O>) {
        let scenario = &ctx.script.scenario;
        let is_needed = ctx.script.rhythm.needs_values() || !scenario.kept.is_empty();
        if is_needed || scenario.secrets.are_of_sessions() {
            let kept = Kept { taken: setup.taken, cookies: setup.cookies, came: None };
            self.put_kept(Box::new(kept), ctx);
        }
    }

    /// What came since the step began, and is not awaited.
    pub(super) fn kept_came<'c, O>(&self, ctx: &'c Context<'_, O>) -> Option<&'c Came> {
        self.kept(ctx)?.came.as_ref()
    }

    /// What it has taken, while its steps go on.
    pub(super) fn taken_so_far<O>(&self, ctx: &Context<'_, O>) -> Vec<String> {
        self.kept(ctx).map(|kept| kept.taken.clone()).unwrap_or_default()
    }

    pub(super) fn kept<'c, O>(&self, ctx: &'c Context<'_, O>) -> Option<&'c Kept> {
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
