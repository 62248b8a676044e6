//! This file takes the parameters of requests that one server answers apart, and writes them for
//! the next hop: calls of tools, prompts, resources, completion.
//!
//! It leaves the arguments unread: they leave as the bytes they came in.

use bytes::Bytes;
use thiserror::Error;

use super::{Hop, Members, MembersError, Meta, Text, write_json_string};

/// Why the parameters of a call cannot be used.
#[derive(Debug, Error)]
pub enum ParamsError {
    /// Not an object, or a key given twice.
    #[error("params: {0}")]
    Shape(#[source] MembersError),
    /// No string `name`.
    #[error("params.name must be a string")]
    Name,
    /// No string `uri`.
    #[error("params.uri must be a string")]
    Uri,
    /// No string `taskId`.
    #[error("params.taskId must be a string")]
    TaskId,
    /// No `ref` to a prompt or a resource.
    #[error(
        "params.ref must name a prompt (`ref/prompt`, name) or a resource (`ref/resource`, uri)"
    )]
    Reference,
    /// `arguments` is there and neither an object nor `null`.
    #[error("params.arguments must be an object")]
    Arguments,
    /// `_meta` is there and not an object, or a key in it is given twice.
    #[error("params._meta: {0}")]
    Meta(#[source] MembersError),
}

/// What a request to one server is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CallKind {
    /// `tools/call`
    Tool,
    /// `prompts/get`
    Prompt,
    /// `resources/read`
    Resource,
    /// `completion/complete` of a prompt's argument.
    PromptArgument,
    /// `completion/complete` of a variable in a template of resources.
    TemplateVariable,
    /// Something about a task that a call was made into.
    Task(TaskVerb),
    /// A method that no revision knows, of an extension: it is named in place of a thing.
    Extension,
    /// A notification of an extension; its method is named in place of a thing.
    Notice,
}

/// What is asked about a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TaskVerb {
    /// `tasks/get`
    Get,
    /// `tasks/result`, in revisions with a handshake.
    Result,
    /// `tasks/update`, in revisions without.
    Update,
    /// `tasks/cancel`
    Cancel,
}

impl CallKind {
    /// The method; of an extension, none.
    pub fn method(self) -> &'static str {
        match self {
            Self::Tool => "tools/call",
            Self::Prompt => "prompts/get",
            Self::Resource => "resources/read",
            Self::PromptArgument | Self::TemplateVariable => "completion/complete",
            Self::Task(TaskVerb::Get) => "tasks/get",
            Self::Task(TaskVerb::Result) => "tasks/result",
            Self::Task(TaskVerb::Update) => "tasks/update",
            Self::Task(TaskVerb::Cancel) => "tasks/cancel",
            Self::Extension | Self::Notice => "",
        }
    }

    /// What is named, in a word.
    pub fn noun(self) -> &'static str {
        match self {
            Self::Tool => "tool",
            Self::Prompt | Self::PromptArgument => "prompt",
            Self::Resource | Self::TemplateVariable => "resource",
            Self::Task(_) => "task",
            Self::Extension | Self::Notice => "method",
        }
    }

    /// Whether what is named is also named in a header, over HTTP without a handshake (MCP
    /// 2026-07-28, basic/transports/streamable-http).
    pub fn is_mirrored(self) -> bool {
        let names_none = matches!(self, Self::PromptArgument | Self::TemplateVariable);
        !names_none && !self.is_of_extension()
    }

    /// Whether it is of an extension.
    pub fn is_of_extension(self) -> bool {
        matches!(self, Self::Extension | Self::Notice)
    }
}

/// The parameters of one request that one server answers.
#[derive(Debug, Clone)]
pub struct CallParams {
    /// What it is about.
    pub kind: CallKind,
    /// The name, the address or the task's id as the caller wrote it.
    pub name: Text,
    /// The hop-by-hop part and the rest of `_meta`.
    pub meta: Meta,
    /// Answers to what the server asked in reply to an earlier request, raw (MCP 2026-07-28,
    /// basic/patterns/mrtr).
    pub input_responses: Option<Bytes>,
    /// What the server wants back with them, raw.
    pub request_state: Option<Bytes>,
    /// That the call is to become a task, raw; said only where there was a handshake (MCP
    /// 2025-11-25, basic/utilities/tasks).
    pub task: Option<Bytes>,
    /// Every other member, `arguments` among them, in order and raw.
    rest: Members,
    /// Of `ref`, what is neither its type nor the name.
    reference: Members,
}

