//! Frames from a client, the messages that they carry, and how a WebSocket ends.
//!
//! Invariants: a message is answered at once and alone; nothing is read after a close frame but the
//! peer's own; what a client can make us keep is bounded by [`MESSAGE_BYTES_MAX`].

use std::sync::atomic::Ordering::Relaxed;

use startline_os::tick::Ticks;
use startline_protocol::websocket::{self, FrameHeader, MessageKind, Opcode, Reader, Violation};

use super::{CLOSE_TIMEOUT, CLOSING, Worker};
use crate::connection::{NO_ROOM, State};
use crate::counters::Count;
use crate::incoming::{self, Incoming};
use crate::injection::{self, Kind};
use crate::messages::{self, ErrorCode, LeaveReason};
use crate::world::{Fault, Recorded};

/// The longest message taken from a client: Tomcat's text buffer.
const MESSAGE_BYTES_MAX: u64 = 8 << 10;
/// What Tomcat and Spring say of a message that they do not take.
const TOO_LONG: &str = "The decoded text message was too big for the output buffer and the endpoint does not support partial messages";
const NO_BINARY: &str = "Binary messages not supported";

impl Worker {
    /// Reads frames from what has come, together with what was left over before.
    pub(super) fn read_frames(&mut self, slot: u32, bytes: &mut [u8]) {
        let Some(connection) = self.connections.get_mut(slot as usize) else { return };
        let mut kept =
            connection.spilled().map(|spill| std::mem::take(&mut spill.unused)).unwrap_or_default();
        let rest = if kept.is_empty() {
            bytes
        } else {
            kept.extend_from_slice(bytes);
            kept.as_mut_slice()
        };
        let used = match self.read_whole_frames(slot, rest) {
            Ok(used) => used,
            Err(violation) => {
                self.fail(slot, violation);
                rest.len()
            }
        };
        let Some(connection) = self.connections.get_mut(slot as usize) else { return };
        if used < rest.len() && connection.state != State::Deaf {
            connection.spill().unused = rest[used..].to_vec();
        }
        connection.tidy();
    }

    /// Handles every frame that is there in full; says how many bytes those were.
    fn read_whole_frames(&mut self, slot: u32, bytes: &mut [u8]) -> Result<usize, Violation> {
        let mut used = 0;
        while let Some((header, header_len)) = websocket::parse_header(&bytes[used..], Reader::Server)? {
            let Some(connection) = self.connections.get_mut(slot as usize) else { return Ok(bytes.len()) };
            if connection.state == State::Deaf || connection.spilled().is_some_and(|spill| spill.last) {
                return Ok(bytes.len());
            }
            let is_live = connection.state.is_live();
            let message = connection.spilled().and_then(|spill| spill.message.as_ref());
            let reader = message.map(|message| message.reader).unwrap_or_default();
            // Before the payload is in. Where data frames are ignored, their order is nobody's
            // business.
            match reader.check(&header, MESSAGE_BYTES_MAX) {
                Err(violation) if is_live || violation == Violation::MessageTooLong => return Err(violation),
                _ if header.payload_len > MESSAGE_BYTES_MAX => return Err(Violation::MessageTooLong),
                _ => {}
            }
            let start = used + header_len;
            let end = start + header.payload_len as usize;
            let Some(payload) = bytes.get_mut(start..end) else { break };
            if let Some(key) = header.mask {
                websocket::apply_mask(payload, key, 0);
            }
            used = end;
            self.on_frame(slot, header, payload)?;
        }
        Ok(used)
    }

    fn on_frame(&mut self, slot: u32, header: FrameHeader, payload: &[u8]) -> Result<(), Violation> {
        let Some(connection) = self.connections.get_mut(slot as usize) else { return Ok(()) };
        if header.opcode == Opcode::Close {
            return self.on_close(slot, payload);
        }
        if !connection.state.is_live() {
            return Ok(());
        }
        match header.opcode {
            Opcode::Ping => {
                self.reply(slot, |_, out| websocket::write_frame(out, Opcode::Pong, None, payload));
                Ok(())
            }
            Opcode::Pong => {
                connection.heard = self.moment.tick;
                Ok(())
            }
            Opcode::Close => Ok(()),
            Opcode::Text | Opcode::Binary | Opcode::Continuation => self.on_data(slot, header, payload),
        }
    }

