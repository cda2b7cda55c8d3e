//! Every rule, in its order, and the lives of challenges and participations, in made-up time.

use super::*;
use crate::messages::{ErrorCode, LeaveReason};

const HOUR_MS: u64 = 3_600_000;
const START_MS: u64 = 20 * 60_000;
const READY_MS: u64 = START_MS - READY_BEFORE_START_MS;

fn at(wall_ms: u64) -> Now {
    Now { real_ms: wall_ms, wall_ms }
}

fn about() -> About {
    About {
        title: "run".into(),
        description: "a run".into(),
        participants_max: 100,
        start_ms: START_MS,
        distance: Distance::Five,
        password: None,
        is_private: false,
        is_broadcast: false,
    }
}

fn world() -> World {
    World::new(WorldSettings {
        members: 1..=100,
        servers: 2,
        ticket_ttl_ms: 30_000,
        shut_out_ms: 30_000,
        quiet: false,
        announce_expired: false,
        done_closes: false,
        injector: Injector::default(),
        is_shared: false,
    })
}

/// A world with challenge 1 (made by member 1) and the members given joined to it.
fn world_with(members: RangeInclusive<u64>) -> (World, ChallengeId) {
    let mut world = world();
    let id = world.create(MemberId(1), about(), at(0)).unwrap();
    for member in members {
        world.join(MemberId(member), id, None).unwrap();
    }
    (world, id)
}

fn status(world: &World, id: ChallengeId, member: u64) -> ParticipationStatus {
    let roster = &world.challenge(id).unwrap().roster;
    roster.get(roster.find(MemberId(member)).unwrap()).status
}

fn seat(session: u32) -> Seat {
    Seat { worker: 0, slot: session, session, server: 0 }
}

/// Enters and opens: the pass, and the text of CONNECTED without its frame header.
fn open(world: &mut World, id: ChallengeId, member: u64, session: u32, now: Now) -> (Pass, String) {
    let ticket = world.enter(MemberId(member), id, now).unwrap().ticket.to_string();
    let pass = world.redeem(&ticket, now).unwrap();
    let mut frame = Vec::new();
    world.list(pass, now, &mut frame);
    world.register(pass, seat(session)).unwrap();
    world.announce(pass, now);
    let text_at = frame.iter().position(|byte| *byte == b'{').unwrap();
    (pass, String::from_utf8(frame[text_at..].to_vec()).unwrap())
}

/// What worker 0 has not seen, as texts for a receiver that acted in none of it.
fn news(world: &mut World, id: ChallengeId) -> Vec<String> {
    let mut batch = Batch::default();
    if world.take_events(id, 0, usize::MAX, &mut batch).is_none() {
        return Vec::new();
    }
    let mut texts = Vec::new();
    let mut rest = batch.bytes();
    while let Some((header, len)) =
        startline_protocol::websocket::parse_header(rest, startline_protocol::websocket::Reader::Client)
            .unwrap()
    {
        let end = len + header.payload_len as usize;
        texts.push(String::from_utf8(rest[len..end].to_vec()).unwrap());
        rest = &rest[end..];
    }
    assert!(rest.is_empty());
    texts
}

#[test]
fn login_knows_its_members() {
    let world = world();
    assert_eq!(world.login(MemberId(100)), Ok(()));
    assert_eq!(world.login(MemberId(101)), Err(Refusal::MemberNotFound));
}

#[test]
fn the_creator_has_joined() {
    let (world, id) = world_with(2..=3);
    assert_eq!(world.challenge(id).unwrap().roster.present(), 3);
    assert_eq!(status(&world, id, 1), ParticipationStatus::Waiting);
}

