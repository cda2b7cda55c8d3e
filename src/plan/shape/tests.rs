//! Lives of random shapes against a naive play of them, instant by instant.

use std::collections::HashMap;

use super::*;

fn stage(name: &str, seconds: u64, level: u32) -> Stage {
    Stage { name: name.to_owned(), span: Duration::from_secs(seconds), level }
}

fn millis(life: &Life) -> (u128, Option<u128>) {
    (life.start.as_millis(), life.end.map(|end| end.as_millis()))
}

/// All lives, in the order in which they begin.
fn all(shape: &Shape) -> Vec<Life> {
    let mut lives: Vec<Life> = (0..shape.slots()).flat_map(|slot| shape.of(slot)).collect();
    lives.sort_by_key(|life| (life.start, life.slot));
    lives
}

#[test]
fn a_ramp_and_a_hold_are_what_they_were() {
    let shape = Shape::new(vec![stage("ramp", 5, 10), stage("hold", 60, 10)], 10, 1);
    assert!(shape.is_single());
    for (k, life) in all(&shape).iter().enumerate() {
        assert_eq!((life.slot, life.member, life.number), (k as u32, k as u32, 0));
        assert_eq!(millis(life), (500 * k as u128, None));
    }
    assert_eq!(shape.lives(), 10);
    assert_eq!(shape.span(), Duration::from_secs(65));
}

#[test]
fn a_lower_level_ends_the_oldest_and_a_rise_takes_fresh_members_first() {
    let stages = vec![stage("up", 4, 4), stage("down", 2, 2), stage("again", 3, 5)];
    let lives = all(&Shape::new(stages.clone(), 7, 1));
    let members: Vec<u32> = lives.iter().map(|life| life.member).collect();
    assert_eq!(members, [0, 1, 2, 3, 4, 5, 6]);
    assert_eq!(
        lives.iter().map(millis).collect::<Vec<_>>(),
        [
            (0, Some(4_000)),
            (1_000, Some(5_000)),
            (2_000, None),
            (3_000, None),
            (6_000, None),
            (7_000, None),
            (8_000, None),
        ]
    );
    // With five members alone, those who are longest away come back.
    let members: Vec<u32> = all(&Shape::new(stages, 5, 1)).iter().map(|life| life.member).collect();
    assert_eq!(members, [0, 1, 2, 3, 4, 0, 1]);
}

#[test]
fn in_a_search_a_fall_ends_those_who_came_last() {
    let stages = vec![stage("up", 4, 4), stage("down", 2, 2), stage("again", 3, 5)];
    let shape = Shape::new(stages.clone(), 12, 1).searching(6);
    let lives = all(&shape);
    let expected = [
        (0, (0, None)),
        (1, (1_000, None)),
        (2, (2_000, Some(5_000))),
        (3, (3_000, Some(4_000))),
        (2, (6_000, None)),
        (3, (7_000, None)),
        (4, (8_000, None)),
    ];
    assert_eq!(lives.iter().map(|life| (life.slot, millis(life))).collect::<Vec<_>>(), expected);
    assert_eq!(lives.iter().map(|life| life.member).collect::<Vec<_>>(), [0, 1, 2, 3, 8, 9, 4]);
    assert_eq!((shape.lives(), shape.is_single()), (7, false));
}

/// What has begun does not change as more stages come to be known.
#[test]
fn a_search_that_grows_has_the_lives_that_it_had() {
    let mut random = fastrand::Rng::with_seed(184);
    for round in 0..200 {
        let count = random.usize(2..8);
        let stages: Vec<Stage> =
            (0..count).map(|k| stage(&format!("s{k}"), random.u64(1..20), random.u32(0..30))).collect();
        let whole = Shape::new(stages.clone(), 90, 7).searching(30);
        let begun = whole.with_stages(stages[..random.usize(1..count)].to_vec());
        let known = all(&begun);
        let later: Vec<Life> = all(&whole);
        for (one, same) in known.iter().zip(&later) {
            let ends_later = one.end.is_none() && same.end.is_none_or(|end| end >= begun.span());
            assert_eq!((one.start, one.slot, one.member), (same.start, same.slot, same.member));
            assert!(one.end == same.end || ends_later, "round {round}: {one:?} {same:?}");
        }
        assert!(later[known.len()..].iter().all(|life| life.start >= begun.span()), "round {round}");
    }
}

#[test]
fn with_a_lifetime_a_slot_is_taken_again_at_once() {
    let stages = vec![stage("ramp", 2, 2), stage("hold", 6, 2)];
    let shape = Shape::new(stages, 6, 1).living(Interval::Fixed(Duration::from_secs(3)));
    let first: Vec<_> = shape.of(0).map(|life| (millis(&life), life.member)).collect();
    let expected = [((0, Some(3_000)), 0), ((3_000, Some(6_000)), 2), ((6_000, None), 4)];
    assert_eq!(first, expected);
    assert_eq!(shape.of(1).map(|life| life.member).collect::<Vec<_>>(), [1, 3, 5]);
    assert_eq!(shape.lives(), 6);
}

