//! What holds of all messages, whoever wrote them: properties over more than one file.
//! Single cases are beside the code.

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{CallParams, Hop, Id, Members, Message, Meta, Outcome, head_id, one_line, parse};

/// Any JSON value that is not too deep.
pub(super) fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 5, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            proptest::collection::btree_map(".{0,6}", inner, 0..5)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn any_id() -> impl Strategy<Value = Value> {
    prop_oneof![any::<i64>().prop_map(Value::from), ".{0,12}".prop_map(Value::from)]
}

proptest! {
    #[test]
    fn nothing_that_a_peer_can_write_is_more_than_an_error(
        bytes in prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..200),
            proptest::collection::vec(
                prop_oneof![Just(b'{'), Just(b'"'), Just(b':'), Just(b'\\'), Just(b'}'), Just(b'1'),
                    Just(b'i'), Just(b'd'), Just(b' '), Just(b','), Just(b'['), Just(b']')],
                0..60,
            ),
        ],
    ) {
        let bytes = Bytes::from(bytes);
        let _ = head_id(&bytes);
        let _ = Members::read(&bytes);
        let _ = Meta::read(&bytes);
        let _ = CallParams::read(Some(&bytes));
        let is_json = serde_json::from_slice::<Value>(&bytes).is_ok();
        prop_assert!(parse(&bytes).is_err() || is_json);
    }

    #[test]
    fn an_answer_keeps_its_id_and_every_byte_of_its_result(
        id in any_id(),
        result in any_value(),
        is_pretty in any::<bool>(),
    ) {
        let raw = if is_pretty {
            serde_json::to_string_pretty(&result).unwrap()
        } else {
            result.to_string()
        };
        let message = format!(r#"{{ "jsonrpc" : "2.0", "id" : {id}, "result" : {raw} }}"#);
        let (bytes, token) = (Bytes::from(message), id.to_string());
        match parse(&bytes) {
            Ok(Message::Response(response)) => {
                prop_assert_eq!(response.id.as_ref().map(Id::as_json), Some(token.as_bytes()));
                prop_assert_eq!(response.outcome, Outcome::Result(Bytes::from(raw)));
            }
            other => prop_assert!(false, "{other:?}"),
        }
        prop_assert_eq!(head_id(&bytes).map(|id| id.to_string()), Some(id.to_string()));
    }

    #[test]
    fn the_id_found_in_a_broken_message_is_the_one_it_had(
        id in any_id(),
        before in any_value(),
        cut in 0_usize..400,
    ) {
        let whole = json!({ "a": before, "id": id, "result": {} }).to_string();
        let broken = &whole.as_bytes()[..cut.min(whole.len())];
        if let Some(found) = head_id(broken) {
            prop_assert_eq!(found.to_string(), id.to_string());
        }
    }

    #[test]
    fn one_line_is_one_line_and_says_the_same(value in any_value()) {
        let pretty = Bytes::from(serde_json::to_string_pretty(&value).unwrap().replace('\n', "\r\n"));
        let line = one_line(pretty);
        prop_assert!(!line.contains(&b'\n') && !line.contains(&b'\r'));
        prop_assert_eq!(serde_json::from_slice::<Value>(&line).unwrap(), value);
    }

    #[test]
    fn a_call_passed_on_differs_in_name_and_token_only(
        arguments in proptest::collection::btree_map(".{0,6}", any_value(), 0..5),
        meta in proptest::collection::btree_map("[a-z]{1,6}", any_value(), 0..4),
        token in any_id(),
        name in "[ -~]{1,20}",
        tool in "[ -~]{1,20}",
    ) {
        let mut meta = Value::Object(meta.into_iter().collect());
        meta["progressToken"] = token;
        let arguments = Value::Object(arguments.into_iter().collect());
        let params = json!({ "name": name, "arguments": arguments, "_meta": meta });
        let read = CallParams::read(Some(&Bytes::from(params.to_string()))).unwrap();
        let mut out = Vec::new();
        read.write(&mut out, &tool, Hop::Legacy, "c-1");
        let mut expected = params;
        expected["name"] = tool.into();
        expected["_meta"]["progressToken"] = "c-1".into();
        prop_assert_eq!(serde_json::from_slice::<Value>(&out).unwrap(), expected);
    }
}
