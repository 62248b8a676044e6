//! This file is `conductor state`: everything that the daemon keeps, as one file.
//!
//! It leaves what is in that file to `conductor-actors`.

use std::io::{self, Read};
use std::path::Path;

use conductor_actors::store::{self, PutBack, write_private};

use super::args::{StateArgs, StateCommand};
use super::load::state_dir;
use super::out::Out;
use crate::exit::{Exit, Failure};

/// The largest file that is read, in bytes.
const BYTES_MAX: u64 = 1 << 30;

pub(super) fn run(args: &StateArgs, out: Out) -> Result<Exit, Failure> {
    let dir = state_dir(&args.daemon)?;
    match &args.command {
        StateCommand::Export { file: None } => out.data(&store::export(&dir)?)?,
        StateCommand::Export { file: Some(file) } => {
            let text = store::export(&dir)?;
            let written = |source| Failure::System { doing: "write the file", source };
            let whole = std::path::absolute(file).map_err(written)?;
            write_private(&whole, text.as_bytes()).map_err(written)?;
            out.note(format_args!("the state of {} is in {}", dir.display(), file.display()));
        }
        StateCommand::Import { file } => import(&dir, file, out)?,
    }
    Ok(Exit::Success)
}

fn import(dir: &Path, file: &Path, out: Out) -> Result<(), Failure> {
    let text = read(file).map_err(|source| Failure::System { doing: "read the file", source })?;
    let PutBack { documents, before } = store::import(dir, &text)?;
    out.note(format_args!("{documents} documents are the state of {} now", dir.display()));
    if let Some(before) = before {
        out.note(format_args!("what was there before is in {}", before.display()));
    }
    Ok(())
}

fn read(file: &Path) -> io::Result<String> {
    let mut text = String::new();
    let source: Box<dyn Read> = if file == Path::new("-") {
        Box::new(io::stdin())
    } else {
        Box::new(std::fs::File::open(file)?)
    };
    source.take(BYTES_MAX).read_to_string(&mut text)?;
    Ok(text)
}
