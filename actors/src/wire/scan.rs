//! This file looks at JSON without reading it: how deep it is nested, whether its texts are whole.
//!
//! Pure. What is well-formed beyond that is for others to say.

use memchr::memchr2;

/// The most levels of lists and objects in each other that `json` has at any place.
pub fn depth(json: &[u8]) -> usize {
    let (mut level, mut most) = (0_usize, 0_usize);
    let mut at = 0;
    while let Some(byte) = json.get(at) {
        match byte {
            b'{' | b'[' => {
                level += 1;
                most = most.max(level);
            }
            b'}' | b']' => level = level.saturating_sub(1),
            b'"' => {
                at = text_end(json, at + 1);
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    most
}

/// Whether some text in `json` has a raw line end in it, which is not lawful.
pub fn has_broken_text(json: &[u8]) -> bool {
    if memchr2(b'\n', b'\r', json).is_none() {
        return false;
    }
    let mut at = 0;
    while let Some(begin) = memchr::memchr(b'"', json.get(at..).unwrap_or_default()) {
        let inside = at + begin + 1;
        at = text_end(json, inside);
        if memchr2(b'\n', b'\r', &json[inside..at.min(json.len())]).is_some() {
            return true;
        }
    }
    false
}

/// Where the text ends whose inside begins at `at`.
fn text_end(json: &[u8], mut at: usize) -> usize {
    while let Some(next) = memchr2(b'"', b'\\', json.get(at..).unwrap_or_default()) {
        match json[at + next] {
            b'"' => return at + next + 1,
            _ => at += next + 2,
        }
    }
    json.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_counted_and_texts_are_passed_over() {
        for (json, expected) in [
            ("7", 0),
            ("[]", 1),
            (r#"{"a":[1,{}],"b":[]}"#, 3),
            (r#"{"a":"[[[[","b\"[[":1}"#, 1),
            (r#""\\","[[""#, 0),
            (r#"["\\",[]]"#, 2),
            (r#"["unfinished [[["#, 1),
            (r#"["\"#, 1),
            ("]]][", 1),
        ] {
            assert_eq!(depth(json.as_bytes()), expected, "{json}");
        }
        let deep = [vec![b'['; 100_000], vec![b']'; 100_000]].concat();
        assert_eq!(depth(&deep), 100_000);
    }

    #[test]
    fn line_ends_are_lawful_between_texts_only() {
        for (json, expected) in [
            ("{\n\"a\" :\r\n1}", false),
            ("{\"a\":\"x\\ny\"}\n", false),
            ("{\"a\":\"x\ny\"}", true),
            ("{\"a\":\"\\\"\r\"}", true),
            ("{\"a\n\":1}", true),
            ("\n\"", false),
            ("\"\n", true),
            ("\n\"\\", false),
            ("", false),
        ] {
            assert_eq!(has_broken_text(json.as_bytes()), expected, "{json:?}");
        }
    }
}
