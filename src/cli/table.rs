//! This file lays text out in columns.
//!
//! It does not know what stands in them.

/// `rows` below `head`, each column as wide as its widest cell, two blanks between. Control
/// characters, line ends among them, show as `�`.
pub(crate) fn table<const N: usize>(head: [&str; N], rows: &[[String; N]]) -> String {
    let head = head.map(str::to_owned);
    let clean = |cell: &String| {
        let shown = |c: char| if c.is_control() { '\u{fffd}' } else { c };
        cell.chars().map(shown).collect::<String>()
    };
    let rows: Vec<Vec<String>> =
        std::iter::once(&head).chain(rows).map(|row| row.iter().map(clean).collect()).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths: Vec<usize> = (0..N).map(|column| width(column).unwrap_or(0)).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// The first line of `text`, cut after `chars_max` characters.
pub(crate) fn first_line(text: &str, chars_max: usize) -> String {
    let line = text.trim_start().lines().next().unwrap_or_default().trim_end();
    if line.chars().count() <= chars_max {
        return line.to_owned();
    }
    let cut: String = line.chars().take(chars_max.saturating_sub(1)).collect();
    format!("{}…", cut.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [["git", "running", ""], ["filesystem", "b\nad", "x"]];
        let rows = rows.map(|row| row.map(str::to_owned));
        assert_eq!(
            table(["NAME", "STATE", "ERROR"], &rows),
            "NAME        STATE    ERROR\ngit         running\nfilesystem  b�ad     x"
        );
    }

    #[test]
    fn a_first_line_is_cut_where_it_is_too_long() {
        assert_eq!(first_line("\n  Adds numbers. \nMore.", 80), "Adds numbers.");
        assert_eq!(first_line("one two three", 8), "one two…");
        assert_eq!(first_line("äöüß", 4), "äöüß");
        assert_eq!(first_line("", 4), "");
    }
}
