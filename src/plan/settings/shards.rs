//! What of the settings is a shard's own: members, sessions, source addresses.
//!
//! Invariant: the settings are the whole plan's, the same for all shards but for the shard's number; what
//! is its own follows from that number.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use aws_lc_rs::digest::{Context, SHA256};

use super::{Plan, PlanError, Roster, ScenarioSettings, Settings, Target, sources};
use crate::members::Members;
use crate::plan::target;
use crate::scenario::outside::Header;

impl Settings {
    /// Returns the members who take part: of a shard, its own.
    pub(super) fn plan_members(&self) -> Result<Members, PlanError> {
        let used = self.members_used();
        let all = self.members.first(used)?.members()?.with_rows(Arc::clone(&self.rows));
        Ok(match self.shard {
            None => all,
            Some(shard) => Roster::shared(&all, shard.members(used, self.sessions))?,
        })
    }

    /// Returns how many members take part, of all shards together.
    pub fn members_used(&self) -> u32 {
        match self.recycle {
            _ if self.is_staged() => self.members.len() as u32,
            true => self.members.len().min(u64::from(self.sessions_of_members())) as u32,
            false => self.sessions_of_members(),
        }
    }

    /// Returns the sessions that are open at once, at most: of a shard, its own.
    pub fn own_sessions(&self) -> u32 {
        self.shard.map_or(self.sessions, |shard| shard.share().before(self.sessions.into()) as u32)
    }

    /// Returns a shard's part of the source addresses given.
    pub(super) fn own_sources(&self, given: Vec<IpAddr>) -> Vec<IpAddr> {
        match self.shard {
            None => given,
            Some(shard) => shard.part(given),
        }
    }

    /// Returns as many loopback addresses that no other shard on this machine uses, as long as there are
    /// enough.
    pub(super) fn own_loopback_sources(&self, needed: Vec<IpAddr>) -> Vec<IpAddr> {
        let of_all = |of: u32| needed.len() * of as usize;
        match self.shard {
            Some(shard) if of_all(shard.of()) <= sources::LOOPBACK_MAX => {
                shard.part(sources::of_loopback(of_all(shard.of())))
            }
            _ => needed,
        }
    }

    /// Returns these settings as all shards of the plan have them: without what is a machine's own.
    pub fn shared(&self) -> Self {
        let scenario = ScenarioSettings {
            file: String::new(),
            base: None,
            origin: None,
            set_files: BTreeMap::new(),
            ..self.scenario.clone()
        };
        Self {
            shard: None,
            workers: None,
            source_ips: Vec::new(),
            ports: None,
            member_files: Vec::new(),
            resolve: Vec::new(),
            scenario,
            ..self.clone()
        }
    }

    /// Returns a number that only shards of one plan share: of [`Settings::shared`], and of what the
    /// members' rows say.
    pub fn plan_hash(&self) -> String {
        let mut context = Context::new(&SHA256);
        context.update(self.shared().to_toml().as_bytes());
        context.update(self.rows.text().as_bytes());
        context.finish().as_ref()[..8].iter().fold(String::new(), |hash, byte| format!("{hash}{byte:02x}"))
    }

    /// Makes the plan of results that are read back: nothing is resolved, and nothing can be played.
    ///
    /// # Errors
    /// The first thing that does not fit.
    pub fn into_read_plan(mut self, header: Option<Header>) -> Result<Plan, PlanError> {
        self.scenario.is_read_back = true;
        self.scenario.header = header;
        let scenario = self.scenario()?;
        let (scheme, host, port) = target::parse(self.target.as_deref().unwrap_or_default())?;
        let (addresses, left_out) = (Vec::new(), Vec::new());
        let shape = self.shape();
        Ok(Plan {
            target: Target { scheme, host, port, addresses, left_out },
            members: Arc::new(self.plan_members()?),
            workers: self.workers.unwrap_or(1),
            sources: Vec::new(),
            tls: self.tls.clone(),
            http: self.http(),
            keep_fates: false,
            in_flight: None,
            lives: shape.lives(),
            turnover: None,
            members_return: self.may_return(&shape, &scenario),
            scenario: Arc::new(scenario),
            shape,
            settings: self,
        })
    }

