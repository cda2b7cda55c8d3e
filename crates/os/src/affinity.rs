//! Pinning workers to cores.
//!
//! Decides nothing else. Invariant: failing to pin is not an error, a run is only noisier for it.

/// Pins the calling thread to the `worker`-th of the cores that this process may use, going round
/// when there are more workers than cores. `false` when the kernel refuses.
pub fn pin(worker: usize) -> bool {
    let Some(cores) = core_affinity::get_core_ids() else { return false };
    let Some(core) = cores.get(worker % cores.len().max(1)) else { return false };
    core_affinity::set_for_current(*core)
}

/// Cores that this process may use, at least one.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
