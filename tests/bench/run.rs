//! This file starts the two paths, direct and through the gateway, and measures them in turn.
//! It leaves the load itself to `load.rs`, and everything but the small echo to `suite.rs`.

use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::load::{Seen, Target, Window, load};
use crate::report::{self, Figures};
use crate::work::Work;
use crate::world::Programs;
use crate::{Eras, RunArgs, WindowArgs};

/// Measures both paths in both revisions and prints the figures.
pub(crate) async fn run(args: RunArgs) -> Result<()> {
    let programs = Programs::find(args.conductor.clone())?;
    let (_server, direct) = programs.direct(0).await?;
    let gateway = programs.gateway(1, 0).await?;
    let mut all = Vec::new();
    for (era, modern) in eras(args.window.era) {
        let window = window(&args.window, modern);
        let (mut straight, mut through): (Vec<Seen>, Vec<Seen>) = (Vec::new(), Vec::new());
        for _ in 0..args.rounds.max(1) {
            straight.push(load(&direct, &window).await.context("the direct path")?);
            through.push(load(&gateway.http(), &window).await.context("the gateway")?);
        }
        all.push(Figures::of("direct", era, &straight));
        all.push(Figures::of("gateway", era, &through));
    }
    if args.json { report::json(&all) } else { Ok(report::table(&all)?) }
}

/// Loads one endpoint that runs already and prints its figures as JSON.
pub(crate) async fn load_once(target: &Target, rows: bool, args: &WindowArgs) -> Result<()> {
    let mut all = Vec::new();
    for (era, modern) in eras(args.era) {
        let mut window = window(args, modern);
        if rows {
            window.work = Work::Rows { bytes: args.bytes };
        }
        let seen = load(target, &window).await?;
        all.push(Figures::of("given", era, &[seen]));
    }
    report::json(&all)
}

fn eras(eras: Eras) -> Vec<(&'static str, bool)> {
    match eras {
        Eras::Legacy => vec![("legacy", false)],
        Eras::Modern => vec![("modern", true)],
        Eras::Both => vec![("legacy", false), ("modern", true)],
    }
}

fn window(args: &WindowArgs, modern: bool) -> Window {
    Window {
        work: Work::Echo { bytes: args.bytes },
        modern,
        clients: args.connections.max(1),
        sessions: 0,
        warmup: Duration::from_secs_f64(args.warmup),
        measured: Duration::from_secs_f64(args.seconds),
    }
}
