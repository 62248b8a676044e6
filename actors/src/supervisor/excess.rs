//! This file decides when a server has used too much for too long.
//!
//! Pure: time and figures come in as arguments. It replaces nobody.

use conductor_config::RestartAbove;
use tokio::time::Instant;

use crate::model::Cause;
use crate::process::Usage;

/// What is remembered of one life's appetite: since when it has been too large.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Excess {
    memory: Option<Instant>,
    cpu: Option<Instant>,
}

/// More than was allowed: what was used, and the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Overuse {
    /// In bytes.
    Memory { used: u64, limit: u64 },
    /// In hundredths of a processor.
    Cpu { used: u64, limit: u64 },
}

impl Excess {
    /// At `now` it uses so much, none if nobody has looked yet. What of it has been more than `rule`
    /// allows for as long as it says.
    pub(super) fn past(
        &mut self,
        now: Instant,
        usage: Option<Usage>,
        rule: &RestartAbove,
    ) -> Option<Overuse> {
        let memory = over(usage.map(|usage| usage.memory), rule.memory);
        let cpu = over(usage.map(|usage| percent(usage.cpu)), rule.cpu);
        let lasts = |since: &mut Option<Instant>, is_over: bool| {
            *since = is_over.then(|| since.unwrap_or(now));
            since.is_some_and(|since| now.saturating_duration_since(since) >= rule.lasting)
        };
        let past_memory = lasts(&mut self.memory, memory.is_some());
        let past_cpu = lasts(&mut self.cpu, cpu.is_some());
        let memory = memory.filter(|_| past_memory);
        let cpu = cpu.filter(|_| past_cpu);
        memory
            .map(|(used, limit)| Overuse::Memory { used, limit })
            .or_else(|| cpu.map(|(used, limit)| Overuse::Cpu { used, limit }))
    }
}

impl From<Overuse> for Cause {
    fn from(overuse: Overuse) -> Self {
        match overuse {
            Overuse::Memory { used, limit } => Self::MemoryExceeded { used, limit },
            Overuse::Cpu { used, limit } => Self::CpuExceeded { used, limit },
        }
    }
}

fn over(used: Option<u64>, limit: Option<u64>) -> Option<(u64, u64)> {
    used.zip(limit).filter(|(used, limit)| used > limit)
}

/// Processors kept busy, in hundredths of one.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "no machine has processors that do not fit"
)]
fn percent(cpu: f64) -> u64 {
    (cpu * 100.0).round().max(0.0) as u64
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// One word a second: what is used, `-` if nobody knows, of memory and of the processor alike.
    /// More than 100 for 3 s is too much. Expects the seconds at which it was.
    #[track_caller]
    fn check(limit: Option<u64>, script: &str, expected: &[usize]) {
        for is_memory in [true, false] {
            let start = Instant::now();
            let (memory, cpu) = if is_memory { (limit, None) } else { (None, limit) };
            let rule = RestartAbove { memory, cpu, lasting: Duration::from_secs(3) };
            let mut excess = Excess::default();
            let mut past = Vec::new();
            for (second, word) in script.split(' ').enumerate() {
                let usage = word.parse::<u32>().ok().map(|used| Usage {
                    processes: 1,
                    memory: used.into(),
                    cpu: f64::from(used) / 100.0,
                });
                match excess.past(start + Duration::from_secs(second as u64), usage, &rule) {
                    Some(Overuse::Memory { limit: 100, .. }) if is_memory => past.push(second),
                    Some(Overuse::Cpu { limit: 100, .. }) if !is_memory => past.push(second),
                    Some(other) => panic!("{other:?}"),
                    None => {}
                }
            }
            assert_eq!(past, expected, "{script}");
        }
    }

    #[test]
    fn too_much_counts_only_when_it_lasts() {
        check(Some(100), "50 101 101 101 101 101", &[4, 5]);
        check(Some(100), "101 101 101 100 101 101 101", &[]);
        check(Some(100), "101 101 - 101 101 101 101", &[6]);
    }

    #[test]
    fn without_a_limit_nothing_is_too_much() {
        check(None, "999 999 999 999 999", &[]);
    }

    #[test]
    fn memory_and_processor_are_counted_apart() {
        let start = Instant::now();
        let lasting = Duration::from_secs(2);
        let rule = RestartAbove { memory: Some(100), cpu: Some(100), lasting };
        let mut excess = Excess::default();
        let mut look = |second, memory, cpu| {
            let usage = Usage { processes: 1, memory, cpu };
            excess.past(start + Duration::from_secs(second), Some(usage), &rule)
        };
        assert_eq!(look(0, 101, 0.5), None);
        assert_eq!(look(1, 100, 1.5), None);
        assert_eq!(look(2, 101, 1.5), None, "neither has lasted");
        assert_eq!(look(3, 101, 1.5), Some(Overuse::Cpu { used: 150, limit: 100 }));
        assert_eq!(look(4, 102, 1.5), Some(Overuse::Memory { used: 102, limit: 100 }));
    }
}
