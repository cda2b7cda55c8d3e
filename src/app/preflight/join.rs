//! The command by which absent members join.
//!
//! Sends nothing. Invariant: it names the plan's members and no others, so that no member joins by mistake.

use startline_os::units::grouped;

use crate::checks::Fix;
use crate::cli::prepare::target::TargetArgs;
use crate::cli::run::SettingsArgs;
use crate::members::SessionNumber;
use crate::plan::Plan;
use crate::shell::quoted;

/// Makes the fix for absent members from the typed options: the command that has them join, and no others.
pub(super) fn fix(args: &SettingsArgs, plan: &Plan) -> Fix {
    let text = "has the plan's absent members join";
    let target = args.target.as_ref().filter(|_| args.plan.is_none());
    let Some((target, members)) = target.zip(typed_members(args, plan)) else {
        // All that there is to type is in a plan file, or a file of members has more than the plan.
        return Fix::advice(format!(
            "startline prepare join, with the plan's target and challenge, and a file of its {} members, {text}",
            grouped(plan.sessions().into())
        ));
    };
    let target = TargetArgs {
        target: target.clone(),
        scenario: args.scenario.clone(),
        time_zone: args.time_zone.clone(),
        resolve: args.resolve.clone(),
        source_ip: args.source_ip.clone(),
        ca: args.ca.clone(),
        cert: args.cert.clone(),
        key: args.key.clone(),
        insecure: args.insecure,
        set: Vec::new(),
    };
    Fix::command(text, format!("startline prepare join {target}{members}"))
}

/// The options that name exactly the plan's members; `None` where only a file of their own would.
fn typed_members(args: &SettingsArgs, plan: &Plan) -> Option<String> {
    let challenge = plan.members.only_challenge()?;
    let id = |index: u32| plan.members.id(SessionNumber(index));
    let (first, last) = (id(0), id(plan.sessions().checked_sub(1)?));
    if (0..plan.sessions()).all(|index| first.0.checked_add(u64::from(index)) == Some(id(index).0)) {
        return Some(format!(" --challenge {challenge} --members {first}-{last}"));
    }
    let all = SettingsArgs { sessions: None, preset: None, ..args.clone() };
    if all.into_settings().ok()?.sessions != plan.settings.sessions {
        return None;
    }
    let files: String = args.members.iter().map(|file| format!(" --members {}", quoted(file))).collect();
    Some(format!(" --challenge {challenge}{files}"))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::super::super::doctor;
    use super::*;

    fn joined(args: &SettingsArgs) -> Fix {
        let settings = args.clone().into_settings().expect("it makes sense");
        fix(args, &doctor::plan_of(settings, Path::new("/")).expect("a plan").0)
    }

    #[test]
    fn joining_is_typed_with_the_same_options_for_the_plan_s_members_alone() {
        let args = SettingsArgs {
            target: Some("http://192.0.2.1".into()),
            members: vec!["13-6012".into()],
            challenge: Some(38),
            time_zone: Some("+09:00".into()),
            ..Default::default()
        };
        let begin =
            "startline prepare join --target http://192.0.2.1 --time-zone +09:00 --challenge 38 --members ";
        assert_eq!(joined(&args).command, Some(format!("{begin}13-6012")));
        let fewer = SettingsArgs { sessions: Some(2000), ..args };
        assert_eq!(joined(&fewer).command, Some(format!("{begin}13-2012")));
        assert_eq!(joined(&fewer).text, "has the plan's absent members join");
    }

    #[test]
    fn files_of_members_are_typed_where_they_have_nobody_else() {
        let temp = tempfile::tempdir().expect("a directory");
        let file = temp.path().join("test ids.csv");
        fs::write(&file, "memberId,challengeId\n13,38\n20,38\n21,38\n").expect("written");
        let file = file.display().to_string();
        let args = SettingsArgs {
            target: Some("http://192.0.2.1".into()),
            members: vec![file.clone()],
            ..Default::default()
        };
        let expected =
            format!("startline prepare join --target http://192.0.2.1 --challenge 38 --members '{file}'");
        assert_eq!(joined(&args).command, Some(expected));
        let fewer = SettingsArgs { sessions: Some(2), ..args };
        assert_eq!(joined(&fewer).command, None);
        assert!(joined(&fewer).text.contains("a file of its 2 members"));
    }
}
