//! Frames in any split (RFC 6455, section 5): whole messages in place, broken ones through a
//! [`Partial`].
//!
//! Never buffers a message: a message that spans reads goes through the scanner as it comes. Only a
//! frame header or a control payload that a read cut through is kept, and what there is of a
//! compressed message, since all connections share an inflater. Invariant: at a boundary with no
//! message open there is no [`Partial`].

use startline_protocol::websocket::{
    FrameHeader, HEADER_BYTES_MAX, MessageReader, Opcode, Reader, Violation, parse_close, parse_header,
    write_close, write_frame,
};

use super::messages::SplitMessage;
use super::secrets::Kept;
use super::{COMPRESSED, Context, Observer, PEER_CLOSED, Phase, Session};
use crate::fault::Fault;
use crate::measure::CloseEnd;

/// Where the parsers of an incomplete frame or message stand.
#[derive(Debug, Default)]
pub struct Partial {
    /// The bytes of a header that a read cut through.
    header: Vec<u8>,
    /// The frame being read.
    frame: Option<Frame>,
    /// The order, length and UTF-8 of the data message being read.
    reader: MessageReader,
    /// The data message being read: open from its first frame to the last's end.
    message: Option<Incoming>,
    /// What the session has taken, until it is open.
    pub(super) kept: Option<Box<Kept>>,
}

#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "a Partial is in a box already, and the large one is the usual one"
)]
enum Incoming {
    /// What matching knows so far.
    Plain(SplitMessage),
    /// What came of it.
    Compressed { is_text: bool, bytes: Vec<u8> },
}

#[derive(Debug)]
struct Frame {
    opcode: Opcode,
    fin: bool,
    left: u64,
    /// A control frame's payload so far.
    control: Vec<u8>,
}

impl Partial {
    fn is_needed(&self) -> bool {
        !self.header.is_empty() || self.frame.is_some() || self.message.is_some()
    }

    /// The bytes that show what is wrong with what is being read. Secrets could not be found in what is
    /// compressed.
    fn evidence<'b>(&self, bytes: &'b [u8]) -> &'b [u8] {
        if matches!(self.message, Some(Incoming::Compressed { .. })) { &[] } else { bytes }
    }
}

impl Session {
    /// Takes bytes off the WebSocket.
    pub(super) fn read_frames<O: Observer>(&mut self, bytes: &[u8], ctx: &mut Context<'_, O>) {
        let mut partial = self.take_partial(ctx);
        if let Err((fault, evidence)) = self.frames(bytes, &mut partial, ctx) {
            return self.refuse(fault, evidence, ctx);
        }
        if let Some(partial) = partial.filter(|partial| partial.is_needed() && self.reads_frames()) {
            self.put_partial(partial, ctx);
        }
    }

    pub(super) fn reads_frames(&self) -> bool {
        let has_ended = self.phase == Phase::Closing && self.flag(PEER_CLOSED);
        matches!(self.phase, Phase::Opening | Phase::Held | Phase::Closing) && !has_ended
    }

