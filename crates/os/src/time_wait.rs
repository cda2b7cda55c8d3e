//! How long the kernel keeps a closed connection's port.
//!
//! Arithmetic only; the connections in TIME_WAIT now are read by [`crate::system`].

use std::time::Duration;

/// How long the kernel keeps a closed connection's ports (TCP_TIMEWAIT_LEN).
pub const TIME_WAIT: Duration = Duration::from_secs(60);
/// How long where `tcp_tw_reuse` lets a new connection have them.
pub const TIME_WAIT_REUSED: Duration = Duration::from_secs(1);

/// Returns how long a port is taken after its connection has closed, by `net.ipv4.tcp_tw_reuse`: 0
/// never lets it be used again sooner, 1 always, 2 (from Linux 4.19 on) over loopback alone.
pub fn time_wait(tw_reuse: u8, is_loopback: bool) -> Duration {
    match tw_reuse {
        1 => TIME_WAIT_REUSED,
        2 if is_loopback => TIME_WAIT_REUSED,
        _ => TIME_WAIT,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_free_again_sooner_where_the_kernel_lets_it() {
        assert_eq!((time_wait(0, true), time_wait(0, false)), (TIME_WAIT, TIME_WAIT));
        assert_eq!((time_wait(1, true), time_wait(1, false)), (TIME_WAIT_REUSED, TIME_WAIT_REUSED));
        assert_eq!((time_wait(2, true), time_wait(2, false)), (TIME_WAIT_REUSED, TIME_WAIT));
        assert_eq!(time_wait(3, true), TIME_WAIT, "nobody knows it");
    }
}
