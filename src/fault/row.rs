//! The columns of the table of faults, and the macro that makes an enum of its rows.
//!
//! Knows no single fault. Invariant: a variant and its row are declared together, so that neither
//! can be forgotten.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Who must act for a failure to go away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Blame {
    /// This machine, the load generator, ran into a limit of its own.
    Machine,
    /// Packets did not get through, as far as this machine can tell.
    Network,
    /// The servers answered, and the answer was wrong, late or a refusal.
    Server,
    /// The scenario or its settings ask for something that cannot be done.
    Scenario,
}

impl Blame {
    /// All of them, in the order of results.
    pub const ALL: [Self; 4] = [Self::Machine, Self::Network, Self::Server, Self::Scenario];

    /// Returns the name in results.
    pub fn key(self) -> &'static str {
        match self {
            Self::Machine => "machine",
            Self::Network => "network",
            Self::Server => "server",
            Self::Scenario => "scenario",
        }
    }
}

impl fmt::Display for Blame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.key())
    }
}

/// A condition of this machine that can cause a fault for which somebody else is blamed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Excuse {
    /// A stall of this machine lay in the wait.
    Stall,
    /// A stall of this machine was so long that a peer may have given up.
    LongStall,
    /// The workers lagged: they sent or read too late.
    Lag,
    /// A source address was taken away in mid-run: what was on its way to it did not arrive.
    SourceLost,
}

/// An error that the scenario names, with whom the scenario blames for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct NamedFault {
    /// Index into `Scenario::error_names`.
    pub name: u8,
    /// The same for every fault of this name.
    pub blame: Blame,
}

/// Resolves the indices that some faults carry into names of the scenario.
pub trait FaultNames {
    /// Returns the name of the scenario's error `index`.
    fn error_name(&self, index: u8) -> &str;
    /// Returns the name of the scenario's taken value `index`.
    fn value_name(&self, index: u8) -> &str;
}

/// Serves faults that carry no index into a scenario.
pub(super) struct NoNames;

impl FaultNames for NoNames {
    fn error_name(&self, _: u8) -> &str {
        "unnamed"
    }

    fn value_name(&self, _: u8) -> &str {
        "unnamed"
    }
}

/// What is known of a kind of fault.
#[derive(Debug)]
pub(super) struct Row {
    /// The name in results; what stands in angle brackets at its end is filled in.
    pub key: &'static str,
    pub blame: Blame,
    /// What can excuse it.
    pub excuses: &'static [Excuse],
    /// What to do next, in English.
    pub advice: &'static str,
    /// The same in Korean.
    pub korean: &'static str,
}

impl Row {
    pub const fn new(
        key: &'static str,
        blame: Blame,
        excuses: &'static [Excuse],
        advice: &'static str,
        korean: &'static str,
    ) -> Self {
        Self { key, blame, excuses, advice, korean }
    }

    /// Returns the key with its part in angle brackets filled in.
    pub fn key_with(&self, detail: &str) -> String {
        match self.key.split_once('<') {
            Some((fixed, _)) => format!("{fixed}{detail}"),
            None => self.key.to_owned(),
        }
    }
}

/// A number, or a name of its own, as part of a key.
pub(super) fn plain(detail: impl fmt::Display, _: &dyn FaultNames) -> String {
    detail.to_string()
}

/// The name of a scenario's error, as part of a key.
pub(super) fn error_name(named: NamedFault, names: &dyn FaultNames) -> String {
    names.error_name(named.name).to_owned()
}

/// The name of a taken value, as part of a key.
pub(super) fn value_name(index: u8, names: &dyn FaultNames) -> String {
    names.value_name(index).to_owned()
}

/// Declares an enum of faults by its rows: `Variant => (key, blame, excuses, advice, advice in Korean)`.
///
/// A variant may carry a value, with the function that makes it the detail of the key, and rows for
/// some values of it in braces. `nested` is a variant whose rows are another enum's.
macro_rules! faults {
    (
        $(#[$about:meta])*
        $name:ident {
            $(
                $(#[$doc:meta])*
                $variant:ident $( ($payload:ty, $detail:path) )? => $row:tt
                $( { $( $value:pat => $value_row:tt ),+ } )?
            )+
        }
        $( $(#[$nested_doc:meta])* nested $nested:ident($inner:ty) )?
    ) => {
        $(#[$about])*
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
        )]
        pub enum $name {
            $( $(#[$doc])* $variant $( ($payload) )?, )+
            $( $(#[$nested_doc])* $nested($inner), )?
        }

        impl $name {
            fn row(self) -> &'static Row {
                match self {
                    $(
                        $( $( Self::$variant($value) => const { &Row::new $value_row }, )+ )?
                        Self::$variant { .. } => const { &Row::new $row },
                    )+
                    $( Self::$nested(inner) => inner.row(), )?
                }
            }

            fn detail(self, names: &dyn FaultNames) -> String {
                match self {
                    $( $( Self::$variant(value) => { let value: $payload = value; $detail(value, names) } )? )+
                    $( Self::$nested(inner) => inner.detail(names), )?
                    _ => String::new(),
                }
            }

            /// Returns who must act.
            pub fn blame(self) -> Blame {
                self.row().blame
            }

            /// Returns the conditions of this machine that can cause it.
            pub fn excuses(self) -> &'static [Excuse] {
                self.row().excuses
            }

            /// Returns what to do next, in a sentence or two, in English.
            pub fn advice(self) -> &'static str {
                self.row().advice
            }

            pub(super) const ROWS: &[Row] = &[
                $( $( $( Row::new $value_row, )+ )? Row::new $row, )+
            ];
        }
    };
}

pub(super) use faults;
