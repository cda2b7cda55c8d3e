//! From the ticket to the 101: the WebSocket's URL, the upgrade request (RFC 6455, 4.1), its answer
//! (4.2.2).
//!
//! Invariant: a session connects only after the URL's host was found to be allowed.

use startline_protocol::http::{HttpError, Limits, ResponseReader};
use startline_protocol::websocket::{DeflateRefusal, OFFER, is_agreed, key_text};
use tungstenite::handshake::derive_accept_key;

use super::http::http_fault;
use super::request::{refuse_broken, write_fields};
use super::setup::evidence_of;
use super::{COMPRESSED, Context, Observer, Phase, Session, TICKET_AGED, Timer};
use crate::fault::Fault;
use crate::scenario::WebSocket;
use crate::scenario::template::{Part, Scope, Template};

impl Session {
    /// Connects to where the scenario's URL leads. The step's time starts here.
    pub(super) fn dial_websocket<O: Observer>(&mut self, ctx: &mut Context<'_, O>) {
        let script = ctx.script;
        let Some(websocket) = &script.scenario.websocket else { return };
        let Some(mut setup) = self.take_setup(ctx) else { return };
        self.phase = Phase::DialingWs;
        self.sent = ctx.now;
        self.due = ctx.now;
        let mut rendered = Vec::new();
        let scope = self.scope(&setup.taken, 0, ctx);
        websocket.url.render(&scope, &mut rendered);
        let url = String::from_utf8_lossy(&rendered);
        let destination = uncut(websocket, &scope, &rendered).and_then(|()| script.destination(&url));
        if let Ok(destination) = &destination {
            setup.upgrade = (destination.authority.clone(), destination.target.clone());
            setup.home = destination.endpoint.host == script.home().host;
        }
        self.put_setup(setup, ctx);
        match destination {
            Ok(destination) => {
                let is_shown = !script.scenario.secrets.are_in_path();
                let shown = if is_shown { url } else { self.shown_url(websocket, ctx).into() };
                let server = script.server_name(websocket, &shown);
                self.server = match self.is_again() {
                    true => ctx.observer.rerouted(ctx.who, &server),
                    false => ctx.observer.routed(ctx.who, &server),
                };
                ctx.commands.connect = Some(destination.endpoint);
                self.deadline = ctx.now + script.delays.connect;
                ctx.commands.timers.push_back((Timer::Connect, self.deadline));
            }
            Err(fault) => {
                let shown = self.shown_url(websocket, ctx);
                self.fail(fault, shown.as_bytes(), ctx);
            }
        }
    }

    /// The URL with its secrets shown by their names, however short they are.
    fn shown_url<O: Observer>(&mut self, websocket: &WebSocket, ctx: &mut Context<'_, O>) -> String {
        let mut shown = Vec::new();
        if let Some(setup) = self.take_setup(ctx) {
            let template = ctx.script.scenario.secrets.shown(&websocket.url);
            template.render(&self.scope(&setup.taken, 0, ctx), &mut shown);
            self.put_setup(setup, ctx);
        }
        String::from_utf8_lossy(&shown).into_owned()
    }

    pub(super) fn send_upgrade<O: Observer>(&mut self, ctx: &mut Context<'_, O>) {
        let script = ctx.script;
        let Some(websocket) = &script.scenario.websocket else { return };
        let Some(mut setup) = self.take_setup(ctx) else { return };
        ctx.rng.fill(&mut setup.key);
        setup.answer = ResponseReader::new(Limits::default(), false);
        // A ticket that is too old by now was used too late by us: the server's refusal is then not
        // its fault.
        if let Some(lifetime) = script.delays.ticket {
            let age = ctx.now.since(self.opened);
            if !self.is_again() {
                ctx.observer.ticket_sent(age);
            }
            self.set_flag(TICKET_AGED, age > lifetime);
        }
        let out = &mut *ctx.out;
        out.extend_from_slice(b"GET ");
        out.extend_from_slice(setup.upgrade.1.as_bytes());
        out.extend_from_slice(b" HTTP/1.1\r\nHost: ");
        out.extend_from_slice(setup.upgrade.0.as_bytes());
        out.extend_from_slice(b"\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ");
        out.extend_from_slice(&key_text(setup.key));
        out.extend_from_slice(b"\r\n");
        if websocket.deflate {
            out.extend_from_slice(b"Sec-WebSocket-Extensions: ");
            out.extend_from_slice(OFFER.as_bytes());
            out.extend_from_slice(b"\r\n");
        }
        let scope = self.scope(&setup.taken, 0, ctx);
        let written = write_subprotocols(websocket, &scope, ctx.out)
            .and_then(|()| write_fields(&websocket.headers, &scope, ctx.out));
        if let Err(fault) = written {
            let evidence = std::mem::take(ctx.out);
            self.put_setup(setup, ctx);
            return self.fail(fault, &evidence, ctx);
        }
        if setup.home {
            setup.cookies.write_field(ctx.out);
        }
        ctx.out.extend_from_slice(b"\r\n");
        self.phase = Phase::Upgrading;
        self.put_setup(setup, ctx);
        self.enters(ctx);
    }