#[test]
fn join_checks_its_rules_in_order() {
    let mut world = world();
    let private = About { participants_max: 2, is_private: true, password: Some("pw".into()), ..about() };
    assert_eq!(world.join(MemberId(2), ChallengeId(9), None).unwrap_err(), Refusal::ChallengeNotFound);
    let id = world.create(MemberId(1), private, at(0)).unwrap();
    let elsewhere = world.create(MemberId(1), about(), at(0)).unwrap();
    world.join(MemberId(2), elsewhere, None).unwrap();

    // Everything is wrong about this one, and it is undone one rule at a time.
    let mut join = |member: u64, password| world.join(MemberId(member), id, password).map(|p| p.member);
    assert_eq!(join(3, Some("pw")), Ok(MemberId(3)), "full from here on");
    assert_eq!(join(2, None), Err(Refusal::PasswordMismatch));
    assert_eq!(join(2, Some("")), Err(Refusal::PasswordMismatch));
    assert_eq!(join(2, Some("pw")), Err(Refusal::TimeOverlap));
    assert_eq!(join(3, Some("pw")), Err(Refusal::TimeOverlap), "joining twice reads as an overlap");
    assert_eq!(join(4, Some("pw")), Err(Refusal::ParticipantLimitExceeded));
    assert_eq!(join(101, Some("pw")), Err(Refusal::MemberNotFound));
    world.advance(at(READY_MS));
    assert_eq!(world.join(MemberId(2), id, None).unwrap_err(), Refusal::NotRecruiting);
}

#[test]
fn a_participation_that_is_over_counts_as_joined_already() {
    let (mut world, id) = world_with(2..=2);
    world.set_status(id, MemberId(2), ParticipationStatus::Kicked).unwrap();
    assert_eq!(world.join(MemberId(2), id, None).unwrap_err(), Refusal::AlreadyJoined);
}

#[test]
fn challenges_at_other_times_do_not_overlap() {
    let mut world = world();
    let id = world.create(MemberId(1), about(), at(0)).unwrap();
    let next = About { start_ms: START_MS + HOUR_MS, ..about() };
    let next = world.create(MemberId(1), next, at(0)).unwrap();
    let between = About { start_ms: START_MS + HOUR_MS - 1, ..about() };
    let between = world.create(MemberId(1), between, at(0)).unwrap();
    world.join(MemberId(2), id, None).unwrap();
    world.join(MemberId(2), next, None).unwrap();
    assert_eq!(world.join(MemberId(2), between, None).unwrap_err(), Refusal::TimeOverlap);
}

#[test]
fn every_active_status_overlaps_and_no_other() {
    use ParticipationStatus::*;
    for status in [Waiting, Running, Timeout, Disconnected, Error, Quit, Kicked, Expired, NotStarted] {
        let (mut world, id) = world_with(2..=2);
        world.set_status(id, MemberId(2), status).unwrap();
        let other = world.create(MemberId(3), about(), at(0)).unwrap();
        let overlaps = matches!(status, Waiting | Running | Timeout | Disconnected | Error);
        assert_eq!(world.join(MemberId(2), other, None).is_err(), overlaps, "{status:?}");
    }
}

#[test]
fn leaving_is_for_those_who_wait_and_the_last_one_deletes_the_challenge() {
    let (mut world, id) = world_with(2..=2);
    assert_eq!(world.leave(MemberId(3), id).unwrap_err(), Refusal::NotJoined);
    assert_eq!(world.leave(MemberId(2), ChallengeId(9)).unwrap_err(), Refusal::ChallengeNotFound);
    assert_eq!(world.leave(MemberId(2), id).unwrap().status, ParticipationStatus::Left);
    assert_eq!(world.leave(MemberId(2), id).unwrap_err(), Refusal::CancelNotAllowed);
    world.join(MemberId(2), id, None).unwrap();
    world.leave(MemberId(2), id).unwrap();
    world.leave(MemberId(1), id).unwrap();
    assert_eq!(world.challenge(id).err(), Some(Refusal::ChallengeNotFound));
}

#[test]
fn a_challenge_that_is_ready_outlives_its_last_participant() {
    let (mut world, id) = world_with(2..=2);
    world.advance(at(READY_MS));
    world.enter(MemberId(2), id, at(READY_MS)).unwrap();
    assert_eq!(world.leave(MemberId(2), id).unwrap_err(), Refusal::CancelNotAllowed);
    world.leave(MemberId(1), id).unwrap();
    assert!(world.challenge(id).is_ok());
}

