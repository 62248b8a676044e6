//! This file makes a call for a client and brings it whatever the server asks meanwhile.
//!
//! It leaves how to ask to `dialogue`, and words for failures to `reply`.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use conductor_actors::credentials::Secrets;
use conductor_actors::wire::{
    Abilities, CallKind, CallParams, Hop, Id, LogLevel, Members, Outcome, Rope, TaskVerb,
};
use conductor_actors::{
    Answer as Answered, Call, CallError, Inquiries, InquiryKind, LogPort, principal_of,
};
use conductor_config::ServerId;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};

use super::dialogue::{
    About, Bond, Conversation, InputRequired, PARKED_MAX, Parked, Sealed, Step, Whose, for_modern,
    url_required, write_input_required,
};
use super::era::{self, Era, ForeignResult};
use super::reply::{
    Refusal, failed_call, foreign_result, lacking, no_input, relayed_error, required,
};
use super::service::{Peer, Service, response};
use super::talking::{Rising, ask_all, tell};
use super::tasks;

/// How often a server may ask for input during one call.
const ROUNDS: u32 = 10;
/// Waits before a call is made again whose server asked for nothing but that.
const AGAIN: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// What a call came to.
enum Ended {
    /// An answer of the server, or none.
    Called(Result<Answered, CallError>),
    /// A result of our own making, for a client of 2026-07-28.
    Asks(Vec<u8>),
    /// No result: the server wants something that it cannot be given, for this reason.
    NoInput(String),
    /// No result: the server needs a client that can do this.
    Lacks(Abilities),
}

impl Ended {
    /// An answer of the server. If that is a failure, and the server was refused something before
    /// which a client of 2026-07-28 would have to declare, then this is what is told.
    fn called(outcome: Result<Answered, CallError>, lacked: &OnceLock<Abilities>) -> Self {
        match (&outcome, lacked.get()) {
            (Ok(answered), Some(lacked)) if is_failure(&answered.outcome) => Self::Lacks(*lacked),
            _ => Self::Called(outcome),
        }
    }
}

impl Service {
    /// Makes a call and answers the request for it.
    pub(super) async fn call_straight(
        &self,
        id: &Id,
        mut params: Box<CallParams>,
        era: Era,
        peer: &Peer<'_>,
    ) -> Result<Rope, Refusal> {
        let kind = params.kind;
        if matches!(kind, CallKind::Task(_)) {
            self.may_ask_about_tasks(&params, era)?;
        }
        if era == Era::Modern {
            // There, it is the server who makes tasks.
            params.task = None;
        }
        let (asked, follows) = (params.task.is_some(), tasks::are_declared(&params.meta));
        let level = self.level(&mut params, era, peer.out.is_some())?;
        let declared = params.meta.client_capabilities.clone().filter(|_| era == Era::Modern);
        let name = params.name.clone();
        let ended = match era {
            Era::Legacy => self.call_for_legacy(params, level, peer).await,
            Era::Modern => self.call_for_modern(params, level, peer.out).await?,
        };
        let outcome = match ended {
            Ended::Called(outcome) => outcome,
            Ended::Asks(result) => return Ok(response(id, &result).into()),
            Ended::NoInput(reason) => return Ok(no_input(id, kind, &reason).into()),
            Ended::Lacks(able) => {
                return Err(Refusal::MissingCapability { required: required(able) });
            }
        };
        match outcome {
            Ok(Answered { outcome: Outcome::Result(result), hop, words }) => {
                if asked && let Some(task) = tasks::made(&result) {
                    self.hear_of_task(&task).await;
                }
                let result = (&result, words);
                let follows = era == Era::Modern && follows;
                if hop == Hop::Modern && !follows && era::is_task(result) {
                    let error = ForeignResult("\"task\"".to_owned());
                    return Ok(foreign_result(id, kind, &error).into());
                }
                let extends = hop == Hop::Modern && self.knows_extensions(hop);
                Ok(era::response(id, (kind, extends), result, hop, era)
                    .unwrap_or_else(|error| foreign_result(id, kind, &error).into()))
            }
            Ok(Answered { outcome: Outcome::Error(error), .. }) => {
                let error = match era {
                    Era::Legacy => self.await_visits_of(kind, &name, error).await,
                    Era::Modern => error,
                };
                match declared.and_then(|declared| lacking(&error, &declared)) {
                    Some(required) => Err(Refusal::MissingCapability { required }),
                    None => Ok(relayed_error(id, kind, &error, era).into()),
                }
            }
            Err(error) => self.not_called(id, kind, error, era).map(Rope::from),
        }
    }

