//! This file describes a registration as JSON Schema, from the list of keys that is read by.
//! It does not say what values mean: `default.toml` does.

use serde_json::{Map, Value, json};

use crate::keys::{self, Keys, Shape};

/// The schema of what [`crate::Registration::read`] takes; `named` if the name must stand in it.
#[must_use]
pub fn registration_schema(named: bool) -> Value {
    let mut schema = table(keys::ENTRY);
    let name = json!({ "type": "string", "pattern": "^[a-z0-9_-]{1,64}$" });
    if let Some(properties) = schema["properties"].as_object_mut() {
        properties.remove("workspace");
        properties.insert("workspace_id".to_owned(), name.clone());
        properties.insert("name".to_owned(), name);
    }
    if named {
        schema["required"] = json!(["name"]);
    }
    schema
}

fn table(keys: Keys) -> Value {
    let keys = keys.iter().copied().flatten();
    let properties: Map<String, Value> =
        keys.map(|key| (key.name.to_owned(), shape(key.shape))).collect();
    json!({ "type": "object", "properties": properties, "additionalProperties": false })
}

fn shape(shape: Shape) -> Value {
    let text = || json!({ "type": "string" });
    match shape {
        // A few texts can be switched off in another way.
        Shape::Text => text(),
        Shape::Flag => json!({ "type": "boolean" }),
        Shape::Count => json!({ "type": "integer", "minimum": 0 }),
        Shape::List => json!({ "type": "array", "items": text() }),
        Shape::Command => {
            json!({ "oneOf": [text(), { "type": "array", "items": text(), "minItems": 1 }] })
        }
        Shape::Table(keys) => table(keys),
        Shape::Each(keys) => json!({ "type": "object", "additionalProperties": table(keys) }),
        Shape::Texts => json!({ "type": "object", "additionalProperties": text() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_of_an_entry_is_described_and_no_other() {
        let schema = registration_schema(true);
        let properties = schema["properties"].as_object().unwrap();
        for key in keys::names(keys::ENTRY).into_iter().filter(|key| *key != "workspace") {
            assert!(properties.contains_key(key), "{key}");
        }
        assert!(!properties.contains_key("workspace"));
        assert_eq!(schema["required"], json!(["name"]));
        assert_eq!(schema["properties"]["heartbeat"]["properties"]["misses"]["type"], "integer");
        assert_eq!(registration_schema(false)["required"], Value::Null);
    }
}