    fn on_data(&mut self, slot: u32, header: FrameHeader, payload: &[u8]) -> Result<(), Violation> {
        let Some(connection) = self.connections.get_mut(slot as usize) else { return Ok(()) };
        let mut message = connection.spilled().and_then(|spill| spill.message.take()).unwrap_or_default();
        message.reader.begin_frame(&header, MESSAGE_BYTES_MAX)?;
        message.reader.feed(payload)?;
        match message.reader.end_frame(header.fin)? {
            Some(whole) if message.bytes.is_empty() => self.on_message(slot, whole.kind, payload),
            whole => {
                message.bytes.extend_from_slice(payload);
                if let Some(whole) = whole {
                    return self.on_message(slot, whole.kind, &message.bytes);
                }
                connection.spill().message = Some(message);
                Ok(())
            }
        }
    }

    /// The peer's close frame: the answer to ours, or answered here.
    fn on_close(&mut self, slot: u32, payload: &[u8]) -> Result<(), Violation> {
        let code = websocket::parse_close(payload)?.map(|(code, _)| code);
        let Some(connection) = self.connections.get_mut(slot as usize) else { return Ok(()) };
        if connection.state.is_live() {
            self.depart(slot, LeaveReason::Disconnected);
            // With its timer: a peer that does not take what is queued before the answer is not
            // waited for without end.
            self.await_close(slot);
            self.reply(slot, |_, out| match code {
                Some(code) => websocket::write_close(out, None, code, ""),
                None => websocket::write_frame(out, Opcode::Close, None, &[]),
            });
        }
        self.close_when_sent(slot);
        Ok(())
    }

    fn on_message(&mut self, slot: u32, kind: MessageKind, payload: &[u8]) -> Result<(), Violation> {
        if kind == MessageKind::Binary {
            // Spring's text handler: CloseStatus.NOT_ACCEPTABLE.
            self.depart(slot, LeaveReason::Disconnected);
            self.close_saying(slot, 1003, NO_BINARY);
            return Ok(());
        }
        let Some(connection) = self.connections.get(slot as usize) else { return Ok(()) };
        let state = connection.state;
        if state == State::Listed || self.is_ordered_to_forget() {
            self.reply_error(slot, ErrorCode::InvalidSession);
            return Ok(());
        }
        match incoming::read(payload) {
            Incoming::Ping => self.on_ping(slot),
            Incoming::Pong => self.hear(slot),
            Incoming::Record { distance, pace } => self.on_record(slot, distance, pace),
            Incoming::Quit => self.bar(slot, LeaveReason::Quit, 1000),
            Incoming::Kicked => self.bar(slot, LeaveReason::Kicked, 1008),
            Incoming::BadRecord => {
                self.hear(slot);
                self.reply_error(slot, ErrorCode::RecordProcessingError);
            }
            Incoming::UnknownType => self.reply_error(slot, ErrorCode::InvalidMessageType),
            Incoming::Malformed => self.reply_error(slot, ErrorCode::MessageProcessingError),
        }
        Ok(())
    }

    fn on_ping(&mut self, slot: u32) {
        self.hear(slot);
        if self.injector.happens(injection::Count::PongLost, Kind::PongLost) {
            return;
        }
        self.count(Count::pings, 1);
        let late = self.injector.draw(injection::Count::PongLate, |kind| match kind {
            Kind::PongLate(by) => Some(by),
            _ => None,
        });
        let now_ms = self.moment.now.wall_ms + late.map_or(0, |by| by.as_millis() as u64);
        let pong = |text: &mut Vec<u8>, out: &mut Vec<u8>| {
            text.clear();
            messages::pong(text, now_ms);
            websocket::write_frame(out, Opcode::Text, None, text);
        };
        let Some(by) = late else {
            return self.reply(slot, |worker, out| pong(&mut worker.text, out));
        };
        let Some(connection) = self.connections.get(slot as usize) else { return };
        let (session, mut bytes) = (connection.session, Vec::new());
        pong(&mut self.text, &mut bytes);
        self.send_later(slot, session, bytes, by);
    }

    fn on_record(&mut self, slot: u32, distance: f64, pace: i32) {
        self.hear(slot);
        let Some(connection) = self.connections.get(slot as usize) else { return };
        let Some(room) = self.rooms.get(connection.room as usize) else { return };
        let (challenge, runner, session) = (room.challenge, connection.runner, connection.session);
        let now = self.moment.now;
        let recorded =
            self.shared.world(now, |world| world.record(challenge, runner, session, (distance, pace), now));
        self.has_news = true;
        match recorded {
            Err(_) => self.reply_error(slot, ErrorCode::InvalidSession),
            Ok(recorded) => {
                self.count(Count::records, 1);
                if recorded == Recorded::Finished {
                    self.stop_receiving(slot);
                }
            }
        }
    }

    /// The member ends it in a way that allows no return.
    fn bar(&mut self, slot: u32, reason: LeaveReason, code: u16) {
        self.depart(slot, reason);
        self.close(slot, code);
    }