impl CallParams {
    /// Reads the raw parameters of `tools/call`.
    pub fn read(params: Option<&Bytes>) -> Result<Self, ParamsError> {
        Self::read_kind(CallKind::Tool, params)
    }

    /// Reads the raw parameters of `method`; `None` if requests of that kind are not for one server.
    pub fn of(method: &str, params: Option<&Bytes>) -> Option<Result<Self, ParamsError>> {
        Some(match method {
            "tools/call" => Self::read(params),
            "prompts/get" => Self::read_kind(CallKind::Prompt, params),
            "resources/read" => Self::read_kind(CallKind::Resource, params),
            "completion/complete" => Self::read_completion(params),
            "tasks/get" => Self::read_kind(CallKind::Task(TaskVerb::Get), params),
            "tasks/result" => Self::read_kind(CallKind::Task(TaskVerb::Result), params),
            "tasks/update" => Self::read_kind(CallKind::Task(TaskVerb::Update), params),
            "tasks/cancel" => Self::read_kind(CallKind::Task(TaskVerb::Cancel), params),
            _ => return None,
        })
    }

    /// A request of our own about a task.
    pub fn of_task(verb: TaskVerb, id: Text) -> Self {
        Self::bare(CallKind::Task(verb), id, Members::default(), Meta::default())
    }

    /// A request with a method of an extension, with these parameters beside `_meta`.
    pub fn of_extension(method: Text, params: Members, meta: Meta) -> Self {
        Self::bare(CallKind::Extension, method, params, meta)
    }

    /// A notification of an extension, with these raw parameters.
    pub fn of_notice(method: Text, params: Option<&Bytes>) -> Result<Self, ParamsError> {
        let mut rest = members(params)?;
        let meta = meta(&mut rest)?;
        Ok(Self::bare(CallKind::Notice, method, rest, meta))
    }

    fn bare(kind: CallKind, name: Text, rest: Members, meta: Meta) -> Self {
        let (input_responses, request_state, task) = (None, None, None);
        let reference = Members::default();
        Self { kind, name, meta, input_responses, request_state, task, rest, reference }
    }

    fn read_kind(kind: CallKind, params: Option<&Bytes>) -> Result<Self, ParamsError> {
        let mut rest = members(params)?;
        let (key, missing) = match kind {
            CallKind::Resource => ("uri", ParamsError::Uri),
            CallKind::Task(_) => ("taskId", ParamsError::TaskId),
            _ => ("name", ParamsError::Name),
        };
        let name = rest.text(key).ok_or(missing)?;
        rest.take(key);
        let meta = meta(&mut rest)?;
        match rest.get("arguments").map(|raw| &raw[..]) {
            Some(b"null") => drop(rest.take("arguments")),
            Some([b'{', ..]) | None => {}
            Some(_) => return Err(ParamsError::Arguments),
        }
        let (input_responses, request_state) =
            (rest.take("inputResponses"), rest.take("requestState"));
        let task = rest.take("task").filter(|_| kind == CallKind::Tool);
        let reference = Members::default();
        Ok(Self { kind, name, meta, input_responses, request_state, task, rest, reference })
    }

    fn read_completion(params: Option<&Bytes>) -> Result<Self, ParamsError> {
        let mut rest = members(params)?;
        let reference = rest.take("ref").ok_or(ParamsError::Reference)?;
        let mut reference = Members::read(&reference).map_err(ParamsError::Shape)?;
        let kind = reference.text("type").ok_or(ParamsError::Reference)?;
        let (kind, key) = match &*kind {
            "ref/prompt" => (CallKind::PromptArgument, "name"),
            "ref/resource" => (CallKind::TemplateVariable, "uri"),
            _ => return Err(ParamsError::Reference),
        };
        let name = reference.text(key).ok_or(ParamsError::Reference)?;
        reference.0.retain(|member| !matches!(&*member.key, "type" | "name" | "uri"));
        let meta = meta(&mut rest)?;
        let (input_responses, request_state, task) = (None, None, None);
        Ok(Self { kind, name, meta, input_responses, request_state, task, rest, reference })
    }

    /// The same call of the tool `name` with these arguments, raw.
    #[must_use]
    pub fn for_tool(mut self, name: Text, arguments: Option<Bytes>) -> Self {
        self.rest.take("arguments");
        if let Some(arguments) = arguments {
            self.rest.set("arguments", arguments);
        }
        Self { name, ..self }
    }

