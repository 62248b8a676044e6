//! This file is the whole measurement, part by part: what is run against what, in which order.
//! It leaves starting and loading to `world.rs` and `load.rs`, and telling to `document.rs`.

pub(crate) mod beside;
pub(crate) mod fair;
pub(crate) mod floor;
mod life;
pub(crate) mod scale;
pub(crate) mod through;

use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use tokio::time::Instant;

use crate::book::{Book, Key, Measure, Path};
use crate::load::{Seen, Target, Window, load};
use crate::marked::MEASURED;
use crate::report::percentile;
use crate::work::Work;
use crate::world::Programs;
use crate::{SuiteArgs, document, machine};

/// The parts, as `--only` names them.
pub(crate) const STEPS: [&str; 10] =
    ["echo", "sizes", "list", "memory", "start", "recover", "scale", "fair", "beside", "floor"];

/// How much is measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Effort {
    pub(crate) quick: bool,
    pub(crate) rounds: u32,
    pub(crate) warmup: Duration,
    pub(crate) measured: Duration,
    pub(crate) calls: u64,
}

/// A running suite.
pub(crate) struct Suite {
    pub(crate) programs: Programs,
    pub(crate) effort: Effort,
    pub(crate) book: Book,
    /// Descriptions of gateways of others, where they are not the known ones.
    pub(crate) others: Option<PathBuf>,
}

/// Runs what was asked for and tells the result.
pub(crate) async fn run(args: SuiteArgs) -> Result<()> {
    let only: Vec<&str> = args.only.iter().map(String::as_str).collect();
    if let Some(unknown) = only.iter().find(|step| !STEPS.contains(step)) {
        bail!("there is no part `{unknown}`, only {}", STEPS.join(", "));
    }
    if let Some(file) = &args.write {
        // Before minutes are spent on figures that could not be kept.
        MEASURED.read(file)?;
    }
    let quick = args.quick;
    let effort = Effort {
        quick,
        rounds: args.rounds.unwrap_or(if quick { 1 } else { 3 }).max(1),
        warmup: Duration::from_millis(if quick { 200 } else { 400 }),
        measured: Duration::from_secs_f64(args.seconds.unwrap_or(if quick { 0.6 } else { 1.5 })),
        calls: args.calls.unwrap_or(if quick { 30_000 } else { 1_000_000 }),
    };
    let mut book = if only.is_empty() { Book::default() } else { before(args.json.as_ref())? };
    book.records.retain(|record| !only.contains(&record.step.as_str()));
    book.machine = machine::described(&effort);
    let programs = Programs::find(args.conductor)?;
    let mut suite = Suite { programs, effort, book, others: args.others };
    let steps: Vec<&str> =
        STEPS.into_iter().filter(|step| only.is_empty() || only.contains(step)).collect();
    let began = Instant::now();
    for (number, step) in steps.iter().enumerate() {
        heading(&format!(
            "part {} of {}: {step} (after {} s)",
            number + 1,
            steps.len(),
            began.elapsed().as_secs()
        ));
        suite.step(step).await.with_context(|| format!("part `{step}`"))?;
    }
    suite.book.machine.push(("time taken".to_owned(), minutes(began.elapsed())));
    suite.book.machine.push(machine::load_now("load at the end"));
    if let Some(file) = &args.json {
        std::fs::write(file, serde_json::to_string_pretty(&suite.book)? + "\n")
            .with_context(|| format!("failed to write {}", file.display()))?;
    }
    if let Some(file) = &args.write {
        document::write(&suite.book, file)?;
    }
    write!(std::io::stdout(), "{}", document::text(&suite.book))?;
    Ok(())
}

fn heading(text: &str) {
    let _ = writeln!(std::io::stderr(), "== {text}"); // nowhere else to say it
}

fn minutes(taken: Duration) -> String {
    format!("{:.0} min", taken.as_secs_f64() / 60.0)
}

/// The figures of an earlier run, of which some are renewed.
fn before(file: Option<&PathBuf>) -> Result<Book> {
    match file.filter(|file| file.exists()) {
        Some(file) => Ok(serde_json::from_str(&std::fs::read_to_string(file)?)?),
        None => Ok(Book::default()),
    }
}

impl Suite {
    async fn step(&mut self, step: &str) -> Result<()> {
        match step {
            "echo" => self.echo().await,
            "sizes" => self.sizes().await,
            "list" => self.list().await,
            "memory" => self.memory().await,
            "start" => self.start().await,
            "recover" => self.recover().await,
            "scale" => self.scale().await,
            "fair" => self.fair().await,
            "beside" => self.beside().await,
            _ => self.floor().await,
        }
    }

    /// How a place is loaded where nothing else is said.
    pub(crate) fn window(&self, work: Work, modern: bool, clients: u32) -> Window {
        let Effort { warmup, measured, .. } = self.effort;
        Window { work, modern, clients, sessions: 0, warmup, measured }
    }

    /// Loads a place once and notes what was seen.
    pub(crate) async fn measure(
        &mut self,
        key: Key<'_>,
        target: &Target,
        window: &Window,
    ) -> Result<()> {
        let about = || format!("{} {} {:?}", key.case, key.count, key.path);
        let seen = load(target, window).await.with_context(about)?;
        self.note(key, &seen);
        Ok(())
    }

    fn note(&mut self, key: Key<'_>, seen: &Seen) {
        let cpu = seen.cpu_us();
        if let Some(cpu) = cpu {
            self.book.note(key, Measure::Cpu, cpu);
        }
        self.book.note(key, Measure::Rate, seen.rate());
        self.book.note(key, Measure::P50, f64::from(percentile(&seen.micros, 50)));
        self.book.note(key, Measure::P99, f64::from(percentile(&seen.micros, 99)));
        let cpu = cpu.map_or("-".to_owned(), |cpu| format!("{cpu:.1}"));
        progress(key, &format!("{cpu} us, {:.0} calls/s", seen.rate()));
    }

    /// Notes one value and shows it.
    pub(crate) fn tell(&mut self, key: Key<'_>, measure: Measure, value: f64) {
        self.book.note(key, measure, value);
        progress(key, &format!("{value:.2}"));
    }
}

/// One line on stderr for each figure, so that a long run is seen to go on.
fn progress(key: Key<'_>, text: &str) {
    let path = match key.path {
        Path::Direct => "direct",
        Path::Floor => "floor",
        Path::Gateway => "gateway",
    };
    // Nowhere else to say it.
    let _ = writeln!(
        std::io::stderr(),
        "{:<8} {:<28} {:>6}  {path:<8} {text}",
        key.step,
        key.case,
        key.count
    );
}
