//! The store of a worker's TLS states, and the operations on one.
//!
//! Two stores, by the length of the secrets; a [`Handle`] says which and where, in four bytes of
//! the session. Knows nothing of records. Invariants: a slot is wiped when it is released and when
//! the pool is dropped; it never moves, since a `Vec` that grows would leave secrets behind in the
//! memory that it gives back. So slots come in chunks that are never resized.

use std::alloc::{Layout, alloc_zeroed, handle_alloc_error};
use std::fmt;
use std::num::NonZeroU32;
use std::ptr;

use zeroize::Zeroize;

use super::secrets::Traffic;
use super::{KEY_UPDATE_AFTER_RECORDS, SECRET_BYTES_LONG, SECRET_BYTES_SHORT, Secrets, Suite, keys};

/// The TLS states of one worker's sessions.
#[derive(Default)]
pub struct Pool {
    short: Slots<SECRET_BYTES_SHORT>,
    long: Slots<SECRET_BYTES_LONG>,
}

/// A session's place in its worker's [`Pool`], until it is released there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Handle(NonZeroU32);

/// Both directions of one session, for as long as it takes to open or seal.
///
/// Whoever calls keeps the order of section 6.1: nothing is sealed after close_notify or a fatal
/// alert, and nothing that follows the peer's is opened.
pub struct Records<'p> {
    pub(super) suite: Suite,
    pub(super) tx: Direction<'p>,
    pub(super) rx: Direction<'p>,
    pub(super) update_after_records: u32,
}

/// One direction's secret, and the number of the next record under it.
pub(super) struct Direction<'p> {
    pub(super) secret: &'p mut [u8],
    pub(super) seq: &'p mut u32,
}

impl Pool {
    /// An empty one, without memory of its own.
    pub fn new() -> Self {
        Self::default()
    }

    /// Keeps a session's secrets.
    pub fn hold(&mut self, secrets: &Secrets) -> Handle {
        if secrets.suite.secret_bytes() == SECRET_BYTES_LONG {
            Handle::new(self.long.fill(secrets), true)
        } else {
            Handle::new(self.short.fill(secrets), false)
        }
    }

    /// A held session, to open or seal with.
    ///
    /// # Panics
    /// If the handle has been released, or is another pool's and never was here.
    #[inline]
    pub fn records(&mut self, handle: Handle) -> Records<'_> {
        let (place, is_long) = handle.place();
        if is_long { self.long.slot(place).records() } else { self.short.slot(place).records() }
    }

    /// Wipes a session's secrets and gives its slot to the next one.
    ///
    /// # Panics
    /// As [`Pool::records`] does.
    pub fn release(&mut self, handle: Handle) {
        let (place, is_long) = handle.place();
        if is_long { self.long.release(place) } else { self.short.release(place) }
    }

    /// Sessions held.
    pub fn len(&self) -> usize {
        self.short.len() + self.long.len()
    }

    /// Whether none is held.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("len", &self.len()).finish_non_exhaustive()
    }
}

impl Handle {
    /// One bit for the store, and one up from zero so that an `Option` of it has four bytes too.
    fn new(place: u32, is_long: bool) -> Self {
        let raw =
            place.checked_mul(2).and_then(|place| NonZeroU32::MIN.checked_add(place | u32::from(is_long)));
        Self(raw.expect("a worker has fewer than 2^31 sessions"))
    }

    /// The handle as a number, for whoever has few bits to keep it in: below 2^30 for the first
    /// 2^29 sessions.
    #[inline]
    pub fn to_bits(self) -> u32 {
        self.0.get()
    }

    /// The inverse of [`Handle::to_bits`].
    #[inline]
    pub fn from_bits(bits: u32) -> Option<Self> {
        NonZeroU32::new(bits).map(Self)
    }

    #[inline]
    fn place(self) -> (u32, bool) {
        let raw = self.0.get() - 1;
        (raw / 2, raw % 2 == 1)
    }
}

impl Records<'_> {
    /// The session's suite.
    pub fn suite(&self) -> Suite {
        self.suite
    }

    /// Updates our key after this many records already, instead of [`KEY_UPDATE_AFTER_RECORDS`];
    /// for this value only. Tests would have to seal 2^24 otherwise.
    #[must_use]
    pub fn with_update_after(mut self, records: u32) -> Self {
        self.update_after_records = records.min(KEY_UPDATE_AFTER_RECORDS);
        self
    }
}