    /// The arguments, raw.
    pub fn arguments(&self) -> Option<&Bytes> {
        self.rest.get("arguments")
    }

    /// Appends the parameters for a server that knows what this is about as `name`. `token` names
    /// this call in progress notifications.
    pub fn write(&self, out: &mut Vec<u8>, name: &str, hop: Hop, token: &str) {
        let head: &[u8] = match self.kind {
            CallKind::Tool | CallKind::Prompt => b"{\"name\":",
            CallKind::Resource => b"{\"uri\":",
            CallKind::Task(_) => b"{\"taskId\":",
            CallKind::PromptArgument => b"{\"ref\":{\"type\":\"ref/prompt\",\"name\":",
            CallKind::TemplateVariable => b"{\"ref\":{\"type\":\"ref/resource\",\"uri\":",
            CallKind::Extension => return self.write_bare(out, hop, token),
            // Only requests describe themselves.
            CallKind::Notice => return self.write_bare(out, Hop::Legacy, token),
        };
        out.extend_from_slice(head);
        write_json_string(out, name);
        if matches!(self.kind, CallKind::PromptArgument | CallKind::TemplateVariable) {
            append(out, &self.reference);
            out.push(b'}');
        }
        append(out, &self.rest);
        for (key, value) in [
            (&b",\"inputResponses\":"[..], &self.input_responses),
            (b",\"requestState\":", &self.request_state),
            (b",\"task\":", &self.task),
        ] {
            let said = hop == Hop::Legacy || key != b",\"task\":";
            if let Some(value) = value.as_ref().filter(|_| said) {
                out.extend_from_slice(key);
                out.extend_from_slice(value);
            }
        }
        let before = out.len();
        out.push(b',');
        self.meta.write(out, hop, token);
        if out.len() == before + 1 {
            out.truncate(before);
        }
        out.push(b'}');
    }

    /// Appends the parameters of a method that names nothing.
    fn write_bare(&self, out: &mut Vec<u8>, hop: Hop, token: &str) {
        let mut written = Vec::new();
        append(&mut written, &self.rest);
        written.push(b',');
        self.meta.write(&mut written, hop, token);
        out.push(b'{');
        let is_comma = |byte: &u8| *byte == b',';
        let first = written.iter().position(|byte| !is_comma(byte)).unwrap_or(written.len());
        let last = written.iter().rposition(|byte| !is_comma(byte)).map_or(first, |at| at + 1);
        out.extend_from_slice(&written[first..last]);
        out.push(b'}');
    }
}

fn members(params: Option<&Bytes>) -> Result<Members, ParamsError> {
    match params {
        Some(params) => Members::read(params).map_err(ParamsError::Shape),
        None => Ok(Members::default()),
    }
}

fn meta(rest: &mut Members) -> Result<Meta, ParamsError> {
    match rest.take("_meta") {
        Some(meta) => Meta::read(&meta).map_err(ParamsError::Meta),
        None => Ok(Meta::default()),
    }
}

