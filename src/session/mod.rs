//! One session's life as a state machine: events and time in, actions out.
