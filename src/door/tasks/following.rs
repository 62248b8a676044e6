//! This file makes a call as a task where the tool of a server with a handshake can be called in no
//! other way and the client knows nothing of such tasks: it is made, followed to its end, and
//! answered as an ordinary call.
//!
//! The call's own limit of time holds for all of it; a call that is given up cancels its task. It
//! leaves everything else to the running system.

use std::time::Duration;

use bytes::Bytes;
use conductor_actors::wire::{
    CallKind, CallParams, Hop, Members, Outcome, RELATED_TASK, TaskVerb, Text, Words,
};
use conductor_actors::{Answer, Call, CallError, Caller, Resolution, Scope, Seat, System};
use conductor_config::ServerId;
use serde::Deserialize;
use tokio::time::{Instant, sleep_until};

use super::made;

/// Waits between two questions, where the server names none, and at least and at most.
const POLL: Duration = Duration::from_secs(1);
const POLL_MIN: Duration = Duration::from_millis(50);
const POLL_MAX: Duration = Duration::from_secs(10);
/// How much longer than the call may take the server is to keep what it came to.
const SPARE: Duration = Duration::from_secs(60);
/// How long cancelling a task may take.
const CANCEL: Duration = Duration::from_secs(10);

/// What a server says of a task.
#[derive(Deserialize)]
struct Status {
    status: String,
    #[serde(rename = "pollInterval", default)]
    poll: Option<u64>,
}

impl Status {
    fn read(task: &Bytes) -> Option<Self> {
        serde_json::from_slice(task).ok()
    }

    fn wait(&self) -> Duration {
        self.poll.map_or(POLL, Duration::from_millis).clamp(POLL_MIN, POLL_MAX)
    }
}

/// Makes a call, as a task if it has to be one.
pub(in crate::door) async fn call(
    system: &System,
    scope: &Scope,
    caller: Caller,
    call: Call,
) -> Result<Answer, CallError> {
    match server_of(system, scope, &call.params) {
        Some(server) => {
            let seat = call.seat.clone();
            let following = Following { system, scope, caller, seat, server };
            // Most calls need no room for this.
            Box::pin(following.call(call)).await
        }
        None => system.call(scope, caller, call).await,
    }
}

/// The server of a tool that has to be called as a task, for a client that cannot do that.
fn server_of(system: &System, scope: &Scope, params: &CallParams) -> Option<ServerId> {
    if params.kind != CallKind::Tool || params.meta.hop() == Hop::Legacy {
        return None;
    }
    let catalog = system.catalog().current();
    let view = catalog.view(scope).filter(|view| view.is_task(&params.name))?;
    let Resolution::Found(target) = view.resolve(params.kind, &params.name) else { return None };
    (catalog.way_of_tasks(&target.server) == Some(Hop::Legacy)).then_some(target.server)
}

struct Following<'a> {
    system: &'a System,
    scope: &'a Scope,
    caller: Caller,
    /// The session it belongs to, so that the same process is asked all along.
    seat: Option<Seat>,
    server: ServerId,
}

