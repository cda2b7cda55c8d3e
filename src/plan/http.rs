//! Which connections carry the HTTP steps: part of a plan, and of `plan.toml`.
//!
//! Names the choice; the engine carries it out. Invariant: shared connections are at least one a
//! worker.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// Shared connections of a worker, by default: the least with which hardly any session waited at
/// 4,000 arrivals a second on two workers (docs/performance.md).
pub const CONNECTIONS_DEFAULT: u32 = 32;
/// Shared connections of a worker at most: beyond that, one a session is as good.
pub const CONNECTIONS_MAX: u32 = 1_000;

/// Which connections carry the HTTP steps, as the user asks for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HttpMode {
    /// Each session opens its own, as a real client does, and closes it before its WebSocket.
    #[default]
    PerSession,
    /// A worker's sessions share a few that are kept alive.
    Pooled,
}

impl HttpMode {
    /// Returns what the user asked for; without a number of shared connections it is the default.
    pub fn with(self, connections: Option<u32>) -> Http {
        match self {
            Self::PerSession => Http::PerSession,
            Self::Pooled => Http::Pooled { connections: connections.unwrap_or(CONNECTIONS_DEFAULT) },
        }
    }
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
    /// Returns the shared connections of each worker; 0: none are shared.
    pub fn connections(self) -> u32 {
        match self {
            Self::PerSession => 0,
            Self::Pooled { connections } => connections,
        }
    }
}
