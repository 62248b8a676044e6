//! This file splits a command line into words the way a shell would.
//! It does not run a shell: nothing is expanded, no operator has a meaning.

use thiserror::Error;

/// Why a command line could not be split.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum WordsError {
    /// A quote without its partner.
    #[error("the quote {quote} is not closed")]
    OpenQuote { quote: char },
    /// A backslash with nothing behind it.
    #[error("a backslash at the end escapes nothing")]
    TrailingBackslash,
    /// A word that only a shell understands.
    #[error("`{operator}` needs a shell, and none is run; write [\"sh\", \"-c\", \"...\"]")]
    Operator { operator: String },
}

const OPERATORS: &[&str] = &["|", "||", "&", "&&", ";", "<", ">", ">>", "2>", "2>&1", "&>"];

/// Splits at blanks outside of quotes. Within `'` all is literal, within `"` a backslash
/// escapes `"`, `\`, `$` and a backtick, outside it escapes anything; `${…}` stays whole.
pub(crate) fn split(line: &str) -> Result<Vec<String>, WordsError> {
    let mut words = Vec::new();
    let mut chars = line.chars().peekable();
    let mut word = Word::default();
    while let Some(c) = chars.next() {
        match c {
            ' ' | '\t' | '\n' | '\r' => words.extend(word.take()?),
            '\'' => word.quoted(|text| single(&mut chars, text))?,
            '"' => word.quoted(|text| double(&mut chars, text))?,
            '\\' => {
                let c = chars.next().ok_or(WordsError::TrailingBackslash)?;
                word.quoted = true;
                word.text.push(c);
            }
            '$' if chars.peek() == Some(&'{') => {
                word.text.push('$');
                variable(&mut chars, &mut word.text);
            }
            c => word.text.push(c),
        }
    }
    words.extend(word.take()?);
    Ok(words)
}

#[derive(Default)]
struct Word {
    text: String,
    quoted: bool,
}

impl Word {
    fn quoted(
        &mut self,
        read: impl FnOnce(&mut String) -> Result<(), WordsError>,
    ) -> Result<(), WordsError> {
        self.quoted = true;
        read(&mut self.text)
    }

    fn take(&mut self) -> Result<Option<String>, WordsError> {
        let Self { text, quoted } = std::mem::take(self);
        if !quoted && OPERATORS.contains(&text.as_str()) {
            return Err(WordsError::Operator { operator: text });
        }
        Ok((quoted || !text.is_empty()).then_some(text))
    }
}

type Chars<'a> = std::iter::Peekable<std::str::Chars<'a>>;

fn single(chars: &mut Chars<'_>, text: &mut String) -> Result<(), WordsError> {
    for c in chars {
        match c {
            '\'' => return Ok(()),
            c => text.push(c),
        }
    }
    Err(WordsError::OpenQuote { quote: '\'' })
}

fn double(chars: &mut Chars<'_>, text: &mut String) -> Result<(), WordsError> {
    while let Some(c) = chars.next() {
        match c {
            '"' => return Ok(()),
            '\\' => match chars.next() {
                Some(c @ ('"' | '\\' | '$' | '`')) => text.push(c),
                Some(c) => text.extend(['\\', c]),
                None => break,
            },
            c => text.push(c),
        }
    }
    Err(WordsError::OpenQuote { quote: '"' })
}

/// Copies to the closing brace, so that a default may have blanks in it.
fn variable(chars: &mut Chars<'_>, text: &mut String) {
    for c in chars {
        text.push(c);
        if c == '}' {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, expected: &[&str]) {
        assert_eq!(split(line).unwrap(), expected, "{line}");
    }

    #[test]
    fn blanks_separate_words() {
        check("uvx mcp-server-git  --repo\t.", &["uvx", "mcp-server-git", "--repo", "."]);
        check("  a  ", &["a"]);
        check("", &[]);
    }

    #[test]
    fn quotes_and_backslashes_keep_blanks() {
        check(r#"'/opt/my server/run' "a b" c\ d"#, &["/opt/my server/run", "a b", "c d"]);
        check(r#"a'b'"c""#, &["abc"]);
        check(r#"'' """#, &["", ""]);
        check(r#""a \"b\" \n" 'a\b'"#, &[r#"a "b" \n"#, r"a\b"]);
    }

    #[test]
    fn a_variable_stays_whole_for_later() {
        check("run ${A:-x y} b", &["run", "${A:-x y}", "b"]);
        check("run $HOME *", &["run", "$HOME", "*"]);
    }

    #[test]
    fn what_cannot_be_split_is_told() {
        for (line, expected) in [
            ("a 'b", "the quote ' is not closed"),
            ("a \"b", "the quote \" is not closed"),
            ("a \\", "a backslash at the end escapes nothing"),
            ("a | b", "`|` needs a shell"),
            ("a && b", "`&&` needs a shell"),
        ] {
            let error = split(line).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{line}: {error}");
        }
        check("a '|' b", &["a", "|", "b"]);
    }

    proptest::proptest! {
        #[test]
        fn quoted_words_come_back(words in proptest::collection::vec("[^']{0,12}", 0..6)) {
            let line: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
            proptest::prop_assert_eq!(split(&line.join(" ")), Ok(words));
        }
    }
}
