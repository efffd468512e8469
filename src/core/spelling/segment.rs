//! The segments of a path: which of them are dots, and what is left when those are resolved.

/// What a server does with the segments of a path. When slashes are merged matters: `/a//../b` is `/b` or `/a/b`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Habit {
    /// Nothing.
    Literal,
    /// Doubled slashes become one.
    Merges,
    /// Dot segments are resolved, as RFC 3986 has it.
    Resolves,
    /// Slashes first, then dots, as most servers do.
    MergesAndResolves,
    /// Dots first, then slashes: an RFC 3986 parser in front of a file system.
    ResolvesAndMerges,
}

impl Habit {
    /// All but the one that the normal form is made by.
    pub(super) const OTHERS: [Self; 4] = [
        Self::Literal,
        Self::Merges,
        Self::Resolves,
        Self::ResolvesAndMerges,
    ];

    /// The path as it is read by this habit.
    pub(super) fn read(self, path: &str) -> String {
        match self {
            Self::Literal => path.to_owned(),
            Self::Merges => merged(path),
            Self::Resolves => resolved(path).path,
            Self::MergesAndResolves => resolved(&merged(path)).path,
            Self::ResolvesAndMerges => merged(&resolved(path).path),
        }
    }
}

/// Whether there are more `..` than segments before them.
pub(super) fn climbs_above_root(path: &str) -> bool {
    resolved(&merged(path)).above_root
}

struct Resolved {
    path: String,
    above_root: bool,
}

/// Without dot segments (RFC 3986 section 5.2.4). Each byte is written and taken back once at most.
fn resolved(path: &str) -> Resolved {
    let mut out = String::with_capacity(path.len());
    let mut above_root = false;
    // `*` has no segments.
    let mut rest = path.strip_prefix('/');
    if rest.is_none() {
        out.push_str(path);
    }
    while let Some(segments) = rest {
        let (segment, after) = match segments.split_once('/') {
            Some((segment, after)) => (segment, Some(after)),
            None => (segments, None),
        };
        rest = after;
        match segment {
            "." | ".." => {
                if segment == ".." {
                    above_root |= out.is_empty();
                    out.truncate(out.rfind('/').unwrap_or(0));
                }
                if rest.is_none() {
                    out.push('/');
                }
            }
            _ => {
                out.push('/');
                out.push_str(segment);
            }
        }
    }
    Resolved {
        path: out,
        above_root,
    }
}

fn merged(path: &str) -> String {
    let mut last = ' ';
    let mut out = path.to_owned();
    out.retain(|char| {
        let doubled = char == '/' && last == '/';
        last = char;
        !doubled
    });
    out
}

/// What comes before the first `;`, escaped or not.
pub(super) fn without_parameters(segment: &str) -> &str {
    let end = segment
        .find(';')
        .into_iter()
        .chain(segment.find("%3B"))
        .min();
    &segment[..end.unwrap_or(segment.len())]
}

pub(super) fn is_dots(segment: &str) -> bool {
    segment == "." || segment == ".."
}
