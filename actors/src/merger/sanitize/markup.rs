//! This file finds markup that a definition has no use for: chat templates, hidden and fetching tags.
//!
//! It leaves the words between the marks to the rules.

use std::ops::Range;
use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, AhoCorasickBuilder, AhoCorasickKind};

use super::matching::Hit;
use super::policy::{Certainty, Class};
use super::rules::marks::{MARKS, Mark};

static MARKS_SEARCH: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| {
    let needles = MARKS.iter().map(|mark| mark.text);
    let mut builder = AhoCorasickBuilder::new();
    // A table of all steps (`DFA`) takes 700 KiB, and most texts have no sign of a mark.
    let kind = Some(AhoCorasickKind::ContiguousNFA);
    builder.ascii_case_insensitive(true).kind(kind).build(needles).ok()
});

/// Makes what finds marks, before it is needed.
pub(super) fn prepare() {
    LazyLock::force(&MARKS_SEARCH);
}

/// Every mark has one of these.
const SIGNS: &[u8] = b"<[{:#`=";

/// Words before a mark that only speak of it.
const MENTIONS: &[&str] = &[
    "such as",
    "e.g.",
    "for instance",
    "for example",
    "like",
    "tokens",
    "tags",
    "elements",
    "escape",
    "strip",
    "contain",
    "detect",
    "including",
    "markers",
];

/// All marks in `text`.
pub(super) fn find(text: &str) -> Vec<Hit> {
    let Some(search) = &*MARKS_SEARCH else { return Vec::new() };
    if !text.bytes().any(|byte| SIGNS.contains(&byte)) {
        return Vec::new();
    }
    let mut hits = Vec::new();
    for found in search.find_overlapping_iter(text) {
        let mark = &MARKS[found.pattern().as_usize()];
        if let Some(certainty) = judge(text, found.range(), mark) {
            hits.push(Hit {
                id: mark.id,
                class: mark.class,
                certainty,
                at: extent(text, found.range(), mark),
                excused: false,
            });
        }
    }
    comments(text, &mut hits);
    hits
}

/// The text with brackets, bars and quotes as they are typed and without blanks beside them, if it
/// is not written so anyway: a token of a chat that is to be overlooked.
pub(super) fn undressed(text: &str) -> Option<String> {
    let typed = |c: char| match c {
        '＜' | '‹' | '〈' | '⟨' | '❮' | '˂' => '<',
        '＞' | '›' | '〉' | '⟩' | '❯' | '˃' => '>',
        '∣' | '❘' | 'ǀ' | '￨' => '|',
        '［' | '⟦' => '[',
        '］' | '⟧' => ']',
        '“' | '”' | '＂' => '"',
        '：' => ':',
        _ => c,
    };
    let suspect = text.contains('|')
        || text.contains("role")
        || text.contains("&lt")
        || !text.is_ascii() && text.chars().any(|c| typed(c) != c);
    if !suspect {
        return None;
    }
    let text_typed: String = text.chars().map(typed).collect();
    let text_typed = text_typed.replace("&lt;", "<").replace("&gt;", ">");
    let near = |c: char| matches!(c, '<' | '>' | '|' | '"' | ':' | '{' | '[');
    let mut out = String::with_capacity(text_typed.len());
    let mut rest = text_typed.chars().peekable();
    while let Some(c) = rest.next() {
        let beside = out.chars().next_back().is_some_and(near)
            || rest.peek().is_some_and(|next| near(*next) && *next != '[' && *next != '{');
        if c != ' ' || !beside {
            out.push(c);
        }
    }
    (out != text).then_some(out)
}

fn judge(text: &str, at: Range<usize>, mark: &Mark) -> Option<Certainty> {
    let after = &text[at.end..];
    if mark.whole_tag && !after.starts_with(['>', ' ', '/', '\n', '|', ':', ']', '_', '-']) {
        return None;
    }
    if mark.filled && !is_filled(&text[at.start..], mark.text) {
        return None;
    }
    if mark.line_start && !text[..at.start].trim_end_matches(['*', '#']).ends_with('\n') {
        return None;
    }
    let mut head_from = at.start.saturating_sub(40);
    while !text.is_char_boundary(head_from) {
        head_from += 1;
    }
    let head = text[head_from..at.start].to_lowercase();
    let mentioned = MENTIONS.iter().any(|word| head.contains(word));
    match (mark.certainty, mentioned) {
        (_, true) if mark.mentionable => None,
        (Certainty::Certain, true) => Some(Certainty::Likely),
        (certainty, _) => Some(certainty),
    }
}

/// Whether a tag or a picture says more than its name.
fn is_filled(text: &str, mark: &str) -> bool {
    let head = |end: char| text.split(end).next().unwrap_or_default();
    if mark == "![" {
        return head(')').contains("://") || head(')').contains("](data:");
    }
    let close = format!("</{}", mark.trim_start_matches(['<', '!', '?', '[']));
    head('>').contains('=')
        || head('>').contains(" \"")
        || text.get(mark.len()..).is_some_and(|rest| rest.to_lowercase().contains(&close))
}

/// The part to give way: the line the mark stands in, or up to its end mark.
fn extent(text: &str, at: Range<usize>, mark: &Mark) -> Range<usize> {
    let end = mark.until.and_then(|until| Some(at.end + text[at.end..].find(until)? + until.len()));
    let line = text[at.end..].find('\n').map_or(text.len(), |line| at.end + line);
    at.start..end.unwrap_or(line)
}

/// Comments: nobody who looks at a rendered page sees them.
fn comments(text: &str, hits: &mut Vec<Hit>) {
    let mut from = 0;
    while let Some(start) = text[from..].find("<!--").map(|at| from + at) {
        let end = text[start..].find("-->").map_or(text.len(), |at| start + at + 3);
        hits.push(Hit {
            id: "markup.comment",
            class: Class::Markup,
            certainty: Certainty::Likely,
            at: start..end,
            excused: false,
        });
        from = end;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mark_has_a_sign_to_look_for() {
        for mark in MARKS {
            assert!(mark.text.bytes().any(|byte| SIGNS.contains(&byte)), "{}", mark.text);
        }
    }
}
