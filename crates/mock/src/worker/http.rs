//! Requests on a connection: read in any split, answered in their order.
//!
//! Invariant: while an answer is unsent no further request is read, so that what a client can make
//! the server keep is one buffer of requests and the answers to a part of them.

use std::time::Duration;

use startline_protocol::http::{HttpError, Limits, RequestReader};

use super::Worker;
use super::late::HeldBack;
use crate::api::{self, Answer, Reply, Shape};
use crate::connection::State;
use crate::counters::Count;
use crate::messages::LeaveReason;
use crate::timings::{Answered, Asked};

/// Bytes of answers that are sent together at most.
const ANSWERS_BYTES_MAX: usize = 256 << 10;

impl Worker {
    /// Reads requests and answers them.
    pub(super) fn read_requests(&mut self, slot: u32, bytes: &mut [u8]) {
        let mut out = std::mem::take(&mut self.out);
        out.clear();
        let mut rest = bytes;
        while !rest.is_empty() {
            let Some(step) = self.read_request(slot, rest, &mut out) else { break };
            rest = &mut rest[step.consumed..];
            if let Some(upgrade) = step.upgrade {
                self.open(slot, upgrade, &mut out, rest);
                self.out = out;
                return;
            }
            if let Some((held_back, by)) = step.later {
                self.send(slot, &out);
                out.clear();
                self.keep_for_later(slot, rest);
                self.answer_later(slot, held_back, step.last, by);
                break;
            }
            if step.last {
                self.send(slot, &out);
                self.close_when_sent(slot);
                self.out = out;
                return;
            }
            if out.len() > ANSWERS_BYTES_MAX {
                self.send(slot, &out);
                out.clear();
                if self.connections.get(slot as usize).is_some_and(|connection| connection.is_backlogged()) {
                    self.keep_for_later(slot, rest);
                    break;
                }
            }
        }
        if !out.is_empty() {
            self.send(slot, &out);
        }
        if let Some(connection) = self.connections.get_mut(slot as usize) {
            let is_between = |reader: &RequestReader| reader.is_untouched();
            if let Some(spill) =
                connection.spilled().filter(|spill| spill.reader.as_ref().is_some_and(is_between))
            {
                spill.reader = None;
            }
            connection.tidy();
        }
        self.out = out;
    }

    /// Feeds one request's worth of bytes; `None` when more are needed.
    fn read_request(&mut self, slot: u32, bytes: &[u8], out: &mut Vec<u8>) -> Option<Step> {
        let connection = self.connections.get_mut(slot as usize)?;
        if connection.state != State::Http {
            return None;
        }
        let reader = connection.spill().reader.get_or_insert_with(|| RequestReader::new(Limits::default()));
        let progress = match reader.feed(bytes) {
            Ok(progress) => progress,
            Err(error) => {
                unreadable(error).write(out, &self.date.1, Shape::LAST);
                self.count(Count::requests, 1);
                self.count(Count::requests_refused, 1);
                return Some(Step { consumed: bytes.len(), upgrade: None, later: None, last: true });
            }
        };
        if !progress.complete {
            if reader.wants_continue() {
                out.extend_from_slice(b"HTTP/1.1 100 Continue\r\n\r\n");
            }
            return None;
        }
        // HTTP/1.0 knows no chunks, so that its connections end with the answer even if it asks for
        // more.
        let keep_alive = reader.keep_alive() && reader.minor_version() >= 1;
        let shape = Shape { keep_alive, is_head: reader.method() == "HEAD" };
        let asked = match self.shared.config.actuator {
            true => api::pattern(reader.origin_target()).map(|uri| Asked::now(reader.method(), uri)),
            false => None,
        };
        let answer = api::answer(&self.shared, self.moment, reader);
        reader.reset();
        self.count(Count::requests, 1);
        match answer {
            Answer::Upgrade(upgrade) => {
                self.time(asked.map(|asked| asked.answered(101, true)));
                Some(Step { consumed: progress.consumed, upgrade: Some(upgrade), later: None, last: false })
            }
            Answer::Reply(reply) => {
                self.count(Count::requests_refused, u64::from(reply.status >= 400));
                // As Tomcat does after a status of 400, whatever caused it.
                let shape = Shape { keep_alive: keep_alive && reply.status != 400, ..shape };
                let is_known = !reply.is_from_security() || asked.is_some_and(Asked::is_websocket);
                let answered = asked.filter(|_| !reply.is_from_nginx());
                let answered = answered.map(|asked| asked.answered(reply.status, is_known));
                let later = reply.later.map(|by| {
                    let mut answer = Vec::new();
                    reply.write(&mut answer, &self.date.1, shape);
                    (HeldBack { answer, answered, is_in_pool: reply.is_in_pool }, by)
                });
                if later.is_none() {
                    reply.write(out, &self.date.1, shape);
                    self.time(answered);
                }
                Some(Step { consumed: progress.consumed, upgrade: None, later, last: !shape.keep_alive })
            }
        }
    }

    /// Counts a request that has been answered.
    pub(super) fn time(&self, answered: Option<Answered>) {
        if let Some(answered) = answered {
            self.shared.timings[usize::from(self.id)].add(answered);
        }
    }

    /// Keeps bytes that cannot be used yet; they are at most what a turn has read.
    pub(super) fn keep_for_later(&mut self, slot: u32, bytes: &[u8]) {
        let Some(connection) = self.connections.get_mut(slot as usize) else { return };
        let unused = &mut connection.spill().unused;
        if unused.len() + bytes.len() > super::READ_BYTES * super::READS_MAX {
            self.doomed.push((slot, LeaveReason::Error));
            return;
        }
        unused.extend_from_slice(bytes);
    }

    /// Drops the connection as soon as everything is sent.
    pub(super) fn close_when_sent(&mut self, slot: u32) {
        let Some(connection) = self.connections.get_mut(slot as usize) else { return };
        if connection.is_backlogged() {
            connection.spill().last = true;
        } else {
            self.doomed.push((slot, LeaveReason::Disconnected));
        }
    }
}

/// What a request led to.
struct Step {
    consumed: usize,
    upgrade: Option<api::Upgrade>,
    /// The answer is held back for this long.
    later: Option<(HeldBack, Duration)>,
    /// The connection ends with the answer.
    last: bool,
}

fn unreadable(error: HttpError) -> Reply {
    match error {
        HttpError::HeadTooLarge | HttpError::TooManyFields => Reply::empty(431),
        HttpError::BodyTooLarge => Reply::empty(413),
        _ => Reply::text(400, "Bad Request\n"),
    }
}