#[test]
fn lifetimes_are_spread_as_they_are_asked_for() {
    let hours = vec![stage("ramp", 1, 20), stage("hold", 36_000, 20)];
    let shape = Shape::new(hours, 20, 9);
    let lasts = |lifetime| -> Vec<f64> {
        let lives = all(&shape.clone().living(lifetime));
        lives.iter().filter_map(|life| Some((life.end? - life.start).as_secs_f64())).collect()
    };
    let (least, most) = (Duration::from_secs(20), Duration::from_secs(40));
    let ranged = lasts(Interval::Between(least, most));
    assert!(ranged.iter().all(|span| (20.0..40.0).contains(span)));
    let mean = |spans: &[f64]| spans.iter().sum::<f64>() / spans.len() as f64;
    assert!((29.5..30.5).contains(&mean(&ranged)), "{}", mean(&ranged));
    let exponential = lasts(Interval::Exponential(Duration::from_secs(30)));
    assert!((29.0..31.0).contains(&mean(&exponential)), "{}", mean(&exponential));
    let beyond = exponential.iter().filter(|span| **span > 60.0).count() as f64 / exponential.len() as f64;
    // e⁻².
    assert!((0.125..0.146).contains(&beyond), "{beyond}");
}

fn random_shape(random: &mut fastrand::Rng) -> Shape {
    let count = random.usize(1..6);
    let stages: Vec<Stage> =
        (0..count).map(|k| stage(&format!("s{k}"), random.u64(0..20), random.u32(0..30))).collect();
    let most = stages.iter().map(|stage| stage.level).max().unwrap_or(0);
    let shape = Shape::new(stages, most + random.u32(0..60), random.u64(..));
    if random.u8(0..4) == 0 {
        return shape.searching(most);
    }
    let (a, b) = (Duration::from_millis(random.u64(100..9_000)), Duration::from_millis(random.u64(1..9_000)));
    match random.u8(0..5) {
        0 => shape.living(Interval::Fixed(a)),
        1 => shape.living(Interval::Between(a, a + b)),
        2 => shape.living(Interval::Exponential(a)),
        _ => shape,
    }
}

#[test]
fn the_level_is_held_and_no_member_is_in_twice() {
    let mut random = fastrand::Rng::with_seed(18);
    for round in 0..300 {
        let shape = random_shape(&mut random);
        let lives = all(&shape);
        assert_eq!(lives.len() as u64, shape.lives(), "round {round}");
        let mut instants: Vec<Duration> = lives.iter().map(|life| life.start).collect();
        instants.extend(lives.iter().filter_map(|life| life.end));
        instants.extend((0..50).map(|_| Duration::from_millis(random.u64(0..100_000))));
        for at in instants.into_iter().filter(|at| *at <= shape.span()) {
            let open: Vec<&Life> =
                lives.iter().filter(|it| it.start <= at && it.end.is_none_or(|end| end > at)).collect();
            assert_eq!(open.len() as u64, shape.level(at), "round {round} at {at:?}: {shape:?}");
            let mut members: Vec<u32> = open.iter().map(|life| life.member).collect();
            members.sort_unstable();
            members.dedup();
            assert_eq!(members.len(), open.len(), "round {round} at {at:?}");
            assert!(members.iter().all(|member| *member < shape.members), "round {round}: {shape:?}");
        }
    }
}

/// Whoever splits the slots among workers, or machines, has the lives of one.
#[test]
fn slots_are_the_same_whoever_asks() {
    let mut random = fastrand::Rng::with_seed(4);
    for _ in 0..50 {
        let shape = random_shape(&mut random);
        let workers = random.usize(1..5);
        let mut split: Vec<Life> = (0..workers)
            .flat_map(|worker| (0..shape.slots()).skip(worker).step_by(workers))
            .flat_map(|slot| shape.of(slot))
            .collect();
        split.sort_by_key(|life| (life.start, life.slot));
        assert_eq!(split, all(&shape));
    }
}

/// The shares of a mix's parts, or of several machines.
/// A shape that shares can be of: a search is one run's.
fn random_whole(random: &mut fastrand::Rng) -> Shape {
    std::iter::repeat_with(|| random_shape(random)).find(|shape| !shape.is_search()).expect("some are none")
}

fn random_shares(random: &mut fastrand::Rng) -> Vec<Share> {
    let of = random.u32(1..5);
    if random.bool() {
        return (0..of).map(|index| Share::shard(index, of)).collect();
    }
    let weights: Vec<u32> = (0..of).map(|_| random.u32(1..12)).collect();
    (0..weights.len()).map(|part| Share::by_weight(&weights, part)).collect()
}

