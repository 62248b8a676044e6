//! This file makes the document that describes the REST API (OpenAPI 3.1) of what the routes say
//! about themselves.
//!
//! It leaves describing a single route to the file that has it.

use std::borrow::Cow;

use conductor_config::registration_schema;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{
    ComponentsBuilder, Content, InfoBuilder, License, OpenApi, Ref, RefOr, ResponseBuilder, Schema,
    SecurityRequirement,
};
use utoipa::{PartialSchema, ToSchema};

use super::Problem;

/// What the document calls the admin token.
const SCHEME: &str = "admin_token";

/// What is registered: the keys of a server, its name and workspace.
pub(super) struct Registration;

/// The same where the path has name and workspace.
pub(super) struct Replacement;

fn described(named: bool) -> RefOr<Schema> {
    let schema = serde_json::from_value::<Schema>(registration_schema(named));
    schema.unwrap_or_default().into()
}

impl PartialSchema for Registration {
    fn schema() -> RefOr<Schema> {
        described(true)
    }
}

impl ToSchema for Registration {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("Registration")
    }
}

impl PartialSchema for Replacement {
    fn schema() -> RefOr<Schema> {
        described(false)
    }
}

impl ToSchema for Replacement {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("Replacement")
    }
}

/// Completes what was collected from the routes: who it is, the token, and that every refusal is a
/// problem document.
pub(super) fn completed(mut api: OpenApi) -> OpenApi {
    api.info = InfoBuilder::new()
        .title("mcp-conductor")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some("Looks after the servers of a running daemon, see docs/rest.md."))
        .license(Some(License::new("Apache-2.0")))
        .build();
    let bearer = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some("What `admin.token` in the state directory holds"))
        .build();
    let components = api.components.take().unwrap_or_default();
    let components = ComponentsBuilder::from(components)
        .security_scheme(SCHEME, SecurityScheme::Http(bearer))
        .schema("Problem", <Problem as PartialSchema>::schema());
    api.components = Some(components.build());
    api.security = Some(vec![SecurityRequirement::new(SCHEME, [""; 0])]);
    for path in api.paths.paths.values_mut() {
        let operations = [&mut path.get, &mut path.post, &mut path.put, &mut path.delete];
        for operation in operations.into_iter().flatten() {
            let refused = ResponseBuilder::new()
                .description("Refused; `reason` says why, see docs/errors.md")
                .content("application/problem+json", problem())
                .build();
            operation.responses.responses.insert("default".to_owned(), refused.into());
        }
    }
    api
}

fn problem() -> Content {
    Content::new(Some(RefOr::Ref(Ref::from_schema_name("Problem"))))
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn document() -> Value {
        serde_json::to_value(crate::rest::document()).unwrap()
    }

    #[test]
    fn every_operation_has_a_name_a_summary_a_good_answer_and_a_bad_one() {
        let document = document();
        assert!(document["openapi"].as_str().unwrap().starts_with("3."));
        assert_eq!(document["info"]["version"], env!("CARGO_PKG_VERSION"));
        assert_eq!(document["security"][0][SCHEME], serde_json::json!([]));
        let mut seen = std::collections::BTreeSet::new();
        for (path, methods) in document["paths"].as_object().unwrap() {
            for (method, operation) in methods.as_object().unwrap() {
                let name = operation["operationId"].as_str().unwrap();
                assert!(seen.insert(name.to_owned()), "{name} twice");
                assert!(
                    operation["summary"].as_str().is_some_and(|text| text.len() > 10),
                    "{name}"
                );
                let answers = operation["responses"].as_object().unwrap();
                let is_good = |status: &&String| status.starts_with('2');
                assert_eq!(answers.keys().filter(is_good).count(), 1, "{method} {path}");
                let bad = &answers["default"]["content"]["application/problem+json"];
                assert_eq!(bad["schema"]["$ref"], "#/components/schemas/Problem", "{path}");
                let named = path.matches('{').count();
                let given = operation["parameters"]
                    .as_array()
                    .map_or(0, |all| all.iter().filter(|one| one["in"] == "path").count());
                assert_eq!(given, named, "{method} {path}");
            }
        }
        assert!(seen.len() >= 15, "{seen:?}");
    }

    #[test]
    fn every_schema_that_is_named_is_there() {
        let document = document();
        let text = document.to_string();
        for part in text.split("#/components/schemas/").skip(1) {
            let name = part.split('"').next().unwrap();
            assert!(document["components"]["schemas"][name].is_object(), "{name}");
        }
        let registration = &document["components"]["schemas"]["Registration"];
        assert!(registration["properties"]["command"].is_object(), "{registration}");
        assert_eq!(registration["additionalProperties"], false);
    }
}