    /// Returns the fault with the bytes that show it.
    fn frames<'b, O: Observer>(
        &mut self,
        mut bytes: &'b [u8],
        partial: &mut Option<Box<Partial>>,
        ctx: &mut Context<'_, O>,
    ) -> Result<(), (Fault, &'b [u8])> {
        while !bytes.is_empty() && self.reads_frames() {
            bytes = match partial {
                Some(partial) if partial.is_needed() => {
                    let evidence = partial.evidence(bytes);
                    self.resume(bytes, partial, ctx).map_err(|fault| (fault, evidence))?
                }
                _ => {
                    let fresh = self.fresh_frame(bytes, partial, ctx);
                    fresh.map_err(|fault| (fault, shows(fault, bytes, self.reader())))?
                }
            };
        }
        Ok(())
    }

    fn reader(&self) -> Reader {
        if self.flag(COMPRESSED) { Reader::Inflating } else { Reader::Client }
    }

    /// A frame that starts a message, or a control frame, with nothing kept from before: the usual
    /// case.
    fn fresh_frame<'b, O: Observer>(
        &mut self,
        bytes: &'b [u8],
        partial: &mut Option<Box<Partial>>,
        ctx: &mut Context<'_, O>,
    ) -> Result<&'b [u8], Fault> {
        if let Some((header, header_bytes)) = parse_header(bytes, self.reader())? {
            let body = &bytes[header_bytes..];
            let whole = header.payload_len <= body.len() as u64;
            if whole && header.fin && header.opcode != Opcode::Continuation {
                let (payload, rest) = body.split_at(header.payload_len as usize);
                self.whole_frame(&header, payload, ctx)?;
                return Ok(rest);
            }
        }
        self.resume(bytes, partial.get_or_insert_default(), ctx)
    }

    fn whole_frame<O: Observer>(
        &mut self,
        header: &FrameHeader,
        payload: &[u8],
        ctx: &mut Context<'_, O>,
    ) -> Result<(), Fault> {
        let opcode = header.opcode;
        match opcode {
            _ if header.compressed => self.compressed_message(payload, opcode == Opcode::Text, ctx),
            Opcode::Text | Opcode::Binary => self.whole_message(payload, opcode == Opcode::Text, ctx),
            Opcode::Continuation => Err(Fault::Violation(Violation::UnexpectedContinuation)),
            Opcode::Close | Opcode::Ping | Opcode::Pong => self.control(opcode, payload, ctx),
        }
    }

    /// Goes on where the last read stopped; returns what it did not need.
    fn resume<'b, O: Observer>(
        &mut self,
        bytes: &'b [u8],
        partial: &mut Partial,
        ctx: &mut Context<'_, O>,
    ) -> Result<&'b [u8], Fault> {
        if partial.frame.is_none() {
            let (header, rest) = match complete_header(&mut partial.header, bytes, self.reader())? {
                (Some(header), rest) => (header, rest),
                (None, rest) => return Ok(rest),
            };
            self.begin_frame(header, partial, ctx)?;
            // An empty payload is complete already; the loop would not come back for it.
            if header.payload_len > 0 {
                return Ok(rest);
            }
            self.payload(&[], partial, ctx)?;
            return Ok(rest);
        }
        self.payload(bytes, partial, ctx)
    }

    fn begin_frame<O: Observer>(
        &mut self,
        header: FrameHeader,
        partial: &mut Partial,
        ctx: &mut Context<'_, O>,
    ) -> Result<(), Fault> {
        let limit = ctx.script.scenario.websocket.as_ref().map_or(0, |websocket| websocket.message_bytes_max);
        partial.reader.begin_frame(&header, limit)?;
        if matches!(header.opcode, Opcode::Text | Opcode::Binary) {
            let is_text = header.opcode == Opcode::Text;
            partial.message = Some(match header.compressed {
                true => Incoming::Compressed { is_text, bytes: Vec::new() },
                false => Incoming::Plain(SplitMessage::new(is_text)),
            });
        }
        partial.frame = Some(Frame {
            opcode: header.opcode,
            fin: header.fin,
            left: header.payload_len,
            control: Vec::new(),
        });
        Ok(())
    }

    /// Takes payload of the frame being read, and ends the frame, and the message, when that is
    /// all.
    fn payload<'b, O: Observer>(
        &mut self,
        bytes: &'b [u8],
        partial: &mut Partial,
        ctx: &mut Context<'_, O>,
    ) -> Result<&'b [u8], Fault> {
        let Some(mut frame) = partial.frame.take() else { return Ok(bytes) };
        let taken = (bytes.len() as u64).min(frame.left) as usize;
        let (piece, rest) = bytes.split_at(taken);
        frame.left -= taken as u64;
        let ended = frame.left == 0;
        if matches!(frame.opcode, Opcode::Close | Opcode::Ping | Opcode::Pong) {
            frame.control.extend_from_slice(piece);
            if ended {
                self.control(frame.opcode, &frame.control, ctx)?;
            } else {
                partial.frame = Some(frame);
            }
            return Ok(rest);
        }
        partial.reader.feed(piece)?;
        match &mut partial.message {
            Some(Incoming::Plain(message)) => self.message_piece(message, piece, ctx)?,
            Some(Incoming::Compressed { bytes, .. }) => bytes.extend_from_slice(piece),
            None => {}
        }
        if !ended {
            partial.frame = Some(frame);
        } else if let Some(whole) = partial.reader.end_frame(frame.fin)?
            && let Some(message) = partial.message.take()
        {
            match message {
                Incoming::Plain(message) => self.message_done(message, whole.bytes, ctx)?,
                Incoming::Compressed { is_text, bytes } => self.compressed_message(&bytes, is_text, ctx)?,
            }
        }
        Ok(rest)
    }

    fn control<O: Observer>(
        &mut self,
        opcode: Opcode,
        payload: &[u8],
        ctx: &mut Context<'_, O>,
    ) -> Result<(), Fault> {
        match opcode {
            Opcode::Ping if self.phase != Phase::Closing => {
                let key = self.mask_key(ctx);
                write_frame(ctx.out, Opcode::Pong, Some(key), payload);
            }
            Opcode::Pong => self.ponged(payload, ctx),
            Opcode::Close => {
                let code = parse_close(payload)?.map_or(1005, |(code, _)| code);
                self.close_received(code, payload, ctx);
            }
            _ => {}
        }
        Ok(())
    }

    /// Ends a connection whose peer broke the protocol, with the close code that says so (7.1.7).
    fn refuse<O: Observer>(&mut self, fault: Fault, bytes: &[u8], ctx: &mut Context<'_, O>) {
        let code = match fault {
            Fault::Violation(violation) => violation.close_code(),
            _ => 1000,
        };
        if self.phase == Phase::Closing {
            return self.close_ended(CloseEnd::Cut, ctx);
        }
        let key = self.mask_key(ctx);
        write_close(ctx.out, Some(key), code, "");
        self.fail(fault, bytes, ctx);
    }

    /// A fresh key for a frame (5.3). Unpredictable to the other side is enough here: it guards
    /// proxies, and a seed has to be able to repeat a run.
    pub(super) fn mask_key<O>(&self, ctx: &mut Context<'_, O>) -> [u8; 4] {
        ctx.rng.u32(..).to_ne_bytes()
    }
}