    pub(super) fn read_upgrade<O: Observer>(&mut self, bytes: &[u8], ctx: &mut Context<'_, O>) {
        let script = ctx.script;
        let Some(websocket) = &script.scenario.websocket else { return };
        let Some(mut setup) = self.take_setup(ctx) else { return };
        let progress = match setup.answer.feed(bytes) {
            Ok(progress) => progress,
            Err(error) => {
                self.put_setup(setup, ctx);
                let fault = match error {
                    HttpError::Malformed => Fault::UpgradeInvalid,
                    error => http_fault(error),
                };
                return self.fail(fault, bytes, ctx);
            }
        };
        // Any other answer is a refusal as soon as its head is in; its body may be long in coming.
        let refused = setup.answer.status().filter(|status| *status >= 200);
        if let (Some(status), false) = (refused, progress.complete && setup.answer.status() == Some(101)) {
            let evidence = evidence_of(&setup.answer);
            self.note_refusal(&setup.answer, ctx);
            self.put_setup(setup, ctx);
            return self.fail(Fault::UpgradeRefused(status), &evidence, ctx);
        }
        if !progress.complete {
            return self.put_setup(setup, ctx);
        }
        let scope = self.scope(&setup.taken, 0, ctx);
        let checked = check_upgrade(&setup.answer, setup.key, websocket, &scope);
        let is_compressed = match checked.and_then(|()| check_extensions(&setup.answer, websocket)) {
            Ok(is_compressed) => is_compressed,
            Err(fault) => {
                self.put_setup(setup, ctx);
                return self.fail(fault, bytes, ctx);
            }
        };
        self.set_flag(COMPRESSED, is_compressed);
        if is_compressed && !self.is_again() {
            ctx.observer.compression_agreed();
        }
        self.step_ok(script.places.connect(), ctx.timed(self.due, self.sent), ctx);
        self.keep_taken(*setup, ctx);
        self.begin_steps(ctx);
        // What the first step awaits may have come in the same packet.
        self.read_frames(&bytes[progress.consumed..], ctx);
    }
}

/// A value behind the URL's start must not end it, nor be read as something else: what follows a `#` is
/// not sent, a tab is dropped, and a `\\` becomes a `/`.
fn uncut(websocket: &WebSocket, scope: &Scope<'_>, rendered: &[u8]) -> Result<(), Fault> {
    let starts = usize::from(matches!(websocket.url.parts.first(), Some(Part::Taken(_))));
    let behind = Template { parts: websocket.url.parts[starts..].to_vec() };
    let breaks = |byte: u8| byte.is_ascii_control() || matches!(byte, b'#' | b'\\' | b' ');
    refuse_broken(&behind, scope, rendered, breaks)
}

/// Appends what is offered.
fn write_subprotocols(websocket: &WebSocket, scope: &Scope<'_>, out: &mut Vec<u8>) -> Result<(), Fault> {
    for (k, subprotocol) in websocket.subprotocols.iter().enumerate() {
        out.extend_from_slice(if k == 0 { b"Sec-WebSocket-Protocol: " } else { b", " });
        let begin = out.len();
        subprotocol.render(scope, out);
        let breaks = |byte: u8| !byte.is_ascii_graphic() || byte == b',';
        refuse_broken(subprotocol, scope, &out[begin..], breaks)?;
    }
    if !websocket.subprotocols.is_empty() {
        out.extend_from_slice(b"\r\n");
    }
    Ok(())
}

/// RFC 6455, 4.1, "the client MUST validate the server's response".
fn check_upgrade(
    answer: &ResponseReader,
    key: [u8; 16],
    websocket: &WebSocket,
    scope: &Scope<'_>,
) -> Result<(), Fault> {
    // One line and no other: of two it would be anyone's guess which the server means.
    let is_only = |name: &str, wanted: Option<&str>| {
        let mut lines = answer.headers(name);
        lines.next() == wanted && lines.next().is_none()
    };
    let fits = answer.lists("Upgrade", "websocket")
        && answer.lists("Connection", "upgrade")
        && is_only("Sec-WebSocket-Accept", Some(&derive_accept_key(&key_text(key))));
    if !fits {
        return Err(Fault::UpgradeInvalid);
    }
    // A server that chooses none of what was offered is left by browsers, too.
    let is_chosen = |offered: &Template| {
        let mut rendered = Vec::new();
        offered.render(scope, &mut rendered);
        std::str::from_utf8(&rendered).is_ok_and(|offered| is_only("Sec-WebSocket-Protocol", Some(offered)))
    };
    let is_unasked = websocket.subprotocols.is_empty() && is_only("Sec-WebSocket-Protocol", None);
    match is_unasked || websocket.subprotocols.iter().any(is_chosen) {
        true => Ok(()),
        false => Err(Fault::SubprotocolRefused),
    }
}

/// Whether compression was agreed upon.
fn check_extensions(answer: &ResponseReader, websocket: &WebSocket) -> Result<bool, Fault> {
    let mut extensions = answer.headers("Sec-WebSocket-Extensions");
    if !websocket.deflate {
        return if extensions.next().is_none() { Ok(false) } else { Err(Fault::UpgradeInvalid) };
    }
    is_agreed(extensions).map_err(|refusal| match refusal {
        DeflateRefusal::Takeover => Fault::DeflateTakeover,
        DeflateRefusal::NotOffered => Fault::DeflateInvalid,
    })
}
