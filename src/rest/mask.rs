//! This file makes a command line fit to be shown: what looks like a credential is blotted out.
//!
//! It guesses, generously; where a credential belongs is `env`, whose values are never shown.

/// What stands in place of a credential.
const BLOT: &str = "[redacted]";

/// Parts of a name that make its value a credential.
const TELLING: [&str; 13] = [
    "token",
    "secret",
    "passw",
    "pwd",
    "passphrase",
    "key",
    "auth",
    "cred",
    "bearer",
    "cookie",
    "signature",
    "session",
    "dsn",
];

/// Beginnings of credentials that are recognised by themselves.
const PREFIXES: [&str; 14] = [
    "sk-",
    "sk_",
    "pk_",
    "rk_",
    "ghp_",
    "gho_",
    "ghs_",
    "ghu_",
    "github_pat_",
    "glpat-",
    "xox",
    "AKIA",
    "AIza",
    "eyJ",
];

/// `command` with every credential in it replaced by `[redacted]`.
#[must_use]
pub fn masked<'a>(command: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let mut next = Next::Shown;
    command.into_iter().map(|argument| argument_masked(argument, &mut next)).collect()
}

/// What the word before says about the next one.
#[derive(PartialEq, Eq)]
enum Next {
    /// Nothing.
    Shown,
    /// It is the value of a telling flag.
    Hidden,
}

fn argument_masked(argument: &str, next: &mut Next) -> String {
    let mut words = Vec::new();
    let mut rest_hidden = false;
    for word in argument.split(' ') {
        if rest_hidden {
            continue;
        }
        let hidden = *next == Next::Hidden && !word.starts_with('-') && !word.is_empty();
        if !word.is_empty() {
            *next = if is_telling_flag(word) { Next::Hidden } else { Next::Shown };
        }
        if hidden {
            words.push(BLOT.to_owned());
        } else if is_header(word) || word.eq_ignore_ascii_case("bearer") {
            // A header's value reaches to the end of its argument, blanks and all.
            words.push(header_masked(word));
            rest_hidden = true;
        } else {
            words.push(word_masked(word));
        }
    }
    words.join(" ")
}

/// `--token`, `-password`: the value is the next word.
fn is_telling_flag(word: &str) -> bool {
    word.starts_with('-') && !word.contains('=') && is_telling(word)
}

/// `Authorization:` or `X-Api-Key:abc`, but no URL.
fn is_header(word: &str) -> bool {
    word.split_once(':').is_some_and(|(name, value)| !value.starts_with("//") && is_telling(name))
}

fn header_masked(word: &str) -> String {
    match word.split_once(':') {
        Some((name, "")) => format!("{name}: {BLOT}"),
        Some((name, _)) => format!("{name}:{BLOT}"),
        None => format!("{word} {BLOT}"),
    }
}

fn word_masked(word: &str) -> String {
    if let Some((name, value)) = word.split_once('=') {
        if !name.contains("://") && (is_telling(name) || is_variable(name)) {
            return format!("{name}={BLOT}");
        }
        if !name.contains("://") {
            return format!("{name}={}", word_masked(value));
        }
    }
    if word.contains("://") {
        return url_masked(word);
    }
    let bare = word.trim_start_matches(['"', '\'']);
    if PREFIXES.iter().any(|prefix| bare.starts_with(prefix)) && bare.len() >= 16 {
        return BLOT.to_owned();
    }
    word.to_owned()
}

/// Without the user part, and without the values of the query.
fn url_masked(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let authority = match authority.rsplit_once('@') {
        Some((_, host)) => format!("{BLOT}@{host}"),
        None => authority.to_owned(),
    };
    match path.find(['?', '#']) {
        Some(at) => format!("{scheme}://{authority}{}{BLOT}", &path[..=at]),
        None => format!("{scheme}://{authority}{path}"),
    }
}

fn is_telling(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    TELLING.iter().any(|part| name.contains(part)) || name.ends_with("pat")
}

/// `FOO_BAR`: an assignment to it is one of the environment, which is never shown.
fn is_variable(name: &str) -> bool {
    let name = name.trim_start_matches("-e");
    !name.is_empty()
        && name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(command: &[&str], expected: &[&str]) {
        assert_eq!(masked(command.iter().copied()), expected);
    }

    #[test]
    fn what_is_no_credential_stays() {
        let command =
            ["npx", "-y", "@scope/server@1.2", "--root=/srv/a b", "-p", "8080", "--verbose", "a=b"];
        check(&command, &command);
        check(&["http://host:80/mcp", "C:/x"], &["http://host:80/mcp", "C:/x"]);
    }

    #[test]
    fn the_value_of_a_telling_flag_goes() {
        check(
            &["x", "--token=s3cret", "--api-key", "s3cret"],
            &["x", "--token=[redacted]", "--api-key", "[redacted]"],
        );
        check(&["--password", "--verbose", "y"], &["--password", "--verbose", "y"]);
        check(&["--github-pat", "s3cret", "z"], &["--github-pat", "[redacted]", "z"]);
    }

    #[test]
    fn assignments_to_variables_go() {
        check(&["docker", "-e", "HOME_DIR=s3cret"], &["docker", "-e", "HOME_DIR=[redacted]"]);
        check(
            &["sh", "-c", "A1=s3cret run --token s3cret"],
            &["sh", "-c", "A1=[redacted] run --token [redacted]"],
        );
    }

    #[test]
    fn headers_go_with_blanks_and_all() {
        check(
            &["--header", "Authorization: Bearer s3cret s3cret"],
            &["--header", "Authorization: [redacted]"],
        );
        check(&["-H", "X-Api-Key:s3cret"], &["-H", "X-Api-Key:[redacted]"]);
        check(&["Bearer s3cret"], &["Bearer [redacted]"]);
    }

    #[test]
    fn urls_lose_user_and_query() {
        check(
            &["postgres://me:s3cret@db:5432/x", "--url=https://h/p?k=s3cret"],
            &["postgres://[redacted]@db:5432/x", "--url=https://h/p?[redacted]"],
        );
    }

    #[test]
    fn well_known_credentials_are_recognised_anywhere() {
        check(&["ghp_0123456789abcdef", "sk-short"], &["[redacted]", "sk-short"]);
    }
}
