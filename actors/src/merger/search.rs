//! This file finds the tools of a list that best fit some words.
//!
//! Pure. How words are weighed is BM25's business (crate `bm25`); here is what the words of a tool are.
//! It leaves whose list it is to the catalogue.

use bm25::{Embedder, EmbedderBuilder, Scorer, Tokenizer};
use serde_json::Value;

use super::list::ListedEntry;

/// What a word in a tool's name counts, compared with one in its description.
const NAME_WEIGHT: usize = 3;
/// The most of a tool's description and parameters that is looked at, in bytes.
const TEXT_MAX: usize = 8 * 1024;

/// The words of all tools of a list.
pub(super) struct Index {
    embedder: Embedder<u32, Words>,
    /// Tools by their places in the list.
    scorer: Scorer<usize>,
}

impl std::fmt::Debug for Index {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Index")
    }
}

impl Index {
    /// Reads the words of these tools.
    pub(super) fn new(tools: &[ListedEntry]) -> Self {
        let texts: Vec<String> = tools.iter().map(text).collect();
        let lent: Vec<&str> = texts.iter().map(String::as_str).collect();
        let embedder = EmbedderBuilder::with_tokenizer_and_fit_to_corpus(Words, &lent).build();
        let mut scorer = Scorer::new();
        for (at, text) in texts.iter().enumerate() {
            scorer.upsert(&at, embedder.embed(text));
        }
        Self { embedder, scorer }
    }

    /// The places of the tools that have words of `query`, those that fit best first; those that fit
    /// alike in the order of the list.
    pub(super) fn find(&self, query: &str) -> Vec<usize> {
        let mut found = self.scorer.matches(&self.embedder.embed(query));
        found.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.id.cmp(&b.id)));
        found.into_iter().map(|scored| scored.id).collect()
    }
}

/// What is searched of a tool: its name, what it says it does, and its parameters.
fn text(tool: &ListedEntry) -> String {
    let definition: Value = serde_json::from_slice(&tool.definition.json).unwrap_or_default();
    let mut text = format!("{} ", tool.name).repeat(NAME_WEIGHT);
    let mut add = |value: &Value| {
        if let Some(said) = value.as_str() {
            text.push_str(said);
            text.push('\n');
        }
    };
    add(&definition["title"]);
    add(&definition["description"]);
    for (name, schema) in definition["inputSchema"]["properties"].as_object().into_iter().flatten()
    {
        add(&Value::from(name.as_str()));
        add(&schema["description"]);
    }
    let end = (0..=TEXT_MAX.min(text.len())).rev().find(|at| text.is_char_boundary(*at));
    text.truncate(end.unwrap_or_default());
    text
}

/// Takes text apart into words: `snake_case`, `camelCase` and `dotted.names` are several, letters are
/// small, a plural is like its singular. Of scripts without blanks every character is a word.
struct Words;

impl Tokenizer for Words {
    fn tokenize(&self, text: &str) -> Vec<String> {
        let (mut words, mut word) = (Vec::new(), String::new());
        let mut before = ' ';
        for c in text.chars() {
            let begins = c.is_uppercase() && before.is_lowercase();
            if !c.is_alphanumeric() || begins || is_wide(c) {
                words.extend(finished(&mut word));
            }
            if is_wide(c) {
                words.push(c.to_string());
            } else if c.is_alphanumeric() {
                word.extend(c.to_lowercase());
            }
            before = c;
        }
        words.extend(finished(&mut word));
        words
    }
}

/// The word that has come together, without the ending of a plural.
fn finished(word: &mut String) -> Option<String> {
    let mut word = std::mem::take(word);
    if word.len() > 3 && word.ends_with('s') && !word.ends_with("ss") {
        word.pop();
    }
    (!word.is_empty()).then_some(word)
}

/// Scripts that write words without blanks between them.
fn is_wide(c: char) -> bool {
    matches!(c, '\u{2e80}'..='\u{9fff}' | '\u{ac00}'..='\u{d7af}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        assert_eq!(Words.tokenize(text), expected, "{text}");
    }

    #[test]
    fn names_and_sentences_are_taken_apart_into_words() {
        check("git.list_openIssues", &["git", "list", "open", "issue"]);
        check("Shows HTTP addresses, fast!", &["show", "http", "addresse", "fast"]);
        check("access the bus of v2", &["access", "the", "bus", "of", "v2"]);
        check("größe 検索する", &["größe", "検", "索", "す", "る"]);
        check(" .. ", &[]);
    }

    proptest! {
        #[test]
        fn every_text_is_taken_apart(text in ".{0,60}") {
            prop_assert!(Words.tokenize(&text).iter().all(|word| !word.is_empty()));
        }
    }
}
