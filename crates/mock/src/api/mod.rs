//! The HTTP side: one request in, one answer or an upgrade out.
//!
//! Routing and authentication are here, Runnity's own resources in `runnity`, the WebSocket's
//! opening in `upgrade`, the mock server's own controls in `control`. Touches the shared world, and
//! no socket. Invariant: every request gets exactly one answer, whatever it says.

mod actuator;
mod control;
mod input;
mod reply;
mod runnity;
mod upgrade;

pub(super) use self::reply::{Reply, Shape};
pub(super) use self::upgrade::Upgrade;

use std::sync::atomic::Ordering::Relaxed;

use startline_protocol::http::{BodyKept, RequestReader};

use super::injection::{Count, Kind};
use super::outage::{self, Outage};
use super::server_clock::Moment;
use super::shared::Shared;
use super::token::Purpose;
use super::world::{ChallengeId, Fault, MemberId, Now, Refusal};

/// What is done about a request.
#[derive(Debug)]
pub(super) enum Answer {
    Reply(Reply),
    Upgrade(Upgrade),
}

/// A request with everything that an answer depends on.
struct Call<'a> {
    shared: &'a Shared,
    now: Now,
    request: &'a RequestReader,
    path: &'a str,
    query: &'a str,
}

/// The pattern of a request's path, by which Spring counts it; nothing for what is not Runnity's.
pub(super) fn pattern(target: &str) -> Option<&'static str> {
    let path = target.split('?').next().unwrap_or_default();
    let segments: Vec<&str> = path.split('/').skip(1).collect();
    Some(match segments.as_slice() {
        ["api", "v1", "auth", "test-login"] => "/api/v1/auth/test-login",
        ["api", "v1", "admin", "challenges"] => "/api/v1/admin/challenges",
        ["api", "v1", "challenges", _] => "/api/v1/challenges/{challengeId}",
        ["api", "v1", "challenges", _, "join"] => "/api/v1/challenges/{challengeId}/join",
        ["api", "v1", "challenges", _, "enter"] => "/api/v1/challenges/{challengeId}/enter",
        ["ws"] => "/ws",
        ["ws", ..] => "/ws/**",
        ["actuator", "prometheus"] => actuator::PATH,
        ["mock", ..] => return None,
        _ => "/**",
    })
}

/// Answers a whole request.
pub(super) fn answer(shared: &Shared, moment: Moment, request: &RequestReader) -> Answer {
    let target = request.origin_target();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let call = Call { shared, now: moment.now, request, path, query };
    let mut segments = path.strip_prefix('/').unwrap_or_default().split('/');
    match segments.next() {
        Some("api") => Answer::Reply(call.api()),
        Some("ws") => upgrade::answer(&call),
        Some("mock") => Answer::Reply(control::answer(&call)),
        Some("actuator") if shared.config.actuator && path == actuator::PATH => {
            Answer::Reply(call.only(&[("GET", &|| actuator::page(&call))]))
        }
        _ => Answer::Reply(call.member().map_or_else(|| Reply::empty(403), |_| call.not_found())),
    }
}

impl<'a> Call<'a> {
    /// Runnity's API. Who is not logged in learns nothing, not even that a path does not exist.
    fn api(&self) -> Reply {
        if let Some(reply) = self.busy(|outage| outage.kind == outage::Kind::Busy) {
            return reply;
        }
        if let Some(reply) = self.faulty() {
            return reply;
        }
        if self.request.body_kept() == BodyKept::Cut {
            return Reply::problem(413, "Request body is too large.", self.path);
        }
        if self.path == "/api/v1/auth/test-login" {
            return self.only(&[("POST", &|| runnity::test_login(self))]);
        }
        let Some(member) = self.member() else { return Reply::empty(403) };
        let segments: Vec<&str> = self.path.split('/').skip(2).collect();
        match segments.as_slice() {
            ["v1", "admin", "challenges"] => self.only(&[("POST", &|| runnity::create(self, member))]),
            ["v1", "challenges", id] => {
                self.with_challenge(id, |id| self.only(&[("GET", &|| runnity::look_up(self, member, id))]))
            }
            ["v1", "challenges", id, "join"] => self.with_challenge(id, |id| {
                self.only(&[
                    ("POST", &|| runnity::join(self, member, id)),
                    ("DELETE", &|| runnity::leave(self, member, id)),
                ])
            }),
            ["v1", "challenges", id, "enter"] => {
                self.with_challenge(id, |id| self.only(&[("POST", &|| runnity::enter(self, member, id))]))
            }
            _ => self.not_found(),
        }
    }

    /// What is answered while such an outage goes on: when to come again.
    fn busy(&self, is_it: impl Fn(&Outage) -> bool) -> Option<Reply> {
        let outages = &self.shared.config.outages;
        let at = if outages.is_empty() { return None } else { self.shared.clock.elapsed() };
        let outage = outages.iter().find(|outage| outage.is_on(at) && is_it(outage))?;
        Some(Reply::nginx(503).with_field("Retry-After", outage.left_s(at).to_string()))
    }

    /// What a fault answers instead, ordered or by chance.
    fn faulty(&self) -> Option<Reply> {
        self.shared.world(self.now, |world| {
            if world.take_fault(Fault::InternalServerError) {
                return Some(Reply::refusal(Refusal::InternalServerError));
            }
            let injector = world.injector();
            let nginx = injector.draw(Count::HttpStatus, |kind| match kind {
                Kind::HttpStatus(status) => Some(Reply::nginx(status)),
                _ => None,
            });
            if nginx.is_some() {
                return nginx;
            }
            let by = injector.draw(Count::PoolExhausted, |kind| match kind {
                Kind::PoolExhausted(by) => Some(by),
                _ => None,
            })?;
            self.shared.pool_pending.fetch_add(1, Relaxed);
            Some(Reply::refusal(Refusal::InternalServerError).waiting_for_the_pool(by))
        })
    }

    /// The answer of the request's method; 405 for another one.
    fn only(&self, methods: &[(&'static str, &dyn Fn() -> Reply)]) -> Reply {
        let method = self.request.method();
        // Spring answers HEAD where GET is mapped; the body is left out when the answer is written.
        let wanted = if method == "HEAD" { "GET" } else { method };
        if let Some((_, answer)) = methods.iter().find(|(name, _)| *name == wanted) {
            return answer();
        }
        let allow = match methods {
            [(only, _)] => only,
            _ => "POST, DELETE",
        };
        Reply::problem(405, &format!("Method '{method}' is not supported."), self.path)
            .with_field("Allow", allow)
    }

    fn with_challenge(&self, id: &str, answer: impl FnOnce(ChallengeId) -> Reply) -> Reply {
        match id.parse() {
            Ok(id) => answer(ChallengeId(id)),
            Err(_) => self.unconvertible("challengeId", id),
        }
    }

    fn unconvertible(&self, name: &str, value: &str) -> Reply {
        Reply::problem(400, &format!("Failed to convert '{name}' with value: '{value}'"), self.path)
    }

    fn not_found(&self) -> Reply {
        Reply::spring_error(404, self.now.wall_ms, self.path)
    }

    /// Whose token the request carries.
    fn member(&self) -> Option<MemberId> {
        let value = self.request.header("authorization")?;
        let (scheme, token) = value.split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return None;
        }
        self.shared.tokens.verify(token.trim(), Purpose::Access, self.now.real_ms)
    }

    /// The first value of a query parameter, decoded.
    fn parameter(&self, name: &str) -> Option<String> {
        url::form_urlencoded::parse(self.query.as_bytes())
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.into_owned())
    }
}
