//! This file is where fuzzers come in: what reads bytes that a hostile server chose.
//!
//! It leaves what has to hold to the places themselves, and making bytes up to `tests/fuzz`.

/// The sanitizer of definitions. Panics if a promise of it is broken.
pub fn sanitizer(data: &[u8]) {
    crate::merger::sanitizer_holds(data);
}

/// The decoder of lines. Panics if a promise of it is broken.
pub fn line_decoder(data: &[u8]) {
    crate::server::decoder_holds(data);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_holds_for_fuzzers_holds_here(
            mut data in proptest::collection::vec(
                prop_oneof![Just(b'\n'), Just(b'\r'), Just(b'{'), Just(0xe2), any::<u8>()],
                0..120,
            ),
        ) {
            line_decoder(&data);
            if let Some(first) = data.first_mut() {
                *first = 0;
            }
            sanitizer(&data);
        }
    }
}
