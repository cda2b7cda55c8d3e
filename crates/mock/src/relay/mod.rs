//! The threads between this mock server and others that share its challenges.
//!
//! [`publish`] says what happens here, [`hear`] what happens anywhere. Knows no client. Invariant:
//! they end with the bridge, within a turn or the time that Redis may take.

use std::time::Duration;

pub(crate) mod hear;
pub(crate) mod publish;

/// How long threads wait between two looks at whether to end.
const TURN: Duration = Duration::from_millis(100);
