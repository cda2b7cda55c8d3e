//! Makes the allocator return freed memory to the kernel.
//!
//! Only glibc's allocator is asked; with another one nothing happens. Invariant: allocations in use
//! are never touched.

/// Pieces of memory from this size on are mapped: a histogram has 10 KiB.
#[cfg(target_env = "gnu")]
const LARGE_PIECE_BYTES: libc::c_int = 8 << 10;

/// Has large pieces come from mappings of their own (mallopt(3)), which go back to the kernel when
/// they are freed. Of those there are several every second, since a worker hands over whole what it
/// has recorded: out of the heap, they would touch all that set-up has left free in it, again and
/// again. Call it before there are other threads.
pub fn keep_small() {
    #[cfg(target_env = "gnu")]
    // SAFETY: two integers; nobody allocates at the same time whose memory it could touch.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, LARGE_PIECE_BYTES);
    }
}

/// Gives what arrivals took for a while, a TLS handshake's kilobytes above all, back to the kernel:
/// an allocator gives back by itself only what lies at its end (malloc_trim(3)).
pub fn give_back() {
    #[cfg(target_env = "gnu")]
    // SAFETY: the call takes an integer and touches no memory that is in use; other threads'
    // allocations wait for it.
    unsafe {
        libc::malloc_trim(0);
    }
}
