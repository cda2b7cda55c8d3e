//! Options of HTTP connections and of TLS that make no sense beside others.
//!
//! Invariant: an option that would silently be ignored is refused.

use super::{PlanError, Settings};
use crate::plan::{HttpMode, Tls, http};

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
