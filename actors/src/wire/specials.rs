//! This file finds the bytes that mean something inside a JSON text: quotes, backslashes, and control
//! characters, which are not lawful there (RFC 8259, section 7).
//!
//! Pure. It leaves what they mean to `walk`.

use wide::u8x16;

/// Bytes that are looked at together.
pub(super) const FEW: usize = 16;
/// The same in a long text.
pub(super) const MANY: usize = 64;

/// A bit for each special byte, the lowest for the first.
#[inline]
pub(super) fn of_few(bytes: &[u8; FEW]) -> u32 {
    let bytes = u8x16::from(*bytes);
    let is_control = bytes.min(u8x16::splat(0x1f)).simd_eq(bytes);
    let is_quote = bytes.simd_eq(u8x16::splat(b'"'));
    let is_backslash = bytes.simd_eq(u8x16::splat(b'\\'));
    (is_control | is_quote | is_backslash).to_bitmask()
}

/// The same for more bytes.
#[inline]
pub(super) fn of_many(bytes: &[u8; MANY]) -> u64 {
    let (pieces, _) = bytes.as_chunks();
    pieces.iter().rev().fold(0, |bits, piece| bits << FEW | u64::from(of_few(piece)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_byte_has_its_bit_wherever_it_is() {
        for byte in 0..=u8::MAX {
            let is_special = matches!(byte, 0..0x20 | b'"' | b'\\');
            for at in 0..MANY {
                let mut bytes = [b'x'; MANY];
                bytes[at] = byte;
                let expected = if is_special { 1 << at } else { 0 };
                assert_eq!(of_many(&bytes), expected, "{byte:#x} at {at}");
            }
            let few = if is_special { 0xffff } else { 0 };
            assert_eq!(of_few(&[byte; FEW]), few, "{byte:#x}");
        }
    }
}
