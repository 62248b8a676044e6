//! This file says in which form names of tools are written, and decides it for each door and client.
//! It does not know what the forms look like: whoever puts the list together does.

use std::{collections::BTreeMap, fmt};

use crate::spec::{Choice, choice};

choice! {
    /// How the names of tools are written for clients.
    ExportStyle {
        /// Server, separator and tool as they are.
        Dot = "dot",
        /// With letters, digits, `_` and `-` only, for clients that refuse the rest.
        Safe = "safe",
    }
}

/// In which form names are written, and for whom in another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportStyles {
    /// Where nothing else is said.
    pub usual: ExportStyle,
    /// At doors that have their own, by the key of their settings, such as `listen.http`.
    pub doors: BTreeMap<String, ExportStyle>,
    /// For clients by the names that they give in their handshake.
    pub clients: BTreeMap<String, ExportStyle>,
}

impl ExportStyles {
    /// The same form for everybody.
    #[must_use]
    pub fn all(usual: ExportStyle) -> Self {
        Self { usual, doors: BTreeMap::new(), clients: BTreeMap::new() }
    }

    /// The form for a client at a door that shows a view. What is said of the client goes first:
    /// it is the client that takes a form or refuses it; then the door, then the view.
    #[must_use]
    pub fn style(
        &self,
        client: Option<&str>,
        door: &str,
        view: Option<ExportStyle>,
    ) -> ExportStyle {
        let of_client = client.and_then(|client| self.clients.get(client));
        let own = of_client.or_else(|| self.doors.get(door)).copied();
        own.or(view).unwrap_or(self.usual)
    }

    /// Whether any of them is another than the usual one.
    #[must_use]
    pub fn are_mixed(&self) -> bool {
        self.doors.values().chain(self.clients.values()).any(|style| *style != self.usual)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(client: Option<&str>, door: &str, view: Option<ExportStyle>, expected: ExportStyle) {
        use ExportStyle::{Dot, Safe};
        let styles = ExportStyles {
            usual: Dot,
            doors: [("listen.http".to_owned(), Safe), ("listen.unix".to_owned(), Dot)].into(),
            clients: [("cursor".to_owned(), Safe), ("inspector".to_owned(), Dot)].into(),
        };
        assert_eq!(styles.style(client, door, view), expected, "{client:?} {door} {view:?}");
    }

    #[test]
    fn the_client_goes_before_the_door_and_the_door_before_the_view() {
        use ExportStyle::{Dot, Safe};
        check(None, "stdio", None, Dot);
        check(None, "stdio", Some(Safe), Safe);
        check(None, "listen.http", None, Safe);
        check(None, "listen.unix", Some(Safe), Dot);
        check(Some("cursor"), "listen.unix", Some(Dot), Safe);
        check(Some("inspector"), "listen.http", Some(Safe), Dot);
        check(Some("Cursor"), "stdio", None, Dot);
    }

    #[test]
    fn forms_are_mixed_if_somebody_has_another_than_the_usual_one() {
        let mut styles = ExportStyles::all(ExportStyle::Dot);
        assert!(!styles.are_mixed());
        styles.doors.insert("listen.unix".to_owned(), ExportStyle::Dot);
        assert!(!styles.are_mixed());
        styles.clients.insert("cursor".to_owned(), ExportStyle::Safe);
        assert!(styles.are_mixed());
    }
}
