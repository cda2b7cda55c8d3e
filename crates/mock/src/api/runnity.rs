//! Runnity's resources: log in, create, look up, join, leave, enter.
//!
//! Turns requests into calls on the world and results into the documented `data`, fields in their
//! order. Decides no rule.

use std::time::Duration;

use serde::{Serialize, Serializer};

use super::Call;
use super::input::{JoinBody, NewChallenge, NotAccepted};
use super::reply::Reply;
use crate::injection::{Count, Kind};
use crate::messages;
use crate::server_clock::local_time;
use crate::token::Purpose;
use crate::world::{
    Challenge, ChallengeId, Claim, Entered, MemberId, Participation, ParticipationStatus, Refusal, Roster,
};

/// How long a refresh token would live; nothing here takes one.
const REFRESH_TTL_MS: u64 = 14 * 24 * 3_600_000;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LoginData {
    access_token: String,
    refresh_token: String,
    need_additional_info: bool,
    new_user: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ChallengeData<'a> {
    challenge_id: u64,
    title: &'a str,
    status: &'static str,
    current_participants: u32,
    max_participants: u32,
    start_at: String,
    end_at: String,
    description: &'a str,
    distance: &'static str,
    is_private: bool,
    is_broadcast: bool,
    joined: bool,
    #[serde(serialize_with = "each_participant")]
    participants: &'a Roster,
    created_at: String,
    updated_at: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ParticipantData {
    member_id: u64,
    nickname: String,
    profile_image: Option<String>,
    rank: Option<u32>,
    status: &'static str,
    average_pace_sec: Option<i32>,
    pace_sec: Option<i32>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ParticipationData {
    participant_id: u64,
    challenge_id: u64,
    member_id: u64,
    status: &'static str,
    rank: Option<u32>,
    average_pace: Option<i32>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct EnterData {
    ticket: String,
    user_id: u64,
    challenge_id: u64,
    ws_url: String,
    expires_in: u64,
}

/// `POST /api/v1/auth/test-login?memberId={id}`.
pub(super) fn test_login(call: &Call<'_>) -> Reply {
    let Some(text) = call.parameter("memberId") else {
        return Reply::problem(400, "Required parameter 'memberId' is not present.", call.path);
    };
    let Ok(member) = text.parse().map(MemberId) else { return call.unconvertible("memberId", &text) };
    if let Err(refusal) = call.shared.world(call.now, |world| world.login(member)) {
        return Reply::refusal(refusal);
    }
    let (tokens, now_ms) = (&call.shared.tokens, call.now.real_ms);
    let access_ttl_ms = call.shared.config.token_ttl.as_millis() as u64;
    Reply::success(
        200,
        LoginData {
            access_token: tokens.issue(member, Purpose::Access, now_ms, access_ttl_ms),
            refresh_token: tokens.issue(member, Purpose::Refresh, now_ms, REFRESH_TTL_MS),
            need_additional_info: false,
            new_user: false,
        },
    )
}

/// `POST /api/v1/admin/challenges`.
pub(super) fn create(call: &Call<'_>, creator: MemberId) -> Reply {
    if let Some(reply) = unsupported_type(call) {
        return reply;
    }
    let zone = &call.shared.config.time_zone;
    let about = match NewChallenge::read(call.request.body(), call.now.wall_ms, zone) {
        Ok(about) => about,
        Err(NotAccepted::Unreadable) => return unreadable(call),
        Err(NotAccepted::Invalid(errors)) => return Reply::invalid(&errors),
    };
    call.shared.world(call.now, |world| {
        let made = world.create(creator, about, call.now).and_then(|id| world.challenge(id));
        made.map_or_else(Reply::refusal, |challenge| {
            Reply::success(201, challenge_data(call, challenge, creator))
        })
    })
}

/// `GET /api/v1/challenges/{challengeId}`.
pub(super) fn look_up(call: &Call<'_>, member: MemberId, id: ChallengeId) -> Reply {
    call.shared.world(call.now, |world| {
        world.challenge(id).map_or_else(Reply::refusal, |challenge| {
            Reply::success(200, challenge_data(call, challenge, member))
        })
    })
}

/// `POST /api/v1/challenges/{challengeId}/join`.
pub(super) fn join(call: &Call<'_>, member: MemberId, id: ChallengeId) -> Reply {
    let body = call.request.body();
    let password = if body.iter().all(u8::is_ascii_whitespace) {
        None
    } else {
        if let Some(reply) = unsupported_type(call) {
            return reply;
        }
        match serde_json::from_slice::<JoinBody>(body) {
            Ok(body) => body.password,
            Err(_) => return unreadable(call),
        }
    };
    call.shared.world(call.now, |world| {
        let joined = world.join(member, id, password.as_deref());
        joined.map_or_else(Reply::refusal, |participation| {
            Reply::success(201, participation_data(id, participation))
        })
    })
}

/// `DELETE /api/v1/challenges/{challengeId}/join`.
pub(super) fn leave(call: &Call<'_>, member: MemberId, id: ChallengeId) -> Reply {
    let left: Result<Participation, Refusal> = call.shared.world(call.now, |world| world.leave(member, id));
    left.map_or_else(Reply::refusal, |participation| {
        Reply::success(200, participation_data(id, &participation))
    })
}

/// How much later *enter* is answered while too many are inside.
const CROWDED_LATE: Duration = Duration::from_secs(1);

/// `POST /api/v1/challenges/{challengeId}/enter`.
pub(super) fn enter(call: &Call<'_>, member: MemberId, id: ChallengeId) -> Reply {
    let (entered, late) = call.shared.world(call.now, |world| {
        let inside = world.challenge(id).map_or(0, |challenge| challenge.room.len());
        let late = world.injector().draw(Count::EnterSlow, |kind| match kind {
            Kind::EnterSlow(by) => Some(by),
            Kind::SlowAbove(most) if inside > most as usize => Some(CROWDED_LATE),
            _ => None,
        });
        let entered = world.enter(member, id, call.now);
        let url = entered.as_ref().ok().and_then(|it| world.routing().url(it.server).map(String::from));
        (entered.map(|entered| (entered, url)), late)
    });
    let reply = match entered.and_then(|entered| kept(call, member, id, entered)) {
        Err(refusal) => Reply::refusal(refusal),
        Ok((entered, url)) => Reply::success(
            200,
            EnterData {
                ticket: entered.ticket.to_string(),
                user_id: member.0,
                challenge_id: id.0,
                ws_url: url.unwrap_or_else(|| format!("{}/ws/ws{}", ws_origin(call), entered.server + 1)),
                expires_in: call.shared.config.ticket_ttl.as_secs(),
            },
        ),
    };
    reply.late_by(late)
}

/// Keeps the ticket where all servers find it, if there are others.
fn kept(
    call: &Call<'_>,
    member: MemberId,
    challenge: ChallengeId,
    (entered, url): (Entered, Option<String>),
) -> Result<(Entered, Option<String>), Refusal> {
    let Some(bridge) = &call.shared.bridge else { return Ok((entered, url)) };
    let claim = Claim { member, challenge, reenter: entered.reenter };
    bridge.keep_ticket(entered.ticket, claim, call.shared.config.ticket_ttl).map_err(|_| {
        call.shared.world(call.now, |world| world.take_back(claim));
        Refusal::TicketIssueFailed
    })?;
    Ok((entered, url))
}

/// What `wsUrl` starts with: as configured, else the host that the client has asked, over TLS if it
/// came so, or a proxy says that it did.
fn ws_origin(call: &Call<'_>) -> String {
    let config = &call.shared.config;
    if let Some(url) = &config.public_url {
        return url.trim_end_matches('/').to_owned();
    }
    let is_tls = config.tls.is_some()
        || call.request.header("x-forwarded-proto").is_some_and(|proto| proto.eq_ignore_ascii_case("https"));
    let scheme = if is_tls { "wss" } else { "ws" };
    match call.request.header("host") {
        Some(host) if !host.is_empty() => format!("{scheme}://{host}"),
        _ => format!("{scheme}://{}", config.listen),
    }
}

fn challenge_data<'c>(call: &Call<'_>, challenge: &'c Challenge, member: MemberId) -> ChallengeData<'c> {
    let zone = &call.shared.config.time_zone;
    let own = challenge.roster.find(member).map(|runner| challenge.roster.get(runner).status);
    ChallengeData {
        challenge_id: challenge.id.0,
        title: &challenge.about.title,
        status: challenge.status.name(),
        current_participants: challenge.roster.present(),
        max_participants: challenge.about.participants_max,
        start_at: local_time(challenge.about.start_ms, zone),
        end_at: local_time(challenge.end_ms(), zone),
        description: &challenge.about.description,
        distance: challenge.about.distance.name(),
        is_private: challenge.about.is_private,
        is_broadcast: challenge.about.is_broadcast,
        joined: own.is_some_and(|status| status != ParticipationStatus::Left),
        participants: &challenge.roster,
        created_at: local_time(challenge.created_ms, zone),
        updated_at: local_time(challenge.updated_ms, zone),
    }
}

/// One after the other, so that looking a large challenge up costs its text and no more.
fn each_participant<S: Serializer>(roster: &Roster, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(roster.iter_present().map(participant_data))
}

fn participant_data(participation: &Participation) -> ParticipantData {
    let mut nickname = Vec::new();
    messages::nickname(&mut nickname, participation.member);
    let pace = (participation.pace > 0).then_some(participation.pace);
    ParticipantData {
        member_id: participation.member.0,
        nickname: String::from_utf8(nickname).unwrap_or_default(),
        profile_image: None,
        rank: (participation.rank > 0).then_some(participation.rank),
        status: participation.status.name(),
        average_pace_sec: pace,
        pace_sec: pace,
    }
}

fn participation_data(id: ChallengeId, participation: &Participation) -> ParticipationData {
    ParticipationData {
        participant_id: participation.id,
        challenge_id: id.0,
        member_id: participation.member.0,
        status: participation.status.name(),
        rank: None,
        average_pace: None,
    }
}

/// 415, unless the body says that it is JSON.
fn unsupported_type(call: &Call<'_>) -> Option<Reply> {
    let given = call.request.header("content-type").unwrap_or("application/octet-stream");
    let kind = given.split(';').next().unwrap_or_default().trim();
    let detail = || format!("Content-Type '{given}' is not supported.");
    (!kind.eq_ignore_ascii_case("application/json")).then(|| Reply::problem(415, &detail(), call.path))
}

fn unreadable(call: &Call<'_>) -> Reply {
    Reply::problem(400, "Failed to read request", call.path)
}
