//! A part of a mix in its settings: which sessions and which members of the whole are its own.
//!
//! Knows no scenario. Invariants: the sessions of all parts add up to the whole's, at every instant; parts
//! that share members have none in common.

use std::ops::Range;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use startline_os::units::grouped;

use super::{PlanError, Settings};
use crate::plan::members::Members;
use crate::plan::roster::Roster;
use crate::plan::share::Share;

/// Which part of a mix this is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PartOf {
    /// Its name.
    pub name: String,
    /// The weights of all parts.
    pub weights: Vec<u32>,
    /// Which of them is its own.
    pub index: usize,
    /// It has members of its own, and none of the whole's.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub own_members: bool,
    /// The whole's sessions, once those beside are the part's; else 0.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub sessions: u32,
}

#[allow(clippy::trivially_copy_pass_by_ref)] // What serde asks for.
fn is_zero(count: &u32) -> bool {
    *count == 0
}

impl PartOf {
    /// Which of the whole's sessions are its own.
    pub fn share(&self) -> Share {
        Share::by_weight(&self.weights, self.index)
    }

    /// How many of the whole's sessions are its own.
    fn sessions_of(&self, whole: u32) -> u32 {
        self.share().before(whole.into()) as u32
    }

    /// How many the parts before it have.
    fn sessions_before(&self, whole: u32) -> u32 {
        let before = |index| Self { index, ..self.clone() }.sessions_of(whole);
        (0..self.index).map(before).sum()
    }
}

impl Settings {
    /// Returns the sessions of the whole that this may be a part of.
    pub fn sessions_of_whole(&self) -> u32 {
        self.part.as_ref().map(|part| part.sessions).filter(|sessions| *sessions > 0).unwrap_or(self.sessions)
    }

    /// Returns the sessions that the members are for: the whole's, or a part's with members of its own.
    pub(super) fn sessions_of_members(&self) -> u32 {
        match &self.part {
            Some(part) if part.own_members => part.sessions_of(self.sessions_of_whole()),
            _ => self.sessions,
        }
    }

    /// Returns the members who take part, those of other parts aside.
    pub fn roster_of_part(&self) -> Roster {
        let own = self.members_of_part();
        let roster = self.members.skip(own.start);
        roster.first((own.end - own.start) as u32).unwrap_or(roster)
    }

    /// Returns which of the members are the part's.
    pub(super) fn members_of_part(&self) -> Range<u64> {
        let all = self.members.len();
        let Some(part) = self.part.as_ref().filter(|part| !part.own_members) else { return 0..all };
        let whole = self.sessions_of_whole();
        let before = part.sessions_before(whole);
        let cut = |sessions: u32| {
            u64::try_from(u128::from(all) * u128::from(sessions) / u128::from(whole.max(1))).unwrap_or(all)
        };
        cut(before)..cut(before + part.sessions_of(whole))
    }

    /// Returns the members who take part.
    pub(super) fn own_members(&self) -> Result<Members, PlanError> {
        let rows = || Arc::clone(&self.rows);
        let Some(part) = self.part.as_ref().filter(|part| !part.own_members) else {
            return self.plan_members();
        };
        let whole = self.sessions_of_whole();
        if !self.recycle && !self.is_staged() {
            // Refused as for a run of its own.
            self.members.first(whole)?;
        }
        let mut own = self.members_of_part();
        if !self.is_staged() {
            own.end = own.end.min(own.start + u64::from(part.sessions_of(whole)));
        }
        if own.is_empty() {
            let all = grouped(self.members.len());
            return Err(self.refused(format!("gets none of the {all} members: give more")));
        }
        if self.rows.is_empty() {
            return Ok(self.members.skip(own.start).first((own.end - own.start) as u32)?.members()?);
        }
        let sessions: Vec<usize> = (own.start as usize..own.end as usize).collect();
        Ok(Roster::picked(&self.members.members()?.with_rows(rows()), &sessions)?)
    }

    /// The same with the part's own sessions.
    pub(super) fn of_part(mut self) -> Result<Self, PlanError> {
        let whole = self.sessions_of_whole();
        let Some(part) = &mut self.part else { return Ok(self) };
        part.sessions = whole;
        self.sessions = part.sessions_of(whole);
        match self.sessions {
            0 => Err(self.refused(format!("gets none of the {} sessions: give more", grouped(whole.into())))),
            _ => Ok(self),
        }
    }

    /// The same with the whole's sessions, as before `Settings::of_part`.
    pub fn of_whole(mut self) -> Self {
        self.sessions = self.sessions_of_whole();
        if let Some(part) = &mut self.part {
            part.sessions = 0;
        }
        self
    }