    /// Refuses shards that would not be parts of one run.
    pub(super) fn check_shard(&self) -> Result<(), PlanError> {
        let Some(shard) = self.shard else { return Ok(()) };
        let value = |reason: String| Err(PlanError::Value { what: "shard", reason });
        if self.target.is_none() {
            return value("each would load a mock server of its own: give all of them one --target".into());
        }
        if self.sessions < shard.of() {
            let (sessions, of) = (self.sessions, shard.of());
            return value(format!("{sessions} sessions are fewer than the {of} shards: use fewer shards"));
        }
        if self.find_max.is_some() {
            return value(
                "a search decides its steps by one process's results: leave out one of the two".into(),
            );
        }
        if self.members_used() < self.sessions {
            return value("members would be in several shards at once: give one for each session".into());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::members::SessionNumber;
    use crate::plan::Shard;
    use crate::plan::shape::Stage;
    use crate::scenario::every::Interval;

    /// A session's member, its number in the whole plan, and when it begins and ends.
    type Played = (u64, u32, Duration, Option<Duration>);

    fn played(settings: &Settings) -> Vec<Played> {
        let plan = settings.clone().into_read_plan(None).expect("a plan");
        let shape = &plan.shape;
        let lives = (0..shape.slots()).flat_map(|slot| shape.of(slot));
        let one = |life: crate::plan::shape::Life| {
            let member = SessionNumber(life.member);
            (plan.members.id(member).0, plan.members.number(member).0, life.start, life.end)
        };
        lives.map(one).collect()
    }

    fn random_settings(random: &mut fastrand::Rng) -> Settings {
        let stages = (0..random.usize(0..5)).map(|k| Stage {
            name: k.to_string(),
            span: Duration::from_millis(random.u64(1..20_000)),
            level: random.u32(0..40) + u32::from(k == 0),
        });
        let stages: Vec<Stage> = stages.collect();
        let lifetime = random.bool().then(|| Interval::Exponential(Duration::from_secs(random.u64(1..9))));
        let mut settings = Settings {
            target: Some("http://192.0.2.1".into()),
            sessions: random.u32(1..60),
            stages,
            lifetime,
            ramp: Duration::from_secs(random.u64(0..30)),
            hold: Duration::from_secs(random.u64(0..30)),
            seed: random.u64(0..1_000),
            scenario: ScenarioSettings::find("runnity").expect("built in"),
            ..Settings::default()
        };
        settings.settle_stages();
        // More members than sessions at once, where these take turns; in one range or in pieces.
        let spare = if settings.is_staged() { random.u64(0..50) } else { 0 };
        let count = u64::from(settings.sessions) + spare;
        settings.members = match random.bool() {
            true => Roster::range(13, 12 + count, 38),
            false => Roster::listed((0..count).map(|k| (13 + k + k / 7, 38 + k / 20))),
        };
        settings
    }

    #[test]
    fn shards_together_are_the_plan_session_for_session() {
        let mut random = fastrand::Rng::with_seed(19);
        for _ in 0..300 {
            let settings = random_settings(&mut random);
            let of = random.u32(1..=settings.sessions.min(9));
            let part = |index| Settings { shard: Shard::new(index, of), ..settings.clone() };
            let parts: Vec<Settings> = (0..of).map(part).collect();
            let mut union: Vec<Played> = parts.iter().flat_map(played).collect();
            let mut whole = played(&settings);
            union.sort_unstable();
            whole.sort_unstable();
            assert_eq!(union, whole, "{of} shards of {settings:?}");

            let own: u32 = parts.iter().map(Settings::own_sessions).sum();
            assert_eq!(own, settings.sessions);
            for at in (0..40).map(|k| Duration::from_millis(k * 700)) {
                let level = |settings: &Settings| settings.shape().level(at);
                assert_eq!(parts.iter().map(level).sum::<u64>(), level(&settings));
            }
            let hashes: Vec<String> = parts.iter().map(Settings::plan_hash).collect();
            assert!(hashes.iter().all(|hash| *hash == hashes[0]), "one plan");
        }
    }

    #[test]
    fn source_addresses_are_divided_where_there_is_one_a_shard() {
        let address = |k: u32| IpAddr::from([10, 0, 0, k as u8]);
        let part = |index, count| {
            let settings = Settings { shard: Shard::new(index, 4), ..Settings::default() };
            settings.own_sources((0..count).map(address).collect())
        };
        assert_eq!((0..4).map(|k| part(k, 8).len()).collect::<Vec<_>>(), [2; 4]);
        assert_eq!(part(1, 8), [address(2), address(3)]);
        assert_eq!(part(1, 2), [address(0), address(1)], "this machine's own");
        let near = |index| {
            let settings = Settings { shard: Shard::new(index, 4), ..Settings::default() };
            settings.own_loopback_sources(sources::of_loopback(2))
        };
        assert_eq!([near(0), near(1), near(2), near(3)].concat(), sources::of_loopback(8));
    }
}