#[test]
fn enter_checks_its_rules_in_order() {
    let (mut world, id) = world_with(2..=4);
    let stranger = MemberId(101);
    let enter =
        |world: &mut World, member, id| world.enter(member, id, at(READY_MS)).map(|entered| entered.reenter);
    assert_eq!(enter(&mut world, stranger, ChallengeId(9)), Err(Refusal::ChallengeNotFound));
    assert_eq!(enter(&mut world, stranger, id), Err(Refusal::ChallengeNotReady));
    world.advance(at(READY_MS));
    assert_eq!(enter(&mut world, stranger, id), Err(Refusal::MemberNotFound));
    assert_eq!(enter(&mut world, MemberId(5), id), Err(Refusal::NotJoined));
    assert_eq!(enter(&mut world, MemberId(2), id), Ok(false));
    assert_eq!(status(&world, id, 2), ParticipationStatus::Running, "burned, connected or not");
    assert_eq!(enter(&mut world, MemberId(2), id), Err(Refusal::InvalidParticipationStatus));
    for lost in [ParticipationStatus::Timeout, ParticipationStatus::Disconnected, ParticipationStatus::Error]
    {
        world.set_status(id, MemberId(2), lost).unwrap();
        assert_eq!(enter(&mut world, MemberId(2), id), Ok(true));
    }
    for over in [
        ParticipationStatus::Quit,
        ParticipationStatus::Kicked,
        ParticipationStatus::Expired,
        ParticipationStatus::NotStarted,
    ] {
        world.set_status(id, MemberId(2), over).unwrap();
        assert_eq!(enter(&mut world, MemberId(2), id), Err(Refusal::InvalidParticipationStatus));
    }
}

#[test]
fn first_entries_end_at_the_start_and_reentries_at_the_end() {
    let (mut world, id) = world_with(2..=3);
    world.advance(at(READY_MS));
    world.enter(MemberId(2), id, at(READY_MS)).unwrap();
    world.set_status(id, MemberId(2), ParticipationStatus::Disconnected).unwrap();
    assert!(world.advance(at(START_MS)).is_empty());
    assert_eq!(status(&world, id, 3), ParticipationStatus::NotStarted);
    let refused = world.enter(MemberId(3), id, at(START_MS));
    assert_eq!(refused, Err(Refusal::InvalidParticipationStatus));
    assert!(world.enter(MemberId(2), id, at(START_MS)).unwrap().reenter);
    assert_eq!(world.advance(at(START_MS + HOUR_MS)), [id]);
    assert_eq!(status(&world, id, 2), ParticipationStatus::Expired);
    let refused = world.enter(MemberId(2), id, at(START_MS + HOUR_MS));
    assert_eq!(refused, Err(Refusal::ChallengeNotReady));
}

#[test]
fn a_life_is_lived_through_even_when_nobody_looked() {
    let (mut world, id) = world_with(2..=2);
    assert_eq!(world.advance(at(100 * HOUR_MS)), [id]);
    assert_eq!(world.challenge(id).unwrap().status, ChallengeStatus::Done);
    assert_eq!(status(&world, id, 2), ParticipationStatus::NotStarted);
    assert!(world.advance(at(200 * HOUR_MS)).is_empty());
}

#[test]
fn no_healthy_server_means_no_ticket_and_burns_nobody() {
    let (mut world, id) = world_with(2..=2);
    world.advance(at(READY_MS));
    world.routing_mut().take_down(0);
    world.routing_mut().take_down(1);
    let refused = world.enter(MemberId(2), id, at(READY_MS));
    assert_eq!(refused, Err(Refusal::TicketIssueFailed));
    assert_eq!(status(&world, id, 2), ParticipationStatus::Waiting);
}

#[test]
fn a_ticket_opens_once_in_time_and_while_the_member_runs() {
    let (mut world, id) = world_with(2..=4);
    world.advance(at(READY_MS));
    let ticket = |world: &mut World, member| {
        world.enter(MemberId(member), id, at(READY_MS)).unwrap().ticket.to_string()
    };
    let (second, third, fourth) = (ticket(&mut world, 2), ticket(&mut world, 3), ticket(&mut world, 4));
    assert!(world.redeem(&second, at(READY_MS + 29_999)).is_ok());
    assert_eq!(world.redeem(&second, at(READY_MS)), Err(ErrorCode::InvalidTicket));
    assert_eq!(world.redeem(&third, at(READY_MS + 30_000)), Err(ErrorCode::InvalidTicket));
    assert_eq!(world.redeem("nonsense", at(READY_MS)), Err(ErrorCode::InvalidTicket));
    world.set_status(id, MemberId(4), ParticipationStatus::Kicked).unwrap();
    assert_eq!(world.redeem(&fourth, at(READY_MS)), Err(ErrorCode::Unauthorized));
}

