//! This file is what the system does about tasks: their ids are sealed on the way out, and opened on
//! the way in.
//!
//! It leaves asking about a task to the call that does.

use std::sync::Arc;

use bytes::Bytes;
use conductor_config::ServerId;

use super::System;
use crate::audience::{Made, principal_of};
use crate::delegation::Caller;
use crate::model::{
    Answer, CallError, Holder as InstanceHolder, InstanceId, Principal, Scope, Seat, Target,
};
use crate::tasks::{Holder, Shown, with_shown_ids};
use crate::wire::{CallKind, CallParams, Hop, Outcome, Text, Word};

impl System {
    /// An answer with the ids of tasks that its caller is shown at this door.
    pub(super) async fn with_shown_tasks(
        &self,
        principal: Principal,
        scope: &Scope,
        about: (CallKind, bool, &ServerId, &InstanceHolder),
        answer: Answer,
    ) -> Result<Answer, CallError> {
        let Outcome::Result(result) = &answer.outcome else { return Ok(answer) };
        if !answer.words.may_have(Word::TaskId) {
            return Ok(answer);
        }
        let holder = Holder { principal, scope: scope.clone(), hop: answer.hop };
        Ok(match self.show_tasks(holder, about, result).await? {
            Some(result) => Answer { outcome: Outcome::Result(result), ..answer },
            None => answer,
        })
    }

    /// `result` with the ids of tasks that `holder` is shown; nothing if there are none in it.
    async fn show_tasks(
        &self,
        holder: Holder,
        (kind, asked, server, by): (CallKind, bool, &ServerId, &InstanceHolder),
        result: &Bytes,
    ) -> Result<Option<Bytes>, CallError> {
        let close = |own: &str| {
            let task = Target { server: server.clone(), name: Text::from(own) };
            self.0.task_seal.close(&holder, &task)
        };
        let shown = with_shown_ids(kind, holder.hop, asked, result, close);
        let unfit = |reason| CallError::BadAnswer { server: server.clone(), reason };
        let Some(Shown { result, made }) = shown.map_err(unfit)? else { return Ok(None) };
        if let Some(own) = made
            && let Some(shown) = close(&own)
        {
            let task = (InstanceId::new(server.clone(), by.clone()), own.as_str().into());
            self.0.audience.made(holder, task, shown.into()).await;
        }
        Ok(Some(result))
    }

    /// A task, with the process that makes the tasks of a caller.
    pub(crate) fn made(&self, task: &Target, caller: &Caller, seat: Option<&Seat>) -> Made {
        let by = self.tenancy(&task.server, caller, seat).holder;
        (InstanceId::new(task.server.clone(), by), task.name.as_str().into())
    }

    /// The task that a caller was shown under this id in a revision of this kind.
    pub(crate) async fn task(
        &self,
        (scope, caller, seat): (&Scope, &Caller, Option<&Seat>),
        hop: Hop,
        shown: &str,
    ) -> Option<Target> {
        let holder = Holder { principal: principal_of(caller), scope: scope.clone(), hop };
        let task = self.0.task_seal.open(&holder, shown)?;
        let is_there = self.0.catalog.current().has_server(&task.server);
        let made = is_there.then(|| self.made(&task, caller, seat))?;
        let may = self.0.audience.may_be_of(made, holder.principal).await;
        may.then_some(task)
    }

    /// The id under which a caller with a handshake is shown a task at this door.
    pub fn shown_task(&self, scope: &Scope, caller: &Caller, task: &Target) -> Option<String> {
        self.0.task_seal.close(&asker(scope, caller), task)
    }

    pub(super) async fn find_task(
        &self,
        scope: &Scope,
        caller: &Caller,
        (params, seat): (&CallParams, Option<&Seat>),
    ) -> Result<Target, CallError> {
        let unknown = || {
            let (kind, name) = (params.kind, params.name.clone());
            CallError::Unknown { kind, name, candidates: Vec::new() }
        };
        let task = self.task((scope, caller, seat), params.meta.hop(), &params.name).await;
        task.ok_or_else(unknown)
    }

    /// The ids of the tasks that a caller with a handshake was told of at this door, each with its
    /// number: those after the one of this number, `most` at most. Of servers that run for one session
    /// each, those of the session of `seat`.
    pub async fn tasks(
        &self,
        (scope, caller, seat): (&Scope, &Caller, Option<&Seat>),
        after: u64,
        most: usize,
    ) -> Vec<(u64, Arc<str>)> {
        let asker = asker(scope, caller);
        let principal = || InstanceHolder::Principal(asker.principal.clone());
        let own = seat.map_or_else(principal, Seat::take);
        self.0.audience.tasks_of(asker, own, after, most).await
    }

    /// Forgets the task of this number, which its server does not know any more.
    pub async fn forget_task(&self, scope: &Scope, caller: &Caller, number: u64) {
        self.0.audience.forget(asker(scope, caller), number).await;
    }
}

/// Who holds tasks that were asked for by a caller with a handshake.
fn asker(scope: &Scope, caller: &Caller) -> Holder {
    Holder { principal: principal_of(caller), scope: scope.clone(), hop: Hop::Legacy }
}
