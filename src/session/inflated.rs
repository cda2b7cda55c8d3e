//! Compressed messages: inflated by the worker's one inflater, then read like any other.
//!
//! Keeps nothing of a session's: what came of a message waits in [`super::frames`] until it is whole.
//! Invariant: what is inflated is checked, counted and matched as if it had come so.

use startline_protocol::websocket::Utf8Check;

use super::messages::SplitMessage;
use super::{Context, Observer, Session};
use crate::fault::Fault;

impl Session {
    /// A message whose compressed bytes are these.
    pub(super) fn compressed_message<O: Observer>(
        &mut self,
        compressed: &[u8],
        is_text: bool,
        ctx: &mut Context<'_, O>,
    ) -> Result<(), Fault> {
        let script = ctx.script;
        let Some(websocket) = &script.scenario.websocket else { return Ok(()) };
        let mut inflater = ctx.side.inflater.take().unwrap_or_default();
        // Few are longer than a piece.
        let mut split = None;
        let mut inflated = 0;
        let result = inflater.message(compressed, websocket.message_bytes_max, |piece, is_last| {
            inflated += piece.len() as u64;
            if is_last && split.is_none() {
                return self.whole_message(piece, is_text, ctx);
            }
            let (mut message, mut utf8) =
                split.take().unwrap_or_else(|| (SplitMessage::new(is_text), Utf8Check::default()));
            if is_text {
                utf8.feed(piece)?;
            }
            self.message_piece(&mut message, piece, ctx)?;
            if is_last {
                utf8.finish()?;
                return self.message_done(message, inflated, ctx);
            }
            split = Some((message, utf8));
            Ok(())
        });
        ctx.side.inflater = Some(inflater);
        if !matches!(result, Err(Fault::Violation(_))) {
            ctx.observer.inflated(compressed.len() as u64, inflated);
        }
        result.map(|_| ())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_has_a_pointer_for_it_and_a_session_nothing() {
        use crate::session::{COMPRESSED, REUSED, Side};
        assert_eq!(COMPRESSED, REUSED, "a bit that is over when the 101 comes");
        assert_eq!(size_of::<Session>(), 28);
        assert!(Side::default().inflater.is_none());
    }
}
