//! Lines that fit a terminal's width.
//!
//! Owns where a line is broken: between words, the rest a little further in than the line begins. A terminal would break
//! it anywhere, and the columns below it would be lost. Commands stay whole, for whoever copies them.

use super::line::width;

/// The text with no line longer than so many columns, as far as words allow.
#[must_use]
pub fn wrapped(text: &str, columns: usize) -> String {
    let lines = text.split('\n').map(|line| broken(line, columns));
    lines.collect::<Vec<_>>().join("\n")
}

fn broken(line: &str, columns: usize) -> String {
    let begun = line.len() - line.trim_start_matches(' ').len();
    let is_command = line[begun..].starts_with("cutover ");
    if width(line) <= columns || is_command {
        return line.to_owned();
    }
    let margin = " ".repeat((begun + FURTHER_IN).min(columns / 2));
    let mut out = line[..begun].to_owned();
    let mut used = begun;
    for (at, word) in line[begun..].split(' ').enumerate() {
        let needed = width(word) + usize::from(at > 0);
        if at > 0 && used + needed > columns && !word.is_empty() {
            out.truncate(out.trim_end_matches(' ').len());
            out = out + "\n" + &margin + word;
            used = margin.len() + width(word);
            continue;
        }
        if at > 0 {
            out.push(' ');
        }
        out.push_str(word);
        used += needed;
    }
    out
}

/// Columns that the rest of a broken line is further in.
const FURTHER_IN: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::terminal::Ink;

    #[test]
    fn a_line_is_broken_between_words_and_goes_on_further_in() {
        let text = "ready\n  pool `green` has 0 of 1 endpoints ready";
        let expected = "ready\n  pool `green` has 0\n      of 1 endpoints\n      ready";
        assert_eq!(wrapped(text, 20), expected);
        assert_eq!(wrapped(text, 80), text);
    }

    #[test]
    fn ink_takes_no_room_and_a_command_stays_whole() {
        let painted = format!("{} is live", Ink::Bad.paint("green"));
        assert_eq!(wrapped(&painted, 13), painted);
        let command = "  cutover switch checkout green --force";
        assert_eq!(wrapped(command, 20), command);
        assert_eq!(wrapped("unbreakable-text", 4), "unbreakable-text");
    }
}
