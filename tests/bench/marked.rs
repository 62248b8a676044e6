//! This file renews the part of a document that a program writes, between two marks.
//! It leaves what stands there to `document.rs` and `profile.rs`.

use std::path::Path;

use anyhow::{Context as _, Result, bail};

/// The lines around a part; the first says how it is made.
pub(crate) struct Marks {
    begin: &'static str,
    end: &'static str,
}

/// Around the figures of a suite.
pub(crate) const MEASURED: Marks = Marks {
    begin: "<!-- measured: begin (conductor-bench suite --write) -->\n",
    end: "<!-- measured: end -->\n",
};
/// Around the shares of a profile.
pub(crate) const PROFILED: Marks = Marks {
    begin: "<!-- profiled: begin (conductor-bench profile --write) -->\n",
    end: "<!-- profiled: end -->\n",
};

impl Marks {
    /// A document in which there is such a part.
    ///
    /// # Errors
    /// If there is none.
    pub(crate) fn read(&self, file: &Path) -> Result<String> {
        let text = std::fs::read_to_string(file)
            .with_context(|| format!("failed to read {}", file.display()))?;
        if self.between(&text, "").is_none() {
            let (begin, end) = (self.begin.trim_end(), self.end.trim_end());
            bail!("{} has no lines `{begin}` and `{end}`", file.display());
        }
        Ok(text)
    }

    /// Puts `made` in the place of what stood there.
    pub(crate) fn renew(&self, file: &Path, made: &str) -> Result<()> {
        let old = self.read(file)?;
        let new = self.between(&old, made).context("the document has lost its marks meanwhile")?;
        Ok(std::fs::write(file, new)?)
    }

    fn between(&self, old: &str, made: &str) -> Option<String> {
        let (before, rest) = old.split_once(self.begin)?;
        let (_, after) = rest.split_once(self.end)?;
        Some(format!("{before}{}\n{made}\n{}{after}", self.begin, self.end))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_between_the_marks_is_renewed() {
        let Marks { begin, end } = PROFILED;
        let old = format!("before\n{begin}old\n{end}after\n");
        let new = PROFILED.between(&old, "new\n").unwrap();
        assert_eq!(new, format!("before\n{begin}\nnew\n\n{end}after\n"));
        assert_eq!(PROFILED.between(&new, "new\n").unwrap(), new);
        assert!(PROFILED.between("no marks", "new").is_none());
        assert!(MEASURED.between(&old, "new").is_none());
    }
}
