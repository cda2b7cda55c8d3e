//! Checks the kernel features that the plan needs.

use startline_os::features::Tried;

use super::fixes;
use super::need::Need;
use super::readings::Readings;
use crate::checks::{Check, Figure, Fix, Verdict};
use crate::plan::PortMethod;

pub(super) fn checks(need: &Need, readings: &Readings) -> Vec<Check> {
    let features = &readings.trials.features;
    let is_spread = need.mock.is_some_and(|it| it.workers > 1);
    let many_tables = is_spread || (need.table_per_worker && need.workers > 1);
    [
        Feature {
            id: "private-descriptor-tables",
            title: "descriptors per thread",
            tried: &features.private_tables,
            needed: many_tables.then_some(Verdict::Warn),
            why: "all workers share one table, and its limit of descriptors",
            fixes: vec![Fix::advice(
                "Linux 5.9 or later; in a container, a seccomp profile that allows close_range",
            )],
            is_preferred: false,
        },
        Feature {
            id: "bind-no-port",
            title: "ports chosen at connect",
            tried: &features.bind_no_port,
            needed: (!need.sources.is_empty()).then_some(Verdict::Warn),
            why: "binding a source address takes a port for all destinations, so that fewer connections fit",
            fixes: vec![Fix::advice("Linux 4.2 or later")],
            is_preferred: false,
        },
        Feature {
            id: "port-windows",
            title: "port range per socket",
            tried: &features.port_windows,
            // Unless --ports asks for it, ports are chosen in another way if the kernel does not
            // have it.
            needed: (need.ports == Some(PortMethod::Windows)).then_some(Verdict::Refuse),
            why: "--ports windows asks for it",
            fixes: vec![
                Fix::command("chooses ports without the kernel's help", "--ports explicit"),
                Fix::advice("Linux 6.3 or later"),
            ],
            is_preferred: need.ports.is_none(),
        },
        Feature {
            id: "reuse-port",
            title: "listeners sharing a port",
            tried: &features.reuse_port,
            needed: need.mock.map(|_| Verdict::Refuse),
            why: "all workers of the built-in mock server listen on the same port",
            fixes: vec![Fix::advice("Linux 3.9 or later")],
            is_preferred: false,
        },
        Feature {
            id: "ipv6",
            title: "IPv6",
            tried: &features.ipv6,
            needed: need.has_ipv6().then_some(Verdict::Refuse),
            why: "the target or a source address is IPv6",
            fixes: vec![
                fixes::sysctl("net.ipv6.conf.all.disable_ipv6", 0),
                Fix::advice("give an IPv4 address of the target with --resolve"),
            ],
            is_preferred: false,
        },
        Feature {
            id: "timerfd",
            title: "timers (timerfd)",
            tried: &features.timerfd,
            needed: Some(Verdict::Refuse),
            why: "every worker needs one to wake up",
            fixes: vec![Fix::advice("in a container, a seccomp profile that allows timerfd_create")],
            is_preferred: false,
        },
    ]
    .into_iter()
    .map(Feature::check)
    .collect()
}

/// A feature, and what its absence means.
struct Feature<'r> {
    id: &'static str,
    title: &'static str,
    tried: &'r Tried,
    /// The verdict without it, if the plan needs it.
    needed: Option<Verdict>,
    why: &'static str,
    fixes: Vec<Fix>,
    /// It is used if it works, and not needed.
    is_preferred: bool,
}

impl Feature<'_> {
    fn check(self) -> Check {
        let is_used = self.needed.is_some() || (self.is_preferred && self.tried.is_ok());
        let need = Figure::words(if is_used { "used" } else { "not needed" });
        match (self.tried, self.needed) {
            (Ok(()), _) => Check::ok(self.id, self.title, Figure::words("works"), need),
            (Err(error), None) => {
                Check::ok(self.id, self.title, Figure::words(format!("none: {error}")), need)
            }
            (Err(error), Some(verdict)) => {
                Check::ok(self.id, self.title, Figure::words(format!("none: {error}")), need)
                    .but(verdict, self.why, self.fixes)
            }
        }
    }
}
