//! Which bytes a path may have by themselves (RFC 3986 section 3.3).

/// `pchar` of RFC 3986 section 3.3, but for escapes and `;`.
pub(super) const fn is_plain_in_path(byte: u8) -> bool {
    CLASSES[byte as usize] & (SPECIAL | SLASH) == 0
}

/// What divides segments.
pub(super) const SLASH: u8 = 1;
/// What must not follow a slash in a plain path.
pub(super) const NO_FOLLOWER: u8 = SLASH << 1;
/// What a plain path has not.
pub(super) const SPECIAL: u8 = 1 << 2;
/// What each byte is, as bits.
pub(super) static CLASSES: [u8; 256] = {
    let mut table = [SPECIAL; 256];
    let mut byte = 0_u8;
    while byte < 128 {
        let plain = byte.is_ascii_alphanumeric()
            || matches!(byte, b'-' | b'.' | b'_' | b'~')
            || matches!(byte, b'!' | b'$' | b'&'..=b',' | b'=' | b':' | b'@');
        if plain {
            table[byte as usize] = 0;
        }
        byte += 1;
    }
    table[b'/' as usize] = SLASH | NO_FOLLOWER;
    table[b'.' as usize] = NO_FOLLOWER;
    table
};
