//! Who hears what, as tables, and that the book is empty when all have left.

use proptest::prelude::*;
use std::time::Duration;

use super::*;
use crate::tests::shared;

const OURS: Principal = Principal::Local;

fn acme() -> Principal {
    Principal::Delegated("acme".into())
}

fn everything() -> Reach {
    Reach::Workspace("default".parse().unwrap())
}

/// A book with listeners `(principal, what they wait for of a)`, all of the whole workspace; they are
/// numbered from 0 and want log messages.
fn book(listeners: &[(Principal, &[&str])]) -> Book {
    let mut book = Book::default();
    for (number, (principal, resources)) in (0..).zip(listeners) {
        let who = (principal.clone(), Holder::Principal(principal.clone()));
        book.join(number, who, everything(), true);
        for own in *resources {
            book.subscribe(number, &shared("a"), &(*own).into(), format!("x:{own}").into())
                .unwrap();
        }
    }
    book
}

#[track_caller]
fn check_update(book: &Book, own: &str, expected: &str) {
    let hearers = book.hearers_of_update(&shared("a"), &own.into());
    let words = hearers.iter().map(|(number, shown)| match shown {
        Shown::As(asked) => format!("{number}={asked}"),
        Shown::Below { asked, own } => format!("{number}<{asked}:{own}"),
        Shown::Unasked { own } => format!("{number}?{own}"),
    });
    assert_eq!(words.collect::<Vec<_>>().join(" "), expected, "{own}");
}

#[test]
fn an_update_is_brought_to_those_who_asked_under_the_address_they_used() {
    let mut book = book(&[(OURS, &["n:/a", "n:/b"]), (acme(), &["n:/a"])]);
    book.subscribe(1, &shared("a"), &"n:/a".into(), "other".into()).unwrap();
    check_update(&book, "n:/a", "0=x:n:/a 1=other 1=x:n:/a");
    check_update(&book, "n:/b", "0=x:n:/b");
    assert!(book.hearers_of_update(&shared("b"), &"n:/a".into()).is_empty(), "another server's");
    book.unsubscribe(1, "other");
    check_update(&book, "n:/a", "0=x:n:/a 1=x:n:/a");
    book.leave(0);
    check_update(&book, "n:/a", "1=x:n:/a");
}

#[test]
fn what_lies_below_is_brought_to_those_who_wait_for_the_nearest_thing_above() {
    let book = book(&[(OURS, &["n:/a", "n:/a/b/"]), (acme(), &["n:/a"])]);
    check_update(&book, "n:/a/x", "0<x:n:/a:n:/a/x 1<x:n:/a:n:/a/x");
    check_update(&book, "n:/a/b/x", "0<x:n:/a/b/:n:/a/b/x");
    check_update(&book, "n:/a?q", "0<x:n:/a:n:/a?q 1<x:n:/a:n:/a?q");
    check_update(&book, "n:/ab", "");
}

#[test]
fn an_address_that_nobody_asked_for_is_shown_to_one_principal_only() {
    check_update(&book(&[(OURS, &["n:/a"]), (OURS, &["n:/b"])]), "n:/c", "0?n:/c 1?n:/c");
    check_update(&book(&[(OURS, &["n:/a"]), (acme(), &["n:/b"])]), "n:/c", "");
    check_update(&book(&[(OURS, &[])]), "n:/c", "");
}

#[track_caller]
fn check_log(book: &Book, level: LogLevel, callers: Callers, expected: Option<&[ListenerId]>) {
    let message = LogMessage { level, params: "{}".into(), callers };
    let hearers = book.hearers_of_logs(&shared("a"));
    let found: Option<Vec<ListenerId>> = hearers.of(&message).map(Iterator::collect);
    assert_eq!(found.as_deref(), expected);
}

#[test]
fn what_belongs_to_no_call_is_for_one_principal_or_for_nobody() {
    use Callers::{Nobody, Only, Several};
    let info = LogLevel::Info;
    let ours = book(&[(OURS, &[]), (OURS, &["n:/a"])]);
    check_log(&ours, info, Nobody, Some(&[0, 1]));
    check_log(&ours, info, Only(OURS), Some(&[0, 1]));
    check_log(&ours, info, Only(acme()), None);
    check_log(&ours, info, Several, None);
    let mixed = book(&[(OURS, &[]), (acme(), &[])]);
    check_log(&mixed, info, Nobody, None);
    check_log(&mixed, info, Only(OURS), None);
    check_log(&book(&[]), info, Nobody, None);

    // Who only waits for a resource hears no log messages, and yet is somebody.
    let mut waits = book(&[(OURS, &[])]);
    let who = (acme(), Holder::Principal(acme()));
    waits.join(9, who, Reach::Servers([shared("a").server].into()), false);
    check_log(&waits, info, Nobody, Some(&[0]));
    waits.subscribe(9, &shared("a"), &"n:/a".into(), "n:/a".into()).unwrap();
    check_log(&waits, info, Nobody, None);
}

