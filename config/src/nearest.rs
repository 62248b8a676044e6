//! This file finds the known word that a mistyped one was probably meant to be.
//! It does not know the words.

/// The candidate nearest to `word` if it is near enough to be worth offering: equal but
/// for case, `_` and `-`, or a third of its letters off at most.
pub fn nearest<'a>(word: &str, candidates: &[&'a str]) -> Option<&'a str> {
    let word = folded(word);
    let scored =
        candidates.iter().map(|candidate| (distance(&word, &folded(candidate)), *candidate));
    let (distance, candidate) = scored.min_by_key(|(distance, _)| *distance)?;
    let allowed = (word.len().max(candidate.len()) / 3).max(1);
    (distance <= allowed).then_some(candidate)
}

/// Lower case without `_` and `-`: how `start_up` and `startUp` are the same.
pub(crate) fn folded(word: &str) -> String {
    word.chars().filter(|c| !matches!(c, '_' | '-')).flat_map(char::to_lowercase).collect()
}

/// Letters to add, drop, change or swap with the next one to get from one to the other.
fn distance(from: &str, to: &str) -> usize {
    let (from, to): (Vec<char>, Vec<char>) = (from.chars().collect(), to.chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for i in 1..=from.len() {
        let mut next = vec![i];
        for j in 1..=to.len() {
            let change = row[j - 1] + usize::from(from[i - 1] != to[j - 1]);
            let mut best = change.min(row[j] + 1).min(next[j - 1] + 1);
            if i > 1 && j > 1 && from[i - 1] == to[j - 2] && from[i - 2] == to[j - 1] {
                best = best.min(before[j - 2] + 1);
            }
            next.push(best);
        }
        before = std::mem::replace(&mut row, next);
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance_counts_letters() {
        for (from, to, expected) in [
            ("", "", 0),
            ("kitten", "sitting", 3),
            ("args", "agrs", 1),
            ("", "abc", 3),
            ("abc", "", 3),
            ("flaw", "lawn", 2),
        ] {
            assert_eq!(distance(from, to), expected, "{from} {to}");
        }
    }

    #[test]
    fn a_slip_finds_the_word_and_nonsense_finds_none() {
        let known = ["command", "args", "env", "url", "startupTimeout"];
        for (word, expected) in [
            ("comand", Some("command")),
            ("agrs", Some("args")),
            ("startup_timeout", Some("startupTimeout")),
            ("URL", Some("url")),
            ("envs", Some("env")),
            ("quux", None),
        ] {
            assert_eq!(nearest(word, &known), expected, "{word}");
        }
    }
}
