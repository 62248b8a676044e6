//! This file is the guard process: it outlives the daemon by a moment and ends what was left.
//!
//! It has no runtime, no settings and no log, and does nothing as long as the daemon lives.

use std::collections::BTreeSet;
use std::io::{self, BufRead};
use std::time::Duration;

use super::cells::{cells_of, clear_away};
use super::guard::CHARGE;
use super::guard_book::{Book, Charge};
use super::hunt::hunt;
use super::quarry::Quarry;

/// Hunts for those who start processes faster than these are found.
const HUNTS_MAX: u32 = 20;

/// Runs the guard: reads what the daemon writes to its standard input, and when that ends without
/// a goodbye, kills every process that the daemon's servers have left. Blocks until then; to be
/// called by `conductor guard` before anything else is set up. Fails only if standard input cannot
/// be read, and has then done the same.
pub fn guard_main() -> io::Result<()> {
    // So that whoever ends the daemon by its name does not end this as well.
    let _ = rustix::thread::set_name(c"cond-guard");
    let mut book = Book::default();
    let mut result = Ok(());
    for line in io::stdin().lock().lines() {
        match line {
            Ok(line) => book.read(&line),
            Err(error) => {
                result = Err(error);
                break;
            }
        }
        if book.is_closed {
            return Ok(());
        }
    }
    let charge = std::env::var(CHARGE).ok().and_then(|charge| Charge::parse(&charge));
    if let Some(charge) = charge {
        clean_up(charge, book);
    }
    result
}

fn clean_up(Charge { mark, since }: Charge, book: Book) {
    let cells = cells_of(&mark).filter(|cells| cells.exists());
    let quarry = Quarry {
        mark,
        has_cells: cells.is_some(),
        groups: book.groups,
        parents: BTreeSet::new(),
        spared: BTreeSet::from([std::process::id()]),
        since,
    };
    for _ in 0..HUNTS_MAX {
        if hunt(&quarry, Duration::ZERO).left == 0 {
            break;
        }
    }
    if let Some(cells) = cells {
        clear_away(&cells);
    }
}
