//! Ways to cut an input into pieces.

/// Longer inputs are cut at drawn places only.
const EVERY_PLACE_BYTES_MAX: usize = 256;

/// `bytes` in one piece, in two at every place (of a long input, at a few), and one by one.
pub fn splits(bytes: &[u8]) -> impl Iterator<Item = Vec<&[u8]>> {
    let cuts: Vec<usize> = match bytes.len() {
        len @ 0..=EVERY_PLACE_BYTES_MAX => (0..=len).collect(),
        len => drawn(bytes).take(16).map(|number| number % (len + 1)).collect(),
    };
    let in_two = cuts.into_iter().map(move |cut| {
        let (start, end) = bytes.split_at(cut);
        vec![start, end]
    });
    std::iter::once(vec![bytes]).chain(in_two).chain(std::iter::once(bytes.chunks(1).collect()))
}

/// Numbers that depend on nothing but the input, so that it alone repeats a failure (FNV-1a, then a linear generator).
fn drawn(bytes: &[u8]) -> impl Iterator<Item = usize> {
    let mut state = bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    std::iter::repeat_with(move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize
    })
}