    fn refused(&self, why: String) -> PlanError {
        let name = self.part.as_ref().map_or("", |part| &part.name);
        PlanError::Value { what: "mix", reason: format!("the part \"{name}\" {why}") }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::time::Duration;

    use super::*;
    use crate::members::SessionNumber;
    use crate::plan::capacity::Limits;
    use crate::plan::{Plan, ScenarioSettings, Target};

    fn whole(sessions: u32, members: Roster) -> Settings {
        Settings {
            sessions,
            members,
            ramp: Duration::from_secs(60),
            hold: Duration::from_secs(30),
            time_zone: "system".to_owned(),
            scenario: ScenarioSettings::find("runnity").expect("it is built in"),
            ..Settings::default()
        }
    }

    fn parts(whole: &Settings, weights: &[u32]) -> Vec<Plan> {
        let part = |index| PartOf { name: "p".into(), weights: weights.to_vec(), index, ..PartOf::default() };
        let plan = |index| {
            let settings = Settings { part: Some(part(index)), ..whole.clone() };
            let target = Target::at(([127, 0, 0, 1], 80).into());
            settings.into_plan(target, &Limits::read(std::path::Path::new("/"))).expect("a plan")
        };
        (0..weights.len()).map(plan).collect()
    }

    #[test]
    fn parts_have_their_sessions_and_members_of_their_own() {
        let plans = parts(&whole(6000, Roster::range(13, 6012, 38)), &[9, 1]);
        assert_eq!(plans.iter().map(|plan| plan.settings.sessions).collect::<Vec<_>>(), [5400, 600]);
        assert_eq!(plans.iter().map(Plan::people).collect::<Vec<_>>(), [5400, 600]);
        let ids = |plan: &Plan| -> BTreeSet<u64> {
            (0..plan.people()).map(|k| plan.members.id(SessionNumber(k)).0).collect()
        };
        assert_eq!(ids(&plans[0]), (13..=5412).collect());
        assert_eq!(ids(&plans[1]), (5413..=6012).collect());
        for second in 0..90 {
            let at = Duration::from_secs(second);
            let levels: Vec<u64> = plans.iter().map(|plan| plan.shape.level(at)).collect();
            let all = if second < 60 { second * 100 + 1 } else { 6000 };
            assert_eq!(levels.iter().sum::<u64>(), all, "{levels:?} at {second} s");
            assert!(levels[1].abs_diff(all / 10) < 2, "{levels:?} at {second} s");
        }
    }

    #[test]
    fn a_part_s_plan_is_written_and_read_back() {
        let plan = parts(&whole(100, Roster::range(13, 112, 38)), &[3, 1]).remove(1);
        let text = plan.settings.to_toml();
        let again = Settings::from_toml("plan.toml", &text).expect("it reads back");
        assert_eq!((again.sessions, again.sessions_of_whole()), (25, 100));
        let target = Target::at(([127, 0, 0, 1], 80).into());
        let limits = Limits::read(std::path::Path::new("/"));
        let repeated = again.of_whole().into_plan(target, &limits).expect("a plan");
        assert_eq!(repeated.settings.to_toml(), text);
        assert_eq!(repeated.members.id(SessionNumber(0)), plan.members.id(SessionNumber(0)));
    }

    #[test]
    fn nobody_is_in_two_parts_however_many_there_are() {
        let mut random = fastrand::Rng::with_seed(182);
        for _ in 0..60 {
            let sessions = random.u32(20..300);
            let weights: Vec<u32> = (0..random.usize(2..5)).map(|_| random.u32(1..5)).collect();
            let mut all = whole(sessions, Roster::range(1, u64::from(sessions + random.u32(0..200)), 1));
            if random.bool() {
                let (time, level) = (random.u32(1..60), sessions);
                all.stages = vec![format!("{time}s:{level}").parse().expect("a stage")];
            }
            let plans = parts(&all, &weights);
            let ids = plans
                .iter()
                .flat_map(|plan| (0..plan.members.len() as u32).map(|k| plan.members.id(SessionNumber(k)).0));
            let mut ids: Vec<u64> = ids.collect();
            ids.sort_unstable();
            let count = ids.len();
            ids.dedup();
            assert_eq!(ids.len(), count, "{weights:?} of {sessions}");
            assert_eq!(plans.iter().map(|plan| plan.settings.sessions).sum::<u32>(), sessions);
            assert!(plans.iter().all(|plan| plan.people() >= plan.settings.sessions), "{weights:?}");
        }
    }
}