impl fmt::Debug for Records<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Records");
        shown.field("suite", &self.suite).field("tx_seq", &self.tx.seq).field("rx_seq", &self.rx.seq);
        shown.finish_non_exhaustive()
    }
}

impl Direction<'_> {
    /// The next generation of keys, whose records count from 0 again (section 5.3).
    pub(super) fn update(&mut self, suite: Suite) {
        keys::advance(suite, self.secret);
        *self.seq = 0;
    }
}

/// One session's state, secrets of `N` bytes. While the slot is free all of it is zero.
pub(super) struct Held<const N: usize> {
    tx_secret: [u8; N],
    rx_secret: [u8; N],
    tx_seq: u32,
    rx_seq: u32,
    /// The suite's number and one; 0 while the slot is free. A number, so that memory full of zeros
    /// is free slots.
    suite: u8,
}

impl<const N: usize> Held<N> {
    fn suite(&self) -> Option<Suite> {
        SUITES.get(usize::from(self.suite).wrapping_sub(1)).copied()
    }

    fn fill(&mut self, secrets: &Secrets) {
        let copy = |from: &Traffic, secret: &mut [u8; N], seq: &mut u32| {
            secret.copy_from_slice(&from.secret[..N]);
            *seq = from.seq;
        };
        copy(&secrets.tx, &mut self.tx_secret, &mut self.tx_seq);
        copy(&secrets.rx, &mut self.rx_secret, &mut self.rx_seq);
        self.suite = secrets.suite as u8 + 1;
    }

    #[inline]
    fn records(&mut self) -> Records<'_> {
        Records {
            suite: self.suite().expect(RELEASED),
            tx: Direction { secret: &mut self.tx_secret, seq: &mut self.tx_seq },
            rx: Direction { secret: &mut self.rx_secret, seq: &mut self.rx_seq },
            update_after_records: KEY_UPDATE_AFTER_RECORDS,
        }
    }
}

impl<const N: usize> Drop for Held<N> {
    fn drop(&mut self) {
        self.zeroize();
    }
}

impl<const N: usize> Zeroize for Held<N> {
    fn zeroize(&mut self) {
        self.tx_secret.zeroize();
        self.rx_secret.zeroize();
        (self.tx_seq, self.rx_seq, self.suite) = (0, 0, 0);
    }
}

/// Slots of one size.
struct Slots<const N: usize> {
    chunks: Vec<Box<[Held<N>]>>,
    /// Places below this have been filled once.
    fresh: u32,
    /// Places that were released; the last is the next to be filled.
    free: Vec<u32>,
}

impl<const N: usize> Default for Slots<N> {
    fn default() -> Self {
        Self { chunks: Vec::new(), fresh: 0, free: Vec::new() }
    }
}

impl<const N: usize> Slots<N> {
    fn fill(&mut self, secrets: &Secrets) -> u32 {
        let place = self.free.pop().unwrap_or_else(|| self.fresh_place());
        let (chunk, within) = split(place);
        self.chunks[chunk][within].fill(secrets);
        place
    }

    #[inline]
    fn slot(&mut self, place: u32) -> &mut Held<N> {
        let (chunk, within) = split(place);
        &mut self.chunks[chunk][within]
    }

    fn release(&mut self, place: u32) {
        let slot = self.slot(place);
        assert!(slot.suite().is_some(), "{RELEASED}");
        slot.zeroize();
        self.free.push(place);
    }

    fn len(&self) -> usize {
        self.fresh as usize - self.free.len()
    }

    fn fresh_place(&mut self) -> u32 {
        let place = self.fresh;
        if split(place).0 == self.chunks.len() {
            self.chunks.push(zeroed_chunk());
        }
        self.fresh = place.checked_add(1).expect("fewer than 2^32 sessions");
        place
    }
}