impl Following<'_> {
    async fn call(&self, mut call: Call) -> Result<Answer, CallError> {
        let begun = Instant::now();
        let limit = match call.deadline {
            Some(deadline) => deadline.saturating_duration_since(begun),
            None => self.system.limit_of(&self.server),
        };
        let deadline = begun + limit;
        let ttl = (limit + SPARE).as_millis();
        call.params.task = Some(Bytes::from(format!(r#"{{"ttl":{ttl}}}"#)));
        call.deadline = Some(deadline);
        let (inquiries, logs) = (call.inquiries.clone(), call.logs.clone());
        let answer = self.ask(call, limit).await?;
        let Outcome::Result(result) = &answer.outcome else { return Ok(answer) };
        let Some(task) = made(result) else { return Ok(answer) };
        let mut given_up = GivenUp::of(self, &task);
        let ended = async {
            let mut status = Members::read(result).ok().and_then(|mut it| it.take("task"));
            while let Some(wait) = status.as_ref().and_then(until_next) {
                let next = Instant::now() + wait;
                if next >= deadline {
                    sleep_until(deadline).await;
                    let server = self.server.clone();
                    return Err(CallError::DeadlineExceeded { server, limit, sent: true });
                }
                sleep_until(next).await;
                let asked = Call { deadline: Some(deadline), ..self.about(TaskVerb::Get, &task) };
                match self.ask(asked, limit).await?.outcome {
                    Outcome::Result(task) => status = Some(task),
                    Outcome::Error(error) => {
                        let (outcome, words) = (Outcome::Error(error), Words::ANY);
                        return Ok(Answer { outcome, words, ..answer.clone() });
                    }
                }
            }
            // What the server asks the caller meanwhile belongs to this request.
            let asked = Call { deadline: Some(deadline), ..self.about(TaskVerb::Result, &task) };
            self.ask(Call { inquiries, logs, ..asked }, limit).await.map(without_task)
        };
        let ended = ended.await;
        if !matches!(ended, Err(CallError::DeadlineExceeded { .. })) {
            given_up.0 = None;
        }
        ended
    }

    fn about(&self, verb: TaskVerb, task: &Text) -> Call {
        about(verb, task, self.seat.clone())
    }

    /// Makes one request; one that ran out of time had the whole call's.
    async fn ask(&self, call: Call, limit: Duration) -> Result<Answer, CallError> {
        let asked = self.system.call(self.scope, self.caller.clone(), call).await;
        asked.map_err(|error| match error {
            CallError::DeadlineExceeded { server, sent, .. } => {
                CallError::DeadlineExceeded { server, limit, sent }
            }
            error => error,
        })
    }
}

/// How long to wait before asking again how a task stands; nothing if it wants something, or is over.
fn until_next(task: &Bytes) -> Option<Duration> {
    let status = Status::read(task)?;
    (status.status == "working").then(|| status.wait())
}

fn about(verb: TaskVerb, task: &Text, seat: Option<Seat>) -> Call {
    Call { seat, ..Call::new(Box::new(CallParams::of_task(verb, task.clone()))) }
}

/// An answer without the name of its task, which means nothing to the client.
fn without_task(answer: Answer) -> Answer {
    let Outcome::Result(result) = &answer.outcome else { return answer };
    let Ok(mut members) = Members::read(result) else { return answer };
    let Some(Ok(mut meta)) = members.get("_meta").map(Members::read) else { return answer };
    if meta.take(RELATED_TASK).is_none() {
        return answer;
    }
    match meta.0.is_empty() {
        true => drop(members.take("_meta")),
        false => members.set("_meta", meta.to_json()),
    }
    Answer { outcome: Outcome::Result(members.to_json()), ..answer }
}

/// Cancels a task when nobody waits for it any more.
struct GivenUp(Option<(System, Scope, Caller, Call)>);

impl GivenUp {
    fn of(following: &Following<'_>, task: &Text) -> Self {
        let Following { system, scope, caller, .. } = following;
        let call = following.about(TaskVerb::Cancel, task);
        Self(Some(((*system).clone(), (*scope).clone(), caller.clone(), call)))
    }
}

impl Drop for GivenUp {
    fn drop(&mut self) {
        let Some((system, scope, caller, call)) = self.0.take() else { return };
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        runtime.spawn(async move {
            let deadline = Some(Instant::now() + CANCEL);
            let call = Call { deadline, ..call };
            // A server that has ended the task meanwhile says so; there is nobody to tell.
            let _ = system.call(&scope, caller, call).await;
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_is_asked_about_as_often_as_its_server_wants() {
        let check = |task: &'static str, expected: Option<u64>| {
            let found = until_next(&Bytes::from_static(task.as_bytes()));
            assert_eq!(found, expected.map(Duration::from_millis), "{task}");
        };
        check(r#"{"status":"working"}"#, Some(1000));
        check(r#"{"status":"working","pollInterval":200}"#, Some(200));
        check(r#"{"status":"working","pollInterval":0}"#, Some(50));
        check(r#"{"status":"working","pollInterval":99999999}"#, Some(10_000));
        for over in ["completed", "failed", "cancelled", "input_required", "odd"] {
            let task: &'static str = format!(r#"{{"status":"{over}"}}"#).leak();
            check(task, None);
        }
        check("7", None);
    }

    #[test]
    fn the_name_of_a_task_is_taken_off() {
        let check = |result: &'static str, expected: &str| {
            let outcome = Outcome::Result(Bytes::from_static(result.as_bytes()));
            let (hop, words) = (Hop::Legacy, Words::ANY);
            let found = without_task(Answer { outcome, hop, words });
            assert_eq!(found.outcome, Outcome::Result(Bytes::copy_from_slice(expected.as_bytes())));
        };
        let related =
            r#"{"n":1.0,"_meta":{"io.modelcontextprotocol/related-task":{"taskId":"t"}}}"#;
        check(related, r#"{"n":1.0}"#);
        check(
            r#"{"_meta":{"a":1.0,"io.modelcontextprotocol/related-task":{}}}"#,
            r#"{"_meta":{"a":1.0}}"#,
        );
        check(r#"{ "_meta":{"a":1} }"#, r#"{ "_meta":{"a":1} }"#);
    }
}