    /// Whether such tasks are announced here, and the caller can follow them.
    fn may_ask_about_tasks(&self, params: &CallParams, era: Era) -> Result<(), Refusal> {
        if !self.makes_tasks(era) {
            let method = params.kind.method().to_owned();
            return Err(Refusal::UnknownMethod { method, era });
        }
        match era {
            Era::Legacy => Ok(()),
            Era::Modern => tasks::must_declare(&params.meta),
        }
    }

    /// The answer to a request of this kind that no server answered.
    pub(super) fn not_called(
        &self,
        id: &Id,
        kind: CallKind,
        error: CallError,
        era: Era,
    ) -> Result<Bytes, Refusal> {
        match error {
            CallError::Unknown { kind, name, candidates } if candidates.is_empty() => {
                Err(Refusal::Unknown { kind, name: name.to_string(), era })
            }
            CallError::Unknown { name, candidates, .. } => {
                let candidates = candidates.iter().map(ToString::to_string).collect();
                Err(Refusal::Ambiguous { name: name.to_string(), candidates })
            }
            error => Ok(self.failed(id, kind, &error, era)),
        }
    }

    /// Makes a call of a client with a handshake, which is asked by requests of our own.
    async fn call_for_legacy(
        &self,
        mut params: Box<CallParams>,
        level: Option<LogLevel>,
        peer: &Peer<'_>,
    ) -> Ended {
        let asked = peer
            .client
            .zip(peer.out)
            .filter(|(client, _)| client.abilities.any() && can_ask(params.kind));
        let Some((client, out)) = asked else {
            return Ended::Called(self.plain(params, level, peer.out, None).await);
        };
        params.meta.client_capabilities = Some(client.capabilities.clone());
        let mut rising = Rising::default();
        for round in 0..ROUNDS {
            let conversation = self.begin(params.clone(), client.abilities, level);
            let answered = match self.talk(conversation, &mut rising, Some(client), out).await {
                Ok(answered) => answered,
                Err(error) => return Ended::Called(Err(error)),
            };
            let asks = match asks(&answered) {
                Ok(Some(asks)) => asks,
                Ok(None) => return Ended::Called(Ok(answered)),
                Err(reason) => return Ended::NoInput(reason),
            };
            if asks.requests.is_empty() {
                sleep(AGAIN.1.min(AGAIN.0 * 2_u32.pow(round))).await;
            }
            if asks.beyond(client.abilities).is_some() {
                return Ended::NoInput("it asks for what the client has not offered".to_owned());
            }
            let label = self.label_of(params.kind, &params.name);
            let asks = asks.of_server(label.as_deref());
            match ask_all(&asks, client, out).await {
                Ok(answers) => params.input_responses = Some(answers),
                Err(reason) => return Ended::NoInput(reason),
            }
            params.request_state = asks.state;
        }
        Ended::NoInput(format!("it has asked {ROUNDS} times in a row"))
    }

