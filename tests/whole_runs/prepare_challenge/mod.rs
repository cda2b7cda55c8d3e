//! `startline prepare challenge` and `prepare all`: the binary as a user runs it, against the mock server and against servers that do
//! not answer as they should.

mod all;
mod created;
mod peer;
mod refused;
mod server;
mod waiting;
mod zones;
