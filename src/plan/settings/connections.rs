//! Options of HTTP connections and of TLS that make no sense beside others.
//!
//! Invariant: an option that would silently be ignored is refused.

use super::{PlanError, Settings};
use crate::plan::{HttpMode, Tls, drops, http};
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

    /// Returns the sockets that silent cuts leave half-open beside the sessions' own, at most: where a session
    /// comes back, or another takes its place, each cut socket is one more until the run ends.
    pub(in crate::plan) fn half_open(&self, scenario: &Scenario) -> u64 {
        let shape = self.shape();
        let is_replaced = scenario.reconnect.is_some() || shape.lives() > u64::from(shape.slots());
        if is_replaced { drops::half_open(&self.drops, shape.slots()) } else { 0 }
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