#[test]
fn the_lives_of_all_shares_are_the_whole_s() {
    let mut random = fastrand::Rng::with_seed(182);
    for round in 0..200 {
        let whole = random_whole(&mut random);
        let slots = u64::from(whole.slots().max(1));
        // The whole's members whose slots are the share's, in their order.
        let owns = |share: &Share, member: u32| share.owns(u64::from(member) % slots);
        let mut together = Vec::new();
        let mut shapes = Vec::new();
        for share in random_shares(&mut random) {
            let members: Vec<u32> = (0..whole.members()).filter(|member| owns(&share, *member)).collect();
            let shape = whole.clone().shared(share.clone(), members.len() as u32);
            assert_eq!(all(&shape).len() as u64, shape.lives(), "round {round}");
            let known: Vec<u32> = (0..shape.members()).map(|member| shape.whole_member(member)).collect();
            let has_slots = whole.slots() > 0 && share.before(slots) > 0;
            assert!(!has_slots || known == members, "round {round}: {known:?}");
            together.extend(all(&shape).into_iter().map(|life| Life {
                slot: share.place(life.slot.into()) as u32,
                member: members[life.member as usize],
                ..life
            }));
            shapes.push(shape);
        }
        together.sort_by_key(|life| (life.start, life.slot));
        assert_eq!(together, all(&whole), "round {round}: {whole:?}");
        for at in (0..60).map(|_| Duration::from_millis(random.u64(0..100_000))) {
            assert_eq!(shapes.iter().map(|it| it.level(at)).sum::<u64>(), whole.level(at), "round {round}");
            assert_eq!(shapes.iter().map(|it| it.arrived(at)).sum::<u64>(), whole.arrived(at));
        }
        for stage in 0..whole.stages().len() {
            let levels = shapes.iter().map(|it| it.stages()[stage].level).sum::<u32>();
            assert_eq!(levels, whole.stages()[stage].level, "round {round}: {whole:?}");
        }
    }
}

#[test]
fn the_level_of_a_share_is_held_by_its_lives() {
    let mut random = fastrand::Rng::with_seed(183);
    for round in 0..200 {
        let whole = random_whole(&mut random);
        let share = random_shares(&mut random).swap_remove(0);
        let slots = share.before(whole.slots().into()) as u32;
        let shape = whole.clone().shared(share, slots + random.u32(0..20));
        let lives = all(&shape);
        for at in
            (0..80).map(|_| Duration::from_millis(random.u64(0..100_000))).filter(|at| *at <= whole.span())
        {
            let open: Vec<&Life> =
                lives.iter().filter(|it| it.start <= at && it.end.is_none_or(|end| end > at)).collect();
            assert_eq!(open.len() as u64, shape.level(at), "round {round} at {at:?}: {shape:?}");
            let stage = whole.stage_at(at);
            if whole.is_flat(stage) && at < whole.stage_start(stage) + whole.stages()[stage].span {
                assert_eq!(
                    open.len() as u32,
                    shape.stages()[stage].level,
                    "round {round} at {at:?}: {shape:?}"
                );
            }
            let mut members: Vec<u32> = open.iter().map(|life| life.member).collect();
            members.sort_unstable();
            members.dedup();
            assert_eq!(members.len(), open.len(), "round {round} at {at:?}");
            assert!(members.iter().all(|member| *member < shape.members()), "round {round}: {shape:?}");
        }
    }
}

#[test]
fn fresh_members_come_before_any_that_was_in() {
    let mut random = fastrand::Rng::with_seed(77);
    for _ in 0..200 {
        let shape = random_shape(&mut random);
        let mut seen: HashMap<u32, (u32, u32)> = HashMap::new();
        for life in all(&shape) {
            let (last, times) = seen.get(&life.member).copied().unwrap_or((0, 0));
            assert!(times == 0 || last < life.number);
            // All of the slot's members were in as often, or once more.
            assert_eq!(times, life.number / shape.members_of(life.slot));
            seen.insert(life.member, (life.number, times + 1));
        }
    }
}

#[test]
fn stages_are_written_as_they_are_read() {
    for text in ["2m:1000", "spike=30s:5000", "0s:1", "x_1-b=1h30m:0"] {
        let stage: Stage = text.parse().expect(text);
        assert_eq!(stage.to_string(), text);
    }
    assert_eq!("5m:1k".parse::<Stage>().expect("short forms").level, 1000);
    for wrong in ["", "5m", "1000", "5m:", ":5", "a b=5m:1", "a=b=5m:1", "x=5:1", "5m:-1", "5m:1.5"] {
        assert!(wrong.parse::<Stage>().is_err(), "{wrong}");
    }
}

#[test]
fn every_instant_is_in_a_stage() {
    let shape = Shape::new(vec![stage("a", 2, 4), stage("b", 0, 9), stage("c", 3, 9)], 9, 1);
    let at = [0, 1, 2, 4, 5, 60].map(|seconds| shape.stage_at(Duration::from_secs(seconds)));
    assert_eq!(at, [0, 0, 2, 2, 2, 2]);
    assert_eq!([0, 1, 2].map(|stage| shape.is_flat(stage)), [false, false, true]);
    assert_eq!(shape.stage_start(2), Duration::from_secs(2));
    assert_eq!(shape.last_arrival(), Duration::from_secs(2));
}
