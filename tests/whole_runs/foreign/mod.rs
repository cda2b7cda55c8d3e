//! Servers for the client's tests whose WebSocket is tungstenite's. Each connection has a thread that ends with it.

pub mod chat;
pub mod echo;
