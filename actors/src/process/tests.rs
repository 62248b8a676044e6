//! This file tests how children end, and has what other tests of this folder share.
//!
//! How they are started is tested in `spawn`.

use std::collections::BTreeMap;

use conductor_config::StdioSpec;

use super::census::group_of;
use super::child::Exit;
use super::spawn::spawn;

pub(super) fn shell(script: &str) -> StdioSpec {
    StdioSpec {
        program: "sh".to_owned(),
        args: vec!["-c".to_owned(), script.to_owned()],
        env: BTreeMap::new(),
        cwd: None,
    }
}

pub(super) fn ours() -> BTreeMap<String, String> {
    std::env::vars().collect()
}

#[tokio::test]
async fn exit_code_and_signal_are_told_apart() {
    for (script, expected) in [("exit 7", Exit::Code(7)), ("kill -9 $$", Exit::Signal(9))] {
        let (mut process, _pipes) = spawn(&shell(script), &ours()).unwrap();
        let exit = *process.exit.wait_for(Option::is_some).await.unwrap();
        assert_eq!(exit, Some(expected));
        process.gone.wait_for(|gone| *gone).await.unwrap();
    }
}

#[tokio::test]
async fn a_grandchild_does_not_outlive_its_parent() {
    let script = "(trap '' TERM; exec sleep 1000) & echo $!; exit 0";
    let (mut process, mut pipes) = spawn(&shell(script), &ours()).unwrap();
    let mut text = String::new();
    tokio::io::AsyncReadExt::read_to_string(&mut pipes.stdout, &mut text).await.unwrap();
    process.gone.wait_for(|gone| *gone).await.unwrap();
    let grandchild: u32 = text.trim().parse().unwrap();
    assert_eq!(group_of(grandchild), None);
}

#[tokio::test]
async fn dropping_the_process_kills_the_group() {
    let (process, _pipes) = spawn(&shell("trap '' TERM; sleep 1000"), &ours()).unwrap();
    let (mut exit, mut gone) = (process.exit.clone(), process.gone.clone());
    drop(process);
    assert_eq!(*exit.wait_for(Option::is_some).await.unwrap(), Some(Exit::Signal(9)));
    gone.wait_for(|gone| *gone).await.unwrap();
}
