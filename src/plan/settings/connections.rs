//! Options of HTTP connections and of TLS that make no sense beside others.
//!
//! Invariant: an option that would silently be ignored is refused.

use super::{PlanError, Settings};
use crate::plan::beside::Beside;
use crate::plan::drops::Storms;
use crate::plan::{HttpMode, Tls, http};
use crate::scenario::Scenario;

impl Settings {
    /// Refuses shared connections that nobody shares.
    pub(super) fn check_http(&self) -> Result<(), PlanError> {
        let value = |reason: String| Err(PlanError::Value { what: "http connections", reason });
        match (self.http, self.http_connections) {
            (HttpMode::PerSession, Some(_)) => {
                value("they are for connections that sessions share: add --http pooled".into())
            }
            (HttpMode::Pooled, Some(count)) if count == 0 || count > http::CONNECTIONS_MAX => {
                value(format!("{count} is not from 1 to {}", http::CONNECTIONS_MAX))
            }
            _ => Ok(()),
        }
    }

    /// Returns the cut sessions that come back, or whose place others take: each needs another connection while
    /// the one that was cut still takes something.
    pub(in crate::plan) fn storms(&self, scenario: &Scenario) -> Storms {
        let shape = self.shape();
        let requests_each = scenario.reconnect.as_ref().map_or(0, |reconnect| {
            let enters = reconnect.from.is_none_or(|from| usize::from(from) < scenario.http.len());
            let closes = self.http == HttpMode::PerSession && !scenario.http.is_empty() && enters;
            u64::from(Beside::of(scenario).each) + u64::from(closes)
        });
        match scenario.reconnect.is_some() || shape.lives() > u64::from(shape.slots()) {
            true => Storms::of(&self.drops, shape.slots(), requests_each),
            false => Storms::default(),
        }
    }

    /// Refuses options that TLS, or the lack of it, would silently ignore.
    pub(super) fn check_tls(&self) -> Result<(), PlanError> {
        let value = |what, reason: String| Err(PlanError::Value { what, reason });
        let tls = &self.tls;
        if self.target.is_none() && !self.mock_tls && *tls != Tls::default() {
            return value("TLS options", "the run does not use TLS: add --tls, or a --target".into());
        }
        if tls.insecure && !tls.ca.is_empty() {
            return value(
                "insecure",
                "it accepts any certificate, and --ca names CAs to trust: leave out one of the two".into(),
            );
        }
        match tls.ca.iter().find_map(|file| file.certificates().err()) {
            Some(reason) => value("ca", reason),
            None => Ok(()),
        }
    }
}