    /// Takes the member out of the challenge, if it is this session's to do so, and has everyone
    /// else told.
    pub(super) fn depart(&mut self, slot: u32, reason: LeaveReason) {
        let Some(connection) = self.connections.get(slot as usize) else { return };
        if connection.room == NO_ROOM {
            return self.abandon(slot);
        }
        self.announce_departure(slot, reason);
        self.leave_room(slot);
    }

    /// Takes the member out of the challenge; the connection stays, and receives.
    pub(super) fn announce_departure(&mut self, slot: u32, reason: LeaveReason) {
        let Some(connection) = self.connections.get(slot as usize) else { return };
        let (runner, session, now) = (connection.runner, connection.session, self.moment.now);
        let Some(challenge) = self.rooms.get(connection.room as usize).map(|room| room.challenge) else {
            return;
        };
        self.shared.world(now, |world| world.depart(challenge, runner, session, reason, now));
        self.has_news = true;
    }

    /// Listed and not registered yet, on a racy server: the member is free again.
    fn abandon(&mut self, slot: u32) {
        let Some(connection) = self.connections.get_mut(slot as usize) else { return };
        if connection.state == State::Listed
            && let Some(pass) = connection.spilled().and_then(|spill| spill.opening.take()).map(|it| it.0)
        {
            let now = self.moment.now;
            self.shared.world(now, |world| world.abandon(pass, now));
        }
    }

    /// Sends a close frame and awaits the peer's.
    pub(super) fn close(&mut self, slot: u32, code: u16) {
        self.close_saying(slot, code, "");
    }

    fn close_saying(&mut self, slot: u32, code: u16, reason: &str) {
        self.leave_room(slot);
        self.await_close(slot);
        self.reply(slot, |_, out| websocket::write_close(out, None, code, reason));
    }

    /// From here on nothing but the peer's close frame matters.
    pub(super) fn await_close(&mut self, slot: u32) {
        let Some(connection) = self.connections.get_mut(slot as usize) else { return };
        connection.state = State::Closing;
        connection.heard = self.moment.tick;
        if let Some(spill) = connection.spilled() {
            (spill.message, spill.opening) = (None, None);
        }
        connection.tidy();
        self.timers.arm(CLOSING, slot, self.moment.tick + Ticks::from_duration(CLOSE_TIMEOUT));
    }

    /// The peer has had its time to answer a close frame.
    pub(super) fn give_up_closing(&mut self, slot: u32) {
        let Some(connection) = self.connections.get(slot as usize) else { return };
        let waited = self.moment.tick.since(connection.heard).as_duration();
        if matches!(connection.state, State::Closing | State::Deaf) && waited + super::ROUND >= CLOSE_TIMEOUT
        {
            self.drop_connection(slot);
        }
    }

    /// The peer has broken the protocol. Our side is closed behind the close frame, and whatever
    /// still comes is thrown away until the peer closes too: to close at once would reset the
    /// connection, and the frame might never arrive.
    fn fail(&mut self, slot: u32, violation: Violation) {
        self.count(Count::violations, 1);
        let Some(connection) = self.connections.get(slot as usize) else { return };
        if connection.state.is_live() {
            self.depart(slot, LeaveReason::Error);
            let reason = if violation == Violation::MessageTooLong { TOO_LONG } else { "" };
            self.close_saying(slot, violation.close_code(), reason);
        }
        self.set_state(slot, State::Deaf);
        if let Some(connection) = self.connections.get_mut(slot as usize).filter(|it| !it.is_backlogged()) {
            connection.end_writing();
        }
    }

    fn reply_error(&mut self, slot: u32, code: ErrorCode) {
        self.reply(slot, |worker, out| worker.put_error(code, out));
    }

    fn reply(&mut self, slot: u32, render: impl FnOnce(&mut Self, &mut Vec<u8>)) {
        let mut out = std::mem::take(&mut self.scratch);
        out.clear();
        render(self, &mut out);
        self.send(slot, &out);
        self.scratch = out;
    }

    fn hear(&mut self, slot: u32) {
        if let Some(connection) = self.connections.get_mut(slot as usize) {
            connection.heard = self.moment.tick;
        }
    }

    fn is_ordered_to_forget(&self) -> bool {
        self.shared.faulty_messages.load(Relaxed)
            && self.shared.world(self.moment.now, |world| {
                let happens = world.take_fault(Fault::WsInvalidSession);
                // Under the world's lock, as it is set: else an order of this moment could be
                // forgotten.
                self.shared.faulty_messages.store(world.faults_left(Fault::WsInvalidSession) > 0, Relaxed);
                happens
            })
    }
}