/// Appends members behind others.
fn append(out: &mut Vec<u8>, members: &Members) {
    for member in &members.0 {
        out.push(b',');
        write_json_string(out, &member.key);
        out.push(b':');
        out.extend_from_slice(&member.value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &'static str) -> Result<CallParams, ParamsError> {
        CallParams::read(Some(&Bytes::from_static(json.as_bytes())))
    }

    #[track_caller]
    fn check(json: &'static str, expected: &str) {
        let mut out = Vec::new();
        read(json).unwrap().write(&mut out, "bare", Hop::Legacy, "c-9");
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn only_name_and_token_change() {
        check(
            r#"{"arguments":{"n":123456789012345678901234567890, "b" : 1.0},"name":"s.t","x":[1]}"#,
            r#"{"name":"bare","arguments":{"n":123456789012345678901234567890, "b" : 1.0},"x":[1]}"#,
        );
        check(
            r#"{"name":"s.t","_meta":{"progressToken":"p"}}"#,
            r#"{"name":"bare","_meta":{"progressToken":"c-9"}}"#,
        );
        check(r#"{"name":"s.t","arguments":null,"_meta":{}}"#, r#"{"name":"bare"}"#);
    }

    #[track_caller]
    fn check_other(method: &str, json: &'static str, expected: &str) {
        let json = Bytes::from_static(json.as_bytes());
        let found = match CallParams::of(method, Some(&json)).unwrap() {
            Ok(params) => {
                assert_eq!(params.kind.method(), method);
                let mut out = Vec::new();
                params.write(&mut out, "bare", Hop::Legacy, "c-9");
                String::from_utf8(out).unwrap()
            }
            Err(error) => error.to_string(),
        };
        assert_eq!(found, expected);
    }

    #[test]
    fn every_kind_names_its_thing_in_its_own_way() {
        check_other("tools/call", r#"{"name":"s.t"}"#, r#"{"name":"bare"}"#);
        check_other(
            "prompts/get",
            r#"{"arguments":{"a":"1"},"name":"s.p","_meta":{"progressToken":1}}"#,
            r#"{"name":"bare","arguments":{"a":"1"},"_meta":{"progressToken":"c-9"}}"#,
        );
        check_other("tasks/get", r#"{"taskId":"t","x":1}"#, r#"{"taskId":"bare","x":1}"#);
        check_other("tasks/result", r#"{"taskId":"t"}"#, r#"{"taskId":"bare"}"#);
        check_other("tasks/cancel", r#"{"taskId":"t"}"#, r#"{"taskId":"bare"}"#);
        check_other(
            "tasks/update",
            r#"{"inputResponses":{"a":{}},"taskId":"t"}"#,
            r#"{"taskId":"bare","inputResponses":{"a":{}}}"#,
        );
        check_other("resources/read", r#"{"x":1,"uri":"u:/a"}"#, r#"{"uri":"bare","x":1}"#);
        check_other(
            "resources/read",
            r#"{"requestState":"s","uri":"u:/a","inputResponses":{"1":{}},"x":1}"#,
            r#"{"uri":"bare","x":1,"inputResponses":{"1":{}},"requestState":"s"}"#,
        );
        check_other(
            "completion/complete",
            r#"{"argument":{"name":"n","value":"v"},"ref":{"type":"ref/prompt","title":"T","name":"s.p"}}"#,
            r#"{"ref":{"type":"ref/prompt","name":"bare","title":"T"},"argument":{"name":"n","value":"v"}}"#,
        );
        check_other(
            "completion/complete",
            r#"{"ref":{"type":"ref/resource","uri":"u:/{a}"},"context":{"arguments":{"b":"c"}}}"#,
            r#"{"ref":{"type":"ref/resource","uri":"bare"},"context":{"arguments":{"b":"c"}}}"#,
        );
        assert!(CallParams::of("tools/list", None).is_none());
    }

    #[test]
    fn a_call_is_to_become_a_task_only_where_there_was_a_handshake() {
        let params = read(r#"{"name":"s.t","task":{"ttl":1.0},"x":1}"#).unwrap();
        for (hop, expected) in [(Hop::Legacy, true), (Hop::Modern, false)] {
            let mut out = Vec::new();
            params.write(&mut out, "bare", hop, "c-9");
            let text = String::from_utf8(out).unwrap();
            assert_eq!(text.contains(r#","task":{"ttl":1.0}"#), expected, "{text}");
            assert!(text.starts_with(r#"{"name":"bare","x":1"#), "{text}");
        }
    }

    #[test]
    fn what_names_nothing_is_refused() {
        check_other("prompts/get", "{}", "params.name must be a string");
        check_other("tasks/get", r#"{"taskId":7}"#, "params.taskId must be a string");
        check_other("resources/read", r#"{"name":"x"}"#, "params.uri must be a string");
        let reference = "params.ref must name a prompt (`ref/prompt`, name) or a resource (`ref/resource`, uri)";
        for wrong in [
            "{}",
            r#"{"ref":{}}"#,
            r#"{"ref":{"type":"ref/tool","name":"x"}}"#,
            r#"{"ref":{"type":"ref/resource","name":"x"}}"#,
        ] {
            check_other("completion/complete", wrong, reference);
        }
    }

    #[test]
    fn ambiguous_or_wrong_parameters_are_refused() {
        assert!(matches!(read(r#"{"name":"safe","name":"evil"}"#), Err(ParamsError::Shape(_))));
        assert!(matches!(read(r#"{"name":7}"#), Err(ParamsError::Name)));
        assert!(matches!(read(r#"{"arguments":{}}"#), Err(ParamsError::Name)));
        assert!(matches!(read(r#"{"name":"a","arguments":[]}"#), Err(ParamsError::Arguments)));
        assert!(matches!(read(r#"{"name":"a","_meta":[]}"#), Err(ParamsError::Meta(_))));
        assert!(matches!(CallParams::read(None), Err(ParamsError::Name)));
    }
}
