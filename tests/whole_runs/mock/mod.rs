//! The mock server against clients that nobody here wrote: `ureq` for HTTP, `tungstenite` for the
//! WebSocket, and bare sockets where the split of bytes matters.
//!
//! Every server listens on a free port and every wait has a deadline; nothing sleeps for luck.

mod actuator;
mod api;
mod broadcast;
mod certificates;
mod control;
mod injected;
mod lifecycle;
mod process;
mod session;
pub mod stand;
mod tls;
mod told;
mod troubles;
mod wire;
