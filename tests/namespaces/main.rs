//! What needs `unshare` of util-linux and `ip` of iproute2: the limits of this machine, the doctor,
//! the scripts that change settings, and the faults of routes, ports and addresses.
//!
//! What a test changes is changed in namespaces of its own, and nothing on this machine.

#[path = "../common/mod.rs"]
#[allow(dead_code, reason = "each binary uses a part; what nobody uses is seen in whole_runs")]
mod common;
mod isolated;

mod countdown;
mod doctor;
mod faults;
mod machine_limits;
mod scripts;
mod shards;
