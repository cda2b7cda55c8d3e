//! `startline doctor`: whether this machine can run a plan, without running it.
//!
//! Takes a run's options, makes the same plan of them and asks [`crate::doctor`], as a run does before its first socket.
//! Opens no connection to the target; names are resolved. Invariant: what `run` would refuse, this refuses.

use crate::cli::doctor::DoctorArgs;
use std::path::Path;

use anyhow::Result;

use crate::app::printed::print_or_tell;
use crate::cli::run::{Preset, SettingsArgs};
use crate::doctor::need::{Mock, Need};
use crate::doctor::{self, SocketTrial, Verdict, text};
use crate::engine::Hosts;
use crate::exit_status::ExitStatus;
use crate::lookup::hosts;
use crate::plan::capacity::Limits;
use crate::plan::summary::Summary;
use crate::plan::{Plan, Settings, Target};
use crate::terminal::tell;

/// Sessions where neither a number nor members are given; as for a run.
const SESSIONS: u32 = 6000;

/// What a mix needs of this machine whose files are under a root, if the options name one.
type NeedOfMix = fn(&SettingsArgs, &Path) -> Result<Option<Need>>;

/// Carries out `startline doctor`.
///
/// # Errors
/// The plan itself is wrong.
pub fn run(args: DoctorArgs, need_of_mix: NeedOfMix) -> Result<ExitStatus> {
    let options = with_members(args.settings);
    let need = match need_of_mix(&options, &args.root)? {
        Some(need) => need,
        None => {
            let (plan, limits) = plan_of(options.into_settings()?, &args.root)?;
            need_of(&plan, &Summary::new(&plan), &limits, &hosts_of(&plan)?)
        }
    };
    let report = doctor::examine_this_machine(&need, &args.root, SocketTrial::Always);
    print_or_tell(None, args.json, &report, |page| text::table(&report, page));
    Ok(match report.verdict {
        Verdict::Refuse => ExitStatus::Refused,
        Verdict::Unknown | Verdict::Ok | Verdict::Warn | Verdict::Fail => ExitStatus::Passed,
    })
}

/// Makes the plan of settings on this machine, whose files are read under `root`. The mock server's
/// address is not known before it has started.
pub(super) fn plan_of(settings: Settings, root: &Path) -> Result<(Plan, Limits)> {
    let target = settings.target()?.unwrap_or_else(|| Target::at(([127, 0, 0, 1], 0).into()));
    let limits = Limits::read(root);
    Ok((settings.into_plan(target, &limits)?, limits))
}

/// Returns the hosts of a plan, having said which of their addresses cannot be used here.
pub(super) fn hosts_of(plan: &Plan) -> Result<Hosts> {
    let hosts = hosts::resolve(plan)?;
    for (host, address) in &hosts.left_out {
        tell(&format!(
            "warning: {host} is also at {address}, to which this machine has no route: that address is left out"
        ));
    }
    Ok(hosts)
}

/// Returns what a plan needs of this machine, when its connections may lead to these hosts.
pub(super) fn need_of(plan: &Plan, summary: &Summary<'_>, limits: &Limits, hosts: &Hosts) -> Need {
    let settings = &plan.settings;
    let mock = plan
        .is_for_mock()
        .then(|| Mock::of_run(plan.connections(), settings.mock_tls, limits.descriptors_hard));
    let others = hosts::others(plan, hosts);
    Need { others, ..Need::of(plan, settings.workers.is_some(), mock, summary.load()) }
}

/// Adds members where a target is given without them: whether a machine is large enough does not depend on their ids. They
/// are as many as the sessions, all in one challenge, which makes the most broadcasts.
fn with_members(mut args: SettingsArgs) -> SettingsArgs {
    if args.target.is_none() || args.plan.is_some() || !args.members.is_empty() {
        return args;
    }
    let preset = args.preset.map(|Preset::Guide| SESSIONS);
    let sessions = args.sessions.or(preset).unwrap_or(SESSIONS);
    args.members = vec![format!("1-{sessions}")];
    args.challenge = args.challenge.or(Some(1));
    args
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_needs_no_members_here() {
        let args = SettingsArgs {
            target: Some("http://127.0.0.1:1".into()),
            sessions: Some(70_000),
            ..Default::default()
        };
        let settings = with_members(args).into_settings().expect("it makes sense");
        assert_eq!(settings.sessions, 70_000);
        let (plan, _) = plan_of(settings, Path::new("/")).expect("a plan");
        assert_eq!((plan.members.len(), plan.is_for_mock()), (70_000, false));
        let given = SettingsArgs { members: vec!["7-9".into()], ..Default::default() };
        assert_eq!(with_members(given).members, ["7-9"]);
    }
}