/// What of a frame shows this fault: all of it where the header is wrong, else its payload. Of what is compressed nothing: secrets could not be found in it.
fn shows(fault: Fault, frame: &[u8], reader: Reader) -> &[u8] {
    let is_of_header = matches!(fault, Fault::Violation(violation) if violation != Violation::BadUtf8);
    match parse_header(frame, reader) {
        Ok(Some((header, header_bytes))) if header.compressed => &frame[..header_bytes],
        Ok(Some((header, header_bytes))) if !is_of_header => {
            let payload = &frame[header_bytes..];
            &payload[..payload.len().min(header.payload_len as usize)]
        }
        _ => frame,
    }
}

/// Adds to a header that was cut; the header once whole, and the bytes after it.
fn complete_header<'b>(
    kept: &mut Vec<u8>,
    bytes: &'b [u8],
    reader: Reader,
) -> Result<(Option<FrameHeader>, &'b [u8]), Violation> {
    let before = kept.len();
    let room = HEADER_BYTES_MAX.saturating_sub(before).min(bytes.len());
    kept.extend_from_slice(&bytes[..room]);
    match parse_header(kept, reader)? {
        Some((header, header_bytes)) => {
            kept.clear();
            Ok((Some(header), &bytes[header_bytes - before..]))
        }
        None => Ok((None, &bytes[room..])),
    }
}

impl From<Violation> for Fault {
    fn from(violation: Violation) -> Self {
        Self::Violation(violation)
    }
}
