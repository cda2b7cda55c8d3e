//! Each fault that a run can meet, by name: how it is counted, whose fault it is, and that it takes nothing else with it.
//!
//! The built binary plays a few sessions against a server that misbehaves in one way; what is no fault after all (bytes one by one,
//! a CONNECTED in the packet of the 101) has to go unnoticed. `docs/failures.md` is the table of the names.

mod addresses;
mod closes;
mod frames;
mod handed_out_url;
mod http;
mod inputs;
mod opening;
mod pongs;
mod pooled;
mod tls;
mod tls_records;
mod upgrade;
