//! What patterns match, what is refused, and which match less than others. The vectors are those on
//! which Python's `fnmatch`, `glob` and `globset` were compared.

use proptest::prelude::*;

use super::*;

#[track_caller]
fn check(pattern: &str, name: &str, expected: bool) {
    let parsed = pattern.parse::<Pattern>().unwrap_or_else(|error| panic!("{pattern}: {error}"));
    assert_eq!(parsed.matches(name), expected, "{pattern} {name:?}");
}

#[track_caller]
fn check_refused(pattern: &str, expected: &str) {
    let error = pattern.parse::<Pattern>().expect_err(pattern).to_string();
    assert!(error.contains(expected), "{pattern}: {error}");
}

#[test]
fn a38_patterns_match_as_all_programs_agree() {
    for (pattern, name, expected) in [
        ("salesforce.read_*", "salesforce.read_contact", true),
        ("salesforce.read_*", "salesforce.read_", true),
        ("salesforce.read_*", "salesforce.delete_contact", false),
        ("salesforce.*", "salesforce.a.b", true),
        ("*.delete_*", "salesforce.delete_x", true),
        ("*", "", true),
        ("*", ".hidden", true),
        ("a/*", "a/b/c", true),
        ("a?c", "a.c", true),
        ("?", "/", true),
        ("?", "é", true),
        ("[!a]x", "bx", true),
        ("[!a]x", "ax", false),
        ("[a-c]x", "bx", true),
        ("[]]x", "]x", true),
        ("[!]]x", "ax", true),
        ("[a-]x", "-x", true),
        ("a[*]b", "a*b", true),
        ("a]b", "a]b", true),
        ("READ_*", "read_x", false),
        ("a*b", "a\nb", true),
        ("a", "a\n", false),
        ("[[:alpha:]]", "a", false),
        ("*a*b*c*", "xxaxxbxxcxx", true),
    ] {
        check(pattern, name, expected);
    }
}

#[test]
fn s16_what_programs_read_in_different_ways_is_refused_with_its_place() {
    let long = "a".repeat(129);
    let huge = "*a".repeat(5_000);
    for (pattern, expected) in [
        ("", "got empty text"),
        ("a**b", "`**` at character 2"),
        ("***", "`**` at character 1"),
        ("a/**/b", "`**` at character 3"),
        ("**/b", "`**` at character 1"),
        ("[]x", "the `[` at character 1 has no `]`"),
        ("[ab", "the `[` at character 1 has no `]`"),
        ("a[!]", "the `[` at character 2 has no `]`"),
        ("[^a]x", "`[^` at character 1"),
        ("[c-a]x", "the range `c-a` at character 2 is empty"),
        ("{a,b}", "must not have `{` in it, as at character 1"),
        ("a\\*b", "must not have `\\\\` in it, as at character 2"),
        ("a b", "must not have ` ` in it"),
        ("gr\u{f6}\u{df}e", "must not have `\u{f6}` in it, as at character 3"),
        ("a\u{200b}", "must not have `\\u{200b}` in it"),
        ("a\n", "must not have `\\n` in it"),
        ("*a*a*a*a*a*a*a*a*a", "up to 8 wildcards; this one has 9"),
        (&long, "up to 128 characters; this one has 129"),
        (&huge, "up to 128 characters; this one has 10000"),
    ] {
        check_refused(pattern, expected);
    }
    check(&"a".repeat(128), &"a".repeat(128), true);
    check("*a*a*a*a*a*a*a*a", "aaaaaaaa", true);
}

#[track_caller]
fn check_within(inner: &str, outer: &str, expected: bool) {
    assert_eq!(within::is_within(inner, outer), expected, "{inner} in {outer}");
}

