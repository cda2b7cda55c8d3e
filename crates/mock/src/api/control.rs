//! The mock server's own controls, under `/mock/`: plainly not Runnity's.
//!
//! Takes a WebSocket server down, orders faults, sets the status of a participation, returns the
//! counters. Asks for no authentication: a mock server listens where its user puts it. Decides
//! nothing; the world does.

use std::sync::atomic::Ordering::Relaxed;

use serde_json::{Value, json};

use super::Call;
use super::reply::{Reply, to_value};
use super::upgrade::server_index;
use crate::world::{ChallengeId, Fault, MemberId, ParticipationStatus, World};

/// Answers what is under `/mock/`.
pub(super) fn answer(call: &Call<'_>) -> Reply {
    let segments: Vec<&str> = call.path.split('/').skip(2).collect();
    match (call.request.method(), segments.as_slice()) {
        ("GET", ["counters"]) => counters(call),
        ("POST", ["servers", id, "down"]) => {
            server(call, id, |world, index| world.routing_mut().take_down(index))
        }
        ("POST", ["servers", id, "up"]) => {
            server(call, id, |world, index| world.routing_mut().bring_up(index))
        }
        ("POST", ["faults", name]) => order_faults(call, name),
        ("POST", ["challenges", challenge, "members", member, "status", status]) => {
            set_status(call, challenge, member, status)
        }
        _ => Reply::text(404, "no such control: see `startline serve --help`\n"),
    }
}

fn counters(call: &Call<'_>) -> Reply {
    let mut value = to_value(call.shared.counters());
    let held = call.shared.held.iter().map(|held| held.load(Relaxed));
    value["servers"] = call.shared.world(call.now, |world| {
        let server = |(index, held): (usize, usize)| {
            json!({
                "id": format!("ws{}", index + 1),
                "sessions": held,
                "up": world.routing().is_up(index),
                "routable": world.routing().is_routable(index, call.now.real_ms),
            })
        };
        held.enumerate().map(server).collect()
    });
    let others: Vec<Value> = call.shared.world(call.now, |world| {
        world.routing().others().map(|(url, is_up)| json!({ "url": url, "up": is_up })).collect()
    });
    if !others.is_empty() {
        value["others"] = others.into();
    }
    Reply::json(200, &value)
}

fn server(call: &Call<'_>, id: &str, change: impl FnOnce(&mut World, usize) -> bool) -> Reply {
    let is_there =
        server_index(id).is_some_and(|index| call.shared.world(call.now, |world| change(world, index)));
    if is_there { Reply::json(200, &json!({})) } else { Reply::text(404, "no such server\n") }
}

fn order_faults(call: &Call<'_>, name: &str) -> Reply {
    let Some(fault) = Fault::from_name(name) else { return Reply::text(404, "no such fault\n") };
    let count = call.parameter("count");
    let Ok(count) = count.as_deref().unwrap_or("1").parse() else {
        return Reply::text(400, "count is not a number\n");
    };
    call.shared.world(call.now, |world| {
        world.order_faults(fault, count);
        if fault == Fault::WsInvalidSession {
            call.shared.faulty_messages.store(count > 0, Relaxed);
        }
    });
    Reply::json(200, &json!({}))
}

fn set_status(call: &Call<'_>, challenge: &str, member: &str, status: &str) -> Reply {
    let parsed = (challenge.parse(), member.parse(), ParticipationStatus::from_name(status));
    let (Ok(challenge), Ok(member), Some(status)) = parsed else {
        return Reply::text(400, "no challenge, member or status\n");
    };
    let set = call
        .shared
        .world(call.now, |world| world.set_status(ChallengeId(challenge), MemberId(member), status));
    set.map_or_else(Reply::refusal, |()| Reply::json(200, &json!({})))
}
