//! This file parses a file of `KEY=VALUE` lines.
//! It does not read it from disk, nor expand variables in it.

use thiserror::Error;

/// What is wrong with a line.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("line {line} {fault}")]
pub(crate) struct EnvFileError {
    /// The line, from 1.
    line: usize,
    /// What is wrong with it; never its text, which may be secret.
    fault: &'static str,
}

/// Reads lines `KEY=VALUE`, with or without `export`. Empty lines and lines that begin
/// with `#` are skipped. A value in `'` is literal; in `"` the escapes `\n`, `\r`, `\t`,
/// `\"`, `\\` and `\$` count; without quotes it ends at ` #`.
pub(crate) fn parse(text: &str) -> Result<Vec<(String, String)>, EnvFileError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut pairs = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let fail = |fault| EnvFileError { line: index + 1, fault };
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let line = line.strip_prefix("export ").unwrap_or(line);
        let (key, value) = line.split_once('=').ok_or_else(|| fail("has no `=`"))?;
        let key = key.trim();
        if key.is_empty() || key.contains(char::is_whitespace) || key.contains('\0') {
            return Err(fail("has no name of a variable before `=`"));
        }
        pairs.push((key.to_owned(), unquoted(value.trim()).map_err(fail)?));
    }
    Ok(pairs)
}

fn unquoted(value: &str) -> Result<String, &'static str> {
    match value.chars().next() {
        Some('\'') => {
            let (inside, rest) = value[1..].split_once('\'').ok_or("has a quote not closed")?;
            only_comment(rest)?;
            Ok(inside.to_owned())
        }
        Some('"') => double_quoted(&value[1..]),
        Some('#') | None => Ok(String::new()),
        Some(_) => {
            let end = [" #", "\t#"].iter().filter_map(|comment| value.find(comment)).min();
            Ok(value[..end.unwrap_or(value.len())].trim_end().to_owned())
        }
    }
}

fn double_quoted(value: &str) -> Result<String, &'static str> {
    let mut out = String::new();
    let mut chars = value.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => return only_comment(chars.as_str()).map(|()| out),
            '\\' => match chars.next() {
                Some('n') => out.push('\n'),
                Some('r') => out.push('\r'),
                Some('t') => out.push('\t'),
                Some(c @ ('"' | '\\' | '$')) => out.push(c),
                Some(c) => out.extend(['\\', c]),
                None => break,
            },
            c => out.push(c),
        }
    }
    Err("has a quote not closed")
}

fn only_comment(rest: &str) -> Result<(), &'static str> {
    let rest = rest.trim_start();
    if rest.is_empty() || rest.starts_with('#') { Ok(()) } else { Err("goes on after its quote") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, expected: &str) {
        let got = match parse(line) {
            Ok(pairs) => {
                let pairs: Vec<String> = pairs.iter().map(|(k, v)| format!("{k}={v:?}")).collect();
                pairs.join(" ")
            }
            Err(error) => error.to_string(),
        };
        assert_eq!(got, expected, "{line:?}");
    }

    #[test]
    fn a_line_sets_a_variable() {
        check("A=b", r#"A="b""#);
        check("export A = b c ", r#"A="b c""#);
        check("\u{feff}A=1\r\nB=2\n", r#"A="1" B="2""#);
        check("A=", r#"A="""#);
        check("A=b=c", r#"A="b=c""#);
    }

    #[test]
    fn comments_and_empty_lines_are_skipped() {
        check("# no\n\n  # no\nA=b # c\nB=b#c\nC=#", r#"A="b" B="b#c" C="""#);
    }

    #[test]
    fn quotes_keep_what_is_inside() {
        check(r"A='b # \n c' # d", r##"A="b # \\n c""##);
        check(r#"A="b\n\"c\" # \$x""#, r##"A="b\n\"c\" # $x""##);
    }

    #[test]
    fn a_bad_line_is_named_but_not_shown() {
        check("A=1\nsecret", "line 2 has no `=`");
        check("=x", "line 1 has no name of a variable before `=`");
        check("A B=x", "line 1 has no name of a variable before `=`");
        check("A='x", "line 1 has a quote not closed");
        check("A=\"x", "line 1 has a quote not closed");
        check("A='x'y", "line 1 goes on after its quote");
    }
}
