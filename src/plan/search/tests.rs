//! Searches on servers with a capacity, some of them unsteady, in no time.

use std::time::Duration;

use super::*;

fn search(step: u32, most: u32, reentry: bool) -> Search {
    let steps = FindMax { step, ramp: Duration::from_secs(10), hold: Duration::from_secs(15) };
    Search { steps, most, reentry }
}

/// Plays a search: `holds` says whether a level does.
fn play(search: &Search, mut holds: impl FnMut(u32) -> bool) -> Vec<Tried> {
    let mut tried: Vec<Tried> = Vec::new();
    while let Some(step) = search.next(&tried) {
        assert!(step.from <= step.level && step.level <= search.most && step.level > 0, "{step:?}");
        assert!(tried.last().is_none_or(|last| step.from <= last.level), "{step:?} after {tried:?}");
        let outcome = if holds(step.level) { Held::Held } else { Held::Failed };
        let again = !search.reentry && tried.iter().any(|it| it.outcome == Held::Failed);
        assert!(!again || step.from == step.level, "nobody arrives where nobody may come back: {step:?}");
        tried.push(Tried { level: step.level, outcome, left: step.level });
        assert!(tried.len() < 200, "{tried:?}");
    }
    tried
}

fn levels(tried: &[Tried]) -> Vec<u32> {
    tried.iter().map(|it| it.level).collect()
}

#[test]
fn the_load_rises_until_a_step_fails_and_the_best_is_held_again() {
    let once = search(500, 6_000, false);
    let tried = play(&once, |level| level <= 1_700);
    assert_eq!(levels(&tried), [500, 1_000, 1_500, 2_000, 1_500]);
    let found = once.found(&tried);
    assert_eq!((found.sessions, found.is_confirmed, found.ceiling), (Some(1_500), true, Some(2_000)));
    let again = search(500, 6_000, true);
    let tried = play(&again, |level| level <= 1_700);
    // To an eighth of a step, the last held twice.
    assert_eq!(levels(&tried), [500, 1_000, 1_500, 2_000, 1_750, 1_625, 1_687, 1_687]);
    assert_eq!(again.found(&tried).sessions, Some(1_687));
}

#[test]
fn servers_with_a_capacity_are_found_within_the_resolution() {
    let mut random = fastrand::Rng::with_seed(18);
    for _ in 0..2_000 {
        let step = random.u32(200..2_000);
        let search = search(step, random.u32(step..20_000), random.bool());
        let capacity = random.u32(0..25_000);
        let tried = play(&search, |level| level <= capacity);
        let found = search.found(&tried);
        let best = found.sessions.unwrap_or(0);
        assert!(best <= capacity && best <= search.most);
        if capacity >= search.most {
            assert_eq!((best, found.bound, found.ceiling), (search.most, Bound::Sessions, None));
            assert_eq!(tried.len(), search.steps.count(search.most) as usize);
        } else {
            let within = if search.reentry { step.div_ceil(8) } else { step };
            assert!(capacity - best <= within, "{best} of {capacity} by {search:?}");
            assert_eq!((found.bound, found.is_confirmed), (Bound::Servers, best > 0));
            assert!(found.ceiling.is_some_and(|ceiling| ceiling > capacity));
        }
        assert_eq!(found.is_confirmed, found.sessions.is_some());
    }
}

/// Whatever comes of the levels, a search ends, and never calls a level confirmed that did not hold twice.
#[test]
fn unsteady_servers_end_a_search_too() {
    let mut random = fastrand::Rng::with_seed(4);
    for _ in 0..2_000 {
        let step = random.u32(200..2_000);
        let search = search(step, random.u32(step..20_000), random.bool());
        let capacity = f64::from(random.u32(1..25_000));
        let unsteady = random.f64() * 0.3;
        let mut draw = fastrand::Rng::with_seed(random.u64(..));
        let tried =
            play(&search, |level| f64::from(level) <= capacity * (1.0 + unsteady * (draw.f64() - 0.5)));
        let found = search.found(&tried);
        let held =
            |level: u32| tried.iter().filter(|it| it.level == level && it.outcome == Held::Held).count();
        let twice = found.sessions.is_some_and(|level| held(level) >= 2);
        assert_eq!(found.is_confirmed, twice || found.bound == Bound::Sessions, "{tried:?}");
        if search.reentry
            && let Some((best, ceiling)) = found.sessions.zip(found.ceiling)
        {
            assert!(best < ceiling, "{tried:?}");
        }
    }
}

#[test]
fn a_step_that_nobody_can_judge_ends_the_search() {
    for reentry in [false, true] {
        let search = search(100, 1_000, reentry);
        let held = |level| Tried { level, outcome: Held::Held, left: level };
        let unclear = Tried { level: 300, outcome: Held::Unclear, left: 300 };
        let tried = [held(100), held(200), unclear];
        assert_eq!(search.next(&tried), None);
        let found = search.found(&tried);
        assert_eq!((found.sessions, found.bound, found.is_confirmed), (Some(200), Bound::Generator, false));
        assert_eq!(search.found(&tried[..2]).bound, Bound::Unfinished);
    }
}

/// Where sessions are gone that were to stay, a level is reached from the start.
#[test]
fn what_was_lost_is_opened_anew() {
    let search = search(100, 1_000, true);
    let lost = |left| {
        let held = |level| Tried { level, outcome: Held::Held, left: level };
        let failed = Tried { level: 400, outcome: Held::Failed, left };
        search.next(&[held(100), held(200), held(300), failed])
    };
    assert_eq!(lost(380), Some(Step { from: 250, level: 350 }));
    assert_eq!(lost(120), Some(Step { from: 0, level: 350 }));
    let names = |from, before| {
        let stages = search.stages(5, Step { from, level: 350 }, before);
        stages.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(names(250, 400), ["5-fall=10s:250", "5-rise=10s:350", "5-hold=15s:350", "5-judge=1s:350"]);
    // At the pace of every other step.
    assert_eq!(names(0, 400)[1], "5-rise=35s:350");
    assert_eq!(names(350, 400), ["5-fall=10s:350", "5-hold=15s:350", "5-judge=1s:350"]);
}

#[test]
fn a_search_s_stages_are_its_steps_again() {
    let mut random = fastrand::Rng::with_seed(1);
    for _ in 0..200 {
        let search = search(random.u32(5..50), 500, random.bool());
        let capacity = random.u32(1..600);
        let tried = play(&search, |level| level <= capacity);
        let (mut stages, mut before, mut arrivals) = (Vec::new(), 0, Vec::new());
        for number in 0..tried.len() {
            let step = search.next(&tried[..number]).expect("as it was played");
            stages.extend(search.stages(number + 1, step, before));
            before = step.level;
            arrivals.push(step.level - step.from);
        }
        let steps = steps_of(&stages);
        assert_eq!(steps.iter().map(|step| step.level).collect::<Vec<_>>(), levels(&tried));
        assert_eq!(steps.iter().map(|step| step.arrivals).collect::<Vec<_>>(), arrivals);
    }
}