    /// Makes a call of a client of 2026-07-28, or goes on with one that it brings input for.
    async fn call_for_modern(
        &self,
        mut params: Box<CallParams>,
        level: Option<LogLevel>,
        out: Option<&mpsc::Sender<Bytes>>,
    ) -> Result<Ended, Refusal> {
        let capabilities = params.meta.client_capabilities.as_deref();
        let able = capabilities.map(Abilities::of).filter(|_| can_ask(params.kind));
        let able = able.unwrap_or_default();
        let (state, about) = (params.request_state.take(), About::of(&params));
        if state.is_none() && !able.any() {
            let lacked = Arc::default();
            let outcome = self.plain(params, level, out, Some(&lacked)).await;
            return self.on_outcome(outcome, &lacked, able, &about);
        }
        let sealed = match state {
            Some(state) => {
                let state: Option<String> = serde_json::from_slice(&state).ok();
                let bond = self.bond(&about);
                let sealed = state.and_then(|state| self.parking().open(&state, &bond, now()));
                Some(sealed.ok_or(Refusal::InputExpired)?)
            }
            None => None,
        };
        let token = params.meta.progress_token.clone();
        let mut conversation = match sealed {
            None => self.begin(params, able, level),
            Some(Sealed::Server(state)) => {
                params.request_state = Some(state);
                self.begin(params, able, level)
            }
            Some(Sealed::Again) => {
                params.input_responses = None;
                self.begin(params, able, level)
            }
            Some(Sealed::Parked(number)) => {
                let parked = self.parking().take(number).await;
                let mut parked = parked.ok_or(Refusal::InputExpired)?;
                parked.answer(params.input_responses.as_ref());
                if !parked.open.is_empty() {
                    return self.park(parked, &about);
                }
                parked.conversation
            }
        };
        let mut rising = Rising::default();
        loop {
            match conversation.next().await {
                Step::Progress(params) => tell(out, token.as_ref(), &params, &mut rising),
                // Only if the present request wants such things as well.
                Step::Logged(line) => {
                    drop(out.filter(|_| level.is_some()).map(|out| out.try_send(line)));
                }
                Step::Noticed(line) => drop(out.map(|out| out.try_send(line))),
                Step::Asked(first) => {
                    return self.park(Parked::of(conversation, first).await, &about);
                }
                Step::Over(outcome) => {
                    return self.on_outcome(outcome, &conversation.lacked(), able, &about);
                }
            }
        }
    }

    /// What a client of 2026-07-28 gets instead of the answer while its call waits.
    fn park(&self, parked: Parked, about: &About) -> Result<Ended, Refusal> {
        let asked: Vec<_> = parked
            .open
            .iter()
            .map(|(key, inquiry)| {
                let label = self.label(&inquiry.server);
                let params = for_modern(inquiry.kind, inquiry.params.as_ref(), label.as_deref());
                (key.clone(), inquiry.kind, params)
            })
            .collect();
        let number =
            self.parking().park(parked).ok_or(Refusal::Overloaded { limit: PARKED_MAX })?;
        let state = self.close(&Sealed::Parked(number), about)?;
        Ok(Ended::Asks(write_input_required(asked.into_iter(), &state)))
    }

    fn on_outcome(
        &self,
        outcome: Result<Answered, CallError>,
        lacked: &OnceLock<Abilities>,
        able: Abilities,
        about: &About,
    ) -> Result<Ended, Refusal> {
        match Ended::called(outcome, lacked) {
            Ended::Called(Ok(answered)) => self.on_answer(answered, able, about),
            ended => Ok(ended),
        }
    }

    fn bond(&self, about: &About) -> Bond {
        Bond::new(&principal_of(self.caller()), about)
    }

    /// An answer for a client of 2026-07-28; one that asks for input is put under seal.
    fn on_answer(
        &self,
        answered: Answered,
        able: Abilities,
        about: &About,
    ) -> Result<Ended, Refusal> {
        let asks = match asks(&answered).map(|asks| asks.filter(|_| can_ask(about.kind))) {
            Ok(asks) => asks,
            Err(reason) => return Ok(Ended::NoInput(reason)),
        };
        if let Some(asks) = asks {
            if let Some(needed) = asks.beyond(able) {
                return Ok(Ended::Lacks(needed));
            }
            let state = asks.state.clone();
            let state = state.map(|state| self.close(&Sealed::Server(state), about));
            let state = state.transpose()?;
            let label = self.label_of(about.kind, &about.name);
            return Ok(Ended::Asks(asks.of_server(label.as_deref()).write(state.as_deref())));
        }
        if let (Outcome::Error(error), true) = (&answered.outcome, able.url)
            && let Some(wanted) = url_required(error)
        {
            let state = self.close(&Sealed::Again, about)?;
            let requests = (1..)
                .zip(wanted)
                .map(|(key, params)| (key.to_string(), InquiryKind::Elicitation, Some(params)));
            return Ok(Ended::Asks(write_input_required(requests, &state)));
        }
        Ok(Ended::Called(Ok(answered)))
    }