#[test]
fn each_pair_is_listed_or_announced() {
    let (mut world, id) = world_with(2..=3);
    let now = at(READY_MS);
    world.advance(now);
    let (_, first) = open(&mut world, id, 2, 1, now);
    assert!(first.contains(r#""participants":[]"#), "{first}");
    news(&mut world, id);
    let (_, second) = open(&mut world, id, 3, 2, now);
    assert_eq!(second.matches(r#""userId":2,"#).count(), 1, "{second}");
    let announced = news(&mut world, id);
    assert_eq!(announced.len(), 1);
    assert!(announced[0].starts_with(r#"{"type":"USER_ENTERED","userId":3,"#), "{announced:?}");
}

#[test]
fn a_departure_is_told_once_and_by_the_current_session_only() {
    let (mut world, id) = world_with(2..=3);
    let now = at(READY_MS);
    world.advance(now);
    open(&mut world, id, 2, 1, now);
    let (pass, _) = open(&mut world, id, 3, 2, now);
    news(&mut world, id);
    assert!(!world.depart(id, pass.runner, 77, LeaveReason::Timeout, now));
    assert!(world.depart(id, pass.runner, 2, LeaveReason::Timeout, now));
    assert!(!world.depart(id, pass.runner, 2, LeaveReason::Disconnected, now));
    assert_eq!(status(&world, id, 3), ParticipationStatus::Timeout);
    let told = news(&mut world, id);
    assert_eq!(told.len(), 1);
    assert!(told[0].contains(r#""userId":3,"reason":"TIMEOUT""#));
}

#[test]
fn a_reentry_replaces_the_previous_session() {
    let (mut world, id) = world_with(2..=2);
    let now = at(READY_MS);
    world.advance(now);
    let (pass, _) = open(&mut world, id, 2, 1, now);
    world.set_status(id, MemberId(2), ParticipationStatus::Timeout).unwrap();
    let ticket = world.enter(MemberId(2), id, now).unwrap().ticket.to_string();
    let again = world.redeem(&ticket, now).unwrap();
    assert!(again.reenter);
    assert_eq!(world.register(again, seat(2)).unwrap().replaced, Some(seat(1)));
    assert!(!world.depart(id, pass.runner, 1, LeaveReason::Disconnected, now));
    assert_eq!(status(&world, id, 2), ParticipationStatus::Running);
}

#[test]
fn records_update_and_the_distance_finishes() {
    let (mut world, id) = world_with(2..=3);
    let now = at(READY_MS);
    world.advance(now);
    let (pass, _) = open(&mut world, id, 2, 1, now);
    news(&mut world, id);
    assert_eq!(world.record(id, pass.runner, 9, (1.0, 300), now), Err(RecordRefused));
    assert_eq!(world.record(id, pass.runner, 1, (1.5, 300), now), Ok(Recorded::Underway));
    let (_, list) = open(&mut world, id, 3, 2, now);
    assert!(list.contains(r#""distance":1.5,"pace":300}"#), "{list}");
    assert_eq!(world.record(id, pass.runner, 1, (5.0, 310), now), Ok(Recorded::Finished));
    assert_eq!(world.record(id, pass.runner, 1, (5.1, 310), now), Ok(Recorded::Finished));
    let (_, list) = open(&mut world, id, 1, 3, now);
    assert!(list.contains(r#""userId":2,"#), "finishers are listed: {list}");
    assert!(world.depart(id, pass.runner, 1, LeaveReason::Disconnected, now));
    let told = news(&mut world, id);
    let kinds: Vec<&str> = told.iter().map(|text| &text[9..20]).collect();
    // A finisher's departure is not announced again.
    let finish = ["PARTICIPANT", "USER_LEFT\",", "USER_LEFT\","];
    assert_eq!(kinds, [&["PARTICIPANT", "USER_ENTERE"], &finish[..], &["USER_ENTERE"]].concat());
    assert!(told[4].contains(r#""reason":"FINISH""#));
    assert_eq!(status(&world, id, 2), ParticipationStatus::Completed);
    let refused = world.enter(MemberId(2), id, now);
    assert_eq!(refused, Err(Refusal::InvalidParticipationStatus));
}

#[test]
fn quitting_and_being_kicked_bar_the_member() {
    for (reason, becomes) in
        [(LeaveReason::Quit, ParticipationStatus::Quit), (LeaveReason::Kicked, ParticipationStatus::Kicked)]
    {
        let (mut world, id) = world_with(2..=2);
        let now = at(READY_MS);
        world.advance(now);
        let (pass, _) = open(&mut world, id, 2, 1, now);
        world.depart(id, pass.runner, 1, reason, now);
        assert_eq!(status(&world, id, 2), becomes);
        assert!(world.enter(MemberId(2), id, now).is_err());
    }
}

#[test]
fn a_member_who_was_closed_before_connected_may_enter_again() {
    let (mut world, id) = world_with(2..=2);
    let now = at(READY_MS);
    world.advance(now);
    let ticket = world.enter(MemberId(2), id, now).unwrap().ticket.to_string();
    let pass = world.redeem(&ticket, now).unwrap();
    assert_eq!(world.enter(MemberId(2), id, now), Err(Refusal::InvalidParticipationStatus));
    world.abandon(pass, at(0));
    assert!(world.enter(MemberId(2), id, now).unwrap().reenter);
}

#[test]
fn the_end_of_a_challenge_closes_nobody_unless_it_is_to() {
    for done_closes in [false, true] {
        let (mut world, id) = world_with(2..=2);
        world.settings.done_closes = done_closes;
        let now = at(READY_MS);
        world.advance(now);
        let (pass, _) = open(&mut world, id, 2, 1, now);
        let end = at(START_MS + HOUR_MS);
        assert_eq!(world.advance(end), [id]);
        assert_eq!(status(&world, id, 2), ParticipationStatus::Expired);
        let is_there = world.depart(id, pass.runner, 1, LeaveReason::Disconnected, end);
        assert_eq!(is_there, !done_closes);
        assert_eq!(status(&world, id, 2), ParticipationStatus::Expired, "and stays so");
    }
}

#[test]
fn a_challenge_that_is_over_seats_nobody() {
    let (mut world, id) = world_with(2..=2);
    let now = at(START_MS - 1);
    world.advance(now);
    let ticket = world.enter(MemberId(2), id, now).unwrap().ticket.to_string();
    let pass = world.redeem(&ticket, now).unwrap();
    world.advance(at(START_MS + HOUR_MS));
    assert_eq!(world.register(pass, seat(1)), None);
}

#[test]
fn ordered_faults_happen_as_often_as_ordered() {
    let (mut world, id) = world_with(2..=2);
    world.advance(at(READY_MS));
    world.order_faults(Fault::TicketIssueFailed, 2);
    for _ in 0..2 {
        assert_eq!(world.enter(MemberId(2), id, at(READY_MS)), Err(Refusal::TicketIssueFailed));
    }
    assert_eq!(world.faults_left(Fault::TicketIssueFailed), 0);
    assert!(world.enter(MemberId(2), id, at(READY_MS)).is_ok());
    assert_eq!(Fault::from_name("ws-unauthorized"), Some(Fault::WsUnauthorized));
}

#[test]
fn a_preloaded_challenge_is_ready_with_everyone_waiting() {
    let mut world = world();
    let about = About { start_ms: READY_BEFORE_START_MS, ..about() };
    world.preload(ChallengeId(38), about, 13..=42, at(0));
    let challenge = world.challenge(ChallengeId(38)).unwrap();
    assert_eq!(challenge.status, ChallengeStatus::Ready);
    assert_eq!(challenge.roster.present(), 30);
    assert!(world.enter(MemberId(42), ChallengeId(38), at(1)).is_ok());
}
