//! Whether the member of a session that is over may enter again.
//!
//! By the rule of `errors.member_burned`: a step that marks the member has succeeded, and no server
//! was reached that would free it again. Invariant: nothing is said of a scenario that marks nobody.

use crate::fault::Fault;
use crate::members::MemberName;
use crate::scenario::Scenario;

/// What is known of the member.
#[derive(Clone, Debug, Default)]
pub(super) struct Standing {
    /// The step that marks it, if the scenario has one.
    marking: Option<String>,
    is_marked: bool,
    /// The marking step had no answer.
    may_be_marked: bool,
    /// Its WebSocket reached a server that knows whose it is.
    is_known: bool,
    /// The server's close came.
    is_closed: bool,
}

impl Standing {
    pub(super) fn new(scenario: &Scenario) -> Self {
        let marking = scenario.http.iter().find(|step| step.marks_member).map(|step| step.name.clone());
        Self { marking, ..Self::default() }
    }

    pub(super) fn step_ok(&mut self, step: &str, scenario: &Scenario) {
        self.is_marked |= self.marking.as_deref() == Some(step);
        // The 101; a ticket that is refused after it shows as a failure.
        self.is_known |= step == "connect" && scenario.websocket.is_some();
    }

    pub(super) fn failed(&mut self, step: &str, fault: Fault, scenario: &Scenario) {
        self.may_be_marked |= self.marking.as_deref() == Some(step) && fault == Fault::StepTimeout;
        self.is_known &= !scenario.is_about_ticket(fault);
    }

    /// The server's close frame came.
    pub(super) fn closed(&mut self) {
        self.is_closed = true;
    }

    /// In a sentence or two.
    pub(super) fn text(&self, member: &MemberName) -> Option<String> {
        let step = self.marking.as_deref()?;
        Some(match self {
            Self { is_marked: true, is_known: true, is_closed: true, .. } => {
                format!("Member {member} has left, and may enter again.")
            }
            Self { is_marked: true, is_known: true, .. } => format!(
                "Member {member} may enter again once the server has noticed that its connection is gone."
            ),
            Self { is_marked: true, .. } => format!(
                "Member {member} is locked out: {step} marked it as in, and its WebSocket reached no server. \
                 Try another member (--members)."
            ),
            Self { may_be_marked: true, .. } => format!(
                "Member {member} may be locked out: {step} had no answer, and may have marked it as in."
            ),
            _ => format!("Member {member} has not entered."),
        })
    }
}
