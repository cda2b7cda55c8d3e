//! Thread groups and CSV data sets as a run's load: sessions, ramp, hold, members.
//!
//! Knows no sampler. Invariant: what a run cannot do as the plan does is noted by its line.

use std::time::Duration;

use startline_os::units::duration_text;

use super::super::model::{At, Members, Of};
use super::Beside;
use super::arrivals;
use super::element::Element;
use super::stages::{self, Move};
use super::values::Origin;
use super::work::PlanWork;

/// Reads what groups that do the same say of the load. Where threads arrive at a rate, their stages are made by
/// [`arrivals()`], of the moves returned, once it is known how long a session stays.
pub(super) fn groups(groups: &[Element<'_>], work: &mut PlanWork<'_>) -> Vec<Move> {
    let arrives = |group: &Element<'_>| arrivals::rates(*group, work).is_some();
    let arriving: Vec<bool> = groups.iter().map(arrives).collect();
    let schedules: Vec<Option<Vec<Move>>> = groups.iter().map(|group| stages::moves(*group, work)).collect();
    let has_arrivals = arriving.contains(&true);
    let has_stages = has_arrivals || schedules.iter().any(Option::is_some);
    let (mut sessions, mut ramp_s, mut moves) = (0_u64, None, Vec::new());
    for ((group, schedule), arrives) in groups.iter().zip(schedules).zip(arriving) {
        let group = *group;
        match schedule {
            Some(mut own) => moves.append(&mut own),
            None if arrives => {}
            None if has_stages => moves.append(&mut beside_stages(group, work)),
            None => {
                sessions = sessions.saturating_add(threads(group, work));
                ramp_s = ramp_s.max(work.values.number(group.raw("ThreadGroup.ramp_time")));
                scheduler(group, ramp_s, work);
            }
        }
        if group.raw("ThreadGroup.on_sample_error") == "continue" {
            let text = "Threads go on after an error; here a session ends at its first failure";
            work.found.note(Of::Changed, At::Whole, text);
        }
    }
    if groups.len() > 1 {
        let option = if has_stages { "--stage" } else { "--sessions" };
        let text =
            format!("{} thread groups do the same: their threads are added up to {option}", groups.len());
        work.found.note(Of::Changed, At::Whole, text);
    }
    if sessions > 0 {
        work.found.load.sessions = Some(sessions.min(u64::from(u32::MAX)));
    }
    work.found.load.ramp = ramp_s.map(|seconds| Duration::from_secs(seconds.min(super::RUN_MAX_S)));
    if !has_arrivals {
        take_stages(&moves, work);
    }
    moves
}

/// Takes the stages that moves add up to, if there are any.
fn take_stages(moves: &[Move], work: &mut PlanWork<'_>) {
    let (stages, waits) = stages::stages(moves);
    if waits {
        let text = "The delay before the first thread starts: a run begins at once";
        work.found.note(Of::Left, At::Whole, text);
    }
    if let Some(highest) = stages.iter().map(|stage| stage.level).max() {
        let until = stages.iter().position(|stage| stage.level == highest).unwrap_or_default();
        let rise: Duration = stages[..=until].iter().map(|stage| stage.span).sum();
        work.found.load.sessions = Some(u64::from(highest)).filter(|highest| *highest > 0);
        work.found.load.ramp = Some(Duration::from_secs(rise.as_secs()));
    }
    work.found.load.stages = stages;
}

/// Makes stages of the rates at which threads arrive, beside these moves of the other groups. A session stays for `stay`;
/// `None`: until the run ends, or there is no WebSocket.
pub(super) fn arrivals(
    groups: &[Element<'_>],
    mut moves: Vec<Move>,
    stay: Option<Duration>,
    work: &mut PlanWork<'_>,
) {
    let (groups, rates): (Vec<_>, Vec<_>) =
        groups.iter().filter_map(|group| Some((*group, arrivals::rates(*group, work)?))).unzip();
    let Some(first) = groups.first() else { return };
    let lifetime = arrivals::lifetime(&rates, stay);
    for (group, rates) in groups.iter().zip(&rates) {
        moves.append(&mut arrivals::moves(*group, rates, lifetime, work));
    }
    take_stages(&moves, work);
    work.found.load.lifetime = lifetime;
    let text = match (lifetime, work.found.socket.is_some()) {
        (Some(lifetime), _) => format!(
            "threads that arrive at a rate are sessions with a lifetime ({}), of which the stages keep as many open as come \
             in that time",
            duration_text(lifetime)
        ),
        (None, true) => {
            "nobody leaves before the last has arrived: each stage opens the sessions that come in it; give \
                         --lifetime to have others take their place"
                .to_owned()
        }
        (None, false) => "as many sessions arrive in the same time, evenly spread (--ramp)".to_owned(),
    };
    work.found.note(Of::Changed, At::Line(first.line()), format!("{}: {text}", first.called()));
}

/// How many threads a group without a schedule of its own has.
fn threads(group: Element<'_>, work: &mut PlanWork<'_>) -> u64 {
    let threads = work.values.number(group.raw("ThreadGroup.num_threads"));
    let what = match threads {
        Some(_) if group.class() == "ThreadGroup" => return threads.unwrap_or_default(),
        Some(_) => "its schedule: of it the number of threads is taken; say it with --ramp or --stage",
        None => "its load is not that of a thread group: say it with --sessions, --ramp or --stage",
    };
    let text = format!("{}: {what}", group.called());
    work.found.note(Of::Left, At::Line(group.line()), text);
    threads.unwrap_or_default()
}

/// What a group's scheduler says of the hold.
fn scheduler(group: Element<'_>, ramp_s: Option<u64>, work: &mut PlanWork<'_>) {
    if !group.flag("ThreadGroup.scheduler") {
        return;
    }
    let duration = work.values.number(group.raw("ThreadGroup.duration")).filter(|seconds| *seconds > 0);
    if let Some(seconds) = duration {
        let hold = seconds.saturating_sub(ramp_s.unwrap_or(0)).max(1);
        work.found.load.hold = Some(Duration::from_secs(hold.min(super::RUN_MAX_S)));
    }
    if work.values.number(group.raw("ThreadGroup.delay")).is_some_and(|seconds| seconds > 0) {
        let text = format!("{}: its start-up delay: a run begins at once", group.called());
        work.found.note(Of::Left, At::Line(group.line()), text);
    }
}

/// What a group without a schedule does beside one that has one.
fn beside_stages(group: Element<'_>, work: &mut PlanWork<'_>) -> Vec<Move> {
    let number = |name| work.values.number(group.raw(name));
    let duration = number("ThreadGroup.duration").filter(|_| group.flag("ThreadGroup.scheduler"));
    let (threads, ramp_s) = (number("ThreadGroup.num_threads"), number("ThreadGroup.ramp_time"));
    if let (Some(threads), Some(duration_s)) = (threads, duration) {
        return stages::plain(threads, ramp_s.unwrap_or(0), duration_s);
    }
    let text = format!(
        "{}: the plan does not say how long its threads stay: add them to the stages (--stage)",
        group.called()
    );
    work.found.note(Of::Left, At::Line(group.line()), text);
    Vec::new()
}

/// What a thread group says of how often and how long it plays.
pub(super) fn times_and_duration(group: Element<'_>) -> [String; 5] {
    let controller = group.inner("ThreadGroup.main_controller");
    let loop_of =
        |name: &str| controller.iter().find(|part| part.is(name)).map_or("", |part| part.own_text().trim());
    let own = |name: &str| group.raw(name).trim();
    [
        loop_of("LoopController.loops"),
        loop_of("LoopController.continue_forever"),
        own("ThreadGroup.scheduler"),
        own("ThreadGroup.duration"),
        own("ThreadGroup.delay"),
    ]
    .map(str::to_owned)
}

/// Whether an element plays what is under it more than once.
pub(super) fn loops(element: Element<'_>) -> bool {
    match element.class() {
        "LoopController" => element.raw("LoopController.loops").trim() != "1",
        class if class.ends_with("ThreadGroup") => {
            let [loops, is_endless, ..] = times_and_duration(element);
            class == "ConcurrencyThreadGroup"
                || !matches!(loops.as_str(), "" | "1")
                || loops.is_empty() && is_endless == "true"
        }
        _ => false,
    }
}

/// Reads a CSV data set: whose columns are whose variables.
pub(super) fn data_set(element: Element<'_>, folder: &str, work: &mut PlanWork<'_>, beside: Beside<'_>) {
    let at = At::Line(element.line());
    let written = element.raw("filename").trim();
    let file = work.values.constant(written).unwrap_or_else(|| written.to_owned());
    let is_absolute = file.starts_with('/') || file.contains(":\\");
    let file = if is_absolute { file } else { format!("{folder}{file}") };
    if let Some(other) = &work.values.file {
        let text = format!("{}: members come from one table: put its columns into {other}", element.called());
        work.found.note(Of::Warning, at, text);
    }
    let delimiter = element.text("delimiter").unwrap_or(",");
    let names: Vec<&str> =
        element.raw("variableNames").split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
    let text = beside(&file);
    let header = text.as_deref().and_then(|text| text.lines().next()).unwrap_or_default();
    let columns: Vec<String> = match names.is_empty() {
        true => {
            header.split(separator(delimiter)).map(|name| name.trim().trim_matches('"').to_owned()).collect()
        }
        false => names.iter().map(|name| (*name).to_owned()).collect(),
    };
    columns.iter().for_each(|name| work.values.set(name, Origin::Column));
    work.values.has_unknown_columns |= columns.iter().all(String::is_empty);
    work.values.file.get_or_insert_with(|| file.clone());
    unlike(element, work);
    if work.found.load.members != Members::None {
        return;
    }
    work.found.load.members = Members::File(file.clone());
    let mut is_there = false;
    if names.is_empty() && text.is_some() {
        let own = scenario_names(&columns, work);
        if own != columns {
            let text = format!(
                "{file}: a scenario cannot name all of its columns: replace its first line by {}",
                own.join(",")
            );
            work.found.note(Of::Warning, at, text);
        }
    }
    if !names.is_empty() {
        let first = scenario_names(&columns, work).join(",");
        is_there = header.trim() == first;
        if !is_there {
            let what = if element.flag("ignoreFirstLine") {
                "replace its first line by"
            } else {
                "put before its first line"
            };
            let text = format!("{file}: a file of members begins with its columns' names: {what} {first}");
            work.found.note(Of::Warning, at, text);
        }
    }
    if separator(delimiter) != ',' {
        let text = format!("{file}: its fields are between \"{delimiter}\"; a file of members has commas");
        work.found.note(Of::Warning, at, text);
    }
    let encoding = element.raw("fileEncoding").trim();
    if !matches!(encoding.to_ascii_uppercase().as_str(), "" | "UTF-8" | "US-ASCII" | "ASCII") {
        let text = format!("{file}: its encoding is {encoding}; a file of members is UTF-8");
        work.found.note(Of::Warning, at, text);
    }
    recycle(element, &file, text.as_deref(), !names.is_empty() && !is_there, work);
}

/// What columns have to be called; those of ids may be called as they are.
fn scenario_names(columns: &[String], work: &mut PlanWork<'_>) -> Vec<String> {
    let name = |name: &String| match work.values.column_name(name, work.found) {
        own if matches!(own.as_str(), "member_id" | "challenge_id") => name.clone(),
        own => own,
    };
    columns.iter().map(name).collect()
}

/// What a members' file is not: shared otherwise, or the end of threads.
fn unlike(element: Element<'_>, work: &mut PlanWork<'_>) {
    let at = At::Line(element.line());
    let share = element.raw("shareMode").trim();
    if !matches!(share, "" | "shareMode.all") {
        let text = format!("{}: {share}: here all sessions share the rows, one each", element.called());
        work.found.note(Of::Changed, at, text);
    }
    if element.flag("stopThread") {
        let text = format!(
            "{}: it ends threads after the last row: a run with more sessions than rows is refused",
            element.called()
        );
        work.found.note(Of::Changed, at, text);
    }
}

fn recycle(
    element: Element<'_>,
    file: &str,
    text: Option<&str>,
    may_lack_header: bool,
    work: &mut PlanWork<'_>,
) {
    if element.text("recycle").is_some() && !element.flag("recycle") {
        return;
    }
    let lines = text.map(|text| text.lines().filter(|line| !line.trim().is_empty()).count() as u64);
    let has_header = !may_lack_header || element.flag("ignoreFirstLine");
    let rows = lines.map(|lines| lines.saturating_sub(u64::from(has_header)));
    let sessions = work.found.load.sessions.unwrap_or_default();
    let note = match rows {
        Some(rows) if sessions > rows => {
            work.found.load.recycle = true;
            format!(
                "{file} has {rows} rows for {sessions} sessions: --recycle has members enter more than once, which a server may refuse"
            )
        }
        Some(_) => return,
        None => format!(
            "{file} is not there: if it has fewer rows than sessions, add --recycle; a member then enters more than once"
        ),
    };
    work.found.note(Of::Warning, At::Line(element.line()), note);
}

fn separator(delimiter: &str) -> char {
    match delimiter {
        "\\t" | "\t" => '\t',
        other => other.chars().next().unwrap_or(','),
    }
}