#[test]
fn one_pattern_is_within_another() {
    for (inner, outer, expected) in [
        ("salesforce.read_c*", "salesforce.read_*", true),
        ("salesforce.*", "salesforce.read_*", false),
        ("*.delete_*", "*", true),
        ("slack.post_message", "slack.*", true),
        ("a*b*c*d*e*f*g*h*", "*a*b*c*d*e*f*g*h*", true),
        ("*a*a*a*a*a*a*a*b", "*a*a*a*b", true),
        ("a?*", "a*", true),
        ("a*", "a?*", false),
        ("*", "*", true),
        ("a", "b", false),
    ] {
        check_within(inner, outer, expected);
    }
}

#[test]
fn classes_are_within_themselves_and_what_takes_too_long_is_within_nothing() {
    let pattern = |text: &str| text.parse::<Pattern>().unwrap();
    assert!(pattern("[ab]*").is_within(&pattern("[ab]*")));
    assert!(!pattern("[ab]*").is_within(&pattern("*")));
    let hard = format!("*a{}", "?".repeat(14));
    check_within(&hard, &format!("{hard}*"), false);
}

#[test]
fn the_first_that_matches_is_named() {
    let patterns = Patterns::read(["b*", "*c", "bc"]).unwrap();
    assert_eq!(patterns.find("bc").map(Pattern::as_str), Some("b*"));
    assert_eq!(patterns.find("ac").map(Pattern::as_str), Some("*c"));
    assert!(!patterns.any("a") && !Patterns::NONE.any("a"));
    assert!(Patterns::read(["a", "["]).is_err());
}

/// Whether `tokens` (`*`, `?`, letters) match `name`, in the plainest way.
fn plainly(pattern: &[u8], name: &[u8]) -> bool {
    match (pattern.split_first(), name.split_first()) {
        (None, None) => true,
        (Some((b'*', rest)), _) => {
            plainly(rest, name)
                || name.split_first().is_some_and(|(_, tail)| plainly(pattern, tail))
        }
        (Some((b'?', rest)), Some((_, tail))) => plainly(rest, tail),
        (Some((c, rest)), Some((d, tail))) => c == d && plainly(rest, tail),
        (Some(_), None) | (None, Some(_)) => false,
    }
}

/// All names of up to six of three letters, one of which no pattern has.
fn all_names() -> Vec<Vec<u8>> {
    let (mut all, mut last) = (vec![Vec::new()], vec![Vec::new()]);
    for _ in 0..6 {
        last = last
            .iter()
            .flat_map(|name: &Vec<u8>| b"abx".map(|letter| [&name[..], &[letter]].concat()))
            .collect();
        all.extend(last.iter().cloned());
    }
    all
}

proptest! {
    #[test]
    fn what_is_within_is_what_all_names_say(
        inner in "[ab?]{0,3}\\*?[ab?]{0,2}", outer in "[ab?]{0,2}\\*?[ab?]{0,2}\\*?[ab]?",
    ) {
        prop_assume!(!outer.contains("**"));
        let escapes = |name: &Vec<u8>| {
            plainly(inner.as_bytes(), name) && !plainly(outer.as_bytes(), name)
        };
        let found = all_names().iter().any(escapes);
        prop_assert_eq!(within::is_within(&inner, &outer), !found, "{} {}", inner, outer);
    }

    #[test]
    fn whatever_is_accepted_is_read_and_whatever_is_not_is_told(text in "[a-c*?!^\\[\\]{}\\\\-]{0,12}") {
        match text.parse::<Pattern>() {
            Ok(pattern) => prop_assert_eq!(pattern.as_str(), text),
            Err(error) => prop_assert_ne!(error, PatternError::Unread),
        }
    }

    #[test]
    fn a_pattern_that_matches_under_a_prefix_may_begin_with_it(
        text in "[a-c.]{0,3}[*?]?[a-c.]{0,3}", name in "[a-c]{1,2}\\.[a-c]{1,4}",
    ) {
        let Ok(pattern) = text.parse::<Pattern>() else { return Ok(()) };
        let prefix = &name[..=name.find('.').unwrap()];
        prop_assert!(!pattern.matches(&name) || pattern.may_begin(prefix), "{} {}", text, name);
    }
}
