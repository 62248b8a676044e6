//! This file says what is done about what is found: plain data, with defaults.
//!
//! It leaves finding to the rules and doing to `walk`.

use conductor_config::{Danger, Measure, Sanitize};

/// What a rule looks after.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Class {
    /// Sizes and depths.
    Limits,
    /// Schemas that no client could use, or that reach out.
    Schema,
    /// Characters that nobody sees.
    Characters,
    /// Characters that hide text: proof of intent.
    HiddenText,
    /// Encodings and look-alikes that hide text.
    Disguise,
    /// Members that no specification knows.
    Unknown,
    /// Orders that replace the agent's own.
    Overt,
    /// Words of chat templates.
    Tokens,
    /// Markup that hides or fetches.
    Markup,
    /// Secrets to be read or handed over.
    Secrets,
    /// Things to be kept from the user.
    Concealment,
    /// Calls that nobody asked for.
    Forced,
    /// Parameters that collect more than a tool needs.
    Collection,
    /// Words about other servers' tools.
    Foreign,
    /// Claims that put other tools down.
    Preference,
    /// Commands, addresses and deletions.
    Execution,
}

/// What is done about a finding; a later one includes the earlier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// Nothing but telling.
    Report,
    /// What was found is taken out: a character, a comment, a member.
    Strip,
    /// The sentence it stands in gives way to a mark.
    Redact,
    /// The tool is not shown.
    Quarantine,
    /// No tool of the server is shown.
    Block,
}

/// How sure a rule is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Certainty {
    /// Real tools say such things now and then.
    Likely,
    /// Real tools do not.
    Certain,
}

/// The answer to one class of findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) class: Class,
    pub(crate) likely: Action,
    pub(crate) certain: Action,
}

/// Bounds that no real tool was seen to meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bounds {
    /// Of one description or title, in bytes.
    pub(crate) description: usize,
    /// Of a whole definition, in bytes.
    pub(crate) definition: usize,
    /// Levels of nesting of a schema.
    pub(crate) depth: usize,
    /// Subschemas of one schema, references followed.
    pub(crate) subschemas: u64,
}

/// What is done about what is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Policy {
    /// One answer per class; a class without one is only reported.
    pub(crate) answers: Vec<Answer>,
    /// So many different likely findings in one tool count as a certain one.
    pub(crate) escalate_at: usize,
    pub(crate) bounds: Bounds,
}

impl Policy {
    /// What the settings of a server say. They are about what is certain; what is only likely is
    /// answered as by default, and never harder than that.
    pub(crate) fn of(settings: &Sanitize) -> Self {
        let mut policy = Self::default();
        for answer in &mut policy.answers {
            answer.certain = action(settings.of(danger(answer.class)));
            answer.likely = answer.likely.min(answer.certain);
        }
        policy
    }

    /// The same where what is only likely is told and no more.
    pub(crate) fn for_what_is_certain(&self) -> Self {
        let mut policy = self.clone();
        policy.answers.iter_mut().for_each(|answer| answer.likely = Action::Report);
        policy.escalate_at = usize::MAX;
        policy
    }

    /// What is done about a finding of `class`.
    pub(crate) fn action(&self, class: Class, certainty: Certainty) -> Action {
        let answer = self.answers.iter().find(|answer| answer.class == class);
        answer.map_or(Action::Report, |answer| match certainty {
            Certainty::Likely => answer.likely,
            Certainty::Certain => answer.certain,
        })
    }
}

/// What settings call a class.
fn danger(class: Class) -> Danger {
    match class {
        Class::Limits => Danger::Limits,
        Class::Schema => Danger::Schema,
        Class::Characters => Danger::Characters,
        Class::HiddenText => Danger::HiddenText,
        Class::Disguise => Danger::Disguise,
        Class::Unknown => Danger::Unknown,
        Class::Overt => Danger::Overt,
        Class::Tokens => Danger::Tokens,
        Class::Markup => Danger::Markup,
        Class::Secrets => Danger::Secrets,
        Class::Concealment => Danger::Concealment,
        Class::Forced => Danger::Forced,
        Class::Collection => Danger::Collection,
        Class::Foreign => Danger::Foreign,
        Class::Preference => Danger::Preference,
        Class::Execution => Danger::Execution,
    }
}

fn action(measure: Measure) -> Action {
    match measure {
        Measure::Report => Action::Report,
        Measure::Strip => Action::Strip,
        Measure::Redact => Action::Redact,
        Measure::Quarantine => Action::Quarantine,
        Measure::Block => Action::Block,
    }
}

impl Default for Policy {
    fn default() -> Self {
        use Action::{Quarantine, Redact, Strip};
        let answer = |class, likely, certain| Answer { class, likely, certain };
        let answers = vec![
            answer(Class::Limits, Quarantine, Quarantine),
            answer(Class::Schema, Strip, Quarantine),
            answer(Class::Characters, Strip, Strip),
            answer(Class::HiddenText, Quarantine, Quarantine),
            answer(Class::Disguise, Redact, Quarantine),
            answer(Class::Unknown, Strip, Strip),
            answer(Class::Overt, Redact, Quarantine),
            answer(Class::Tokens, Redact, Quarantine),
            answer(Class::Markup, Strip, Quarantine),
            answer(Class::Secrets, Redact, Quarantine),
            answer(Class::Concealment, Redact, Quarantine),
            answer(Class::Forced, Redact, Quarantine),
            answer(Class::Collection, Redact, Quarantine),
            answer(Class::Foreign, Redact, Quarantine),
            answer(Class::Preference, Redact, Quarantine),
            answer(Class::Execution, Redact, Quarantine),
        ];
        let bounds = Bounds {
            description: 16 * 1024,
            definition: 128 * 1024,
            depth: 32,
            subschemas: 20_000,
        };
        Self { answers, escalate_at: 2, bounds }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_about_what_is_certain_and_never_harder_on_the_rest() {
        let settings = crate::tests::spec("a").sanitize;
        assert_eq!(Policy::of(&settings), Policy::default(), "the manual says what is built in");
        let check = |measure, likely, certain| {
            let policy = Policy::of(&settings.with(Danger::Overt, measure));
            let found = [Certainty::Likely, Certainty::Certain];
            assert_eq!(found.map(|sure| policy.action(Class::Overt, sure)), [likely, certain]);
        };
        check(Measure::Report, Action::Report, Action::Report);
        check(Measure::Redact, Action::Redact, Action::Redact);
        check(Measure::Block, Action::Redact, Action::Block);
    }
}
