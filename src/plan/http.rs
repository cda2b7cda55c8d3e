//! Which connections carry the HTTP steps: part of a plan, and of `plan.toml`.
//!
//! Names the choice; carrying it out is the engine's. Invariant: shared connections are at least one a worker.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// Shared connections of a worker, unless another number is asked for: the least with which hardly anybody waited at 4,000 arrivals a
/// second on two workers (docs/performance.md).
pub const CONNECTIONS_DEFAULT: u32 = 32;
/// At most: beyond that a connection a session is as well.
pub const CONNECTIONS_MAX: u32 = 1_000;

/// Which connections carry the HTTP steps, as it is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HttpMode {
    /// Each session makes one of its own, as a client in the field does, and closes it before its WebSocket.
    #[default]
    PerSession,
    /// A worker's sessions take turns on a few that are kept alive.
    Pooled,
}

/// Which connections carry the HTTP steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Http {
    /// See [`HttpMode::PerSession`].
    PerSession,
    /// See [`HttpMode::Pooled`].
    Pooled {
        /// Of each worker, at least 1.
        connections: u32,
    },
}

impl Http {
    /// Shared connections of each worker; 0: none are shared.
    pub fn connections(self) -> u32 {
        match self {
            Self::PerSession => 0,
            Self::Pooled { connections } => connections,
        }
    }
}
