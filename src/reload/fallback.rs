//! This file decides which servers run with their former settings, because the new ones did not bring
//! them up, and for how long.
//!
//! Pure. It leaves asking for it (`reload.rollback`) to the settings, and carrying it out to the owner.

use std::collections::BTreeMap;
use std::sync::Arc;

use conductor_actors::{Board, Generation, ServerState};
use conductor_config::{Config, ServerId, ServerSpec};

/// A server that a reload has replaced.
#[derive(Debug, Clone)]
pub(super) struct Turn {
    /// Which one.
    pub(super) id: ServerId,
    /// What it ran with.
    former: Arc<ServerSpec>,
    /// What it is to run with.
    tried: Arc<ServerSpec>,
    /// The last of its lives before that.
    last: Generation,
}

/// What has become of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// That is not known yet.
    Open,
    /// It came up, or is another reload's affair by now.
    Settled,
    /// It did not come up, for this reason.
    Down(String),
}

impl Turn {
    /// Those servers that ran and that `wanted` starts with other settings.
    pub(super) fn all<'a>(
        names: &'a [String],
        running: &'a Board,
        wanted: &'a Config,
    ) -> impl Iterator<Item = Self> + 'a {
        wanted.servers.iter().filter(|(id, _)| names.contains(&id.to_string())).filter_map(
            |(id, tried)| {
                let row = running.servers.get(id)?;
                let ran = matches!(row.state, ServerState::Running | ServerState::Degraded);
                ran.then(|| Self {
                    id: id.clone(),
                    former: Arc::clone(&row.spec),
                    tried: Arc::clone(tried),
                    last: row.generation,
                })
            },
        )
    }

    /// What has become of it, as the board shows it now.
    pub(super) fn outcome(&self, board: &Board) -> Outcome {
        let Some(row) = board.servers.get(&self.id) else { return Outcome::Settled };
        match self.judge(&row.spec, row.state, row.generation) {
            None => Outcome::Open,
            Some(true) => Outcome::Settled,
            Some(false) => {
                let why = row.last_error.as_ref().map(|(downfall, _)| downfall.to_string());
                Outcome::Down(why.unwrap_or_else(|| "it did not start".to_owned()))
            }
        }
    }

    /// Whether that is no failure; none while it is not known yet.
    fn judge(
        &self,
        spec: &Arc<ServerSpec>,
        state: ServerState,
        generation: Generation,
    ) -> Option<bool> {
        if generation <= self.last {
            return None; // the old life
        }
        match state {
            _ if *spec != self.tried => Some(true),
            ServerState::Starting if generation == self.last.next() => None,
            ServerState::Starting | ServerState::Backoff | ServerState::Failed => Some(false),
            ServerState::Running
            | ServerState::Degraded
            | ServerState::Draining
            | ServerState::Stopped => Some(true),
        }
    }

    /// Whether the files say what was tried.
    pub(super) fn is_in(&self, files: &Config) -> bool {
        files.servers.get(&self.id) == Some(&self.tried)
    }

    fn told(&self, reason: &str) -> String {
        let id = &self.id;
        format!(
            "server {id} runs with its former settings, for the new ones did not bring it up: {reason}"
        )
    }
}

/// Servers that run with their former settings.
#[derive(Debug, Clone, Default)]
pub(super) struct Fallbacks(BTreeMap<ServerId, (Turn, String)>);

impl Fallbacks {
    /// From now on this one does, for that reason; as long as the files say what was tried. Returns a
    /// sentence about it.
    pub(super) fn add(&mut self, turn: Turn, reason: String) -> String {
        let told = turn.told(&reason);
        self.0.insert(turn.id.clone(), (turn, reason));
        told
    }

    /// Those for which the files still say what was tried.
    pub(super) fn still_in(&self, files: &Config) -> Self {
        Self(self.0.iter().filter(|(_, (turn, _))| turn.is_in(files)).map(cloned).collect())
    }

    /// Puts their former settings in the place of those that were tried.
    pub(super) fn put_into(&self, files: &mut Config) {
        for (turn, _) in self.0.values() {
            files.servers.insert(turn.id.clone(), Arc::clone(&turn.former));
        }
    }

    /// A sentence for each.
    pub(super) fn warnings(&self) -> impl Iterator<Item = String> {
        self.0.values().map(|(turn, reason)| turn.told(reason))
    }
}

fn cloned<K: Clone, V: Clone>((key, value): (&K, &V)) -> (K, V) {
    (key.clone(), value.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reload::tests::settings;

    fn of(command: &str) -> Config {
        settings(&format!("[mcpServers.a]\ncommand = '{command}'\n[mcpServers.b]\ncommand = 'x'\n"))
    }

    /// Server `a`, which ran `old` in its third life and is to run `new`.
    fn turn() -> Turn {
        let id: ServerId = "a".parse().unwrap();
        let spec = |command| Arc::clone(&of(command).servers[&id]);
        Turn { former: spec("old"), tried: spec("new"), last: life(3), id }
    }

    fn life(number: usize) -> Generation {
        let mut lives =
            std::iter::successors(Some(Generation::default()), |life| Some(life.next()));
        lives.nth(number).unwrap()
    }

    #[test]
    fn a_first_life_with_other_settings_that_ends_at_its_start_is_a_failure() {
        use ServerState::{Backoff, Degraded, Draining, Failed, Running, Starting, Stopped};
        let turn = turn();
        for (command, state, number, expected) in [
            ("old", Running, 3, None),
            ("old", Draining, 3, None),
            ("new", Draining, 3, None),
            ("new", Starting, 4, None),
            ("new", Running, 4, Some(true)),
            ("new", Degraded, 4, Some(true)),
            ("new", Stopped, 4, Some(true)),
            ("new", Backoff, 4, Some(false)),
            ("new", Failed, 4, Some(false)),
            ("new", Starting, 5, Some(false)),
            ("newer", Backoff, 5, Some(true)),
        ] {
            let spec = Arc::clone(&of(command).servers[&turn.id]);
            assert_eq!(turn.judge(&spec, state, life(number)), expected, "{command} {state:?}");
        }
    }

    #[test]
    fn the_former_settings_hold_as_long_as_the_files_say_what_failed() {
        let mut fallbacks = Fallbacks::default();
        let told = fallbacks.add(turn(), "exited with code 1".to_owned());
        assert!(told.starts_with("server a runs with its former settings"), "{told}");
        let mut same = of("new");
        let held = fallbacks.still_in(&same);
        held.put_into(&mut same);
        assert_eq!(same, of("old"));
        assert_eq!(held.warnings().collect::<Vec<_>>(), [told]);

        let mut other = of("newer");
        fallbacks.still_in(&other).put_into(&mut other);
        assert_eq!(other, of("newer"));
        let mut gone = settings("[mcpServers.b]\ncommand = 'x'\n");
        fallbacks.still_in(&gone).put_into(&mut gone);
        assert_eq!(gone.servers.len(), 1);
    }
}
