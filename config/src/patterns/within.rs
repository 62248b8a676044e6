//! This file decides whether one pattern matches only what another matches as well.
//!
//! Pure. Both are walked at once, as sets of places that a name may have led to: the first may end
//! nowhere that the second does not. It leaves classes of characters alone, and gives up at a limit.

use std::collections::{BTreeSet, HashSet};

/// Pairs of places that are looked at; beyond that the answer is no.
const STATES_MAX: usize = 4096;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token {
    Literal(char),
    /// `?`
    One,
    /// `*`
    Any,
}

/// The tokens of a pattern; none if it has classes in it.
fn tokens(text: &str) -> Option<Vec<Token>> {
    let token = |c| match c {
        '*' => Some(Token::Any),
        '?' => Some(Token::One),
        '[' => None,
        c => Some(Token::Literal(c)),
    };
    text.chars().map(token).collect()
}

/// Places in a pattern at which a name read so far may have arrived.
type Places = BTreeSet<usize>;

/// The place at which a pattern begins, and those that stars let it skip to.
fn start(tokens: &[Token]) -> Places {
    skipped(tokens, [0].into())
}

fn skipped(tokens: &[Token], mut places: Places) -> Places {
    let mut open: Vec<usize> = places.iter().copied().collect();
    while let Some(at) = open.pop() {
        if tokens.get(at) == Some(&Token::Any) && places.insert(at + 1) {
            open.push(at + 1);
        }
    }
    places
}

/// Where one more character leads; `None` stands for all that neither pattern names.
fn step(tokens: &[Token], places: &Places, c: Option<char>) -> Places {
    let next = places.iter().filter_map(|at| match tokens.get(*at)? {
        Token::Any => Some(*at),
        Token::One => Some(at + 1),
        Token::Literal(literal) => (Some(*literal) == c).then_some(at + 1),
    });
    skipped(tokens, next.collect())
}

/// Whether every name that `inner` matches is one that `outer` matches.
pub(super) fn is_within(inner: &str, outer: &str) -> bool {
    let (Some(inner), Some(outer)) = (tokens(inner), tokens(outer)) else { return false };
    let named = inner.iter().chain(&outer).filter_map(|token| match token {
        Token::Literal(c) => Some(Some(*c)),
        Token::One | Token::Any => None,
    });
    let alphabet: BTreeSet<Option<char>> = named.chain([None]).collect();
    let first = (start(&inner), start(&outer));
    let (mut seen, mut open) = (HashSet::from([first.clone()]), vec![first]);
    while let Some((in_inner, in_outer)) = open.pop() {
        if in_inner.contains(&inner.len()) && !in_outer.contains(&outer.len()) {
            return false;
        }
        for c in &alphabet {
            let next = (step(&inner, &in_inner, *c), step(&outer, &in_outer, *c));
            if next.0.is_empty() || !seen.insert(next.clone()) {
                continue;
            }
            if seen.len() > STATES_MAX {
                return false;
            }
            open.push(next);
        }
    }
    true
}
