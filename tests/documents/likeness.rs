//! Whether what was printed is what the page shows.
//!
//! Owns what may differ: times and durations, the width of columns, and whatever stands for `…`. Of progress, which goes to
//! standard error, a page may show as much as it likes.

/// What a command has printed.
#[derive(Debug, Default)]
pub(crate) struct Printed {
    pub(crate) out: Vec<String>,
    pub(crate) err: Vec<String>,
}

/// Whether it is like what a page shows.
pub(crate) fn is_like(shown: &[String], printed: &Printed) -> bool {
    let lines = |lines: &[String]| -> Vec<String> {
        let lines = lines.iter().map(|it| plain(it));
        lines.filter(|it| !it.is_empty()).collect()
    };
    let (shown, out, err) = (lines(shown), lines(&printed.out), lines(&printed.err));
    fits(&shown, &out, &err)
}

fn fits(shown: &[String], out: &[String], err: &[String]) -> bool {
    let Some((first, shown)) = shown.split_first() else {
        return out.is_empty();
    };
    if first == "…" && fits(shown, out, err) {
        return true;
    }
    if let Some((line, rest)) = out.split_first() {
        if first == "…" {
            let again: Vec<_> = std::iter::once(first).chain(shown).cloned().collect();
            return fits(&again, rest, err);
        }
        if line_fits(first, line) && fits(shown, rest, err) {
            return true;
        }
    }
    (0..err.len()).any(|at| line_fits(first, &err[at]) && fits(shown, out, &err[at + 1..]))
}

/// `…` stands for anything within a line.
fn line_fits(shown: &str, line: &str) -> bool {
    let mut pieces = shown.split('…');
    let Some(mut rest) = pieces.next().and_then(|first| line.strip_prefix(first)) else {
        return false;
    };
    let pieces: Vec<_> = pieces.collect();
    let Some((last, middle)) = pieces.split_last() else {
        return rest.is_empty();
    };
    for piece in middle {
        match rest.split_once(piece) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    rest.ends_with(last)
}

/// With single blanks, and without what is never twice the same.
fn plain(line: &str) -> String {
    let words: Vec<_> = line.split_whitespace().collect();
    let told = words.iter().enumerate().map(|(at, word)| {
        let next = words.get(at + 1).copied().unwrap_or_default();
        match word {
            word if word.len() > 20 && word.get(10..11) == Some("T") && word.contains(":") => {
                // What follows it, such as a comma, stays.
                let time = word.find('Z').map_or(*word, |end| &word[..=end]);
                word.replace(time, "TIME")
            }
            word if is_number(word) && UNITS.contains(&next.trim_end_matches([',', ';', ':'])) => {
                "N".to_owned()
            }
            word => match UNITS
                .iter()
                .find_map(|unit| word.trim_end_matches([',', ';']).strip_suffix(unit))
            {
                Some(number) if is_number(number) => "DURATION".to_owned(),
                _ => (*word).to_owned(),
            },
        }
    });
    told.collect::<Vec<_>>().join(" ")
}

fn is_number(word: &str) -> bool {
    word.starts_with(|it: char| it.is_ascii_digit())
        && word
            .chars()
            .all(|it| it.is_ascii_digit() || it == '.' || it == ',')
}

const UNITS: [&str; 4] = ["ms", "us", "s", "m"];

/// Both, as a diff is written.
pub(crate) fn differ(shown: &[String], printed: &Printed) -> String {
    let shown = shown.iter().map(|line| format!("  - {line}"));
    let out = printed.out.iter().map(|line| format!("  + {line}"));
    let err = printed.err.iter().map(|line| format!("  ! {line}"));
    let lines: Vec<_> = shown.chain(out).chain(err).collect();
    format!(
        "{}\n  (- the page, + standard output, ! standard error; `…` stands for anything, times and durations for any other)",
        lines.join("\n")
    )
}

#[test]
fn what_may_differ_may_and_nothing_else() {
    let lines = |text: &str| -> Vec<String> { text.lines().map(str::to_owned).collect() };
    let printed = Printed {
        out: lines(
            "shop  green\n\n  gates 13 ms   barrier 80 us   drain 2 ms\n  2027-01-02T03:04:05.678Z by alice\nend",
        ),
        err: lines("waiting\nstill waiting"),
    };
    for shown in [
        "shop  green\n  gates 3 ms   barrier 240 us   drain 1200 ms\n  2026-11-07T12:00:00.000Z by alice\nend",
        "waiting\nshop green\n…\nend",
        "shop …een\n  gates … 1 ms\n…\nend",
        "…",
    ] {
        assert!(is_like(&lines(shown), &printed), "{shown}");
    }
    for shown in [
        "shop green",
        "shop blue\n…",
        "…\nend\nmore",
        "sh…blue\n…",
        "waiting long\n…",
    ] {
        assert!(!is_like(&lines(shown), &printed), "{shown}");
    }
}
