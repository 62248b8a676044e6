//! This file finds the id of a message that cannot be parsed, from its first bytes.
//!
//! It is for naming the call that a broken or oversized answer belongs to, never for routing a
//! whole message.

use bytes::Bytes;

use super::Id;

/// Bytes that are looked at.
const HEAD: usize = 1024;

/// The value of the member `id` of the outermost object, if it lies wholly within the first
/// kibibyte. An answer with `result` before `id` is named only if its result is that short.
pub fn head_id(message: &[u8]) -> Option<Id> {
    let head = &message[..message.len().min(HEAD)];
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(&byte) = head.get(at) {
        match byte {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.checked_sub(1)?,
            b'"' => {
                let end = string_end(head, at)?;
                if depth == 1
                    && &head[at..end] == b"\"id\""
                    && let Some(token) = value_after_colon(head, end)
                {
                    return Id::from_raw(Bytes::copy_from_slice(token));
                }
                at = end;
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    None
}

/// The index behind the closing quote of the string that starts at `start`.
fn string_end(head: &[u8], start: usize) -> Option<usize> {
    let mut at = start + 1;
    loop {
        match head.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

fn value_after_colon(head: &[u8], at: usize) -> Option<&[u8]> {
    let blank = |byte: &u8| byte.is_ascii_whitespace();
    let colon = at + head.get(at..)?.iter().position(|byte| !blank(byte))?;
    if head[colon] != b':' {
        return None;
    }
    let start = colon + 1 + head.get(colon + 1..)?.iter().position(|byte| !blank(byte))?;
    let end = if head[start] == b'"' {
        string_end(head, start)?
    } else {
        let digits =
            head[start..].iter().position(|byte| !(byte.is_ascii_digit() || *byte == b'-'));
        start + digits?
    };
    Some(&head[start..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(message: &[u8], expected: Option<&str>) {
        assert_eq!(head_id(message).map(|id| id.to_string()).as_deref(), expected);
    }

    #[test]
    fn the_id_is_found_in_broken_messages() {
        check(br#"{"jsonrpc":"2.0","id":"c-7","result":{"#, Some("\"c-7\""));
        check(br#"{"id" : 12 , "result":"#, Some("12"));
        check(b"{\"result\":\"\xff\",\"id\":\"c-1\"}", Some("\"c-1\""));
        check(br#"{"result":{"id":1},"id":"c-2"}"#, Some("\"c-2\""));
        check(br#"{"result":"\"id\":5","id":3}"#, Some("3"));
    }

    #[test]
    fn nothing_is_guessed() {
        check(br#"{"result":{"id":1}"#, None);
        check(br#"{"id":"c-"#, None);
        check(br#"{"id":1"#, None);
        check(br#"]"#, None);
        check(b"", None);
        let mut far = br#"{"result":""#.to_vec();
        far.extend(std::iter::repeat_n(b'x', 2000));
        far.extend(br#"","id":1}"#);
        check(&far, None);
    }
}
