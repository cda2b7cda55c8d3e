//! The broadcasts of a plan: who hears of whom, and the lines that say what that comes to.
//!
//! Text and sums. Invariant: parts of a mix in one challenge of one target hear each other.

use startline_os::units::grouped;

use crate::plan::load::{Group, Load, Shape, cores_text, per_second, whole};
use crate::plan::{Plan, Shard};
use crate::scenario::every::Every;

impl Plan {
    /// Returns whether its sessions are told of the other's members: both are in one challenge of one target.
    pub fn hears(&self, other: &Plan) -> bool {
        let theirs = members_of(other);
        let is_shared = || members_of(self).keys().any(|challenge| theirs.contains_key(challenge));
        self.expects_broadcasts() && self.settings.target == other.settings.target && is_shared()
    }
}

/// Predicts the load of one of these plans, which are played at once; `None` where nothing is announced.
pub(super) fn predict(plan: &Plan, all: &[&Plan]) -> Option<Load> {
    if !plan.expects_broadcasts() {
        return None;
    }
    let stages = plan.settings.planned_stages();
    let highest = stages.iter().map(|stage| stage.level).max().unwrap_or(0).max(1);
    let part = |level: u32| f64::from(level) / f64::from(highest);
    let shape = Shape {
        groups: groups_of(plan, all),
        levels: stages.iter().map(|stage| (stage.span, part(stage.level))).collect(),
        ramp_down: plan.settings.ramp_down,
        is_staged: !plan.settings.stages.is_empty() || plan.settings.find_max.is_some(),
        told: plan.told(),
    };
    Some(Load::predict(&shape).of_shard(plan.settings.shard.map_or(1, Shard::of)))
}

/// Returns who is in each of a plan's challenges.
fn groups_of(plan: &Plan, all: &[&Plan]) -> Vec<Group> {
    let beside: Vec<_> = all
        .iter()
        .filter(|other| other.settings.target == plan.settings.target)
        .map(|other| (members_of(other), records_each_per_s(other), replaced_each_per_s(other)))
        .collect();
    let group = |(challenge, receivers): (u64, u64)| {
        let mut group = Group { receivers, announced: 0, records_per_s: 0.0, replaced_per_s: 0.0 };
        for (members, records_each_per_s, replaced_each_per_s) in &beside {
            let members = members.get(&challenge).copied().unwrap_or(0);
            group.announced += members;
            group.records_per_s += members as f64 * records_each_per_s;
            group.replaced_per_s += members as f64 * replaced_each_per_s;
        }
        group
    };
    members_of(plan).into_iter().map(group).collect()
}

/// Returns how many of the members who are there at the highest level are in each challenge.
fn members_of(plan: &Plan) -> std::collections::BTreeMap<u64, u64> {
    let settings = &plan.settings;
    let used = if plan.is_staged() { settings.sessions } else { settings.members_used() };
    settings.roster_of_part().first(used).map(|members| members.groups()).unwrap_or_default()
}

/// Returns the periodic messages that others are told of.
fn told(plan: &Plan) -> impl Iterator<Item = &Every> {
    let every = plan.scenario.websocket.iter().flat_map(|websocket| &websocket.every);
    every.filter(|every| every.is_broadcast())
}

/// Returns how often a session says something that others are told of, on average.
fn records_each_per_s(plan: &Plan) -> f64 {
    told(plan).map(|every| every.share / every.interval.mean().as_secs_f64()).sum()
}

/// Returns how often another session takes a session's place, on average.
fn replaced_each_per_s(plan: &Plan) -> f64 {
    plan.settings.lifetime.as_ref().map_or(0.0, |lifetime| 1.0 / lifetime.mean().as_secs_f64())
}

/// Returns what the load comes to, in lines.
pub(super) fn lines(load: &Load, plan: &Plan, cores: usize) -> Vec<String> {
    let rises = if load.is_staged { "rises" } else { "ramp" };
    let (announced, listed) = (super::megabytes(load.entered_bytes), super::megabytes(load.listed_bytes));
    let end = if load.is_staged { "at the steepest" } else { "at its end" };
    let ramp = format!(
        "{rises}: {} deliveries, {}/s on average, {}/s {end}",
        grouped(load.entered),
        whole(load.ramp_mean_per_s),
        whole(load.ramp_end_per_s),
    );
    let told = plan.told();
    let ramp = told.entered.then_some(ramp);
    let volumes = [
        told.entered.then(|| format!("{announced} of announcements")),
        told.listed.then(|| format!("{listed} of lists")),
    ];
    let volumes: Vec<String> = volumes.into_iter().flatten().collect();
    let volume = (!volumes.is_empty()).then(|| format!("{rises}: about {}", volumes.join(" and ")));
    let hold = (load.hold_per_s > 0.0).then(|| hold(load, plan, cores));
    let many = if load.ramp_down == load.entered { "as many" } else { &grouped(load.ramp_down) };
    let ramp_down = format!(
        "ramp-down: {many}, {}/s on average, {}/s at its start",
        whole(per_second(load.ramp_down as f64, plan.settings.ramp_down)),
        whole(load.ramp_down_start_per_s),
    );
    [ramp, volume, hold, told.left.then_some(ramp_down)].into_iter().flatten().collect()
}

/// What the members' progress and their coming and going cost: messages, deliveries, bytes, and cores
/// of this machine.
fn hold(load: &Load, plan: &Plan, cores: usize) -> String {
    let bits = load.hold_bytes_per_s * 8.0 / 1e6;
    let bits = if bits < 1_000.0 { format!("{bits:.0} Mbit/s") } else { format!("{:.1} Gbit/s", bits / 1e3) };
    let names: Vec<&str> = told(plan).map(|every| every.name.as_str()).collect();
    let updates = (load.updates_per_s > 0.0).then(|| {
        format!(
            "{} {} messages/s, {} updates/s",
            rate(load.records_per_s),
            names.join(" and "),
            whole(load.updates_per_s)
        )
    });
    let replacing = (load.replacing_per_s > 0.0).then(|| {
        let replaced = rate(load.replaced_per_s);
        format!("{replaced} sessions/s replaced, {} announcements/s", whole(load.replacing_per_s))
    });
    let deliveries: Vec<String> = [updates, replacing].into_iter().flatten().collect();
    format!(
        "hold: {}, about {}/s ({bits}), {} of {} here",
        deliveries.join(", "),
        super::megabytes(load.hold_bytes_per_s.round() as u64),
        cores_share(load.hold_cores(plan.is_for_mock())),
        cores_text(cores as f64),
    )
}

fn cores_share(cores: f64) -> String {
    if cores < 0.1 { format!("{cores:.2}") } else { format!("{cores:.1}") }
}

/// Of few, tenths count.
fn rate(per_s: f64) -> String {
    if per_s < 10.0 { format!("{per_s:.1}") } else { whole(per_s) }
}