    fn close(&self, sealed: &Sealed, about: &About) -> Result<String, Refusal> {
        self.parking().close(sealed, &self.bond(about), now()).ok_or(Refusal::Internal)
    }

    fn begin(
        &self,
        params: Box<CallParams>,
        able: Abilities,
        level: Option<LogLevel>,
    ) -> Conversation {
        let whose = Whose {
            scope: self.scope().clone(),
            caller: self.caller().clone(),
            seat: self.seat(),
            extends: self.knows_extensions(params.meta.hop()),
        };
        Conversation::begin(self.system().clone(), whose, params, able, level)
    }

    /// Makes a call whose caller cannot be asked anything. What its server wanted to ask comes into
    /// `lacked`.
    async fn plain(
        &self,
        params: Box<CallParams>,
        level: Option<LogLevel>,
        out: Option<&mpsc::Sender<Bytes>>,
        lacked: Option<&Arc<OnceLock<Abilities>>>,
    ) -> Result<Answered, CallError> {
        let Some(out) = out.filter(|_| params.meta.progress_token.is_some()) else {
            let lacked = lacked.filter(|_| can_ask(params.kind));
            let inquiries = lacked.map(|lacked| Inquiries {
                sink: None,
                abilities: Abilities::default(),
                lacked: Arc::clone(lacked),
            });
            // All that it may hear before the answer comes ready to be sent.
            let logs = level.zip(out).map(|(level, out)| LogPort { level, sink: out.clone() });
            let notices = out.filter(|_| self.knows_extensions(params.meta.hop())).cloned();
            let call = Call { inquiries, logs, notices, seat: self.seat(), ..Call::new(params) };
            return tasks::call(self.system(), self.scope(), self.caller().clone(), call).await;
        };
        let conversation = self.begin(params, Abilities::default(), level);
        let found = conversation.lacked();
        let outcome = self.talk(conversation, &mut Rising::default(), None, out).await;
        if let (Some(lacked), Some(found)) = (lacked, found.get()) {
            let _ = lacked.set(*found); // it is new
        }
        outcome
    }

    fn failed(&self, id: &Id, kind: CallKind, error: &CallError, era: Era) -> Bytes {
        let config = self.system().config();
        let spec = error.server().and_then(|server: &ServerId| config.servers.get(server));
        let secrets = spec.map(|spec| Secrets::of(spec)).unwrap_or_default();
        failed_call(id, kind, error, era, &secrets, Instant::now())
    }
}

/// Whether a server may ask something during such a call (MCP 2026-07-28, basic/patterns/mrtr).
fn can_ask(kind: CallKind) -> bool {
    let is_result = kind == CallKind::Task(TaskVerb::Result);
    is_result || matches!(kind, CallKind::Tool | CallKind::Prompt | CallKind::Resource)
}

/// Whether a server says that it could not do what it was asked for.
fn is_failure(outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Error(_) => true,
        Outcome::Result(result) => {
            let result = Members::read(result).ok();
            result.is_some_and(|result| result.get("isError").is_some_and(|said| said == "true"))
        }
    }
}

/// What a server asks for with its answer, if it does.
fn asks(answered: &Answered) -> Result<Option<InputRequired>, String> {
    let Answered { outcome: Outcome::Result(result), hop: Hop::Modern, words } = answered else {
        return Ok(None);
    };
    let may_ask = era::may_be_no_end((result, *words));
    may_ask.then(|| InputRequired::read(result)).flatten().transpose()
}

/// Seconds since 1970.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