/// Free slots in memory that the kernel gives when each is first filled: a chunk of which little is
/// used costs little.
fn zeroed_chunk<const N: usize>() -> Box<[Held<N>]> {
    let layout = Layout::new::<[Held<N>; CHUNK_SLOTS]>();
    // SAFETY: the layout is of more than zero bytes. All-zero bytes are a valid `Held`, which is
    // integers and arrays of bytes; the allocation is the global allocator's with the layout of a
    // boxed slice of that length, and nobody else's.
    unsafe {
        let start = alloc_zeroed(layout);
        if start.is_null() {
            handle_alloc_error(layout);
        }
        Box::from_raw(ptr::slice_from_raw_parts_mut(start.cast(), CHUNK_SLOTS))
    }
}

#[inline]
fn split(place: u32) -> (usize, usize) {
    (place as usize / CHUNK_SLOTS, place as usize % CHUNK_SLOTS)
}

/// Slots that are allocated together: 311 KB at least. That is over the size from which an
/// allocator maps memory of its own for it (128 KiB in glibc): in the heap, chunks would pin what
/// handshakes around them have given back.
const CHUNK_SLOTS: usize = 4096;

/// By their numbers.
const SUITES: [Suite; 3] = [Suite::Aes128GcmSha256, Suite::Aes256GcmSha384, Suite::Chacha20Poly1305Sha256];

const RELEASED: &str = "the handle of a session that has been released";

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets(suite: Suite, byte: u8) -> Secrets {
        let secret = vec![byte; suite.secret_bytes()];
        Secrets::new(suite, (&secret, 5), (&secret, 6)).expect("secrets")
    }

    #[test]
    fn a_session_is_small() {
        assert_eq!(size_of::<Held<SECRET_BYTES_SHORT>>(), 76);
        assert_eq!(size_of::<Held<SECRET_BYTES_LONG>>(), 108);
        assert_eq!(size_of::<Option<Handle>>(), 4);
        assert!(size_of::<super::super::Reassembly>() <= 12);
    }

    #[test]
    fn every_session_finds_its_own_state_again() {
        let mut pool = Pool::new();
        let suites = [Suite::Aes128GcmSha256, Suite::Aes256GcmSha384, Suite::Chacha20Poly1305Sha256];
        let held: Vec<(Suite, u8, Handle)> = (0..9 * CHUNK_SLOTS / 2)
            .map(|k| (suites[k % 3], k as u8, pool.hold(&secrets(suites[k % 3], k as u8))))
            .collect();
        assert_eq!(pool.len(), held.len());
        for &(suite, byte, handle) in &held {
            let records = pool.records(handle);
            assert_eq!((records.suite(), *records.tx.seq, *records.rx.seq), (suite, 5, 6));
            assert!(records.tx.secret.len() == suite.secret_bytes());
            assert!(records.tx.secret.iter().chain(records.rx.secret.iter()).all(|&b| b == byte));
        }
        for &(_, _, handle) in &held {
            pool.release(handle);
        }
        assert!(pool.is_empty());
    }

    #[test]
    fn a_released_slot_is_wiped_and_used_again() {
        let mut pool = Pool::new();
        let first = pool.hold(&secrets(Suite::Aes128GcmSha256, 0xab));
        pool.release(first);
        let slot = pool.short.slot(first.place().0);
        assert!(slot.tx_secret == [0; 32] && slot.rx_secret == [0; 32] && slot.suite == 0);
        assert_eq!((slot.tx_seq, slot.rx_seq), (0, 0));
        assert_eq!(pool.hold(&secrets(Suite::Chacha20Poly1305Sha256, 1)), first);
        assert_eq!((pool.len(), pool.short.chunks.len(), pool.long.chunks.len()), (1, 1, 0));
    }

    #[test]
    #[should_panic(expected = "released")]
    fn a_handle_is_good_for_one_release() {
        let mut pool = Pool::new();
        let handle = pool.hold(&secrets(Suite::Aes256GcmSha384, 1));
        pool.release(handle);
        pool.release(handle);
    }

    #[test]
    fn slots_stay_where_they_are() {
        let mut pool = Pool::new();
        let first = pool.hold(&secrets(Suite::Aes128GcmSha256, 1));
        let place: *const u8 = pool.records(first).tx.secret.as_ptr();
        for _ in 0..20 * CHUNK_SLOTS {
            pool.hold(&secrets(Suite::Aes128GcmSha256, 2));
        }
        assert_eq!(pool.records(first).tx.secret.as_ptr(), place);
    }
}
