//! What is packed tightly reads back.

use super::*;

#[test]
fn a_link_is_four_bytes_and_reads_back() {
    assert_eq!(size_of::<Link>(), 4);
    let handle = Handle::from_bits(7).expect("not zero");
    for at in [At::Plain, At::Dialing(3), At::Rustls(0), At::Rustls(77), At::Held(handle)] {
        assert_eq!(Link::new(at).at(), at);
    }
}
