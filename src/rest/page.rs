//! This file cuts pages off a list of servers, so that one which comes or goes in between shifts no
//! other out of sight.
//!
//! Pure. A cursor names the last server of a page, not a number of them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use conductor_config::ServerId;
use http::StatusCode;

use super::{Problem, Refusal};

/// The longest page.
const LIMIT_MAX: usize = 1000;

/// Which part of a list is wanted.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Page {
    limit: usize,
    after: Option<ServerId>,
}

impl Page {
    /// Reads what a request asks for; without a limit it is all.
    ///
    /// # Errors
    /// If that cannot be read.
    pub(super) fn read(limit: Option<&str>, cursor: Option<&str>) -> Result<Self, Refusal> {
        let bad = |detail: String| Problem::refusal(StatusCode::BAD_REQUEST, "bad_request", detail);
        let limit = match limit.map(str::parse) {
            None => usize::MAX,
            Some(Ok(limit @ 1..=LIMIT_MAX)) => limit,
            Some(_) => return Err(bad(format!("limit is a number from 1 to {LIMIT_MAX}"))),
        };
        let after = match cursor {
            None => None,
            Some(cursor) => {
                let named = named(cursor);
                Some(named.ok_or_else(|| bad("cursor is none that was given here".to_owned()))?)
            }
        };
        Ok(Self { limit, after })
    }

    /// The wanted part of `all`, which is in order, and the cursor of the next one.
    pub(super) fn cut<'a>(&self, all: Vec<&'a ServerId>) -> (Vec<&'a ServerId>, Option<String>) {
        let is_before = |id: &&ServerId| self.after.as_ref().is_some_and(|after| *id <= after);
        let mut rest = all.into_iter().skip_while(is_before);
        let page: Vec<&ServerId> = rest.by_ref().take(self.limit).collect();
        let next = rest.next().and(page.last()).map(|last| cursor(last));
        (page, next)
    }
}

fn cursor(last: &ServerId) -> String {
    URL_SAFE_NO_PAD.encode(format!("{}/{}", last.workspace, last.name))
}

fn named(cursor: &str) -> Option<ServerId> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()?;
    text.contains('/').then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pages(limit: &str, all: &[&str]) -> Vec<Vec<String>> {
        let ids: Vec<ServerId> = all.iter().map(|id| id.parse().unwrap()).collect();
        let (mut pages, mut cursor) = (Vec::new(), None);
        loop {
            let page = Page::read(Some(limit), cursor.as_deref()).unwrap();
            let (ids, next) = page.cut(ids.iter().collect());
            pages.push(ids.iter().map(ToString::to_string).collect());
            match next {
                Some(next) => cursor = Some(next),
                None => return pages,
            }
        }
    }

    #[test]
    fn every_server_is_on_one_page() {
        let all = ["a", "b", "c", "team/a", "team/b"];
        assert_eq!(pages("2", &all), [&["a", "b"][..], &["c", "team/a"], &["team/b"]]);
        assert_eq!(pages("5", &all), [all]);
        assert_eq!(pages("1", &all).len(), 5);
        assert_eq!(pages("1", &[]), [[""; 0]]);
    }

    #[test]
    fn a_server_that_goes_takes_no_other_with_it() {
        let ids: Vec<ServerId> = ["a", "c"].iter().map(|id| id.parse().unwrap()).collect();
        let after_b = cursor(&"b".parse().unwrap());
        let page = Page::read(None, Some(&after_b)).unwrap();
        assert_eq!(page.cut(ids.iter().collect()), (vec![&ids[1]], None));
    }

    #[test]
    fn limits_and_cursors_that_are_none_are_refused() {
        for limit in ["0", "1001", "-1", "x", ""] {
            assert!(Page::read(Some(limit), None).is_err(), "{limit}");
        }
        for cursor in ["", "%", "YQ", "Ly8", "QS9i"] {
            assert!(Page::read(None, Some(cursor)).is_err(), "{cursor}");
        }
        assert_eq!(Page::read(None, None).unwrap(), Page { limit: usize::MAX, after: None });
    }
}
