//! The threads that listen to the channels: as many as there are servers in this process, so that
//! `PUBSUB NUMSUB` counts servers as it does with the real ones. The first of them acts on what it
//! hears.
//!
//! Invariant: bulletins are heard in the order in which Redis has them, one after the other.

use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::Sender;

use redis::RedisResult;

use super::TURN;
use crate::bridge::Bridge;
use crate::mailbox::Notice;
use crate::shared::Shared;
use crate::world::{Bulletin, CHANNELS};

/// Listens until the bridge is over. `ready` gets a message once it listens.
pub(crate) fn run(shared: &Shared, acts: bool, ready: &Sender<RedisResult<()>>) {
    let Some(bridge) = &shared.bridge else { return };
    while !bridge.is_over.load(Relaxed) {
        if let Err(error) = listen(shared, bridge, acts, ready) {
            // The first to fail is the start's to report; later ones are lost connections.
            let _ = ready.send(Err(error));
            std::thread::sleep(TURN);
        }
    }
}

fn listen(shared: &Shared, bridge: &Bridge, acts: bool, ready: &Sender<RedisResult<()>>) -> RedisResult<()> {
    let mut connection = bridge.connect()?;
    let mut channels = connection.as_pubsub();
    channels.subscribe(&CHANNELS[..])?;
    channels.set_read_timeout(Some(TURN))?;
    let _ = ready.send(Ok(()));
    while !bridge.is_over.load(Relaxed) {
        let message = match channels.get_message() {
            Err(error) if error.is_timeout() => continue,
            message => message?,
        };
        let heard = Bulletin::read(message.get_channel_name(), message.get_payload_bytes());
        if let Some((bulletin, origin)) = heard.filter(|_| acts) {
            act(shared, bulletin, origin == bridge.origin);
        }
    }
    Ok(())
}

fn act(shared: &Shared, bulletin: Bulletin, is_own: bool) {
    let now = shared.clock.read().now;
    if let Some(seat) = shared.world(now, |world| world.hear(bulletin, is_own, now)) {
        shared.mailboxes[usize::from(seat.worker)].post(Notice::Replaced(seat));
    }
    // Otherwise workers look by themselves.
    if shared.config.broadcast_gather.is_zero() {
        shared.post_to_all(Notice::News);
    }
}
