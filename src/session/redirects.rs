//! Redirects of an HTTP step: where an answer leads, and the request that goes there.
//!
//! Invariants: nothing goes to a host that is neither the target's nor allowed; what says who is asking
//! does not follow to another host; the step's time goes on.

use super::script::Script;
use super::setup::{Hop, Setup, evidence_of};
use super::{Context, Observer, RETRIED, Session};
use crate::fault::Fault;
use crate::scenario::HttpStep;

impl Session {
    /// Goes where an answer leads, within the step's time.
    pub(super) fn follow<O: Observer>(
        &mut self,
        mut setup: Box<Setup>,
        reusable: bool,
        ctx: &mut Context<'_, O>,
    ) {
        match next_hop(&setup, self.request(ctx.script), ctx.script) {
            Ok(hop) => {
                setup.hop = Some(Box::new(hop));
                self.set_flag(RETRIED, false);
                self.dial_request(setup, reusable && !ctx.script.scenario.sends_once, ctx);
            }
            Err(fault) => {
                let evidence = evidence_of(&setup.answer);
                self.put_setup(setup, ctx);
                self.fail(fault, &evidence, ctx);
            }
        }
    }
}

/// Statuses that lead elsewhere (RFC 9110, 15.4).
const REDIRECTS: [u16; 5] = [301, 302, 303, 307, 308];

/// Whether an answer is to be followed: a status that the step expects is its answer.
pub fn is_redirect(step: &HttpStep, status: u16) -> bool {
    step.follow > 0 && REDIRECTS.contains(&status) && !step.expect.contains(&status)
}

/// Where an answer leads.
fn next_hop(setup: &Setup, step: &HttpStep, script: &Script) -> Result<Hop, Fault> {
    let before = setup.hop.as_deref().ok_or(Fault::UrlInvalid)?;
    let redirects = before.redirects + 1;
    if redirects > step.follow {
        return Err(Fault::TooManyRedirects);
    }
    let to = script.redirected(&before.to, setup.answer.header("Location").unwrap_or_default())?;
    // 301 and 302 as browsers take them (RFC 9110, 15.4.2); the method stays with 307 and 308.
    let status = setup.answer.status().unwrap_or(0);
    let as_get = before.as_get || (status <= 303 && step.method != "HEAD");
    let is_foreign = before.is_foreign || to.authority != before.to.authority;
    Ok(Hop { to, redirects, as_get, is_foreign })
}
