//! What is said of a search, by what came of its steps.

use super::*;
use crate::lang::Lang;
use crate::plan::FindMax;

fn search(most: u32, reentry: bool) -> Search {
    let steps = FindMax { step: 500, ramp: Duration::from_secs(10), hold: Duration::from_secs(15) };
    Search { steps, most, reentry }
}

fn step(level: u64, outcome: Held) -> FindMaxStep {
    let login = BrokeResult {
        level,
        criterion: "login".into(),
        after_seconds: Some(8.0),
        at_seconds: 60.0,
        why: Reason::Beyond.with("212 ms").with(Reason::Below.with("100 ms")),
    };
    FindMaxStep {
        level,
        from_seconds: 52.0,
        held_seconds: 15.0,
        min_held: Some(level),
        left: level,
        outcome,
        criteria: Vec::new(),
        first: (outcome == Held::Failed).then_some(login),
        reasons: match outcome {
            Held::Unclear => vec![Reason::Overloaded.with("31").with("20").with(Reason::LagLimitGiven)],
            _ => Vec::new(),
        },
    }
}

fn said(most: u32, reentry: bool, steps: &[(u64, Held)]) -> (FindMaxResult, String) {
    let steps = steps.iter().map(|(level, outcome)| step(*level, *outcome)).collect();
    let found = FindMaxResult::new(&search(most, reentry), steps);
    let text: Vec<String> = found.reasons().iter().map(|reason| reason.text(Lang::En)).collect();
    (found, text.join(" "))
}

#[test]
fn the_maximum_is_said_with_what_broke_first() {
    use crate::plan::search::Held::{Failed, Held};
    let (found, text) = said(6_000, false, &[(500, Held), (1_000, Held), (1_500, Failed), (1_000, Held)]);
    assert_eq!((found.sessions, found.confirmed, found.bound), (Some(1_000), true, Bound::Servers));
    assert_eq!(found.broke.map(|broke| (broke.level, broke.criterion)), Some((1_500, "login".into())));
    assert!(
        text.starts_with("The stable maximum is 1,000 sessions. At 1,500 sessions login failed first, 8 s"),
        "{text}"
    );
    assert!(text.contains("212 ms"), "{text}");
}

#[test]
fn a_maximum_that_does_not_hold_twice_is_not_confirmed() {
    use crate::plan::search::Held::{Failed, Held};
    let (found, text) = said(6_000, false, &[(500, Held), (1_000, Failed), (500, Failed)]);
    assert_eq!((found.sessions, found.confirmed), (Some(500), false));
    assert!(text.starts_with("500 sessions held once and not a second time"), "{text}");
    let (found, text) = said(6_000, false, &[(500, Failed)]);
    assert_eq!((found.sessions, found.confirmed, found.bound), (None, false, Bound::Servers));
    assert!(text.starts_with("No step held. At 500 sessions login"), "{text}");
    let (found, text) = said(1_000, true, &[(500, Held), (1_000, Held)]);
    assert_eq!((found.sessions, found.confirmed, found.bound), (Some(1_000), true, Bound::Sessions));
    assert_eq!(text, "All 1,000 sessions of the plan held: the servers' maximum is higher.");
}

#[test]
fn a_load_generator_at_its_limit_is_not_the_servers_maximum() {
    use crate::plan::search::Held::{Held, Unclear};
    let (found, text) = said(6_000, true, &[(500, Held), (1_000, Held), (1_500, Unclear)]);
    assert_eq!((found.sessions, found.confirmed, found.bound), (Some(1_000), false, Bound::Generator));
    let expected = "The load generator, not the servers, is the limit: 1,500 sessions could not be judged, and \
                    the servers hold at least 1,000. The load generator was overloaded: lag p99 31 ms";
    assert!(text.starts_with(expected), "{text}");
    let (found, text) = said(6_000, true, &[(500, Unclear)]);
    assert_eq!((found.sessions, found.bound), (None, Bound::Generator));
    assert!(text.starts_with("The first step could not be judged: the load generator"), "{text}");
}
