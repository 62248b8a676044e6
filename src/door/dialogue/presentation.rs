//! This file words a server's question as the client's revision has it, and names who asks.
//!
//! Pure. What the question is about is not touched.

use bytes::Bytes;
use conductor_actors::wire::{Members, json_string};
use conductor_actors::{InquiryKind, shown_visit};

/// Members that mean something between two neighbours only.
const MARKS: [&str; 3] = ["_meta", "task", "elicitationId"];

/// Removes what means something between two neighbours only.
pub(super) fn without_marks(params: &mut Members) {
    params.0.retain(|member| !MARKS.contains(&&*member.key));
}

/// The parameters for a client of 2026-07-28. `label` names the server where a client could not
/// know otherwise (MCP 2026-07-28, client/elicitation: clients show which server asks).
pub(in crate::door) fn for_modern(
    kind: InquiryKind,
    params: Option<&Bytes>,
    label: Option<&str>,
) -> Option<Bytes> {
    let Some(Ok(mut params)) = params.map(Members::read) else { return params.cloned() };
    without_marks(&mut params);
    named(kind, &mut params, label);
    Some(params.to_json())
}

/// The parameters for a client with a handshake that speaks `version`. `fresh` names a request to visit
/// an address where the server has no such names; others are told apart by `label` where several servers
/// may have the same ones.
pub(in crate::door) fn for_legacy(
    kind: InquiryKind,
    params: Option<&Bytes>,
    label: Option<&str>,
    version: &str,
    fresh: Option<&str>,
) -> Option<Bytes> {
    let Some(Ok(mut params)) = params.map(Members::read) else { return params.cloned() };
    params.0.retain(|member| !matches!(&*member.key, "_meta" | "task"));
    if kind == InquiryKind::Elicitation {
        match params.text("mode").as_deref() {
            Some("url") => {
                let own = params.text("elicitationId");
                let id = match (fresh, label, own.as_deref()) {
                    (Some(fresh), ..) => fresh.to_owned(),
                    (None, Some(label), Some(own)) => shown_visit(label, own),
                    (None, _, own) => own.unwrap_or_default().to_owned(),
                };
                params.set("elicitationId", json_string(&id));
            }
            // Modes came with 2025-11-25.
            Some("form") if version < "2025-11-25" => drop(params.take("mode")),
            _ => {}
        }
    }
    named(kind, &mut params, label);
    Some(params.to_json())
}

/// The parameters of a question with who asks, if `label` says so and people see it.
pub(super) fn with_label(kind: InquiryKind, params: &Bytes, label: Option<&str>) -> Bytes {
    let Ok(mut members) = Members::read(params) else { return params.clone() };
    match (kind, label) {
        (InquiryKind::Elicitation, Some(_)) => {
            named(kind, &mut members, label);
            members.to_json()
        }
        _ => params.clone(),
    }
}

fn named(kind: InquiryKind, params: &mut Members, label: Option<&str>) {
    if let (InquiryKind::Elicitation, Some(label), Some(message)) =
        (kind, label, params.text("message"))
    {
        params.set("message", json_string(&format!("[{label}] {message}")));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_legacy(kind: InquiryKind, version: &str, params: &'static str, expected: &str) {
        let params = Bytes::from_static(params.as_bytes());
        let found = for_legacy(kind, Some(&params), Some("git"), version, None).unwrap();
        assert_eq!(found, expected);
    }

    #[track_caller]
    fn check_modern(kind: InquiryKind, params: &'static str, expected: &str) {
        let params = Bytes::from_static(params.as_bytes());
        assert_eq!(for_modern(kind, Some(&params), Some("git")).unwrap(), expected);
    }

    #[test]
    fn who_asks_a_person_is_named() {
        let (kind, question) = (InquiryKind::Elicitation, r#"{"message":"Who?","x":1.0}"#);
        check_modern(kind, question, r#"{"message":"[git] Who?","x":1.0}"#);
        check_legacy(kind, "2025-11-25", question, r#"{"message":"[git] Who?","x":1.0}"#);
        let sampling = r#"{"message":"Who?"}"#;
        check_modern(InquiryKind::Sampling, sampling, sampling);
    }

    #[test]
    fn a_person_who_knows_the_server_is_not_told_again() {
        let question = Bytes::from_static(br#"{"message":"Who?"}"#);
        let found = for_modern(InquiryKind::Elicitation, Some(&question), None);
        assert_eq!(found.unwrap(), question);
    }

    #[test]
    fn marks_between_neighbours_are_taken_off() {
        check_modern(
            InquiryKind::Elicitation,
            r#"{"mode":"url","elicitationId":"e","url":"u","_meta":{},"task":{}}"#,
            r#"{"mode":"url","url":"u"}"#,
        );
    }

    #[test]
    fn an_older_client_is_asked_in_its_own_words() {
        let kind = InquiryKind::Elicitation;
        check_legacy(kind, "2025-06-18", r#"{"mode":"form"}"#, "{}");
        check_legacy(kind, "2025-11-25", r#"{"mode":"form"}"#, r#"{"mode":"form"}"#);
    }

    #[test]
    fn a_visit_is_called_like_no_other_servers() {
        let own = Bytes::from_static(br#"{"mode":"url","elicitationId":"e"}"#);
        let named = |label: Option<&str>, fresh: Option<&str>| {
            let found =
                for_legacy(InquiryKind::Elicitation, Some(&own), label, "2025-11-25", fresh);
            Members::read(&found.unwrap()).unwrap().text("elicitationId").unwrap().to_string()
        };
        assert_eq!(named(None, None), "e");
        assert_eq!(named(Some("git"), None), "git:e");
        assert_eq!(named(None, Some("v-1")), "v-1", "a newer server has no such names");
    }

    #[test]
    fn what_cannot_be_read_is_left_alone() {
        check_modern(InquiryKind::Roots, "7", "7");
        assert_eq!(for_modern(InquiryKind::Roots, None, Some("git")), None);
    }
}
