//! This file is `conductor plan` and `conductor reload`: what the settings as they are now change of
//! the running daemon, told only or carried out.
//!
//! It leaves both to the daemon, which reads its own files.

use serde_json::json;

use super::args::{PlanArgs, ReloadArgs};
use super::load::client;
use super::out::Out;
use crate::exit::{Exit, Failure};
use crate::reload::Plan;

/// Says what a reload would change.
pub(super) async fn plan(args: &PlanArgs, out: Out) -> Result<Exit, Failure> {
    let client = client(&args.daemon)?;
    let asked = client.get("/api/v1/aegis/config/plan");
    let plan: Plan = out.patiently("reading the settings", asked).await?;
    show(&plan, args.json, out)
}

/// Has settings read again.
pub(super) async fn reload(args: &ReloadArgs, out: Out) -> Result<Exit, Failure> {
    let client = client(&args.daemon)?;
    let body = json!({});
    let asked = client.post("/api/v1/aegis/config/reload", &body);
    let plan: Plan = out.patiently("reloading the settings", asked).await?;
    show(&plan, args.json, out)
}

fn show(plan: &Plan, json: bool, out: Out) -> Result<Exit, Failure> {
    if json {
        out.json(plan)?;
        return Ok(Exit::Success);
    }
    out.data(&text(plan))?;
    for warning in &plan.warnings {
        out.note(format_args!("warning: {warning}"));
    }
    Ok(Exit::Success)
}

/// A line for each server that does not stay as it is, and one for the rest.
fn text(plan: &Plan) -> String {
    let kept = match plan.keep.len() {
        1 => "1 server".to_owned(),
        count => format!("{count} servers"),
    };
    if plan.is_empty() {
        return format!("nothing changes, {kept} kept");
    }
    let changes = plan.changes().into_iter();
    let lines = changes.flat_map(|(word, names)| names.iter().map(move |name| (word, name)));
    let mut lines: Vec<String> = lines.map(|(word, name)| format!("{word:8} {name}")).collect();
    lines.push(format!("{:8} {kept}", "keep"));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn each_change_has_a_line() {
        let plan = Plan {
            add: names(&["c", "team/d"]),
            remove: names(&["b"]),
            restart: names(&["a"]),
            retune: names(&["e"]),
            keep: names(&["f", "g"]),
            sections: names(&["catalog"]),
            warnings: Vec::new(),
        };
        let expected = "\
add      c
add      team/d
remove   b
restart  a
retune   e
change   catalog
keep     2 servers";
        assert_eq!(text(&plan), expected);
    }

    #[test]
    fn that_nothing_changes_is_told_as_such() {
        let plan = Plan { keep: names(&["a"]), ..Plan::default() };
        assert_eq!(text(&plan), "nothing changes, 1 server kept");
        assert_eq!(text(&Plan::default()), "nothing changes, 0 servers kept");
    }
}