#[test]
fn a_listener_hears_from_its_level_on_and_those_who_have_not_said_from_info() {
    let mut book = book(&[(OURS, &[]), (OURS, &[]), (OURS, &[])]);
    book.set_level(1, LogLevel::Debug);
    book.set_level(2, LogLevel::Error);
    check_log(&book, LogLevel::Debug, Callers::Nobody, Some(&[1]));
    check_log(&book, LogLevel::Info, Callers::Nobody, Some(&[0, 1]));
    check_log(&book, LogLevel::Alert, Callers::Nobody, Some(&[0, 1, 2]));
}

#[test]
fn the_most_verbose_level_counts_until_its_listener_leaves() {
    let level = |book: &Book| book.wishes().of(&shared("a")).level;
    let mut book = book(&[(OURS, &[]), (acme(), &[])]);
    assert_eq!(level(&book), None);
    book.set_level(0, LogLevel::Debug);
    book.set_level(1, LogLevel::Error);
    assert_eq!(level(&book), Some(LogLevel::Debug));
    book.set_level(0, LogLevel::Alert);
    assert_eq!(level(&book), Some(LogLevel::Error));
    book.leave(1);
    assert_eq!(level(&book), Some(LogLevel::Alert));
    book.leave(0);
    assert_eq!(level(&book), None);
}

#[tokio::test(start_paused = true)]
async fn what_a_call_wanted_holds_for_a_while() {
    let (mut book, now) = (Book::default(), Instant::now());
    book.lend(shared("a"), LogLevel::Info, now + Duration::from_secs(60));
    book.lend(shared("a"), LogLevel::Debug, now + Duration::from_secs(30));
    assert_eq!(book.wishes().of(&shared("a")).level, Some(LogLevel::Debug));
    assert_eq!(book.wishes().of(&shared("b")).level, None);
    assert!(!book.expire(now + Duration::from_secs(59)));
    assert!(book.expire(now + Duration::from_secs(60)));
    assert_eq!(book.wishes(), Wishes::default());
}

#[test]
fn one_listener_waits_for_so_many_resources_and_no_more() {
    let mut book = book(&[(OURS, &[])]);
    for n in 0..MOST {
        book.subscribe(0, &shared("a"), &n.to_string().into(), "x".into()).unwrap();
    }
    let more = book.subscribe(0, &shared("a"), &"more".into(), "x".into());
    assert_eq!(more, Err(TooMany { limit: MOST }));
    assert_eq!(book.addresses(&shared("a")).len(), MOST);
    book.subscribe(0, &shared("a"), &"7".into(), "y".into()).unwrap();
}

#[derive(Debug, Clone)]
enum Act {
    Subscribe(u64, String),
    Unsubscribe(u64, String),
    Level(u64, usize),
    Leave(u64),
}

fn act() -> impl Strategy<Value = Act> {
    let who = 0..4_u64;
    prop_oneof![
        (who.clone(), "[a-c]").prop_map(|(who, own)| Act::Subscribe(who, own)),
        (who.clone(), "[a-c]").prop_map(|(who, own)| Act::Unsubscribe(who, own)),
        (who.clone(), 0..8_usize).prop_map(|(who, level)| Act::Level(who, level)),
        who.prop_map(Act::Leave),
    ]
}

proptest! {
    /// What is published is what a book-keeper without any cleverness would publish.
    #[test]
    fn all_wishes_together_are_those_of_the_listeners(
        acts in proptest::collection::vec(act(), 0..60),
    ) {
        let mut book = book(&[(OURS, &[]), (OURS, &[]), (acme(), &[]), (acme(), &[])]);
        let mut plain: BTreeMap<u64, (BTreeSet<String>, Option<LogLevel>)> =
            (0..4).map(|who| (who, Default::default())).collect();
        for act in acts {
            match act {
                Act::Subscribe(who, own) => {
                    book.subscribe(who, &shared("a"), &own.as_str().into(), own.as_str().into()).unwrap();
                    plain.entry(who).and_modify(|it| { it.0.insert(own); });
                }
                Act::Unsubscribe(who, own) => {
                    book.unsubscribe(who, &own);
                    plain.entry(who).and_modify(|it| { it.0.remove(&own); });
                }
                Act::Level(who, level) => {
                    book.set_level(who, LogLevel::ALL[level]);
                    plain.entry(who).and_modify(|it| it.1 = Some(LogLevel::ALL[level]));
                }
                Act::Leave(who) => {
                    book.leave(who);
                    plain.remove(&who);
                }
            }
            let wish = book.wishes().of(&shared("a"));
            let all: BTreeSet<&str> =
                plain.values().flat_map(|it| it.0.iter().map(String::as_str)).collect();
            prop_assert!(wish.resources.iter().map(|own| &**own).eq(all.iter().copied()));
            let asked = plain.values().filter_map(|it| it.1).min();
            let silent = plain.values().any(|it| it.1.is_none());
            let level = asked.map(|level| if silent { level.min(LogLevel::UNSAID) } else { level });
            prop_assert_eq!(wish.level, level);
        }
        for who in 0..4 {
            book.leave(who);
        }
        prop_assert_eq!(book.wishes(), Wishes::default());
        prop_assert!(book.waiting.is_empty() && book.listeners.is_empty());
    }
}
