//! This file finds out what the name in a call leads to, and waits for servers whose lists are to come.
//!
//! It leaves what a name means to the catalogue, and starting servers to the supervisor.

use std::sync::Arc;

use tokio::time::{Instant, timeout_at};

use super::System;
use crate::merger::{CheckedArguments, Resolution};
use crate::model::{CallError, Scope, Target};
use crate::wire::{CallKind, Text};

impl System {
    /// What the call's name leads to, and what checks its arguments if anything does. A server that
    /// is on its way up for the first time is waited for, within the call's own limit, since only
    /// its list can tell.
    pub(super) async fn find(
        &self,
        scope: &Scope,
        kind: CallKind,
        named: &Text,
        deadline: Option<Instant>,
    ) -> Result<(Target, Option<Arc<CheckedArguments>>), CallError> {
        let name = || named.clone();
        let unknown = || CallError::Unknown { kind, name: name(), candidates: Vec::new() };
        let mut news = None;
        let begun = Instant::now();
        loop {
            let catalog = self.0.catalog.current();
            let view = catalog.view(scope).ok_or_else(unknown)?;
            if kind == CallKind::Tool
                && let Some(tool) = view.tool(named)
            {
                return Ok((tool.target.clone(), tool.arguments.clone()));
            }
            let server = match view.resolve(kind, named) {
                Resolution::Found(target) => return Ok((target, None)),
                Resolution::Awaited(server) => server,
                Resolution::Ambiguous(candidates) => {
                    return Err(CallError::Unknown { kind, name: name(), candidates });
                }
                Resolution::Unknown => return Err(unknown()),
            };
            // Who hears of publications looks once more, for one may have come in between.
            let Some(published) = &mut news else {
                news = Some(self.0.catalog.published());
                continue;
            };
            let outage = self.outage(&server);
            let deadline = deadline.unwrap_or(begun + self.0.router.limit_of(&server));
            if !self.is_coming(&server, &outage) {
                return Err(CallError::Unavailable { server, outage });
            }
            self.0.supervisor.wake(server.clone());
            // A call that waits here counts like one under way.
            let _place = self.0.router.enter()?;
            if !matches!(timeout_at(deadline, published.changed()).await, Ok(Ok(()))) {
                return Err(CallError::Unavailable { server, outage });
            }
        }
    }
}
